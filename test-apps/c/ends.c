/*
 * A server that ends in the midst of its work, in the conversation of the two-messages servers. Its
 * loop runs on the main thread or on another one:
 *
 *   exit      exit(7) in the handler
 *   thread    exit(7) in a thread that the handler makes; the loop goes on
 *   twice     the same in two threads, one after the other
 *   both      exit(7) in a thread, and a little later in the handler
 *   aside     the same once another thread, which waits for no events, has done heavy work of its own and sleeps
 *   child     a thread forks; the child does exit(7), and when it has ended, so does this process
 *   signal    exit(7) in the handler of a signal
 *   return    main returns 7, or the loop's thread does and main after it
 *   overflow  the stack is used up; with `handled`, a handler on another stack does exit 9
 *
 * At SIGUSR2, a thread that waits for nothing else does exit(7): the loop may sleep meanwhile.
 *
 * With `lingers`, the end takes its time once libcrypto has cleaned up; with `lingers-long`, more of it. With `joins`, a handler of exit tells the
 * loop's thread to end and waits for it, before libcrypto cleans up; with `joins-late`, after that. With `forks`, a
 * handler forks, and the child says whether its heavy work in a loop of its own has it `helped` by other threads.
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "conversation.h"

static volatile int ending;
static pthread_t loop;
/* Readable when the loop is to look at `ending`. */
static int woken = -1;
static int epfd = -1;

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

static void lingers_long(void)
{
	sleep(3);
}

static void joins(void)
{
	uint64_t one = 1;
	ending = 1;
	ssize_t n = write(woken, &one, sizeof(one));
	if (n == sizeof(one) && pthread_join(loop, NULL) == 0)
		n = write(1, "joined\n", 7);
}

static int threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int count = 0;
	for (struct dirent *task; tasks && (task = readdir(tasks));)
		count += task->d_name[0] != '.';
	closedir(tasks);
	return count;
}

static void forks(void)
{
	pid_t pid = fork();
	if (pid) {
		waitpid(pid, NULL, 0);
		return;
	}
	struct epoll_event event;
	struct conn *c = conn_new(-1);
	int own = epoll_create1(EPOLL_CLOEXEC), ok = 1;
	for (int i = 0; i < 3; i++) {
		int fd = eventfd(1, EFD_CLOEXEC);
		watch(own, fd, EPOLLIN, NULL);
		ok = epoll_wait(own, &event, 1, -1) == 1 && heavy(&c->heavy, "forked") && ok;
		close(fd);
	}
	ssize_t n = write(1, !ok ? "failed\n" : threads() > 1 ? "helped\n" : "alone \n", 7);
	(void)n;
	_exit(0);
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

static void *exits_at_signal(void *argument)
{
	sigset_t *set = argument;
	int number;
	if (sigwait(set, &number) == 0)
		exits(number);
	return argument;
}

static void *exits_later(void *argument)
{
	usleep(100000);
	return exits_too(argument);
}

/* A thread that accepts, as one of a server's does that has a thread for each connection. */
static void *exits_aside(void *argument)
{
	uint16_t port = 0;
	pthread_t thread;
	int listener = listen_on(&port, 0), client = socket(AF_INET, SOCK_STREAM, 0), ok = 1;
	struct sockaddr_in address = on_loopback(port);
	if (connect(client, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("connect");
	struct conn *c = conn_new(accept_one(listener));
	for (int i = 0; i < 3; i++)
		ok = heavy(&c->heavy, "aside") && ok;
	if (ok && c->fd >= 0)
		pthread_create(&thread, NULL, exits_too, NULL);
	for (;;)
		pause();
	return argument;
}

static void *exits_after_child(void *argument)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		exit(7);
	exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 8);
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
	if (memcmp(command, "twice ", 6) == 0) {
		pthread_create(&thread, NULL, exits_too, NULL);
		pthread_create(&thread, NULL, exits_later, NULL);
	}
	if (memcmp(command, "both ", 5) == 0) {
		pthread_create(&thread, NULL, exits_too, NULL);
		exits_later(NULL);
	}
	if (memcmp(command, "aside ", 6) == 0)
		pthread_create(&thread, NULL, exits_aside, NULL);
	if (memcmp(command, "child ", 6) == 0)
		pthread_create(&thread, NULL, exits_after_child, NULL);
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
	/* A child may have its descriptor, too: closing it here would not end its events. */
	if (n == 0)
		epoll_ctl(epfd, EPOLL_CTL_DEL, c->fd, NULL);
	if (n != MESSAGE || memcmp(command, "set ", 4) == 0 || memcmp(command, "get ", 4) == 0)
		conn_event(c);
	else if (conn_read(c) == 1)
		end(command);
}

static void *run(void *argument)
{
	int listener = *(int *)argument;
	struct epoll_event events[64];
	epfd = epoll_create1(EPOLL_CLOEXEC);
	/* For the thread that it runs on. */
	stack_t other = {.ss_sp = malloc(65536), .ss_size = 65536};
	sigaltstack(&other, NULL);
	watch(epfd, listener, EPOLLIN, NULL);
	watch(epfd, woken, EPOLLIN, &woken);
	while (!ending) {
		int n = epoll_wait(epfd, events, 64, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0, fd; i < n; i++) {
			if (events[i].data.ptr == &woken)
				continue;
			else if (events[i].data.ptr)
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
		usage("ends " HEAVY_KINDS " main|thread plain|handled|lingers|lingers-long|joins|joins-late|forks");
	const char *handling = argv[3];
	/* Its handlers come in the opposite order. */
	if (strcmp(handling, "lingers") == 0)
		atexit(lingers);
	if (strcmp(handling, "lingers-long") == 0)
		atexit(lingers_long);
	if (strcmp(handling, "joins-late") == 0)
		atexit(joins);
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
	if (strcmp(handling, "joins") == 0)
		atexit(joins);
	if (strcmp(handling, "forks") == 0)
		atexit(forks);
	heavy_init(argv[1]);
	struct sigaction handled = {.sa_handler = overflowed, .sa_flags = SA_ONSTACK};
	if (strcmp(handling, "handled") == 0)
		sigaction(SIGSEGV, &handled, NULL);
	signal(SIGALRM, exits);
	signal(SIGPIPE, SIG_IGN);
	atexit(said_at_exit);
	/* For all threads, and so for that one alone. */
	static sigset_t usr2;
	pthread_t waits;
	sigaddset(&usr2, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &usr2, NULL);
	if (pthread_create(&waits, NULL, exits_at_signal, &usr2) != 0)
		return 1;
	woken = eventfd(0, EFD_CLOEXEC);
	int listener = listen_on(&port, 0);
	announce(port);
	if (strcmp(argv[2], "main") == 0)
		run(&listener);
	else if (pthread_create(&loop, NULL, run, &listener) != 0)
		return 1;
	else if (strncmp(handling, "joins", 5) == 0)
		pause();
	else
		pthread_join(loop, NULL);
	return 7;
}
