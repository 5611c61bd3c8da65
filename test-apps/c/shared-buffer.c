/*
 * A server with one buffer for all connections, since it does one thing at a time. Messages as in
 * conversation.h.
 *
 *   output   each message is answered by what its connection has compressed into the buffer, in two
 *            calls, uncompressed again: `done` if that is what went in, `mixed` if not
 *   CALL     messages are read into it, by this call; after heavy work, the answer is what stands there
 */
#include "conversation.h"
#include <sys/uio.h>

#define CALLS "read|recv|recvfrom|readv|recvmsg"

static unsigned char shared[HEAVY_OUT], back[HEAVY_IN];

/* Text that no two connections share. */
static void fill_own(unsigned char *in, int own)
{
	unsigned state = (unsigned)own * 2654435761u;
	for (size_t i = 0; i < HEAVY_IN; i++) {
		state = state * 1103515245u + 12345u;
		in[i] = (unsigned char)('a' + (state >> 16) % 16);
	}
}

static int compress_in_two(struct heavy *h)
{
	z_stream *z = &h->stream;
	memset(z, 0, sizeof(*z));
	if (deflateInit(z, 1) != Z_OK)
		return 0;
	z->next_in = h->in;
	z->avail_in = HEAVY_IN / 2;
	z->next_out = shared;
	z->avail_out = sizeof(shared);
	int ok = deflate(z, Z_SYNC_FLUSH) == Z_OK;
	z->avail_in = HEAVY_IN / 2;
	ok &= deflate(z, Z_FINISH) == Z_STREAM_END;
	uLong compressed = z->total_out;
	deflateEnd(z);
	uLongf length = sizeof(back);
	return ok && uncompress(back, &length, shared, compressed) == Z_OK && length == HEAVY_IN &&
	       memcmp(back, h->in, HEAVY_IN) == 0;
}

static void happened(int epfd, void *data)
{
	struct conn *c = data;
	int got = conn_read(c);
	(void)epfd;
	if (got < 0)
		conn_end(c);
	else if (got > 0)
		conn_answer(c, compress_in_two(&c->heavy) ? "done" : "mixed");
}

static void accepted(int epfd, int fd)
{
	struct conn *c = conn_new(fd);
	fill_own(c->heavy.in, fd);
	watch(epfd, fd, EPOLLIN, c);
}

static char input[MESSAGE + 1];
static const char *how;

static ssize_t read_input(int fd)
{
	struct iovec halves[] = {{input, MESSAGE / 2}, {input + MESSAGE / 2, MESSAGE / 2}};
	struct msghdr message = {.msg_iov = halves, .msg_iovlen = 2};
	if (strcmp(how, "recv") == 0)
		return recv(fd, input, MESSAGE, 0);
	if (strcmp(how, "recvfrom") == 0)
		return recvfrom(fd, input, MESSAGE, 0, NULL, NULL);
	if (strcmp(how, "readv") == 0)
		return readv(fd, halves, 2);
	if (strcmp(how, "recvmsg") == 0)
		return recvmsg(fd, &message, 0);
	return read(fd, input, MESSAGE);
}

/* A message is as small as to come whole. */
static void has_come(int epfd, void *data)
{
	struct conn *c = data;
	ssize_t n = read_input(c->fd);
	(void)epfd;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n != MESSAGE) {
		conn_end(c);
		return;
	}
	int ok = heavy(&c->heavy, "work");
	conn_answer(c, ok ? input + strcspn(input, " ") + 1 : "failed");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		usage("shared-buffer output|" CALLS);
	stop_on_sigterm();
	how = argv[1];
	if (strcmp(how, "output") == 0)
		return serve(accepted, happened);
	heavy_init("sign");
	return serve(accepted, has_come);
}
