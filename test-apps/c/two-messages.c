/*
 * The founding example: the answer to a connection's second message depends on what the server
 * does AFTER the heavy call of its first. See conversation.h.
 */
#include "conversation.h"

static void accept_all(int epfd, int listener)
{
	for (int fd; (fd = accept_one(listener)) >= 0;)
		watch(epfd, fd, EPOLLIN, conn_new(fd));
}

/* 1: go on; 0: SIGTERM has come. `data` is NULL for the listener. */
static int turn(int epfd, int listener)
{
	struct epoll_event events[64];
	int n = epoll_wait(epfd, events, 64, -1);
	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == &stop_fd)
			return 0;
		if (events[i].data.ptr == NULL)
			accept_all(epfd, listener);
		else
			conn_event(events[i].data.ptr);
	}
	return 1;
}

int main(int argc, char **argv)
{
	uint16_t port = 0;
	if (argc != 2)
		usage("two-messages " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[1]);
	int listener = listen_on(&port, 0);
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	watch(epfd, listener, EPOLLIN, NULL);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	announce(port);
	while (turn(epfd, listener))
		;
	return 0;
}
