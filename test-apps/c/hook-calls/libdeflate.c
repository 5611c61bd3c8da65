/* libdeflate's compressors at several levels, with room enough and with too little. */
#include <libdeflate.h>

#include "hook-calls.h"

#define IN 50000

struct room {
	unsigned char in[IN], out[IN + 1000], back[IN];
};

static void level(struct transcript *t, struct room *r, int level, size_t length)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(level);
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	size_t size, back;
	say(t, "-- level %d of %zu bytes\n", level, length);
	fill(r->in, length, (unsigned)level + 30);
	size = (size_t)CALL(t, libdeflate_gzip_compress(c, r->in, length, r->out, sizeof(r->out)));
	say_bytes(t, "gzip", r->out, size);
	CALL(t, libdeflate_gzip_decompress(d, r->out, size, r->back, IN, &back));
	CALL(t, back == length && memcmp(r->in, r->back, length) == 0);
	size = (size_t)CALL(t, libdeflate_zlib_compress(c, r->in, length, r->out, sizeof(r->out)));
	say_bytes(t, "zlib", r->out, size);
	CALL(t, libdeflate_zlib_decompress(d, r->out, size, r->back, IN, &back));
	CALL(t, back == length && memcmp(r->in, r->back, length) == 0);
	size = (size_t)CALL(t, libdeflate_deflate_compress(c, r->in, length, r->out, sizeof(r->out)));
	say_bytes(t, "deflate", r->out, size);
	CALL(t, libdeflate_gzip_compress_bound(c, length));
	CALL(t, libdeflate_zlib_compress_bound(c, length));
	CALL(t, libdeflate_deflate_compress_bound(NULL, length));
	/* Nothing may be written past the end of too little room. */
	memset(r->out, 0x5a, sizeof(r->out));
	CALL(t, libdeflate_gzip_compress(c, r->in, length, r->out, 16));
	CALL(t, libdeflate_zlib_compress(c, r->in, length, r->out, 5));
	say_bytes(t, "past the end", r->out + 16, 1000);
	libdeflate_free_compressor(c);
	libdeflate_free_decompressor(d);
}

static void on_the_stack(struct transcript *t)
{
	unsigned char in[6000], out[7000];
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(1);
	size_t size;
	fill(in, sizeof(in), 77);
	size = (size_t)CALL(t, libdeflate_gzip_compress(c, in, sizeof(in), out, sizeof(out)));
	say_bytes(t, "stack", out, size);
	libdeflate_free_compressor(c);
}

/* The same input at several levels, by compressors of which one may lie where another has lain. */
static void same_input(struct transcript *t, struct room *r)
{
	static const int levels[] = {1, 6, 9, 1, 6};
	fill(r->in, 9000, 99);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		struct libdeflate_compressor *c = libdeflate_alloc_compressor(levels[i]);
		for (int twice = 0; twice < 2; twice++) {
			size_t size = (size_t)CALL(t, libdeflate_gzip_compress(c, r->in, 9000, r->out, sizeof(r->out)));
			say_bytes(t, "again", r->out, size);
		}
		libdeflate_free_compressor(c);
	}
}

void libdeflates(struct transcript *t)
{
	struct room *r = malloc(sizeof(*r));
	level(t, r, 1, IN);
	level(t, r, 6, IN);
	level(t, r, 6, 3000);
	level(t, r, 12, 20000);
	level(t, r, 6, 100);
	on_the_stack(t);
	same_input(t, r);
	free(r);
}
