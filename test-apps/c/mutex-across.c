/*
 * A server that holds a lock across the heavy call. It has one thread, so the lock is always free
 * when a handler asks for it, whatever its kind; whoever runs a second handler while the first is
 * in its heavy call either hangs in the lock or walks through it. `inside` shows the latter: it is
 * protected by the lock and a writer must be alone in there.
 *
 * Any message of 16 bytes is answered with `done`, `failed` (the heavy call) or `violated`.
 */
#include <pthread.h>

#include "conversation.h"

#define LOCKS "normal|recursive|errorcheck|rwlock|rwlock-read|spin"

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static int inside;

static int mutex_lock(int exclusive) { return (void)exclusive, pthread_mutex_lock(&mutex); }
static int mutex_unlock(void) { return pthread_mutex_unlock(&mutex); }
static int rwlock_unlock(void) { return pthread_rwlock_unlock(&rwlock); }
static int spin_take(int exclusive) { return (void)exclusive, pthread_spin_lock(&spin); }
static int spin_give(void) { return pthread_spin_unlock(&spin); }

static int rwlock_lock(int exclusive)
{
	return exclusive ? pthread_rwlock_wrlock(&rwlock) : pthread_rwlock_rdlock(&rwlock);
}

static const struct lock {
	const char *name;
	int type;
	/* Every second message only reads: readers may be inside together, a writer alone. */
	int readers;
	int (*lock)(int exclusive);
	int (*unlock)(void);
} locks[] = {
	{"normal", PTHREAD_MUTEX_NORMAL, 0, mutex_lock, mutex_unlock},
	{"recursive", PTHREAD_MUTEX_RECURSIVE, 0, mutex_lock, mutex_unlock},
	{"errorcheck", PTHREAD_MUTEX_ERRORCHECK, 0, mutex_lock, mutex_unlock},
	{"rwlock", 0, 0, rwlock_lock, rwlock_unlock},
	{"rwlock-read", 0, 1, rwlock_lock, rwlock_unlock},
	{"spin", 0, 0, spin_take, spin_give},
};
static const struct lock *chosen;

static void choose(const char *name)
{
	pthread_mutexattr_t attributes;
	for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++)
		if (strcmp(locks[i].name, name) == 0)
			chosen = &locks[i];
	if (!chosen)
		usage("mutex-across " LOCKS " " HEAVY_KINDS);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, chosen->type);
	pthread_mutex_init(&mutex, &attributes);
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
}

static void event(struct conn *c)
{
	static unsigned messages;
	int got = conn_read(c), violated, ok, exclusive;
	if (got < 0)
		conn_end(c);
	if (got <= 0)
		return;
	exclusive = !chosen->readers || messages++ % 2;
	if (chosen->lock(exclusive) != 0) {
		conn_answer(c, "violated");
		return;
	}
	violated = ++inside != 1 && exclusive;
	ok = heavy(&c->heavy, "held");
	violated |= --inside != 0 && exclusive;
	violated |= chosen->unlock() != 0;
	conn_answer(c, violated ? "violated" : ok ? "done" : "failed");
}

int main(int argc, char **argv)
{
	/* On the heap, as nginx has it. */
	struct epoll_event *events = calloc(64, sizeof(*events));
	uint16_t port = 0;
	if (argc != 3)
		usage("mutex-across " LOCKS " " HEAVY_KINDS);
	choose(argv[1]);
	stop_on_sigterm();
	heavy_init(argv[2]);
	int listener = listen_on(&port, 0);
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	watch(epfd, listener, EPOLLIN, NULL);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	announce(port);
	for (;;) {
		int n = epoll_wait(epfd, events, 64, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			void *data = events[i].data.ptr;
			if (data == &stop_fd)
				return 0;
			if (data)
				event(data);
			else
				for (int fd; (fd = accept_one(listener)) >= 0;)
					watch(epfd, fd, EPOLLIN, conn_new(fd));
		}
	}
}
