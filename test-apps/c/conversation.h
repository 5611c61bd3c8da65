/*
 * The conversation of the two-messages servers. Messages and answers are 16 bytes: a line, padded
 * with blanks. `set X` does heavy work and only AFTER it makes X the connection's value; `get` is
 * answered with the value. One event takes at most one message off the socket, so a `get` that
 * was sent right behind its `set` is an event of its own. `count` is answered with the number of
 * `set`s that were done by then, on all connections.
 */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include "heavy.h"
#include "loop.h"

#define MESSAGE 16

struct conn {
	int fd;
	size_t have;
	char message[MESSAGE];
	char value[MESSAGE + 1];
	struct heavy heavy;
};

static inline struct conn *conn_new(int fd)
{
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		die("calloc");
	c->fd = fd;
	strcpy(c->value, "none");
	return c;
}

static inline void conn_end(struct conn *c)
{
	close(c->fd);
	free(c);
}

/* One message more, or part of one. 1: `message` is whole; 0: not yet; -1: the peer is gone. */
static inline int conn_read(struct conn *c)
{
	ssize_t n = read(c->fd, c->message + c->have, MESSAGE - c->have);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	c->have += (size_t)n;
	if (c->have < MESSAGE)
		return 0;
	c->have = 0;
	return 1;
}

/* 16 bytes always fit into the buffer of a socket whose peer reads; a peer that is gone is seen
 * at the next read. */
static inline void conn_answer(struct conn *c, const char *text)
{
	char answer[MESSAGE + 1];
	snprintf(answer, sizeof(answer), "%-15.15s\n", text);
	ssize_t n = write(c->fd, answer, MESSAGE);
	(void)n;
}

/* The argument of a `set`, without its padding. */
static inline void conn_argument(const struct conn *c, char *out)
{
	size_t length = MESSAGE - 5;
	memcpy(out, c->message + 4, length);
	while (length > 0 && out[length - 1] == ' ')
		length--;
	out[length] = 0;
}

/* One event. 0 where the connection has ended and is freed. */
static inline int conn_event(struct conn *c)
{
	int got = conn_read(c);
	if (got < 0) {
		conn_end(c);
		return 0;
	}
	if (got == 0)
		return 1;
	static unsigned sets;
	if (memcmp(c->message, "set ", 4) == 0) {
		char wanted[MESSAGE];
		conn_argument(c, wanted);
		int ok = heavy(&c->heavy, wanted);
		strcpy(c->value, wanted);
		sets++;
		conn_answer(c, ok ? "done" : "failed");
	} else if (memcmp(c->message, "count", 5) == 0) {
		char count[MESSAGE];
		snprintf(count, sizeof(count), "%u", sets);
		conn_answer(c, count);
	} else {
		conn_answer(c, c->value);
	}
	return 1;
}

#endif
