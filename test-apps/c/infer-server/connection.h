/*
 * A keep-alive HTTP/1.1 connection: requests are answered one after the other, in the order in which
 * they came. What it remembers of them shows in every answer, so that a wrong order is seen.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

struct connection;

/* For a connection that was accepted; NULL without memory. The fd is its own from here on. */
struct connection *connection_open(int fd);

int connection_fd(const struct connection *connection);

/* Does it wait until it can write? */
int connection_is_writing(const struct connection *connection);

/* Reads, answers and writes as far as that goes. -1: it has ended, and is to be closed. */
int connection_happened(struct connection *connection);

void connection_close(struct connection *connection);

#endif
