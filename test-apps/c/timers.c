/*
 * A server whose timers are not of the kernel: a list of times, looked through at the start of each
 * turn of the loop, as in nginx. `set X` gives its connection a few milliseconds, does heavy work that
 * takes far longer, and takes the timer off again. Nothing else runs meanwhile, so the timer cannot
 * fire; where it does, the work is for nothing, and the client is told so. See conversation.h.
 */
#include "conversation.h"
#include <time.h>

/* What a connection is given, in milliseconds, and how many heavy calls a `set` makes. */
#define ALLOWED 3
#define WORK 16
#define CONNECTIONS 1024

struct timed {
	struct conn conn;
	int64_t due; /* in milliseconds; 0: no timer */
	int late;
};

static struct timed *all[CONNECTIONS]; /* by fd */
static int64_t now;

/* The server's idea of time: read once in a turn, in whole milliseconds. */
static void update(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
	now = time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void run_timers(void)
{
	for (int fd = 0; fd < CONNECTIONS; fd++) {
		struct timed *t = all[fd];
		if (t && t->due && t->due <= now) {
			t->due = 0;
			t->late = 1;
		}
	}
}

/* How long the loop may wait. */
static int timeout(void)
{
	int64_t next = -1;
	for (int fd = 0; fd < CONNECTIONS; fd++) {
		struct timed *t = all[fd];
		if (!t || !t->due)
			continue;
		int64_t left = t->due > now ? t->due - now : 0;
		if (next < 0 || left < next)
			next = left;
	}
	return (int)next;
}

static void accept_all(int epfd, int listener)
{
	for (int fd; (fd = accept_one(listener)) >= 0;) {
		if (fd >= CONNECTIONS)
			die("too many connections");
		struct timed *t = calloc(1, sizeof(*t));
		if (!t)
			die("calloc");
		t->conn.fd = fd;
		strcpy(t->conn.value, "none");
		all[fd] = t;
		watch(epfd, fd, EPOLLIN, t);
	}
}

static void set(struct timed *t)
{
	char wanted[MESSAGE];
	int ok = 1;
	conn_argument(&t->conn, wanted);
	t->due = now + ALLOWED;
	t->late = 0;
	for (int i = 0; i < WORK; i++)
		ok = heavy(&t->conn.heavy, wanted) && ok;
	t->due = 0;
	strcpy(t->conn.value, wanted);
	conn_answer(&t->conn, t->late ? "late" : ok ? "done" : "failed");
}

static void event(struct timed *t)
{
	int got = conn_read(&t->conn);
	if (got < 0) {
		all[t->conn.fd] = NULL;
		conn_end(&t->conn);
	} else if (got && memcmp(t->conn.message, "set ", 4) == 0) {
		set(t);
	} else if (got) {
		conn_answer(&t->conn, t->conn.value);
	}
}

/* 1: go on; 0: SIGTERM has come. `data` is NULL for the listener. */
static int turn(int epfd, int listener)
{
	struct epoll_event events[64];
	int n = epoll_wait(epfd, events, 64, timeout());
	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	update();
	run_timers();
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == &stop_fd)
			return 0;
		if (events[i].data.ptr == NULL)
			accept_all(epfd, listener);
		else
			event(events[i].data.ptr);
	}
	return 1;
}

int main(int argc, char **argv)
{
	uint16_t port = 0;
	if (argc != 2)
		usage("timers " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[1]);
	int listener = listen_on(&port, 0);
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	watch(epfd, listener, EPOLLIN, NULL);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	update();
	announce(port);
	while (turn(epfd, listener))
		;
	return 0;
}
