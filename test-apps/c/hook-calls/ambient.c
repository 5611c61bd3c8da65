/*
 * What belongs to a handler across its heavy calls: errno, the rounding mode, OpenSSL's error
 * queue, its stack with pointers into itself, and the way back of a longjmp.
 */
#include <alloca.h>
#include <fenv.h>
#include <immintrin.h>
#include <openssl/err.h>
#include <setjmp.h>

#include "hook-calls.h"

/* Each of the handlers that run at the same time has another one. */
static int another_mode(void)
{
	static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST};
	static unsigned turns;
	return modes[turns++ % 4];
}

static void rounding(struct transcript *t)
{
	int mode = another_mode();
	volatile double three = 3, before, after;
	say(t, "to the nearest at first: %d\n", fegetround() == FE_TONEAREST);
	fesetround(mode);
	before = 1 / three;
	CALL(t, heavy());
	after = 1 / three;
	say(t, "mode kept: %d, quotient kept: %d\n", fegetround() == mode, before == after);
	fesetround(FE_TONEAREST);
	_MM_SET_FLUSH_ZERO_MODE(mode == FE_UPWARD ? _MM_FLUSH_ZERO_ON : _MM_FLUSH_ZERO_OFF);
	CALL(t, heavy());
	say(t, "flush to zero kept: %d\n", (_MM_GET_FLUSH_ZERO_MODE() != 0) == (mode == FE_UPWARD));
	_MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_OFF);
}

/* An error that waits in the queue is this handler's, and no other's. */
static void queue(struct transcript *t)
{
	say_errors(t);
	ERR_raise_data(ERR_LIB_USER, 100, "mine");
	CALL(t, heavy());
	say(t, "still there: %d\n", ERR_GET_REASON(ERR_peek_error()) == 100);
	ERR_set_mark();
	ERR_raise_data(ERR_LIB_USER, 101, "marked");
	CALL(t, heavy());
	CALL(t, ERR_pop_to_mark());
	say_errors(t);
}

static void errors(struct transcript *t)
{
	errno = EDOM;
	int ok = heavy();
	say(t, "errno kept: %d %d\n", errno == EDOM, ok);
	close(-1);
	ok = heavy();
	say(t, "errno kept: %d %d\n", errno == EBADF, ok);
}

/* A list whose nodes lie on this stack and point at each other. */
struct node {
	struct node *next, *before;
	int value;
};

static void own_stack(struct transcript *t)
{
	struct node nodes[3];
	int sum = 0;
	for (int i = 0; i < 3; i++)
		nodes[i] = (struct node){&nodes[(i + 1) % 3], &nodes[(i + 2) % 3], i + 1};
	CALL(t, heavy());
	for (struct node *n = nodes; n->next != nodes; n = n->next)
		sum += n->value * 10 + n->next->before->value;
	CALL(t, sum);
}

static void way_back(struct transcript *t)
{
	jmp_buf back;
	volatile int jumps = 0;
	if (setjmp(back) < 3) {
		jumps++;
		CALL(t, heavy());
		longjmp(back, jumps);
	}
	CALL(t, jumps);
}

void ambient(struct transcript *t)
{
	rounding(t);
	queue(t);
	errors(t);
	own_stack(t);
	way_back(t);
}

/* `depth` frames of 4 KiB, each of them looked at again after the call at the bottom. */
static unsigned descend(unsigned depth, int *ok)
{
	unsigned char *frame = alloca(4096);
	unsigned sum = 0;
	fill(frame, 4096, depth);
	__asm__ volatile("" : : "r"(frame) : "memory");
	if (depth == 0)
		*ok = heavy();
	else
		sum = descend(depth - 1, ok);
	for (int i = 0; i < 4096; i++)
		sum = sum * 31 + frame[i];
	return sum;
}

void deep_stack(struct transcript *t)
{
	static const unsigned depths[] = {0, 1, 4, 20, 100, 400};
	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		int ok = 0;
		unsigned sum = descend(depths[i], &ok);
		say(t, "depth %u: %d %u\n", depths[i], ok, sum);
	}
}
