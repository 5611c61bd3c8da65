/*
 * A server that tells stale events by a bit, as nginx does: it changes when a slot is used again. Two
 * slots have an event counter each. In the conversation of the two-messages servers:
 *
 *   both   counts in both slots: two events of one batch. The handler of the first closes the second, and
 *          does heavy work. Nothing else runs meanwhile, so the second event is stale, by its bit
 *   again  uses the second slot again
 *   seen   answers how many events found nothing counted
 */
#include "conversation.h"

struct slot {
	int fd; /* -1: not in use */
	uintptr_t instance;
} slots[2] = {{.fd = -1}, {.fd = -1}};

static int epfd, closes, seen;
static struct heavy work;

static void slot_close(struct slot *s)
{
	close(s->fd);
	s->fd = -1;
}

static void slot_use(struct slot *s)
{
	if (s->fd >= 0)
		slot_close(s);
	s->instance ^= 1;
	s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	watch(epfd, s->fd, EPOLLIN, (void *)((uintptr_t)s | s->instance));
}

static void slot_event(struct slot *s, uintptr_t instance, uint32_t flags)
{
	char wanted[MESSAGE] = "slot";
	uint64_t count;
	if (s->fd < 0 || s->instance != instance || !(flags & EPOLLIN))
		return;
	if (read(s->fd, &count, sizeof(count)) < 0) {
		seen++;
	} else if (s == slots && closes) {
		closes = 0;
		slot_close(slots + 1);
		heavy(&work, wanted);
	}
}

static void both(void)
{
	uint64_t one = 1;
	ssize_t n = write(slots[0].fd, &one, sizeof(one));
	n = write(slots[1].fd, &one, sizeof(one));
	(void)n;
	closes = 1;
}

static void event(struct conn *c)
{
	char command[MESSAGE], answer[MESSAGE];
	ssize_t n = recv(c->fd, command, sizeof(command), MSG_PEEK);
	if (n != MESSAGE || memcmp(command, "set ", 4) == 0 || memcmp(command, "get ", 4) == 0) {
		conn_event(c);
	} else if (conn_read(c) == 1) {
		if (memcmp(command, "both ", 5) == 0)
			both();
		if (memcmp(command, "again ", 6) == 0)
			slot_use(slots + 1);
		snprintf(answer, sizeof(answer), "%d", seen);
		conn_answer(c, answer);
	}
}

/* 1: go on; 0: SIGTERM has come. `data` is NULL for the listener. */
static int turn(int listener)
{
	struct epoll_event events[64];
	int n = epoll_wait(epfd, events, 64, -1);
	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0, fd; i < n; i++) {
		uintptr_t data = (uintptr_t)events[i].data.ptr;
		struct slot *s = (struct slot *)(data & ~(uintptr_t)1);
		if (events[i].data.ptr == &stop_fd)
			return 0;
		if (s == slots || s == slots + 1)
			slot_event(s, data & 1, events[i].events);
		else if (data)
			event(events[i].data.ptr);
		else
			while ((fd = accept_one(listener)) >= 0)
				watch(epfd, fd, EPOLLIN, conn_new(fd));
	}
	return 1;
}

int main(int argc, char **argv)
{
	uint16_t port = 0;
	if (argc != 2)
		usage("stale-events " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[1]);
	int listener = listen_on(&port, 0);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	watch(epfd, listener, EPOLLIN, NULL);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	slot_use(slots);
	slot_use(slots + 1);
	announce(port);
	while (turn(listener))
		;
	return 0;
}
