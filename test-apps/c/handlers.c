/*
 * The conversation of the two-messages servers, interrupted by signals whose handler writes, reads
 * and asks for the time, on the stack it meets (own), on one among the data (apart), or on one in
 * the frame of main (within).
 *
 * A timer sends one every millisecond, at any moment. `raise` sends one in the midst of an event,
 * where the handler may do heavy work, too. `told` is answered with `right`, or with what a handler
 * saw that a thread alone with its handlers never sees: an event that begins before the handler ends.
 */
#include <sys/time.h>
#include <time.h>

#include "conversation.h"

static int pipe_fds[2];
static volatile sig_atomic_t handling, raised, handled;
static const char *volatile seen = "right";
static struct heavy handlers_own;

static void interrupted(int number)
{
	int saved = errno;
	char byte = 'x', back = 0;
	struct timespec time;
	(void)number;
	handling++;
	if (write(pipe_fds[1], &byte, 1) != 1 || read(pipe_fds[0], &back, 1) != 1 || back != byte)
		seen = "pipe";
	if (clock_gettime(CLOCK_MONOTONIC, &time) != 0)
		seen = "clock";
	if (raised && !heavy(&handlers_own, "raised"))
		seen = "heavy";
	handled++;
	handling--;
	errno = saved;
}

static void raises(struct conn *c)
{
	sigset_t none, timer;
	sigemptyset(&timer);
	sigaddset(&timer, SIGALRM);
	/* One at a time: heavy work is not for a handler that comes at any moment. */
	sigprocmask(SIG_BLOCK, &timer, &none);
	raised = 1;
	raise(SIGPROF);
	raised = 0;
	sigprocmask(SIG_SETMASK, &none, NULL);
	conn_answer(c, "raised");
}

static void happened(int epfd, void *data)
{
	struct conn *c = data;
	char command[MESSAGE];
	ssize_t n = recv(c->fd, command, sizeof(command), MSG_PEEK);
	(void)epfd;
	if (handling)
		seen = "event";
	if (n == MESSAGE && memcmp(command, "raise ", 6) == 0 && conn_read(c) == 1)
		raises(c);
	else if (n == MESSAGE && memcmp(command, "told ", 5) == 0 && conn_read(c) == 1)
		conn_answer(c, handled ? seen : "none");
	else
		conn_event(c);
}

static void accepted(int epfd, int fd)
{
	watch(epfd, fd, EPOLLIN, conn_new(fd));
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = interrupted, .sa_flags = flags | SA_RESTART};
	if (sigaction(number, &action, NULL) < 0)
		die("sigaction");
}

int main(int argc, char **argv)
{
	static char apart[65536];
	char within[65536];
	if (argc != 3)
		usage("handlers " HEAVY_KINDS " own|apart|within");
	stop_on_sigterm();
	heavy_init(argv[1]);
	stack_t stack = {.ss_sp = strcmp(argv[2], "within") ? apart : within, .ss_size = sizeof(apart)};
	int flags = strcmp(argv[2], "own") ? SA_ONSTACK : 0;
	if (sigaltstack(&stack, NULL) < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
		die("setting up");
	handle(SIGALRM, flags);
	handle(SIGPROF, flags);
	struct itimerval often = {.it_interval.tv_usec = 1000, .it_value.tv_usec = 1000};
	setitimer(ITIMER_REAL, &often, NULL);
	return serve(accepted, happened);
}
