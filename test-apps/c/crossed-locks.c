/*
 * A server that takes two locks, in one order for every second message and in the other for the
 * rest. It has one thread, so nobody ever holds one of them when a handler asks: it cannot deadlock,
 * unless somebody runs a second handler while the first is in its heavy call.
 *
 * Any message of 16 bytes is answered with `done`, or `failed` (the heavy call, a lock).
 */
#include <pthread.h>

#include "conversation.h"

static pthread_mutex_t locks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

static void happened(int epfd, void *data)
{
	static unsigned messages;
	struct conn *c = data;
	int got = conn_read(c), first, ok;
	(void)epfd;
	if (got < 0)
		conn_end(c);
	if (got <= 0)
		return;
	first = messages++ % 2;
	ok = pthread_mutex_lock(&locks[first]) == 0;
	ok &= heavy(&c->heavy, "one");
	ok &= pthread_mutex_lock(&locks[!first]) == 0;
	ok &= heavy(&c->heavy, "two");
	ok &= pthread_mutex_unlock(&locks[!first]) == 0;
	ok &= pthread_mutex_unlock(&locks[first]) == 0;
	conn_answer(c, ok ? "done" : "failed");
}

static void accepted(int epfd, int fd)
{
	watch(epfd, fd, EPOLLIN, conn_new(fd));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		usage("crossed-locks " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[1]);
	return serve(accepted, happened);
}
