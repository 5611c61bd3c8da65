/*
 * A server that ends in the midst of its work, in the conversation of the two-messages servers. Its
 * loop runs on the main thread or on another one:
 *
 *   exit      exit(7) in the handler
 *   thread    exit(7) in a thread that the handler makes; the loop goes on
 *   signal    exit(7) in the handler of a signal
 *   return    main returns 7, or the loop's thread does and main after it
 *   overflow  the stack is used up; with `handled`, a handler on another stack does exit 9
 *
 * With `lingers`, the end takes its time once libcrypto has cleaned up.
 */
#include <pthread.h>

#include "conversation.h"

static int ending;

static void said_at_exit(void)
{
	ssize_t n = write(1, "ended\n", 6);
	(void)n;
}

/* The last handler of all: threads that still run do so while libcrypto is no more. */
static void lingers(void)
{
	usleep(400000);
}

static void exits(int number)
{
	(void)number;
	exit(7);
}

static void *exits_too(void *argument)
{
	exits(0);
	return argument;
}

static void overflowed(int number)
{
	(void)number;
	_exit(9);
}

/* Used after the call, each frame stays. The end of it that the compiler sees never comes. */
static int overflow(const volatile char *before)
{
	volatile char frame[4096];
	frame[0] = *before;
	return *before ? overflow(frame) + frame[0] : 0;
}

static void end(const char *command)
{
	pthread_t thread;
	if (memcmp(command, "exit ", 5) == 0)
		exits(0);
	if (memcmp(command, "thread ", 7) == 0)
		pthread_create(&thread, NULL, exits_too, NULL);
	if (memcmp(command, "signal ", 7) == 0)
		raise(SIGALRM);
	if (memcmp(command, "return ", 7) == 0)
		ending = 1;
	if (memcmp(command, "overflow ", 9) == 0)
		overflow(command);
}

static void event(struct conn *c)
{
	char command[MESSAGE];
	ssize_t n = recv(c->fd, command, sizeof(command), MSG_PEEK);
	if (n != MESSAGE || memcmp(command, "set ", 4) == 0 || memcmp(command, "get ", 4) == 0)
		conn_event(c);
	else if (conn_read(c) == 1)
		end(command);
}

static void *run(void *argument)
{
	int listener = *(int *)argument;
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[64];
	/* For the thread that it runs on. */
	stack_t other = {.ss_sp = malloc(65536), .ss_size = 65536};
	sigaltstack(&other, NULL);
	watch(epfd, listener, EPOLLIN, NULL);
	while (!ending) {
		int n = epoll_wait(epfd, events, 64, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0, fd; i < n; i++) {
			if (events[i].data.ptr)
				event(events[i].data.ptr);
			else
				while ((fd = accept_one(listener)) >= 0)
					watch(epfd, fd, EPOLLIN, conn_new(fd));
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint16_t port = 0;
	if (argc != 4)
		usage("ends " HEAVY_KINDS " main|thread plain|handled|lingers");
	if (strcmp(argv[3], "lingers") == 0)
		atexit(lingers);
	heavy_init(argv[1]);
	struct sigaction handled = {.sa_handler = overflowed, .sa_flags = SA_ONSTACK};
	if (strcmp(argv[3], "handled") == 0)
		sigaction(SIGSEGV, &handled, NULL);
	signal(SIGALRM, exits);
	signal(SIGPIPE, SIG_IGN);
	atexit(said_at_exit);
	int listener = listen_on(&port, 0);
	announce(port);
	pthread_t thread;
	if (strcmp(argv[2], "main") == 0)
		run(&listener);
	else if (pthread_create(&thread, NULL, run, &listener) == 0)
		pthread_join(thread, NULL);
	return 7;
}
