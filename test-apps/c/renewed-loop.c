/*
 * A server that makes its epoll instance anew, as one does that is reconfigured, in the conversation of
 * the two-messages servers. It watches three counters edge-triggered; events of the first two are heavy
 * work. `work` makes these two ready, `renew` all three: the third one's event closes the instance and
 * makes another, which gets the same number, and watches there what was watched before, in another
 * order. `told` is answered with how many events of each counter have come.
 */
#include "conversation.h"

#define MOST 64
#define COUNTERS 3

static int epfd, listener;
static struct conn *conns[MOST];
static struct counter {
	int fd;
	unsigned events;
} counters[COUNTERS];
static struct heavy memory;

static void watch_all(void)
{
	epfd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = MOST - 1; i >= 0; i--)
		if (conns[i])
			watch(epfd, conns[i]->fd, EPOLLIN | EPOLLET, conns[i]);
	for (int i = 0; i < COUNTERS; i++)
		watch(epfd, counters[i].fd, EPOLLIN | EPOLLET, &counters[i]);
	watch(epfd, listener, EPOLLIN | EPOLLET, NULL);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
}

static void counted(struct counter *counter)
{
	uint64_t value;
	if (read(counter->fd, &value, sizeof(value)) != sizeof(value))
		return;
	counter->events++;
	if (counter != &counters[2]) {
		if (!heavy(&memory, "counter"))
			die("heavy");
		return;
	}
	int before = epfd;
	close(epfd);
	watch_all();
	if (epfd != before)
		die("another number");
}

static void make_ready(int count)
{
	uint64_t one = 1;
	/* The third one first: its event comes before the others'. */
	for (int i = count - 1; i >= 0; i--)
		if (write(counters[i].fd, &one, sizeof(one)) != sizeof(one))
			die("write");
}

static void conversed(struct conn *c)
{
	char command[MESSAGE] = "", told[MESSAGE * 3];
	int fd = c->fd;
	ssize_t n = recv(fd, command, MESSAGE, MSG_PEEK);
	int work = memcmp(command, "work ", 5) == 0, renew = memcmp(command, "renew ", 6) == 0;
	if (n == MESSAGE && (work || renew || memcmp(command, "told ", 5) == 0)) {
		conn_read(c);
		snprintf(told, sizeof(told), "%u %u %u", counters[0].events, counters[1].events,
			 counters[2].events);
		if (work || renew)
			make_ready(renew ? 3 : 2);
		conn_answer(c, work || renew ? "ready" : told);
	} else if (!conn_event(c)) {
		conns[fd] = NULL;
		return;
	}
	rewatch(epfd, fd, EPOLLIN | EPOLLET, c);
}

static void accept_all(void)
{
	for (int fd; (fd = accept_one(listener)) >= 0 && fd < MOST;) {
		conns[fd] = conn_new(fd);
		watch(epfd, fd, EPOLLIN | EPOLLET, conns[fd]);
	}
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
	struct epoll_event events[16];
	uint16_t port = 0;
	if (argc != 2)
		usage("renewed-loop " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[1]);
	listener = listen_on(&port, 0);
	for (int i = 0; i < COUNTERS; i++)
		counters[i].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	watch_all();
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
