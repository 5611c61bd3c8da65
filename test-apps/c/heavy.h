/*
 * The heavy library calls: each is one that a server makes while it answers a request, and each
 * checks its own result, so that a wrong one is seen by the client. The memory of a call is the
 * caller's (struct heavy, one for each connection) or this thread's stack; none is shared.
 */
#ifndef HEAVY_H
#define HEAVY_H

#include <libdeflate.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "rsa-key.h"

#define HEAVY_IN (24 * 1024)
#define HEAVY_OUT (32 * 1024)
#define HEAVY_KINDS "sign|derive|keygen|decrypt|deflate|deflate-stack|libdeflate"

struct heavy {
	z_stream stream;
	unsigned char in[HEAVY_IN];
	unsigned char out[HEAVY_OUT];
};

static EVP_PKEY *heavy_rsa, *heavy_mine, *heavy_peer;
static unsigned char heavy_shared[64], heavy_cipher[512];
static size_t heavy_shared_size = sizeof(heavy_shared), heavy_cipher_size = sizeof(heavy_cipher);

static inline int heavy_sign(struct heavy *h, const char *text)
{
	(void)h;
	unsigned char signature[512];
	size_t size = sizeof(signature), length = strlen(text);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int ok = EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, heavy_rsa) == 1 &&
		 EVP_DigestSign(context, signature, &size, (const unsigned char *)text, length) == 1;
	EVP_MD_CTX_free(context);
	context = EVP_MD_CTX_new();
	ok = ok && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, heavy_rsa) == 1 &&
	     EVP_DigestVerify(context, signature, size, (const unsigned char *)text, length) == 1;
	EVP_MD_CTX_free(context);
	return ok;
}

static inline int heavy_derive_into(EVP_PKEY *own, EVP_PKEY *peer, unsigned char *out, size_t *size)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
	int ok = context && EVP_PKEY_derive_init(context) == 1 &&
		 EVP_PKEY_derive_set_peer(context, peer) == 1 &&
		 EVP_PKEY_derive(context, out, size) == 1;
	EVP_PKEY_CTX_free(context);
	return ok;
}

static inline int heavy_derive(struct heavy *h, const char *text)
{
	(void)h, (void)text;
	unsigned char secret[64];
	size_t size = sizeof(secret);
	return heavy_derive_into(heavy_mine, heavy_peer, secret, &size) &&
	       size == heavy_shared_size && memcmp(secret, heavy_shared, size) == 0;
}

static inline int heavy_keygen(struct heavy *h, const char *text)
{
	(void)h, (void)text;
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, NULL);
	unsigned char one[64], other[64];
	size_t one_size = sizeof(one), other_size = sizeof(other);
	int ok = context && EVP_PKEY_keygen_init(context) == 1 &&
		 EVP_PKEY_keygen(context, &key) == 1 &&
		 heavy_derive_into(key, heavy_peer, one, &one_size) &&
		 heavy_derive_into(heavy_peer, key, other, &other_size) &&
		 one_size == other_size && memcmp(one, other, one_size) == 0;
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(context);
	return ok;
}

static inline int heavy_decrypt(struct heavy *h, const char *text)
{
	(void)h, (void)text;
	unsigned char plain[512];
	size_t size = sizeof(plain);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(heavy_rsa, NULL);
	int ok = context && EVP_PKEY_decrypt_init(context) == 1 &&
		 EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
		 EVP_PKEY_decrypt(context, plain, &size, heavy_cipher, heavy_cipher_size) == 1 &&
		 size == heavy_shared_size && memcmp(plain, heavy_shared, size) == 0;
	EVP_PKEY_CTX_free(context);
	return ok;
}

/* Something compressible that differs with the text. */
static inline void heavy_fill(struct heavy *h, const char *text)
{
	unsigned state = 2166136261u;
	for (const char *p = text; *p; p++)
		state = (state ^ (unsigned char)*p) * 16777619u;
	for (size_t i = 0; i < HEAVY_IN; i++) {
		state = state * 1664525u + 1013904223u;
		h->in[i] = (unsigned char)("etaoin shrdlu\r\n<"[(state >> 24) & 15]);
	}
}

static inline int heavy_inflates_back(struct heavy *h, size_t size)
{
	unsigned char *back = malloc(HEAVY_IN);
	uLongf length = HEAVY_IN;
	int ok = back && uncompress(back, &length, h->out, size) == Z_OK && length == HEAVY_IN &&
		 memcmp(back, h->in, HEAVY_IN) == 0;
	free(back);
	return ok;
}

static inline int heavy_deflate_with(struct heavy *h, z_stream *stream, const char *text)
{
	heavy_fill(h, text);
	memset(stream, 0, sizeof(*stream));
	if (deflateInit(stream, 6) != Z_OK)
		return 0;
	stream->next_in = h->in;
	stream->avail_in = HEAVY_IN;
	stream->next_out = h->out;
	stream->avail_out = HEAVY_OUT;
	int ok = deflate(stream, Z_FINISH) == Z_STREAM_END && stream->avail_in == 0;
	size_t size = stream->total_out;
	return deflateEnd(stream) == Z_OK && ok && heavy_inflates_back(h, size);
}

static inline int heavy_deflate(struct heavy *h, const char *text)
{
	return heavy_deflate_with(h, &h->stream, text);
}

static inline int heavy_deflate_stack(struct heavy *h, const char *text)
{
	z_stream stream;
	return heavy_deflate_with(h, &stream, text);
}

static inline int heavy_libdeflate(struct heavy *h, const char *text)
{
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
	heavy_fill(h, text);
	size_t size = compressor ? libdeflate_zlib_compress(compressor, h->in, HEAVY_IN, h->out, HEAVY_OUT) : 0;
	libdeflate_free_compressor(compressor);
	return size > 0 && heavy_inflates_back(h, size);
}

/* The call chosen at start: 1 where its result is right. */
static int (*heavy)(struct heavy *h, const char *text);

static inline void heavy_choose(const char *kind)
{
	static const struct { const char *kind; int (*call)(struct heavy *, const char *); } kinds[] = {
		{"sign", heavy_sign}, {"derive", heavy_derive}, {"keygen", heavy_keygen},
		{"decrypt", heavy_decrypt}, {"deflate", heavy_deflate},
		{"deflate-stack", heavy_deflate_stack}, {"libdeflate", heavy_libdeflate},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			heavy = kinds[i].call;
	if (!heavy) {
		fprintf(stderr, "unknown kind of work %s: " HEAVY_KINDS "\n", kind);
		exit(2);
	}
}

/* Chooses the call and makes the keys that it needs. */
static inline void heavy_init(const char *kind)
{
	heavy_choose(kind);
	heavy_rsa = rsa_key_2048();
	heavy_mine = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	heavy_peer = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(heavy_rsa, NULL);
	if (!heavy_derive_into(heavy_peer, heavy_mine, heavy_shared, &heavy_shared_size) ||
	    EVP_PKEY_encrypt_init(context) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1 ||
	    EVP_PKEY_encrypt(context, heavy_cipher, &heavy_cipher_size, heavy_shared, heavy_shared_size) != 1) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	EVP_PKEY_CTX_free(context);
}

#endif
