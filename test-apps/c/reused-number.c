/*
 * A server that knows which file an event is about: it watches each with a number that no other
 * had, as nginx does with its `instance`, and passes over events of those that it has closed.
 * `kick` closes the connection that came last of those that are not at work, lets its fd be that of
 * an event counter at once, which is watched and never becomes readable, and then does heavy work;
 * the answer is `ok`. `tell` is answered with how many events of such counters came: `told 0`.
 */
#include "conversation.h"

#define MOST 1024

static struct {
	struct conn *conn;
	uintptr_t serial;
	int at_work;
} seats[MOST];
static uintptr_t serials;
static unsigned invented;

/* What is watched: odd, as no address is. */
static void *mark(int fd)
{
	seats[fd].serial = ++serials;
	return (void *)((serials * MOST + (uintptr_t)fd) * 2 + 1);
}

static void counter_at(int epfd, int number)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd >= 0 && fd != number) {
		dup2(fd, number);
		close(fd);
	}
	watch(epfd, number, EPOLLIN, mark(number));
}

static void kick(int epfd, struct conn *c)
{
	int last = -1;
	for (int i = 0; i < MOST; i++)
		if (seats[i].conn && seats[i].conn != c && !seats[i].at_work &&
		    (last < 0 || seats[i].serial > seats[last].serial))
			last = i;
	if (last >= 0) {
		conn_end(seats[last].conn);
		seats[last].conn = NULL;
		counter_at(epfd, last);
	}
	seats[c->fd].at_work = 1;
	heavy(&c->heavy, "x");
	seats[c->fd].at_work = 0;
	conn_answer(c, "ok");
}

static void happened(int epfd, void *data)
{
	uintptr_t marked = (uintptr_t)data / 2;
	int fd = (int)(marked % MOST), got;
	struct conn *c = seats[fd].conn;
	if (seats[fd].serial != marked / MOST)
		return;
	if (!c) {
		invented++;
		return;
	}
	got = conn_read(c);
	if (got < 0) {
		seats[fd].conn = NULL;
		seats[fd].serial = 0;
		conn_end(c);
	} else if (got > 0 && memcmp(c->message, "kick", 4) == 0) {
		kick(epfd, c);
	} else if (got > 0) {
		char told[MESSAGE];
		snprintf(told, sizeof(told), "told %u", invented);
		conn_answer(c, told);
	}
}

static void accepted(int epfd, int fd)
{
	if (fd >= MOST) {
		close(fd);
		return;
	}
	seats[fd].conn = conn_new(fd);
	watch(epfd, fd, EPOLLIN, mark(fd));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		usage("reused-number " HEAVY_KINDS);
	stop_on_sigterm();
	heavy_init(argv[1]);
	return serve(accepted, happened);
}
