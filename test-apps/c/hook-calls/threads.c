/*
 * Threads made by a section: with an event loop of their own and without, that end by returning,
 * by pthread_exit and by being cancelled, with what has to be cleaned up on the way.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "hook-calls.h"

/* What a thread is given; it writes down what it does, and is joined before that is read. */
struct task {
	struct transcript transcript;
	int pipe[2];
	int events;
};

static struct task *task_new(void)
{
	struct task *task = calloc(1, sizeof(*task));
	if (pipe2(task->pipe, O_CLOEXEC) < 0)
		abort();
	return task;
}

static void task_end(struct transcript *t, struct task *task)
{
	say(t, "%.*s", (int)task->transcript.size, task->transcript.text ? task->transcript.text : "");
	close(task->pipe[0]);
	close(task->pipe[1]);
	free(task->transcript.text);
	free(task);
}

static void *plain(void *argument)
{
	struct task *task = argument;
	CALL(&task->transcript, heavy());
	return &task->events;
}

/* Four events at once; the handlers may be under way together, so only sums are said. */
static void serve(struct task *task, int leave)
{
	static const int total = 4;
	int epfd = epoll_create1(EPOLL_CLOEXEC), fds[4];
	for (int i = 0; i < total; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
		fds[i] = eventfd(1, EFD_CLOEXEC);
		epoll_ctl(epfd, EPOLL_CTL_ADD, fds[i], &event);
	}
	while (task->events < total) {
		struct epoll_event events[2];
		int n = epoll_wait(epfd, events, 2, -1);
		for (int i = 0; i < n; i++) {
			uint64_t count;
			ssize_t got = read(fds[events[i].data.u32], &count, sizeof(count));
			if (got == (ssize_t)sizeof(count) && heavy())
				task->events++;
			if (leave && task->events == total) {
				say(&task->transcript, "leaves from a handler\n");
				pthread_exit(&task->events);
			}
		}
	}
	for (int i = 0; i < total; i++)
		close(fds[i]);
	close(epfd);
}

static void *looping(void *argument)
{
	serve(argument, 0);
	return argument;
}

static void run(struct transcript *t, const pthread_attr_t *attributes, void *(*start)(void *))
{
	struct task *task = task_new();
	pthread_t thread;
	void *result = NULL;
	CALL(t, pthread_create(&thread, attributes, start, task));
	CALL(t, pthread_join(thread, &result));
	say(t, "result %d, events %d\n", result == task || result == &task->events, task->events);
	task_end(t, task);
}

static void *lone(void *argument)
{
	struct task *task = argument;
	int ok = heavy();
	ssize_t n = write(task->pipe[1], &ok, sizeof(ok));
	return (void *)n;
}

static void detached(struct transcript *t)
{
	struct task *task = task_new();
	pthread_attr_t attributes;
	pthread_t thread;
	int ok = 0;
	pthread_attr_init(&attributes);
	CALL(t, pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
	CALL(t, pthread_create(&thread, &attributes, lone, task));
	CALL(t, read(task->pipe[0], &ok, sizeof(ok)));
	CALL(t, ok);
	pthread_attr_destroy(&attributes);
	task_end(t, task);
}

void threads(struct transcript *t)
{
	pthread_attr_t attributes;
	void *stack = aligned_alloc(4096, 512 * 1024);
	run(t, NULL, plain);
	run(t, NULL, looping);
	detached(t);
	pthread_attr_init(&attributes);
	CALL(t, pthread_attr_setstacksize(&attributes, 256 * 1024));
	run(t, &attributes, plain);
	run(t, &attributes, looping);
	CALL(t, pthread_attr_setstack(&attributes, stack, 512 * 1024));
	run(t, &attributes, looping);
	pthread_attr_destroy(&attributes);
	free(stack);
}

static void clean(void *argument)
{
	say(&((struct task *)argument)->transcript, "cleaned up\n");
}

static pthread_key_t key;

static void destroy(void *argument)
{
	say(&((struct task *)argument)->transcript, "thread's own value destroyed\n");
}

/* Once: several handlers may come here. */
static void make_key(void)
{
	pthread_key_create(&key, destroy);
}

static void *exits(void *argument)
{
	struct task *task = argument;
	pthread_setspecific(key, task);
	pthread_cleanup_push(clean, task);
	CALL(&task->transcript, heavy());
	pthread_exit(task);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *exits_from_loop(void *argument)
{
	pthread_setspecific(key, argument);
	pthread_cleanup_push(clean, argument);
	serve(argument, 1);
	pthread_cleanup_pop(0);
	return NULL;
}

void thread_exits(struct transcript *t)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	CALL(t, pthread_once(&once, make_key));
	run(t, NULL, exits);
	run(t, NULL, exits_from_loop);
}

static void *waits_in_epoll(void *argument)
{
	struct task *task = argument;
	struct epoll_event event = {.events = EPOLLIN};
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(epfd, EPOLL_CTL_ADD, task->pipe[0], &event);
	pthread_cleanup_push(clean, task);
	epoll_wait(epfd, &event, 1, -1);
	pthread_cleanup_pop(1);
	return NULL;
}

static void *waits_in_read(void *argument)
{
	struct task *task = argument;
	char byte;
	pthread_cleanup_push(clean, task);
	say(&task->transcript, "read %zd\n", read(task->pipe[0], &byte, 1));
	pthread_cleanup_pop(1);
	return NULL;
}

static void *refuses(void *argument)
{
	struct task *task = argument;
	char byte;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	say(&task->transcript, "read %zd\n", read(task->pipe[0], &byte, 1));
	return task;
}

static void cancel(struct transcript *t, void *(*start)(void *), int answer)
{
	struct task *task = task_new();
	pthread_t thread;
	void *result = NULL;
	CALL(t, pthread_create(&thread, NULL, start, task));
	if (answer)
		CALL(t, write(task->pipe[1], "x", 1));
	else
		CALL(t, pthread_cancel(thread));
	CALL(t, pthread_join(thread, &result));
	say(t, "cancelled %d, result %d\n", result == PTHREAD_CANCELED, result == task);
	task_end(t, task);
}

void thread_cancels(struct transcript *t)
{
	cancel(t, waits_in_epoll, 0);
	cancel(t, waits_in_read, 0);
	cancel(t, refuses, 1);
}
