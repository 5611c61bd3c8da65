/*
 * What every server here needs and no more: a listener on 127.0.0.1 whose port is printed,
 * non-blocking sockets, and an end on SIGTERM. Nothing here knows of Interlude.
 */
#ifndef LOOP_H
#define LOOP_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Readable, and for good, once SIGTERM has come: register it level-triggered in every loop. */
static int stop_fd = -1;

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void usage(const char *line)
{
	fprintf(stderr, "usage: %s\n", line);
	exit(2);
}

static inline void on_sigterm(int number)
{
	(void)number;
	int saved = errno;
	uint64_t one = 1;
	ssize_t written = write(stop_fd, &one, sizeof(one));
	(void)written;
	errno = saved;
}

static inline void stop_on_sigterm(void)
{
	stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (stop_fd < 0)
		die("eventfd");
	struct sigaction action = {.sa_handler = on_sigterm};
	if (sigaction(SIGTERM, &action, NULL) < 0)
		die("sigaction");
	signal(SIGPIPE, SIG_IGN);
}

static inline struct sockaddr_in on_loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* A listener on 127.0.0.1; `port` 0 lets the system choose and stores the choice. */
static inline int listen_on(uint16_t *port, int reuseport)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;
	struct sockaddr_in address = on_loopback(*port);
	socklen_t length = sizeof(address);
	if (fd < 0)
		die("socket");
	if (reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0)
		die("SO_REUSEPORT");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1024) < 0)
		die("listen");
	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		die("getsockname");
	*port = ntohs(address.sin_port);
	return fd;
}

/* The starter waits for this line. */
static inline void announce(uint16_t port)
{
	printf("port %u\n", port);
	fflush(stdout);
}

/* The next connection of a listener, non-blocking and without Nagle; -1 where there is none. */
static inline int accept_one(int listener)
{
	int one = 1;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static inline void watch(int epfd, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl add");
}

static inline void rewatch(int epfd, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};
	if (epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event) < 0)
		die("epoll_ctl mod");
}

#define MOST_PORTS 4

/* Serves on these ports (0: any; the first is announced) until SIGTERM. `accepted` gets each new connection,
 * `happened` what an fd was watched with. */
static inline int serve_on_ports(uint16_t *ports, int count, void (*accepted)(int epfd, int fd),
				 void (*happened)(int epfd, void *data))
{
	static int listeners[MOST_PORTS];
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[64];
	for (int i = 0; i < count; i++) {
		listeners[i] = listen_on(&ports[i], 0);
		watch(epfd, listeners[i], EPOLLIN, &listeners[i]);
	}
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	announce(ports[0]);
	for (;;) {
		int n = epoll_wait(epfd, events, 64, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int *at = events[i].data.ptr;
			if (at == &stop_fd)
				return 0;
			if (at < listeners || at >= listeners + count)
				happened(epfd, events[i].data.ptr);
			else
				for (int fd; (fd = accept_one(*at)) >= 0;)
					accepted(epfd, fd);
		}
	}
}

/* The same on one port. */
static inline int serve_on(uint16_t port, void (*accepted)(int epfd, int fd),
			   void (*happened)(int epfd, void *data))
{
	return serve_on_ports(&port, 1, accepted, happened);
}

static inline int serve(void (*accepted)(int epfd, int fd), void (*happened)(int epfd, void *data))
{
	return serve_on(0, accepted, happened);
}

#endif
