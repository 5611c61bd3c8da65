/*
 * The epoll family: errors, what is reported for what, identity over close, dup and reuse of a
 * number, and signals. Waits have a timeout of 0 or an event that is sure to come.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "hook-calls.h"

static int control(int epfd, int operation, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};
	return epoll_ctl(epfd, operation, fd, &event);
}

static int by_data(const void *a, const void *b)
{
	const struct epoll_event *one = a, *other = b;
	return (one->data.u64 > other->data.u64) - (one->data.u64 < other->data.u64);
}

static void collect(struct transcript *t, int epfd)
{
	struct epoll_event events[8];
	int n = CALL(t, epoll_wait(epfd, events, 8, 0));
	if (n > 0)
		qsort(events, (size_t)n, sizeof(events[0]), by_data);
	for (int i = 0; i < n; i++)
		say(t, "  %llx: %x\n", (unsigned long long)events[i].data.u64, events[i].events);
}

void epoll_errors(struct transcript *t)
{
	struct epoll_event event = {.events = EPOLLIN}, events[2];
	int p[2], epfd, file = memfd_create("file", 0);
	CALL(t, epoll_create(0));
	CALL(t, epoll_create(-1));
	CALL(t, epoll_create1(1));
	epfd = OPENS(t, epoll_create(1));
	CALL(t, fcntl(epfd, F_GETFD));
	CALL(t, pipe2(p, O_CLOEXEC | O_NONBLOCK));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_MOD, p[0], &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_DEL, p[0], &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, p[0], NULL));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, p[0], &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, p[0], &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_MOD, p[0], NULL));
	CALL(t, epoll_ctl(epfd, 17, p[0], &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, epfd, &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, -1, &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_DEL, 1000000, &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, file, &event));
	CALL(t, epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &event));
	CALL(t, epoll_ctl(-1, EPOLL_CTL_ADD, p[1], &event));
	event.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, p[1], &event));
	event.events = EPOLLIN | EPOLLEXCLUSIVE;
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, p[1], &event));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_MOD, p[1], &event));
	CALL(t, epoll_wait(epfd, events, 0, 0));
	CALL(t, epoll_wait(epfd, events, below_zero, 0));
	CALL(t, epoll_wait(p[0], events, 2, 0));
	CALL(t, epoll_wait(-1, events, 2, 0));
	CALL(t, epoll_wait(epfd, events, 2, 0));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_DEL, p[0], NULL));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_DEL, p[0], NULL));
	CALL(t, close(p[0]) + close(p[1]) + close(file) + close(epfd));
	CALL(t, epoll_wait(epfd, events, 2, 0));
}

/* Level, edge, one shot, half-close and hang-up on a socket pair. */
static void flags(struct transcript *t, int epfd)
{
	char bytes[8];
	int s[2];
	CALL(t, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s));
	CALL(t, control(epfd, EPOLL_CTL_ADD, s[0], EPOLLIN | EPOLLRDHUP, 0xfeedfacecafebeef));
	collect(t, epfd);
	CALL(t, write(s[1], "level", 5));
	collect(t, epfd);
	CALL(t, read(s[0], bytes, 2));
	collect(t, epfd);
	CALL(t, control(epfd, EPOLL_CTL_MOD, s[0], EPOLLIN | EPOLLOUT | EPOLLET, 2));
	collect(t, epfd);
	collect(t, epfd);
	CALL(t, write(s[1], "edge", 4));
	collect(t, epfd);
	collect(t, epfd);
	CALL(t, control(epfd, EPOLL_CTL_MOD, s[0], EPOLLIN | EPOLLONESHOT, 3));
	collect(t, epfd);
	CALL(t, write(s[1], "shot", 4));
	collect(t, epfd);
	CALL(t, control(epfd, EPOLL_CTL_MOD, s[0], EPOLLIN | EPOLLONESHOT | EPOLLRDHUP, 4));
	collect(t, epfd);
	CALL(t, control(epfd, EPOLL_CTL_MOD, s[0], EPOLLRDHUP, 5));
	CALL(t, shutdown(s[1], SHUT_WR));
	collect(t, epfd);
	CALL(t, control(epfd, EPOLL_CTL_MOD, s[0], 0, 6));
	collect(t, epfd);
	CALL(t, close(s[1]));
	collect(t, epfd);
	CALL(t, close(s[0]));
	collect(t, epfd);
}

/* Other ways to wait, and other things to wait for. */
static void ways(struct transcript *t, int epfd)
{
	struct epoll_event events[2];
	struct timespec none = {0, 0}, wrong = {0, -1};
	int fd = eventfd(1, EFD_NONBLOCK), outer = epoll_create1(EPOLL_CLOEXEC);
	struct pollfd ready[2] = {{.fd = fd, .events = POLLIN}, {.fd = epfd, .events = POLLIN}};
	struct timeval now = {0, 0};
	fd_set set;
	CALL(t, control(epfd, EPOLL_CTL_ADD, fd, EPOLLIN, 0x66));
	CALL(t, epoll_wait(epfd, events, 2, -1));
	CALL(t, epoll_wait(epfd, events, 1, 1));
	CALL(t, epoll_pwait(epfd, events, 2, 0, NULL));
	CALL(t, epoll_pwait2(epfd, events, 2, &none, NULL));
	CALL(t, epoll_pwait2(epfd, events, 2, NULL, NULL));
	CALL(t, epoll_pwait2(epfd, events, 2, &wrong, NULL));
	CALL(t, poll(ready, 2, 0));
	say(t, "poll %x %x\n", ready[0].revents, ready[1].revents);
	FD_ZERO(&set);
	FD_SET(fd, &set);
	CALL(t, select(fd + 1, &set, NULL, NULL, &now));
	CALL(t, control(outer, EPOLL_CTL_ADD, epfd, EPOLLIN, 0x77));
	collect(t, outer);
	CALL(t, control(epfd, EPOLL_CTL_DEL, fd, 0, 0));
	collect(t, epfd);
	collect(t, outer);
	CALL(t, epoll_wait(epfd, events, 2, 1));
	CALL(t, close(outer) + close(fd));
}

/* A registration ends with the last descriptor of its file, and a number may be used again. */
static void duplicates(struct transcript *t, int epfd)
{
	int one = eventfd(1, EFD_NONBLOCK), other = eventfd(1, EFD_NONBLOCK), copy;
	CALL(t, control(epfd, EPOLL_CTL_ADD, one, EPOLLIN, 0x11));
	CALL(t, control(epfd, EPOLL_CTL_ADD, other, EPOLLIN, 0x22));
	collect(t, epfd);
	CALL(t, dup2(other, one) == one);
	collect(t, epfd);
	CALL(t, control(epfd, EPOLL_CTL_ADD, one, EPOLLIN, 0x33));
	collect(t, epfd);
	CALL(t, close(other));
	collect(t, epfd);
	CALL(t, control(epfd, EPOLL_CTL_DEL, one, 0, 0));
	collect(t, epfd);
	copy = dup(one);
	CALL(t, control(epfd, EPOLL_CTL_ADD, copy, EPOLLIN, 0x44));
	CALL(t, close(one) + close(copy));
	collect(t, epfd);
	one = eventfd(1, EFD_NONBLOCK);
	collect(t, epfd);
	CALL(t, control(epfd, EPOLL_CTL_ADD, one, EPOLLIN, 0x55));
	collect(t, epfd);
	CALL(t, close(one));
}

/* The instance itself under another number, as mio and tokio have it (Registry::try_clone). */
static void two_numbers(struct transcript *t, int epfd, int copy)
{
	int fd = eventfd(1, EFD_NONBLOCK);
	CALL(t, control(copy, EPOLL_CTL_ADD, fd, EPOLLIN, 0x66));
	collect(t, epfd);
	collect(t, copy);
	CALL(t, control(epfd, EPOLL_CTL_ADD, fd, EPOLLIN, 0x77));
	CALL(t, control(epfd, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT, 0x88));
	collect(t, copy);
	CALL(t, control(epfd, EPOLL_CTL_DEL, fd, 0, 0));
	collect(t, copy);
	CALL(t, control(epfd, EPOLL_CTL_ADD, fd, EPOLLIN, 0x99));
	CALL(t, close(copy));
	collect(t, epfd);
	CALL(t, close(fd));
}

void epoll_duplicates(struct transcript *t)
{
	int epfd = OPENS(t, epoll_create1(EPOLL_CLOEXEC));
	duplicates(t, epfd);
	two_numbers(t, epfd, dup(epfd));
	two_numbers(t, epfd, fcntl(epfd, F_DUPFD_CLOEXEC, 3));
	two_numbers(t, epfd, dup3(epfd, 890, O_CLOEXEC));
	CALL(t, close(epfd));
}

void epoll_events(struct transcript *t)
{
	int epfd = OPENS(t, epoll_create1(EPOLL_CLOEXEC));
	flags(t, epfd);
	ways(t, epfd);
	CALL(t, close(epfd));
}

/* A registration ends with the last descriptor of its file, and a number may be used again. */
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught += number == SIGUSR1 || number == SIGALRM;
}

void epoll_signals(struct transcript *t)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before[2];
	struct itimerval soon = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
	struct timespec second = {1, 0};
	struct epoll_event events[2];
	sigset_t block, old;
	int epfd = OPENS(t, epoll_create1(EPOLL_CLOEXEC));
	caught = 0;
	sigaction(SIGUSR1, &action, &before[0]);
	sigaction(SIGALRM, &action, &before[1]);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &block, &old);
	raise(SIGUSR1);
	CALL(t, epoll_wait(epfd, events, 2, 0));
	say(t, "caught %d\n", (int)caught);
	CALL(t, epoll_pwait(epfd, events, 2, -1, &old));
	say(t, "caught %d\n", (int)caught);
	raise(SIGUSR1);
	CALL(t, epoll_pwait2(epfd, events, 2, &second, &old));
	say(t, "caught %d\n", (int)caught);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	/* It comes again and again, so it cannot be missed. */
	setitimer(ITIMER_REAL, &soon, NULL);
	CALL(t, epoll_wait(epfd, events, 2, -1));
	setitimer(ITIMER_REAL, &never, NULL);
	say(t, "caught more: %d\n", caught > 2);
	sigaction(SIGUSR1, &before[0], NULL);
	sigaction(SIGALRM, &before[1], NULL);
	CALL(t, close(epfd));
}
