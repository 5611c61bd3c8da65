/*
 * What epoll reports, under sequences of operations that a seed chooses: pipes, socket pairs and
 * event counters are registered in every way, written, read, half-closed, duplicated, replaced and
 * closed, and after most steps it is printed what epoll_wait returns with a timeout of 0. The
 * kernel's answers to a sequence are always the same, so whoever stands in between must give them
 * too.
 *
 *   epoll-kernel SEED STEPS [dup]
 *
 * With `dup` descriptors are duplicated, too: a registration then outlives the close of its
 * descriptor, for as long as another one of the same file is open.
 */
#include "loop.h"

#define ENDS 24
#define LOOPS 2

static uint64_t state;
static int ends[ENDS], loops[LOOPS];
static uint32_t registrations;
static int duplicates;

/* SplitMix64. */
static uint64_t next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static unsigned below(unsigned limit)
{
	return (unsigned)(next() % limit);
}

/* "what(...) = result", with the error's name. */
static void say(const char *what, int a, int b, long result)
{
	printf("%s(%d, %d) = %ld %s\n", what, a, b, result < 0 ? -1 : result,
	       result < 0 ? strerrorname_np(errno) : "");
}

static int free_end(void)
{
	for (int i = 0; i < ENDS; i++)
		if (ends[i] < 0)
			return i;
	return -1;
}

static int used_end(void)
{
	for (unsigned i = 0, at = below(ENDS); i < ENDS; i++)
		if (ends[(at + i) % ENDS] >= 0)
			return (int)((at + i) % ENDS);
	return -1;
}

static void adopt(int fd)
{
	int end = free_end();
	if (end < 0)
		close(fd);
	else
		ends[end] = fd;
	printf("end %d\n", end);
}

static void make(void)
{
	int fds[2];
	switch (below(3)) {
	case 0:
		if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
			die("pipe2");
		break;
	case 1:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
			die("socketpair");
		break;
	default:
		adopt(eventfd(below(2), EFD_NONBLOCK | EFD_CLOEXEC));
		return;
	}
	adopt(fds[0]);
	adopt(fds[1]);
}

static uint32_t interest(void)
{
	static const uint32_t ways[] = {0, 0, EPOLLET, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT};
	static const uint32_t what[] = {EPOLLIN, EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLRDHUP, 0};
	uint32_t events = what[below(6)] | ways[below(6)];
	return below(12) ? events : EPOLLIN | EPOLLEXCLUSIVE | (below(2) ? (uint32_t)EPOLLET : 0u);
}

static void control(int operation, const char *name)
{
	int end = used_end(), loop = (int)below(LOOPS);
	struct epoll_event event = {.events = interest(), .data.u64 = ++registrations};
	if (end < 0)
		return;
	printf("%x as %u: ", event.events, registrations);
	say(name, loop, end, epoll_ctl(loops[loop], operation, ends[end], &event));
}

static void transfer(int writing)
{
	static char bytes[70000];
	static const size_t sizes[] = {1, 8, 100, 5000, sizeof(bytes)};
	size_t size = sizes[below(5)];
	int end = used_end();
	if (end < 0)
		return;
	/* What is written to an event counter is a small number, so that it never fills. */
	memset(bytes, 0, sizeof(bytes));
	bytes[0] = 1;
	if (writing)
		say("write", end, (int)size, write(ends[end], bytes, size));
	else
		say("read", end, (int)size, read(ends[end], bytes, size));
}

static void end_it(void)
{
	int end = used_end(), other = used_end();
	if (end < 0)
		return;
	switch (below(duplicates ? 7 : 5)) {
	case 0:
		say("shutdown", end, SHUT_WR, shutdown(ends[end], SHUT_WR));
		break;
	case 1:
		say("shutdown", end, SHUT_RD, shutdown(ends[end], SHUT_RD));
		break;
	case 5:
		if (free_end() >= 0)
			adopt(dup(ends[end]));
		break;
	case 6:
		say("dup2", end, other, dup2(ends[end], ends[other]) >= 0 ? 0 : -1);
		break;
	default:
		say("close", end, 0, close(ends[end]));
		ends[end] = -1;
	}
}

static int by_data(const void *a, const void *b)
{
	const struct epoll_event *one = a, *other = b;
	return (one->data.u64 > other->data.u64) - (one->data.u64 < other->data.u64);
}

/* All that is ready, or, once in a while, a few of it. */
static void look(void)
{
	struct epoll_event events[64];
	int loop = (int)below(LOOPS), most = below(4) ? 64 : 1 + (int)below(3);
	int n = epoll_wait(loops[loop], events, most, 0);
	if (n < 0)
		die("epoll_wait");
	qsort(events, (size_t)n, sizeof(events[0]), by_data);
	printf("wait %d, at most %d:", loop, most);
	for (int i = 0; i < n; i++)
		printf(" %llu:%x", (unsigned long long)events[i].data.u64, events[i].events);
	printf("\n");
}

static void step(void)
{
	unsigned dice = below(100);
	if (dice < 14)
		make();
	else if (dice < 36)
		control(EPOLL_CTL_ADD, "add");
	else if (dice < 44)
		control(EPOLL_CTL_MOD, "mod");
	else if (dice < 47)
		control(EPOLL_CTL_DEL, "del");
	else if (dice < 68)
		transfer(1);
	else if (dice < 86)
		transfer(0);
	else
		end_it();
	for (unsigned looks = below(4); looks > 0; looks--)
		look();
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "dup") != 0))
		usage("epoll-kernel SEED STEPS [dup]");
	duplicates = argc == 4;
	state = strtoull(argv[1], NULL, 10);
	signal(SIGPIPE, SIG_IGN);
	memset(ends, -1, sizeof(ends));
	for (int i = 0; i < LOOPS; i++)
		loops[i] = epoll_create1(EPOLL_CLOEXEC);
	for (int steps = atoi(argv[2]); steps > 0; steps--)
		step();
	return 0;
}
