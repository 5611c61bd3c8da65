/*
 * zlib's deflate family: every flush mode, windows and levels, output by the spoonful, streams on
 * the stack and on the heap, allocators of our own, and errors.
 */
#include <setjmp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <zlib.h>

#include "hook-calls.h"

#define IN 40000
#define OUT 60000

static const struct { const char *name; int flush; } flushes[] = {
	{"none", Z_NO_FLUSH}, {"partial", Z_PARTIAL_FLUSH}, {"sync", Z_SYNC_FLUSH},
	{"full", Z_FULL_FLUSH}, {"block", Z_BLOCK}, {"finish", Z_FINISH},
};

static void say_stream(struct transcript *t, const char *what, int result, const z_stream *s)
{
	say(t, "%s: %d in %lu left %u out %lu room %u adler %lx msg %s\n", what, result, s->total_in,
	    s->avail_in, s->total_out, s->avail_out, s->adler, s->msg ? s->msg : "-");
}

/* Four pieces under one flush mode, then the end. */
static void flush_with(struct transcript *t, int index, int level, int window, int strategy)
{
	unsigned char *in = malloc(IN), *out = malloc(OUT);
	z_stream s = {0};
	fill(in, IN, 3);
	say(t, "-- %s level %d window %d strategy %d\n", flushes[index].name, level, window, strategy);
	CALL(t, deflateInit2(&s, level, Z_DEFLATED, window, 8, strategy));
	s.next_in = in;
	s.next_out = out;
	s.avail_out = OUT;
	for (int i = 0; i < 4; i++) {
		unsigned pending;
		int bits;
		s.avail_in = IN / 4;
		say_stream(t, "piece", deflate(&s, flushes[index].flush), &s);
		if (flushes[index].flush == Z_FINISH)
			break;
		deflatePending(&s, &pending, &bits);
		say(t, "pending %u bytes %d bits\n", pending, bits);
	}
	say_stream(t, "end", deflate(&s, Z_FINISH), &s);
	say_stream(t, "past the end", deflate(&s, Z_FINISH), &s);
	say_bytes(t, "out", out, s.total_out);
	CALL(t, deflateEnd(&s));
	free(in);
	free(out);
}

void deflate_flushes(struct transcript *t)
{
	for (int i = 0; i < 6; i++)
		flush_with(t, i, 6, 15, Z_DEFAULT_STRATEGY);
	flush_with(t, 2, 1, 31, Z_DEFAULT_STRATEGY);
	flush_with(t, 0, 9, -15, Z_FILTERED);
	flush_with(t, 3, 0, 15, Z_DEFAULT_STRATEGY);
	flush_with(t, 5, 4, -9, Z_HUFFMAN_ONLY);
	flush_with(t, 1, 5, 15, Z_RLE);
	flush_with(t, 4, -1, 15, Z_FIXED);
}

/* All of it on this stack: the stream, the input, the output. */
static void on_the_stack(struct transcript *t)
{
	unsigned char in[8000], out[9000];
	z_stream s;
	memset(&s, 0, sizeof(s));
	fill(in, sizeof(in), 11);
	CALL(t, deflateInit(&s, 6));
	s.next_in = in;
	s.avail_in = sizeof(in);
	s.next_out = out;
	s.avail_out = sizeof(out);
	say_stream(t, "stack", deflate(&s, Z_FINISH), &s);
	say(t, "moved by %ld and %ld\n", (long)(s.next_in - in), (long)(s.next_out - out));
	say_bytes(t, "out", out, s.total_out);
	CALL(t, deflateEnd(&s));
}

/* Output of a few bytes at a time, as nginx does with its small buffers. */
static void spoonfuls(struct transcript *t, unsigned size, unsigned spoon)
{
	unsigned char *in = malloc(size), *out = malloc(OUT);
	z_stream *s = calloc(1, sizeof(*s));
	int result, calls = 0;
	fill(in, size, 5);
	CALL(t, deflateInit(s, 6));
	s->next_in = in;
	s->avail_in = size;
	s->next_out = out;
	do {
		s->avail_out = spoon;
		result = deflate(s, Z_FINISH);
		calls++;
	} while (result == Z_OK);
	say(t, "spoon %u calls %d\n", spoon, calls);
	say_stream(t, "spoonfuls", result, s);
	say_bytes(t, "out", out, s->total_out);
	CALL(t, deflateEnd(s));
	free(s);
	free(in);
	free(out);
}

struct ledger {
	int taken, given;
	pthread_t owner;
	int elsewhere;
};

static void *take(void *opaque, unsigned items, unsigned size)
{
	struct ledger *l = opaque;
	l->taken++;
	l->elsewhere += !pthread_equal(l->owner, pthread_self());
	return calloc(items, size);
}

static void give(void *opaque, void *memory)
{
	struct ledger *l = opaque;
	l->given++;
	free(memory);
}

/* Reset, copied, tuned, primed, with a dictionary, with our own allocator. */
static void life(struct transcript *t)
{
	unsigned char *in = malloc(IN), *out = malloc(OUT);
	struct ledger ledger = {0, 0, pthread_self(), 0};
	z_stream s = {.zalloc = take, .zfree = give, .opaque = &ledger}, copy;
	unsigned char back[64];
	unsigned length = sizeof(back);
	fill(in, IN, 8);
	CALL(t, deflateInit(&s, 3));
	CALL(t, deflateSetDictionary(&s, (const unsigned char *)"<shrdlu>", 8));
	CALL(t, deflateTune(&s, 8, 16, 32, 64));
	CALL(t, deflateBound(&s, IN));
	s.next_in = in;
	s.avail_in = IN / 2;
	s.next_out = out;
	s.avail_out = OUT;
	say_stream(t, "half", deflate(&s, Z_SYNC_FLUSH), &s);
	CALL(t, deflateCopy(&copy, &s));
	CALL(t, deflateParams(&s, 9, Z_DEFAULT_STRATEGY));
	s.avail_in = copy.avail_in = IN / 2;
	say_stream(t, "rest", deflate(&s, Z_FINISH), &s);
	say_bytes(t, "out", out, s.total_out);
	say_stream(t, "copy's rest", deflate(&copy, Z_FINISH), &copy);
	say_bytes(t, "out", out, copy.total_out);
	CALL(t, deflateGetDictionary(&s, NULL, &length));
	say(t, "dictionary %u\n", length);
	CALL(t, deflateReset(&s));
	s.next_in = in;
	s.avail_in = 5000;
	s.next_out = out;
	s.avail_out = OUT;
	say_stream(t, "reset", deflate(&s, Z_NO_FLUSH), &s);
	CALL(t, deflateResetKeep(&s));
	CALL(t, deflateEnd(&s));
	CALL(t, deflateEnd(&copy));
	say(t, "allocator: %d taken %d given %d elsewhere\n", ledger.taken, ledger.given, ledger.elsewhere);
	free(in);
	free(out);
}

static void gzip_header(struct transcript *t)
{
	unsigned char in[4000], out[5000];
	gz_header header = {.text = 1, .time = 1, .os = 3, .name = (unsigned char *)"name"};
	z_stream s = {0};
	fill(in, sizeof(in), 12);
	CALL(t, deflateInit2(&s, 6, Z_DEFLATED, -15, 8, 0));
	CALL(t, deflatePrime(&s, 3, 5));
	CALL(t, deflateEnd(&s));
	CALL(t, deflateInit2(&s, 6, Z_DEFLATED, 31, 8, 0));
	CALL(t, deflateSetHeader(&s, &header));
	s.next_in = in;
	s.avail_in = sizeof(in);
	s.next_out = out;
	s.avail_out = sizeof(out);
	say_stream(t, "gzip", deflate(&s, Z_FINISH), &s);
	say_bytes(t, "out", out, s.total_out);
	CALL(t, deflateEnd(&s));
}

static void whole(struct transcript *t)
{
	unsigned char *in = malloc(IN), *out = malloc(OUT);
	uLongf size = OUT, back = IN;
	fill(in, IN, 6);
	CALL(t, compress(out, &size, in, IN));
	say_bytes(t, "compress", out, size);
	CALL(t, uncompress(in, &back, out, size));
	size = OUT;
	CALL(t, compress2(out, &size, in, IN, 9));
	say_bytes(t, "compress2", out, size);
	CALL(t, compressBound(IN));
	size = 10;
	CALL(t, compress(out, &size, in, IN));
	free(in);
	free(out);
}

void deflate_streams(struct transcript *t)
{
	on_the_stack(t);
	spoonfuls(t, IN, 1000);
	spoonfuls(t, IN, 70);
	spoonfuls(t, 4000, 1);
	life(t);
	gzip_header(t);
	whole(t);
}

void deflate_errors(struct transcript *t)
{
	unsigned char *in = malloc(IN), *out = malloc(OUT);
	z_stream s = {0}, *moved = malloc(sizeof(*moved));
	fill(in, IN, 2);
	CALL(t, deflate(NULL, Z_FINISH));
	CALL(t, deflate(&s, Z_FINISH));
	CALL(t, deflateEnd(NULL));
	CALL(t, deflateReset(&s));
	CALL(t, deflateInit(&s, 12));
	CALL(t, deflateInit2(&s, 6, Z_DEFLATED, 77, 8, 0));
	CALL(t, deflateInit_(&s, 6, "0.9", sizeof(s)));
	CALL(t, deflateInit_(&s, 6, ZLIB_VERSION, 4));
	CALL(t, deflateInit(&s, 6));
	say_stream(t, "no output", deflate(&s, Z_FINISH), &s);
	s.next_out = out;
	s.avail_out = 0;
	s.next_in = in;
	s.avail_in = IN;
	say_stream(t, "no room", deflate(&s, Z_FINISH), &s);
	s.avail_out = 100;
	say_stream(t, "little room", deflate(&s, Z_FINISH), &s);
	s.avail_out = 100;
	say_stream(t, "less flush than before", deflate(&s, Z_NO_FLUSH), &s);
	s.avail_out = OUT - 200;
	say_stream(t, "bad flush", deflate(&s, 9), &s);
	say_stream(t, "negative flush", deflate(&s, -1), &s);
	s.next_in = NULL;
	say_stream(t, "no input pointer", deflate(&s, Z_NO_FLUSH), &s);
	/* A stream that was moved in memory is no stream to zlib. */
	memcpy(moved, &s, sizeof(s));
	CALL(t, deflate(moved, Z_FINISH));
	CALL(t, deflateEnd(moved));
	CALL(t, deflateEnd(&s));
	CALL(t, deflateEnd(&s));
	CALL(t, deflateInit(&s, 6));
	s.next_out = out;
	s.avail_out = OUT;
	say_stream(t, "nothing, no flush", deflate(&s, Z_NO_FLUSH), &s);
	say_stream(t, "nothing, no flush again", deflate(&s, Z_NO_FLUSH), &s);
	say_stream(t, "nothing, sync", deflate(&s, Z_SYNC_FLUSH), &s);
	say_stream(t, "nothing, sync again", deflate(&s, Z_SYNC_FLUSH), &s);
	say_stream(t, "nothing, finish", deflate(&s, Z_FINISH), &s);
	say_bytes(t, "out", out, s.total_out);
	CALL(t, deflateEnd(&s));
	free(in);
	free(out);
	free(moved);
}

static sigjmp_buf way_out;

static void jump_out(int signal)
{
	(void)signal;
	siglongjmp(way_out, 1);
}

static void pass_on(int signal)
{
	(void)signal;
	raise(SIGALRM);
}

static void jumps_from(struct transcript *t, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler}, before;
	FILE *file = tmpfile();
	int fd = fileno(file), epfd = epoll_create1(EPOLL_CLOEXEC), ends[2];
	unsigned char *out = malloc(OUT), *in;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x1122334455667788};
	z_stream s = {0};

	CALL(t, ftruncate(fd, IN));
	in = mmap(NULL, IN, PROT_READ, MAP_SHARED, fd, 0);
	CALL(t, pipe(ends));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, ends[0], &event));
	CALL(t, write(ends[1], "x", 1));
	CALL(t, deflateInit(&s, 6));
	CALL(t, ftruncate(fd, 0));
	sigaction(SIGBUS, &action, &before);
	if (sigsetjmp(way_out, 1) == 0) {
		s.next_in = in;
		s.avail_in = IN;
		s.next_out = out;
		s.avail_out = OUT;
		deflate(&s, Z_FINISH);
		say(t, "not reached\n");
	} else {
		say(t, "out of deflate\n");
	}
	sigaction(SIGBUS, &before, NULL);
	memset(&event, 0, sizeof(event));
	CALL(t, epoll_wait(epfd, &event, 1, -1));
	say(t, "data %llx\n", (unsigned long long)event.data.u64);
	munmap(in, IN);
	close(ends[0]);
	close(ends[1]);
	close(epfd);
	fclose(file);
	free(out);
}

/* A file that shrinks while it is compressed, and a server that jumps out of the call (lighttpd
 * does), from the handler of the fault or of another signal: what comes after it is as it was. */
void deflate_jumps(struct transcript *t)
{
	struct sigaction action = {.sa_handler = jump_out}, before;
	sigaction(SIGALRM, &action, &before);
	jumps_from(t, pass_on);
	jumps_from(t, jump_out);
	jumps_from(t, pass_on);
	sigaction(SIGALRM, &before, NULL);
}
