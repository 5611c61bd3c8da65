/* Descriptors that are duplicated, replaced and closed, one by one and in ranges. */
#include <linux/close_range.h>
#include <sys/socket.h>

#include "hook-calls.h"

void descriptors(struct transcript *t)
{
	char bytes[8] = "";
	int p[2], q[2], copy, other;
	CALL(t, pipe2(p, O_CLOEXEC | O_NONBLOCK));
	CALL(t, pipe2(q, O_CLOEXEC | O_NONBLOCK));
	copy = OPENS(t, dup(p[1]));
	CALL(t, fcntl(copy, F_GETFD));
	CALL(t, write(copy, "dup", 3));
	CALL(t, close(p[1]));
	CALL(t, write(copy, "still", 5));
	CALL(t, read(p[0], bytes, 8));
	CALL(t, read(p[0], bytes, 8));
	other = OPENS(t, fcntl(copy, F_DUPFD_CLOEXEC, 100));
	CALL(t, other >= 100);
	CALL(t, dup2(q[1], copy) == copy);
	CALL(t, write(copy, "q", 1));
	CALL(t, read(q[0], bytes, 8));
	CALL(t, close(other));
	CALL(t, read(p[0], bytes, 8));
	CALL(t, dup2(copy, copy) == copy);
	CALL(t, dup3(copy, copy, 0));
	CALL(t, dup3(q[1], p[0], O_CLOEXEC) == p[0]);
	CALL(t, fcntl(p[0], F_GETFD));
	CALL(t, write(p[0], "dup3", 4));
	CALL(t, dup3(q[1], p[0], 1));
	CALL(t, dup2(-1, copy));
	CALL(t, dup2(copy, -1));
	CALL(t, dup(-1));
	CALL(t, close(copy));
	CALL(t, close(q[1]));
	CALL(t, read(q[0], bytes, 8));
	CALL(t, read(q[0], bytes, 8));
	CALL(t, close(p[0]));
	CALL(t, read(q[0], bytes, 8));
	CALL(t, close(q[0]));
	CALL(t, close(q[0]));
	CALL(t, close(-1));
}

#define FIRST 900

void close_ranges(struct transcript *t)
{
	char byte;
	int s[2];
	CALL(t, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s));
	for (int fd = FIRST; fd < FIRST + 6; fd++)
		CALL(t, dup2(s[1], fd));
	CALL(t, close(s[1]));
	CALL(t, write(FIRST + 1, "open", 4));
	CALL(t, close_range(FIRST + 1, FIRST + 2, 0));
	CALL(t, write(FIRST, "x", 1));
	CALL(t, write(FIRST + 1, "x", 1));
	CALL(t, write(FIRST + 2, "x", 1));
	CALL(t, write(FIRST + 3, "x", 1));
	CALL(t, close_range(FIRST + 3, FIRST + 4, CLOSE_RANGE_CLOEXEC));
	CALL(t, fcntl(FIRST + 3, F_GETFD));
	CALL(t, fcntl(FIRST + 5, F_GETFD));
	CALL(t, close_range(FIRST + 4, FIRST, 0));
	CALL(t, close_range(FIRST, FIRST + 1, 1 << 30));
	CALL(t, close_range(FIRST, FIRST + 20, 0));
	for (int i = 0; i < 7; i++)
		CALL(t, read(s[0], &byte, 1));
	CALL(t, close(s[0]));
}
