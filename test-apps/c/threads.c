/*
 * The conversation of two-messages in four threads, each of them an event loop:
 *
 *   exclusive  a loop each, one listener in all of them with EPOLLEXCLUSIVE
 *   reuseport  a loop each, a listener each (SO_REUSEPORT)
 *   oneshot    one epoll fd for all four, connections with EPOLLONESHOT
 *
 * `who` is answered with the number of the thread, so a client can see that all of them serve.
 */
#include <pthread.h>

#include "conversation.h"

#define THREADS 4

enum sharing { EXCLUSIVE, REUSEPORT, ONESHOT };
static enum sharing sharing;

struct loop {
	pthread_t thread;
	int number;
	int epfd;
	int listener;
};
static struct loop loops[THREADS];

static void accept_some(struct loop *loop)
{
	uint32_t once = sharing == ONESHOT ? EPOLLONESHOT : 0;
	/* One only: the rest is left to the other threads. */
	int fd = accept_one(loop->listener);
	if (fd >= 0)
		watch(loop->epfd, fd, EPOLLIN | once, conn_new(fd));
	if (once)
		rewatch(loop->epfd, loop->listener, EPOLLIN | once, NULL);
}

static void converse(struct loop *loop, struct conn *c)
{
	char name[MESSAGE];
	ssize_t n = recv(c->fd, name, sizeof(name), MSG_PEEK);
	if (n == MESSAGE && memcmp(name, "who ", 4) == 0) {
		n = read(c->fd, name, sizeof(name));
		snprintf(name, sizeof(name), "thread %d", loop->number);
		conn_answer(c, name);
	} else if (!conn_event(c)) {
		return;
	}
	/* Only from here on may another thread have it. */
	if (sharing == ONESHOT)
		rewatch(loop->epfd, c->fd, EPOLLIN | EPOLLONESHOT, c);
}

static void *run(void *argument)
{
	struct loop *loop = argument;
	struct epoll_event events[16];
	for (;;) {
		int n = epoll_wait(loop->epfd, events, 16, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &stop_fd)
				return NULL;
			if (events[i].data.ptr == NULL)
				accept_some(loop);
			else
				converse(loop, events[i].data.ptr);
		}
	}
}

static void prepare(struct loop *loop, uint16_t *port)
{
	struct loop *first = &loops[0];
	int own = loop == first;
	loop->number = (int)(loop - first);
	loop->listener = own || sharing == REUSEPORT ? listen_on(port, sharing == REUSEPORT) : first->listener;
	if (!own && sharing == ONESHOT) {
		loop->epfd = first->epfd;
		return;
	}
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	watch(loop->epfd, stop_fd, EPOLLIN, &stop_fd);
	watch(loop->epfd, loop->listener,
	      EPOLLIN | (sharing == EXCLUSIVE ? EPOLLEXCLUSIVE : sharing == ONESHOT ? EPOLLONESHOT : 0), NULL);
}

int main(int argc, char **argv)
{
	static const char *names[] = {"exclusive", "reuseport", "oneshot"};
	uint16_t port = 0;
	int known = 0;
	for (int i = 0; argc == 3 && i < 3; i++)
		if (strcmp(argv[1], names[i]) == 0) {
			sharing = (enum sharing)i;
			known = 1;
		}
	if (!known)
		usage("threads exclusive|reuseport|oneshot " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[2]);
	for (int i = 0; i < THREADS; i++)
		prepare(&loops[i], &port);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&loops[i].thread, NULL, run, &loops[i]) != 0)
			die("pthread_create");
	announce(port);
	for (int i = 0; i < THREADS; i++)
		pthread_join(loops[i].thread, NULL);
	return 0;
}
