/*
 * EVP_DigestSign with every kind of key: the length asked for first, buffers that are too small,
 * outputs on the stack, and what it leaves in OpenSSL's error queue. Random signatures are
 * verified; the ones that are the same each time are printed as hashes.
 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "hook-calls.h"

static const unsigned char text[] = "to be signed";
static const unsigned char seed[32] = "thirty-two bytes of a fixed key!";

static int verifies(EVP_PKEY *key, const EVP_MD *md, const unsigned char *signature, size_t size, const void *data,
		    size_t length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int ok = EVP_DigestVerifyInit(context, NULL, md, NULL, key) == 1 &&
		 EVP_DigestVerify(context, signature, size, data, length) == 1;
	EVP_MD_CTX_free(context);
	return ok;
}

static void with_key(struct transcript *t, const char *name, EVP_PKEY *key, const EVP_MD *md, int fixed)
{
	unsigned char signature[512];
	size_t size = 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	say(t, "-- %s\n", name);
	CALL(t, EVP_DigestSignInit(context, NULL, md, NULL, key));
	CALL(t, EVP_DigestSign(context, NULL, &size, text, sizeof(text)));
	say(t, "at most %zu\n", size);
	size = sizeof(signature);
	CALL(t, EVP_DigestSign(context, signature, &size, text, sizeof(text)));
	if (fixed)
		say_bytes(t, "signature", signature, size);
	else
		CALL(t, verifies(key, md, signature, size, text, sizeof(text)));
	say_errors(t);
	EVP_MD_CTX_free(context);
}

/* As TLS does it: padding set through the key's context, data in pieces of this stack. */
static void with_pss(struct transcript *t, EVP_PKEY *key)
{
	unsigned char signature[512], data[3000];
	size_t size = sizeof(signature);
	EVP_PKEY_CTX *inner;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	fill(data, sizeof(data), 4);
	CALL(t, EVP_DigestSignInit_ex(context, &inner, "SHA384", NULL, NULL, key, NULL));
	CALL(t, EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING));
	CALL(t, EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_DIGEST));
	CALL(t, EVP_DigestSign(context, signature, &size, data, sizeof(data)));
	CALL(t, size);
	EVP_MD_CTX_reset(context);
	CALL(t, EVP_DigestVerifyInit_ex(context, &inner, "SHA384", NULL, NULL, key, NULL));
	CALL(t, EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING));
	CALL(t, EVP_DigestVerify(context, signature, size, data, sizeof(data)));
	EVP_MD_CTX_free(context);
}

/* The same context used again and again, and in the update-and-final way beside it. */
static void again(struct transcript *t, EVP_PKEY *key)
{
	unsigned char signature[512];
	size_t size;
	EVP_MD_CTX *context = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
	CALL(t, EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key));
	CALL(t, EVP_DigestSignUpdate(context, text, 4));
	CALL(t, EVP_MD_CTX_copy_ex(copy, context));
	size = sizeof(signature);
	CALL(t, EVP_DigestSign(context, signature, &size, text + 4, sizeof(text) - 4));
	CALL(t, verifies(key, EVP_sha256(), signature, size, text, sizeof(text)));
	CALL(t, EVP_DigestSignUpdate(copy, text + 4, sizeof(text) - 4));
	size = sizeof(signature);
	CALL(t, EVP_DigestSignFinal(copy, signature, &size));
	CALL(t, verifies(key, EVP_sha256(), signature, size, text, sizeof(text)));
	for (int i = 0; i < 4; i++) {
		CALL(t, EVP_DigestSignInit(context, NULL, NULL, NULL, key));
		size = sizeof(signature);
		CALL(t, EVP_DigestSign(context, signature, &size, NULL, 0));
		CALL(t, verifies(key, EVP_sha256(), signature, size, NULL, 0));
	}
	say_errors(t);
	EVP_MD_CTX_free(copy);
	EVP_MD_CTX_free(context);
}

/* Input and output in the same place. */
static void in_place(struct transcript *t, EVP_PKEY *key)
{
	unsigned char both[512] = "overlapping";
	size_t size = sizeof(both);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	CALL(t, EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key));
	CALL(t, EVP_DigestSign(context, both, &size, both, 11));
	CALL(t, verifies(key, EVP_sha256(), both, size, "overlapping", 11));
	EVP_MD_CTX_free(context);
}

void sign(struct transcript *t)
{
	EVP_PKEY *rsa = rsa_key(), *ec = EVP_EC_gen("P-256"), *ec384 = EVP_EC_gen("P-384");
	EVP_PKEY *ed = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	EVP_PKEY *mac = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, seed, 20);
	with_key(t, "rsa", rsa, EVP_sha256(), 0);
	with_key(t, "ec p-256", ec, EVP_sha256(), 0);
	with_key(t, "ec p-384", ec384, EVP_sha384(), 0);
	with_key(t, "ed25519", ed, NULL, 1);
	with_key(t, "hmac", mac, EVP_sha256(), 1);
	with_pss(t, rsa);
	again(t, rsa);
	in_place(t, rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ec384);
	EVP_PKEY_free(ed);
	EVP_PKEY_free(mac);
}

/* A buffer that is too small: what is said, and what is written. */
static void too_small(struct transcript *t, const char *name, EVP_PKEY *key, const EVP_MD *md)
{
	unsigned char signature[512];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t size = 10;
	say(t, "-- too small: %s\n", name);
	memset(signature, 0x5a, sizeof(signature));
	CALL(t, EVP_DigestSignInit(context, NULL, md, NULL, key));
	CALL(t, EVP_DigestSign(context, signature, &size, text, sizeof(text)));
	say(t, "size %zu\n", size);
	say_bytes(t, "past the end", signature + 10, sizeof(signature) - 10);
	say_errors(t);
	EVP_MD_CTX_free(context);
}

void sign_errors(struct transcript *t)
{
	unsigned char signature[512];
	size_t size = sizeof(signature);
	EVP_PKEY *rsa = EVP_RSA_gen(1024);
	EVP_PKEY *small = EVP_RSA_gen(512);
	EVP_PKEY *ed = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	EVP_PKEY *x = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, seed, 32);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	too_small(t, "rsa", rsa, EVP_sha256());
	too_small(t, "ed25519", ed, NULL);
	say(t, "-- a context for verifying\n");
	CALL(t, EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, rsa));
	CALL(t, EVP_DigestSign(context, signature, &size, text, sizeof(text)));
	say_errors(t);
	say(t, "-- a key that cannot sign\n");
	EVP_MD_CTX_reset(context);
	CALL(t, EVP_DigestSignInit(context, NULL, NULL, NULL, x));
	CALL(t, EVP_DigestSign(context, signature, &size, text, sizeof(text)));
	say_errors(t);
	say(t, "-- a digest too long for the key\n");
	EVP_MD_CTX_reset(context);
	CALL(t, EVP_DigestSignInit(context, NULL, EVP_sha512(), NULL, small));
	CALL(t, EVP_DigestSign(context, signature, &size, text, sizeof(text)));
	say_errors(t);
	say(t, "-- ed25519 with a part already given\n");
	EVP_MD_CTX_reset(context);
	CALL(t, EVP_DigestSignInit(context, NULL, NULL, NULL, ed));
	CALL(t, EVP_DigestSignUpdate(context, text, 1));
	say_errors(t);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(small);
	EVP_PKEY_free(ed);
	EVP_PKEY_free(x);
}

/* Over what each kind of key may sign, asked for many times. */
void key_digests(struct transcript *t)
{
	static const char *const digests[] = {"SHA256", "SHA384", "SHA512", "SHA1", "MD5", "sha2-256", "UNDEF",
					      "no such function"};
	static const char *const properties[] = {NULL, "", "provider=default", "provider=other"};
	/* The first one signs over none of them. */
	EVP_PKEY *keys[] = {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), rsa_key(), EVP_EC_gen("P-256"),
			    EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};
	for (size_t i = 0; i < 4 * 8 * 4; i++) {
		for (int times = 0; times < (i % 4 == 3 ? 2 : 20); times++)
			CALL(t, EVP_PKEY_digestsign_supports_digest(keys[i % 4], NULL, digests[i / 4 % 8],
								   properties[i / 32]));
		say_errors(t);
	}
	/* Another key at the same place, maybe. */
	for (int i = 0; i < 40; i++) {
		EVP_PKEY *key = i % 2 ? EVP_EC_gen("P-384") : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		CALL(t, EVP_PKEY_digestsign_supports_digest(key, NULL, "SHA256", NULL));
		CALL(t, EVP_PKEY_digestsign_supports_digest(key, NULL, "SHA256", NULL));
		EVP_PKEY_free(key);
	}
	say_errors(t);
	for (int i = 0; i < 4; i++)
		if (i != 1)
			EVP_PKEY_free(keys[i]);
}
