/*
 * A thread with an event loop that leaves in the midst of its work, in the conversation of the
 * two-messages servers. `leave` is answered with `left`; then the thread
 *
 *   exit       calls pthread_exit in the handler
 *   signal     calls it in the handler of a signal, in the midst of the event
 *   cancel     cancels itself and comes to a cancellation point
 *   cancelled  is cancelled by the main thread, at a cancellation point that it waits in
 *   return     returns from its function
 *
 * and the main thread takes the loop over. `last` is heavy work, and then `leave`; `work` is heavy work
 * with a lock taken, answered with `done`.
 */
#include <pthread.h>

#include "conversation.h"

enum way { EXIT, SIGNAL, CANCEL, CANCELLED, RETURN };
static const char *const ways[] = {"exit", "signal", "cancel", "cancelled", "return"};
static enum way way;
static int epfd, listener, ready[2], never[2];
static int cleaned;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void clean(void *argument)
{
	(void)argument;
	cleaned++;
}

static void exits(int number)
{
	(void)number;
	pthread_exit(&cleaned);
}

/* 0 where the thread is to return. */
static int leave(struct conn *c)
{
	char byte;
	conn_answer(c, "left");
	if (way == EXIT)
		pthread_exit(&cleaned);
	if (way == SIGNAL)
		raise(SIGALRM);
	if (way == CANCEL)
		pthread_cancel(pthread_self());
	if (way == CANCELLED && write(ready[1], "", 1) != 1)
		die("telling the main thread");
	/* Nothing ever comes. */
	if (way != RETURN && read(never[0], &byte, 1) != 0)
		die("not cancelled");
	return 0;
}

static void work(struct conn *c)
{
	int ok = conn_read(c) == 1;
	pthread_mutex_lock(&lock);
	ok = heavy(&c->heavy, "work") && ok;
	pthread_mutex_unlock(&lock);
	conn_answer(c, ok ? "done" : "failed");
}

/* 1: go on; 0: SIGTERM has come, or the thread is to return. */
static int turn(void)
{
	struct epoll_event events[1];
	int n = epoll_wait(epfd, events, 1, -1);
	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	if (n < 1)
		return 1;
	struct conn *c = events[0].data.ptr;
	if (events[0].data.ptr == &stop_fd)
		return 0;
	if (!c) {
		int fd = accept_one(listener);
		if (fd >= 0)
			watch(epfd, fd, EPOLLIN, conn_new(fd));
		return 1;
	}
	char command[MESSAGE];
	if (recv(c->fd, command, MESSAGE, MSG_PEEK) != MESSAGE)
		command[0] = 0;
	if (memcmp(command, "leave ", 6) == 0)
		return conn_read(c) == 1 && leave(c);
	if (memcmp(command, "last ", 5) == 0)
		return conn_read(c) == 1 && heavy(&c->heavy, "last") && leave(c);
	if (memcmp(command, "work ", 5) == 0)
		work(c);
	else
		conn_event(c);
	return 1;
}

static void *run(void *argument)
{
	pthread_cleanup_push(clean, NULL);
	while (turn())
		;
	pthread_cleanup_pop(1);
	return argument;
}

static void await(pthread_t thread)
{
	void *result;
	char byte;
	if (way == CANCELLED && (read(ready[0], &byte, 1) != 1 || pthread_cancel(thread) != 0))
		die("cancelling");
	if (pthread_join(thread, &result) != 0 || cleaned != 1)
		die("joining");
	int was_cancelled = way == CANCEL || way == CANCELLED;
	if (was_cancelled != (result == PTHREAD_CANCELED))
		die("the thread's result");
}

int main(int argc, char **argv)
{
	uint16_t port = 0;
	pthread_t thread;
	for (way = EXIT; argc == 3 && way < RETURN && strcmp(ways[way], argv[2]) != 0; way++)
		;
	if (argc != 3 || strcmp(ways[way], argv[2]) != 0)
		usage("leaving " HEAVY_KINDS " exit|signal|cancel|cancelled|return");
	stop_on_sigterm();
	signal(SIGALRM, exits);
	heavy_init(argv[1]);
	listener = listen_on(&port, 0);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(never, O_CLOEXEC) < 0)
		die("pipe2");
	watch(epfd, listener, EPOLLIN, NULL);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	if (pthread_create(&thread, NULL, run, NULL) != 0)
		die("pthread_create");
	announce(port);
	await(thread);
	while (turn())
		;
	return 0;
}
