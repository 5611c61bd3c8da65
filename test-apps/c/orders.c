/*
 * A server that gets its orders by a pair of sockets, as nginx's workers do, in the conversation of the
 * two-messages servers. An order is obeyed at the end of the turn in which it came: requests that are
 * half done then are counted. Nothing else runs within an event, so there is none.
 *
 *   order  gives one: a byte to the other end of the pair
 *   seen   answers how many orders were obeyed, and how many requests they found half done
 */
#include "conversation.h"

static int pair[2], ordered, obeyed, working, half_done;

static void event(struct conn *c)
{
	char command[MESSAGE], answer[MESSAGE * 2];
	ssize_t n = recv(c->fd, command, sizeof(command), MSG_PEEK);
	if (n == MESSAGE && memcmp(command, "order ", 6) == 0 && conn_read(c) == 1) {
		conn_answer(c, write(pair[1], "q", 1) == 1 ? "sent" : "failed");
	} else if (n == MESSAGE && memcmp(command, "seen ", 5) == 0 && conn_read(c) == 1) {
		snprintf(answer, sizeof(answer), "%d %d", obeyed, half_done);
		conn_answer(c, answer);
	} else {
		working++;
		conn_event(c);
		working--;
	}
}

static void obey(void)
{
	ordered = 0;
	obeyed++;
	half_done += working;
}

/* 1: go on; 0: SIGTERM has come. `data` is NULL for the listener. */
static int turn(int epfd, int listener)
{
	struct epoll_event events[64];
	char byte;
	int n = epoll_wait(epfd, events, 64, -1);
	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0, fd; i < n; i++) {
		if (events[i].data.ptr == &stop_fd)
			return 0;
		if (events[i].data.ptr == pair)
			ordered = read(pair[0], &byte, 1) == 1;
		else if (events[i].data.ptr)
			event(events[i].data.ptr);
		else
			while ((fd = accept_one(listener)) >= 0)
				watch(epfd, fd, EPOLLIN, conn_new(fd));
	}
	if (ordered)
		obey();
	return 1;
}

int main(int argc, char **argv)
{
	uint16_t port = 0;
	if (argc != 2)
		usage("orders " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[1]);
	int listener = listen_on(&port, 0);
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	watch(epfd, listener, EPOLLIN, NULL);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	watch(epfd, pair[0], EPOLLIN, pair);
	announce(port);
	while (turn(epfd, listener))
		;
	return 0;
}
