/*
 * Compresses objects for its clients, as a cache, a news feed or a small web service would, by one call
 * of a library for each. Ordinary: one thread, epoll, keep-alive, as many requests in a message as
 * the client likes, answered in their order. It knows nothing of Interlude.
 *
 *   objects zlib|libdeflate LEVEL [PORT...]
 *   objects zlib|libdeflate LEVEL apart PORT...    a process for each port: all but the first port's are children
 *
 * A request has 12 bytes, an answer 16, little-endian:
 *
 *   what  kind  0 0 | which | size           'c': an object of a corpus, compressed
 *   length | checksum | nanoseconds | which  'o': the page `which` of 8 KB, compressed and encrypted
 *
 * With 'C' and 'O' the bytes themselves follow the answer. The checksum is their CRC-32; the nanoseconds are
 * how long the request took here, from when it was taken out of its message.
 */
#include "loop.h"

#include <libdeflate.h>
#include <openssl/evp.h>
#include <sys/prctl.h>
#include <time.h>
#include <x86intrin.h>
#include <zlib.h>

#define CORPUS (512 * 1024)
#define LARGEST (64 * 1024)
#define PAGE 8192
#define KINDS 4
#define REQUEST 12
#define ANSWER 16
#define TAG 16
/* Room for what does not compress, and a tag. */
#define PACKED (LARGEST + LARGEST / 8 + 1024)

enum { HTML, NUMERIC, RANDOM, REPEATED };

struct request {
	uint8_t what, kind, zero[2];
	uint32_t which, size;
};

struct answer {
	uint32_t length, checksum, nanoseconds, which;
};

struct conn {
	int fd, wants_out;
	size_t have, from, to;
	z_stream stream;
	struct libdeflate_compressor *compressor;
	EVP_CIPHER_CTX *cipher;
	unsigned char in[4096];
	unsigned char object[LARGEST], packed[PACKED], sealed[PACKED];
	unsigned char out[4096 / REQUEST * ANSWER + ANSWER + PACKED];
};

static unsigned char corpora[KINDS][CORPUS];
static int uses_zlib, level;

static uint32_t random_state;

static uint32_t draw(void)
{
	random_state = random_state * 1664525u + 1013904223u;
	return random_state >> 8;
}

static size_t put(unsigned char *corpus, size_t at, const char *text)
{
	for (; *text && at < CORPUS; text++)
		corpus[at++] = (unsigned char)*text;
	return at;
}

static void make_html(unsigned char *corpus)
{
	static const char *pieces[32] = {
		"<div class=\"item\">", "</div>\n", "<p>", "</p>\n", "<a href=\"/article/", "\">", "</a>",
		"<span class=\"date\">", "</span>", "<li>", "</li>\n", "the ", "of ", "and ", "to ", "in ",
		"server ", "request ", "latency ", "accelerator ", "queue ", "a ", "is ", "that ", "for ",
		"with ", "packet ", "memory ", "thread ", "event ", "which ", "when ",
	};
	for (size_t at = 0; at < CORPUS;) {
		uint32_t drawn = draw();
		char number[16];
		at = put(corpus, at, pieces[drawn & 31]);
		if ((drawn >> 5 & 3) == 0) {
			snprintf(number, sizeof(number), "%u ", drawn >> 7 & 0xffff);
			at = put(corpus, at, number);
		}
	}
}

static void make_numeric(unsigned char *corpus)
{
	for (size_t at = 0; at < CORPUS;) {
		char number[32];
		uint32_t whole = draw() % 100000;
		uint32_t part = draw() % 1000;
		snprintf(number, sizeof(number), "%u.%03u%c", whole, part, part % 8 == 0 ? '\n' : ',');
		at = put(corpus, at, number);
	}
}

static void make_corpora(void)
{
	random_state = 1;
	make_html(corpora[HTML]);
	random_state = 2;
	make_numeric(corpora[NUMERIC]);
	random_state = 3;
	for (size_t at = 0; at < CORPUS; at++)
		corpora[RANDOM][at] = (unsigned char)draw();
	memset(corpora[REPEATED], 'a', CORPUS);
}

/* An application has its objects at hand, and puts one together for each answer. */
static void fetch(struct conn *c, const struct request *r)
{
	size_t start = (size_t)r->which * 4093 % (CORPUS - LARGEST);
	memcpy(c->object, corpora[r->kind] + start, r->size);
}

static size_t compress_object(struct conn *c, size_t size)
{
	if (!uses_zlib)
		return libdeflate_zlib_compress(c->compressor, c->object, size, c->packed, PACKED);
	if (deflateReset(&c->stream) != Z_OK)
		return 0;
	c->stream.next_in = c->object;
	c->stream.avail_in = (uInt)size;
	c->stream.next_out = c->packed;
	c->stream.avail_out = PACKED;
	return deflate(&c->stream, Z_FINISH) == Z_STREAM_END ? c->stream.total_out : 0;
}

/* AES-128-GCM. The nonce is the page's: nobody learns anything from a benchmark's pages. */
static size_t encrypt_packed(struct conn *c, uint32_t which, size_t size)
{
	static const unsigned char key[16] = "sixteen bytes :)";
	unsigned char nonce[12] = {0};
	int length = 0, rest = 0;
	memcpy(nonce, &which, sizeof(which));
	if (EVP_EncryptInit_ex(c->cipher, EVP_aes_128_gcm(), NULL, key, nonce) != 1 ||
	    EVP_EncryptUpdate(c->cipher, c->sealed, &length, c->packed, (int)size) != 1 ||
	    EVP_EncryptFinal_ex(c->cipher, c->sealed + length, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_GCM_GET_TAG, TAG, c->sealed + length + rest) != 1)
		return 0;
	return (size_t)(length + rest) + TAG;
}

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Nanoseconds of a cycle of the time-stamp counter, by which requests are timed: nothing is cheaper to read. */
static double cycle;

static void learn_cycle(void)
{
	struct timespec rest = {.tv_nsec = 20000000};
	uint64_t time = now(), cycles = __rdtsc();
	nanosleep(&rest, NULL);
	cycles = __rdtsc() - cycles;
	cycle = (double)(now() - time) / (double)cycles;
}

/* 0 where there is no such request. */
static int answer(struct conn *c, const struct request *asked)
{
	struct request r = *asked;
	uint64_t begun = __rdtsc();
	int is_page = (r.what | 32) == 'o', is_whole = r.what < 'a';
	if (is_page) {
		r.kind = HTML;
		r.size = PAGE;
	}
	if ((!is_page && (r.what | 32) != 'c') || r.kind >= KINDS || r.size == 0 || r.size > LARGEST)
		return 0;
	fetch(c, &r);
	const unsigned char *result = c->packed;
	size_t length = compress_object(c, r.size);
	if (is_page && length > 0) {
		result = c->sealed;
		length = encrypt_packed(c, r.which, length);
	}
	struct answer a = {
		.length = (uint32_t)length,
		.checksum = libdeflate_crc32(0, result, length),
		.which = r.which,
	};
	a.nanoseconds = (uint32_t)((double)(__rdtsc() - begun) * cycle);
	memcpy(c->out + c->to, &a, ANSWER);
	c->to += ANSWER;
	if (is_whole) {
		memcpy(c->out + c->to, result, length);
		c->to += length;
	}
	return 1;
}

/* 0 where the peer is gone. */
static int flush(struct conn *c)
{
	while (c->from < c->to) {
		ssize_t n = send(c->fd, c->out + c->from, c->to - c->from, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN;
		c->from += (size_t)n;
	}
	c->from = c->to = 0;
	return 1;
}

/* Answers what has come, as long as there is room. 0 where the connection is over. */
static int answer_all(struct conn *c)
{
	size_t at = 0;
	while (c->have - at >= REQUEST) {
		struct request r;
		memcpy(&r, c->in + at, REQUEST);
		if (sizeof(c->out) - c->to < ANSWER + (r.what < 'a' ? PACKED : 0)) {
			if (!flush(c))
				return 0;
			if (c->to > 0)
				break;
		}
		if (!answer(c, &r))
			return 0;
		at += REQUEST;
	}
	memmove(c->in, c->in + at, c->have - at);
	c->have -= at;
	return flush(c);
}

static int take(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->have, sizeof(c->in) - c->have, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		return 0;
	c->have += n > 0 ? (size_t)n : 0;
	return answer_all(c);
}

static void leave(struct conn *c)
{
	close(c->fd);
	if (uses_zlib)
		deflateEnd(&c->stream);
	libdeflate_free_compressor(c->compressor);
	EVP_CIPHER_CTX_free(c->cipher);
	free(c);
}

static void happened(int epfd, void *data)
{
	struct conn *c = data;
	/* What waits to be sent goes first, and then what waits to be answered. */
	if (!(c->to > 0 ? flush(c) && (c->to > 0 || answer_all(c)) : take(c))) {
		leave(c);
		return;
	}
	if (c->wants_out != (c->to > 0)) {
		c->wants_out = c->to > 0;
		rewatch(epfd, c->fd, c->wants_out ? EPOLLOUT : EPOLLIN, c);
	}
}

static void accepted(int epfd, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		die("calloc");
	c->fd = fd;
	c->cipher = EVP_CIPHER_CTX_new();
	c->compressor = uses_zlib ? NULL : libdeflate_alloc_compressor(level);
	if (!c->cipher || (uses_zlib ? deflateInit(&c->stream, level) != Z_OK : !c->compressor))
		die("no compressor");
	watch(epfd, fd, EPOLLIN, c);
}

/* Serves on these ports, each in a process of its own, which ends when this one does. */
static int serve_apart(uint16_t *ports, int count)
{
	for (int i = 1; i < count; i++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			return serve_on_ports(&ports[i], 1, accepted, happened);
		}
	}
	return serve_on_ports(ports, 1, accepted, happened);
}

int main(int argc, char **argv)
{
	static const char *line = "objects zlib|libdeflate LEVEL [[apart] PORT...]";
	uint16_t ports[MOST_PORTS] = {0};
	int apart = argc > 4 && strcmp(argv[3], "apart") == 0;
	int first = apart ? 4 : 3;
	int count = argc > first ? argc - first : 1;
	if (argc < 3 || count > MOST_PORTS || (strcmp(argv[1], "zlib") != 0 && strcmp(argv[1], "libdeflate") != 0))
		usage(line);
	uses_zlib = strcmp(argv[1], "zlib") == 0;
	level = atoi(argv[2]);
	if (level < 1 || level > 9)
		usage(line);
	make_corpora();
	learn_cycle();
	stop_on_sigterm();
	for (int i = first; i < argc; i++)
		ports[i - first] = (uint16_t)atoi(argv[i]);
	return apart ? serve_apart(ports, count) : serve_on_ports(ports, count, accepted, happened);
}
