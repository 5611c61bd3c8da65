/*
 * An echo server, once for each way of using epoll:
 *
 *   lt         level-triggered: one read an event, EPOLLOUT only while output is pending
 *   et         edge-triggered: registered once, reads until EAGAIN, and again after a flush
 *   oneshot    EPOLLONESHOT, armed again at the end of each event
 *   exclusive  EPOLLEXCLUSIVE, which cannot be modified: taken out and put in again
 *
 * Every Nth piece read goes through a heavy call before it is echoed (N 0: none does). A half-close
 * is answered, when all is echoed, with `end COUNT\n` and a close; all but `exclusive` wait for
 * EPOLLRDHUP to do so, thus a lost one hangs the client.
 */
#include "heavy.h"
#include "loop.h"

#define PIECE 4096
#define TRAILER 32

static enum mode { LT, ET, ONESHOT, EXCLUSIVE } mode;
static unsigned every;
static int epfd, listener;

struct conn {
	int fd;
	uint32_t watched;
	int eof, hung, answered;
	unsigned pieces;
	size_t echoed, from, to;
	char pending[PIECE + TRAILER];
	struct heavy heavy;
};

static uint32_t flags(const struct conn *c)
{
	uint32_t wanted = c->to > c->from ? EPOLLOUT : EPOLLIN | EPOLLRDHUP;
	switch (mode) {
	case ET:
		return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	case ONESHOT:
		return wanted | EPOLLONESHOT;
	case EXCLUSIVE:
		return (wanted & ~(uint32_t)EPOLLRDHUP) | EPOLLEXCLUSIVE;
	default:
		return wanted;
	}
}

static void accept_all(void)
{
	/* Small, so that a client that does not read is felt soon. */
	int small = 16 * 1024;
	for (int fd; (fd = accept_one(listener)) >= 0;) {
		struct conn *c = calloc(1, sizeof(*c));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		if (!c)
			die("calloc");
		c->fd = fd;
		c->watched = flags(c);
		watch(epfd, fd, c->watched, c);
	}
}

/* 0 where the peer is gone. */
static int flush(struct conn *c)
{
	while (c->from < c->to) {
		ssize_t n = send(c->fd, c->pending + c->from, c->to - c->from, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN;
		c->from += (size_t)n;
	}
	c->from = c->to = 0;
	return 1;
}

static int push(struct conn *c, const char *bytes, size_t size)
{
	memcpy(c->pending + c->to, bytes, size);
	c->to += size;
	return flush(c);
}

/* The heavy call of a piece. A wrong result breaks the echo, so that the client sees it. */
static void work(struct conn *c, char *piece, size_t size)
{
	char text[16] = {0};
	if (every == 0 || c->pieces++ % every != 0)
		return;
	memcpy(text, piece, size < 15 ? size : 15);
	if (!heavy(&c->heavy, text))
		memset(piece, '!', size);
}

/* Reads and echoes. 0 where the peer is gone. */
static int echo(struct conn *c)
{
	/* On the stack on purpose: it lives across the heavy call. */
	char piece[PIECE];
	while (c->to == 0 && !c->eof) {
		ssize_t n = recv(c->fd, piece, sizeof(piece), 0);
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0) {
			c->eof = 1;
			break;
		}
		work(c, piece, (size_t)n);
		c->echoed += (size_t)n;
		if (!push(c, piece, (size_t)n))
			return 0;
		if (mode != ET)
			break;
	}
	return 1;
}

/* Answers the half-close. 0 where the connection is through. */
static int end(struct conn *c)
{
	char trailer[TRAILER];
	if (c->eof && c->to == 0 && c->answered)
		return 0;
	if (c->eof && c->to == 0 && (c->hung || mode == EXCLUSIVE)) {
		int size = snprintf(trailer, sizeof(trailer), "end %zu\n", c->echoed);
		c->answered = 1;
		return push(c, trailer, (size_t)size) && c->to > 0;
	}
	return 1;
}

static void arm(struct conn *c)
{
	uint32_t wanted = flags(c);
	if (mode == ONESHOT || (mode == LT && wanted != c->watched)) {
		rewatch(epfd, c->fd, wanted, c);
	} else if (mode == EXCLUSIVE && wanted != c->watched) {
		epoll_ctl(epfd, EPOLL_CTL_DEL, c->fd, NULL);
		watch(epfd, c->fd, wanted, c);
	}
	c->watched = wanted;
}

static void event(struct conn *c, uint32_t events)
{
	if (events & EPOLLRDHUP)
		c->hung = 1;
	if (!(events & EPOLLERR) && flush(c) && echo(c) && end(c)) {
		arm(c);
		return;
	}
	close(c->fd);
	free(c);
}

static void choose(int argc, char **argv)
{
	static const char *names[] = {"lt", "et", "oneshot", "exclusive"};
	int known = 0;
	for (int i = 0; argc == 4 && i < 4; i++)
		if (strcmp(argv[1], names[i]) == 0) {
			mode = (enum mode)i;
			known = 1;
		}
	if (!known)
		usage("echo lt|et|oneshot|exclusive EVERY " HEAVY_KINDS);
	every = (unsigned)atoi(argv[2]);
	heavy_init(argv[3]);
}

int main(int argc, char **argv)
{
	static struct epoll_event events[32];
	uint16_t port = 0;
	choose(argc, argv);
	stop_on_sigterm();
	listener = listen_on(&port, 0);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	watch(epfd, listener, EPOLLIN | (mode == EXCLUSIVE ? EPOLLEXCLUSIVE : 0), &listener);
	watch(epfd, stop_fd, EPOLLIN, &stop_fd);
	announce(port);
	for (;;) {
		int n = epoll_wait(epfd, events, 32, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &stop_fd)
				return 0;
			if (events[i].data.ptr == &listener)
				accept_all();
			else
				event(events[i].data.ptr, events[i].events);
		}
	}
}
