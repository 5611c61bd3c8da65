/*
 * A server that compresses with one compressor for all connections, and has another made when another level is
 * wanted. In the conversation of the two-messages servers:
 *
 *   use X    compresses something that depends on X, and answers `right` if it is that again when inflated
 *   swap L   frees the compressor, makes one of level L, and answers `swapped`
 */
#include "conversation.h"

static struct libdeflate_compressor *compressor;

static void accepted(int epfd, int fd)
{
	watch(epfd, fd, EPOLLIN, conn_new(fd));
}

static void happened(int epfd, void *data)
{
	struct conn *c = data;
	int got = conn_read(c);
	(void)epfd;
	if (got == 0)
		return;
	if (got < 0) {
		conn_end(c);
	} else if (memcmp(c->message, "swap ", 5) == 0) {
		libdeflate_free_compressor(compressor);
		compressor = libdeflate_alloc_compressor(atoi(c->message + 5));
		conn_answer(c, compressor ? "swapped" : "failed");
	} else {
		char text[MESSAGE];
		conn_argument(c, text);
		heavy_fill(&c->heavy, text);
		size_t size = libdeflate_zlib_compress(compressor, c->heavy.in, HEAVY_IN, c->heavy.out, HEAVY_OUT);
		conn_answer(c, size && heavy_inflates_back(&c->heavy, size) ? "right" : "wrong");
	}
}

int main(void)
{
	stop_on_sigterm();
	compressor = libdeflate_alloc_compressor(6);
	return serve(accepted, happened);
}
