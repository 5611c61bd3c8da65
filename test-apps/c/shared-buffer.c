/*
 * A server with one output buffer for all connections, since it does one thing at a time. Each
 * message is answered by what its connection has compressed into it, in two calls, uncompressed
 * again: `done` if that is what went in, `mixed` if not. Messages as in conversation.h.
 */
#include "conversation.h"

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

int main(int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		usage("shared-buffer");
	stop_on_sigterm();
	return serve(accepted, happened);
}
