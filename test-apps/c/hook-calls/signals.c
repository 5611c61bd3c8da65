/* How handlers of signals are set, by each of the ways that there are, and what the kernel is told. */
#include <signal.h>
#include <sys/syscall.h>

#include "hook-calls.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define NUMBER SIGVTALRM

typedef void (*handler_t)(int);
extern handler_t bsd_signal(int, handler_t);

static volatile sig_atomic_t handled;

static void counts(int number)
{
	handled += number == NUMBER;
}

static void counts_too(int number)
{
	handled += number == NUMBER ? 10 : 0;
}

static const char *name(handler_t handler)
{
	return handler == counts ? "counts" : handler == counts_too ? "counts too" :
	       handler == SIG_DFL ? "default" : handler == SIG_IGN ? "ignored" :
	       handler == SIG_ERR ? "error" : "another";
}

/* What both the library and the kernel know of it. */
static void say_action(struct transcript *t)
{
	struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } kernels;
	struct sigaction action;
	unsigned long shown = SA_RESTART | SA_RESETHAND | SA_NODEFER;
	CALL(t, sigaction(NUMBER, NULL, &action));
	CALL(t, (int)syscall(SYS_rt_sigaction, NUMBER, NULL, &kernels, 8));
	say(t, "%s, flags %lx, info %d, masked %d, kernel's %lx %lx\n", name(action.sa_handler),
	    (unsigned long)(unsigned)action.sa_flags & shown, !!(action.sa_flags & SA_SIGINFO),
	    sigismember(&action.sa_mask, NUMBER), kernels.flags & shown, kernels.mask);
}

static void raised(struct transcript *t)
{
	handled = 0;
	if (sigaction(NUMBER, NULL, &(struct sigaction){0}) == 0)
		raise(NUMBER);
	say(t, "handled %d\n", (int)handled);
	say_action(t);
}

void signals(struct transcript *t)
{
	static const struct { const char *name; handler_t (*set)(int, handler_t); } ways[] = {
		{"signal", signal}, {"bsd_signal", bsd_signal}, {"ssignal", ssignal},
		{"sysv_signal", sysv_signal}, {"__sysv_signal", __sysv_signal},
	};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		say(t, "-- %s\n", ways[i].name);
		say(t, "before %s\n", name(signal(NUMBER, counts_too)));
		say(t, "before %s\n", name(ways[i].set(NUMBER, counts)));
		raised(t);
		say(t, "before %s\n", name(ways[i].set(NUMBER, counts)));
		CALL(t, siginterrupt(NUMBER, 1));
		say_action(t);
		say(t, "before %s\n", name(ways[i].set(NUMBER, counts_too)));
		raised(t);
		say(t, "before %s\n", name(ways[i].set(NUMBER, counts)));
		CALL(t, siginterrupt(NUMBER, 0));
		say_action(t);
		say(t, "before %s\n", name(ways[i].set(NUMBER, SIG_IGN)));
		raised(t);
		say(t, "wrong %s\n", name(ways[i].set(NUMBER, SIG_ERR)));
		say(t, "wrong %s\n", name(ways[i].set(0, counts)));
		say(t, "wrong %s\n", name(ways[i].set(SIGKILL, counts)));
		say(t, "before %s\n", name(ways[i].set(NUMBER, SIG_DFL)));
	}
	CALL(t, siginterrupt(0, 1));
	CALL(t, siginterrupt(SIGKILL, 1));
	say(t, "before %s\n", name(signal(NUMBER, counts)));
	/* By a way that nobody intercepts, to what that has returned, and back. */
	handler_t before = sigset(NUMBER, counts_too);
	raised(t);
	say(t, "before %s\n", name(signal(NUMBER, before)));
	raised(t);
	say(t, "before %s\n", name(signal(NUMBER, SIG_DFL)));
}
