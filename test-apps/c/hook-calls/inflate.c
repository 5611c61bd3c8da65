/* zlib's inflate family: every flush mode, broken and cut input, resets, copies, dictionaries. */
#include <zlib.h>

#include "hook-calls.h"

#define PLAIN 30000

struct sample {
	unsigned char plain[PLAIN], packed[PLAIN], back[PLAIN];
	size_t size;
};

static void pack(struct sample *sample, int window, const char *dictionary)
{
	z_stream s = {0};
	fill(sample->plain, PLAIN, 21);
	deflateInit2(&s, 6, Z_DEFLATED, window, 8, 0);
	if (dictionary)
		deflateSetDictionary(&s, (const unsigned char *)dictionary, (unsigned)strlen(dictionary));
	s.next_in = sample->plain;
	s.avail_in = PLAIN / 2;
	s.next_out = sample->packed;
	s.avail_out = PLAIN;
	deflate(&s, Z_FULL_FLUSH);
	s.avail_in = PLAIN / 2;
	deflate(&s, Z_FINISH);
	sample->size = s.total_out;
	deflateEnd(&s);
}

static void open_stream(struct transcript *t, z_stream *s, struct sample *sample, int window)
{
	memset(s, 0, sizeof(*s));
	memset(sample->back, 0, PLAIN);
	CALL(t, inflateInit2(s, window));
	s->next_in = sample->packed;
	s->avail_in = (unsigned)sample->size;
	s->next_out = sample->back;
	s->avail_out = PLAIN;
}

static void say_stream(struct transcript *t, const char *what, int result, const z_stream *s)
{
	say(t, "%s: %d in %lu left %u out %lu room %u type %d msg %s\n", what, result, s->total_in,
	    s->avail_in, s->total_out, s->avail_out, s->data_type, s->msg ? s->msg : "-");
}

static void with_flush(struct transcript *t, struct sample *sample, int flush)
{
	z_stream s;
	int result = Z_OK;
	open_stream(t, &s, sample, 47);
	for (int i = 0; i < 12 && result == Z_OK; i++) {
		s.avail_out = PLAIN / 4;
		if (s.avail_out > PLAIN - s.total_out)
			s.avail_out = (unsigned)(PLAIN - s.total_out);
		result = inflate(&s, flush);
		say_stream(t, "piece", result, &s);
	}
	CALL(t, memcmp(sample->plain, sample->back, s.total_out));
	CALL(t, inflateEnd(&s));
}

static void broken(struct transcript *t, struct sample *sample)
{
	z_stream s;
	unsigned char kept = sample->packed[200];
	open_stream(t, &s, sample, 15);
	sample->packed[200] ^= 0xff;
	say_stream(t, "broken", inflate(&s, Z_NO_FLUSH), &s);
	say_stream(t, "sync", inflateSync(&s), &s);
	CALL(t, inflateSyncPoint(&s));
	CALL(t, inflateEnd(&s));
	sample->packed[200] = kept;
	open_stream(t, &s, sample, 15);
	s.avail_in = 100;
	say_stream(t, "cut", inflate(&s, Z_FINISH), &s);
	say_stream(t, "cut again", inflate(&s, Z_FINISH), &s);
	CALL(t, inflateReset(&s));
	CALL(t, inflateReset2(&s, -15));
	CALL(t, inflateReset2(&s, 99));
	CALL(t, inflateEnd(&s));
	open_stream(t, &s, sample, 31);
	say_stream(t, "wrong wrapper", inflate(&s, Z_NO_FLUSH), &s);
	CALL(t, inflateEnd(&s));
	CALL(t, inflateEnd(&s));
	CALL(t, inflate(NULL, Z_NO_FLUSH));
	CALL(t, inflate(&s, Z_NO_FLUSH));
}

static void copied(struct transcript *t, struct sample *sample)
{
	z_stream s, copy;
	open_stream(t, &s, sample, 15);
	s.avail_out = 1000;
	say_stream(t, "first", inflate(&s, Z_SYNC_FLUSH), &s);
	CALL(t, inflateCopy(&copy, &s));
	s.avail_out = copy.avail_out = PLAIN - 1000;
	say_stream(t, "original", inflate(&s, Z_FINISH), &s);
	say_stream(t, "copy", inflate(&copy, Z_FINISH), &copy);
	CALL(t, memcmp(sample->plain, sample->back, PLAIN));
	CALL(t, inflateEnd(&s));
	CALL(t, inflateEnd(&copy));
}

static void with_dictionary(struct transcript *t, struct sample *sample)
{
	z_stream s;
	pack(sample, 15, "etaoin shrdlu");
	open_stream(t, &s, sample, 15);
	say_stream(t, "asks", inflate(&s, Z_NO_FLUSH), &s);
	CALL(t, inflateSetDictionary(&s, (const unsigned char *)"wrong", 5));
	CALL(t, inflateSetDictionary(&s, (const unsigned char *)"etaoin shrdlu", 13));
	say_stream(t, "goes on", inflate(&s, Z_FINISH), &s);
	CALL(t, memcmp(sample->plain, sample->back, PLAIN));
	CALL(t, inflateEnd(&s));
}

void inflates(struct transcript *t)
{
	static const int flushes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH, Z_BLOCK, Z_TREES};
	struct sample *sample = malloc(sizeof(*sample));
	for (size_t i = 0; i < sizeof(flushes) / sizeof(flushes[0]); i++) {
		pack(sample, 31, NULL);
		with_flush(t, sample, flushes[i]);
	}
	pack(sample, 15, NULL);
	broken(t, sample);
	copied(t, sample);
	with_dictionary(t, sample);
	free(sample);
}
