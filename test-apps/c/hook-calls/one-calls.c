/*
 * zlib's functions that compress or decompress by one call, and those on files: inside, they call
 * deflate and inflate. What came of it is not said, so the transcript is the same whoever compresses.
 */
#include <zlib.h>

#include "hook-calls.h"

#define PLAIN 30000

struct whole {
	unsigned char plain[PLAIN], packed[2 * PLAIN], back[PLAIN + 1];
};

static void by_one_call(struct transcript *t, struct whole *w, int level, uLong length)
{
	uLongf packed = compressBound(length), back = PLAIN, taken;
	say(t, "-- level %d of %lu bytes\n", level, length);
	fill(w->plain, length, (unsigned)level + 50);
	memset(w->packed, 0x5a, sizeof(w->packed));
	CALL(t, compress2(w->packed, &packed, w->plain, length, level));
	CALL(t, packed <= compressBound(length) && w->packed[compressBound(length)] == 0x5a);
	CALL(t, uncompress(w->back, &back, w->packed, packed));
	CALL(t, back == length && memcmp(w->plain, w->back, length) == 0);
	/* More input than there is of the stream. */
	taken = packed + 100;
	back = PLAIN;
	CALL(t, uncompress2(w->back, &back, w->packed, &taken));
	CALL(t, back == length && taken == packed);
	/* Too little room, and input that is cut. */
	back = length / 2;
	CALL(t, uncompress(w->back, &back, w->packed, packed));
	back = PLAIN;
	CALL(t, uncompress(w->back, &back, w->packed, packed / 2));
	packed = length / 20 + 5;
	CALL(t, compress2(w->packed, &packed, w->plain, length, level));
}

static void on_files(struct transcript *t, struct whole *w)
{
	char name[] = "hook-calls-XXXXXX";
	int fd = mkstemp(name);
	gzFile file = gzdopen(fd, "wb6");
	fill(w->plain, PLAIN, 70);
	CALL(t, gzwrite(file, w->plain, PLAIN));
	CALL(t, gzclose(file));
	file = gzopen(name, "rb");
	CALL(t, gzread(file, w->back, PLAIN + 1));
	CALL(t, gzeof(file));
	CALL(t, gzclose(file));
	CALL(t, memcmp(w->plain, w->back, PLAIN));
	unlink(name);
}

void one_calls(struct transcript *t)
{
	static const int levels[] = {-1, 0, 1, 6, 9};
	struct whole *w = malloc(sizeof(*w));
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		by_one_call(t, w, levels[i], PLAIN);
		by_one_call(t, w, levels[i], 300);
	}
	CALL(t, compress2(w->packed, &(uLongf){PLAIN}, w->plain, PLAIN, 10));
	on_files(t, w);
	free(w);
}
