/*
 * A server whose buffer of events is not on its stack, in the conversation of the two-messages
 * servers; it watches with EPOLLET (edge) or EPOLLONESHOT (once). Besides its connections it has four
 * counters. `pair` makes the first two ready at once, `other` the other two; the first one's event is
 * heavy work. `told` is answered with how many events of each have come.
 */
#include "conversation.h"

#define COUNTERS 4

static uint32_t how;
static int epfd, listener;
static struct counter {
	int fd;
	unsigned events;
} counters[COUNTERS];
static struct heavy memory;

static void make_ready(int first)
{
	uint64_t one = 1;
	for (int i = first; i < first + 2; i++)
		if (write(counters[i].fd, &one, sizeof(one)) != sizeof(one))
			die("write");
}

static void counted(struct counter *counter)
{
	uint64_t value;
	ssize_t n = read(counter->fd, &value, sizeof(value));
	(void)n;
	counter->events++;
	if (counter == &counters[0] && !heavy(&memory, "counter"))
		die("heavy");
	rewatch(epfd, counter->fd, EPOLLIN | how, counter);
}

/* One message an event. */
static void conversed(struct conn *c)
{
	char command[MESSAGE], told[MESSAGE * 4];
	ssize_t n = recv(c->fd, command, MESSAGE, MSG_PEEK);
	int fd = c->fd, pair = n == MESSAGE && memcmp(command, "pair ", 5) == 0;
	int other = n == MESSAGE && memcmp(command, "other ", 6) == 0;
	if (!pair && !other && (n != MESSAGE || memcmp(command, "told ", 5) != 0)) {
		if (!conn_event(c))
			return;
	} else if (conn_read(c) == 1) {
		snprintf(told, sizeof(told), "%u %u %u %u", counters[0].events, counters[1].events,
			 counters[2].events, counters[3].events);
		if (pair || other)
			make_ready(pair ? 0 : 2);
		conn_answer(c, pair || other ? "ready" : told);
	}
	/* Reports the next message, too, if it has come already. */
	rewatch(epfd, fd, EPOLLIN | how, c);
}

static void accept_all(void)
{
	for (int fd; (fd = accept_one(listener)) >= 0;)
		watch(epfd, fd, EPOLLIN | how, conn_new(fd));
	rewatch(epfd, listener, EPOLLIN | how, NULL);
}

static void happened(void *data)
{
	for (int i = 0; i < COUNTERS; i++)
		if (data == &counters[i]) {
			counted(data);
			return;
		}
	if (data)
		conversed(data);
	else
		accept_all();
}

int main(int argc, char **argv)
{
	static struct epoll_event events[16];
	uint16_t port = 0;
	if (argc != 3)
		usage("batches " HEAVY_KINDS " edge|once");
	stop_on_sigterm();
	heavy_init(argv[1]);
	how = strcmp(argv[2], "edge") == 0 ? EPOLLET : EPOLLONESHOT;
	listener = listen_on(&port, 0);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	watch(epfd, listener, EPOLLIN | how, NULL);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	for (int i = 0; i < COUNTERS; i++) {
		counters[i].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		watch(epfd, counters[i].fd, EPOLLIN | how, &counters[i]);
	}
	announce(port);
	for (;;) {
		int n = epoll_wait(epfd, events, 16, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &stop_fd)
				return 0;
			happened(events[i].data.ptr);
		}
	}
}
