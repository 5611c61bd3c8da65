/* EVP_PKEY_derive, EVP_PKEY_keygen and EVP_PKEY_decrypt, with their errors. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>

#include "hook-calls.h"

static const unsigned char seed[32] = "thirty-two bytes of a fixed key!";
static const unsigned char other[32] = "and another one of the same size";

/* An agreement in both directions, each length asked for first. */
static void agree(struct transcript *t, const char *name, EVP_PKEY *a, EVP_PKEY *b, int fixed)
{
	unsigned char secrets[2][128];
	size_t sizes[2];
	say(t, "-- %s\n", name);
	for (int i = 0; i < 2; i++) {
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(i ? b : a, NULL);
		CALL(t, EVP_PKEY_derive_init(context));
		CALL(t, EVP_PKEY_derive_set_peer(context, i ? a : b));
		CALL(t, EVP_PKEY_derive(context, NULL, &sizes[i]));
		say(t, "size %zu\n", sizes[i]);
		sizes[i] = sizeof(secrets[i]);
		CALL(t, EVP_PKEY_derive(context, secrets[i], &sizes[i]));
		say(t, "size %zu\n", sizes[i]);
		EVP_PKEY_CTX_free(context);
	}
	say(t, "same %d\n", sizes[0] == sizes[1] && memcmp(secrets[0], secrets[1], sizes[0]) == 0);
	if (fixed)
		say_bytes(t, "secret", secrets[0], sizes[0]);
	say_errors(t);
}

static void kdf(struct transcript *t)
{
	unsigned char out[80];
	size_t size = sizeof(out);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	CALL(t, EVP_PKEY_derive_init(context));
	CALL(t, EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()));
	CALL(t, EVP_PKEY_CTX_set1_hkdf_salt(context, other, 16));
	CALL(t, EVP_PKEY_CTX_set1_hkdf_key(context, seed, 32));
	CALL(t, EVP_PKEY_derive(context, out, &size));
	say_bytes(t, "hkdf", out, size);
	EVP_PKEY_CTX_free(context);
	say_errors(t);
}

/* As much as there is room for. */
static void stretch(struct transcript *t, size_t size)
{
	unsigned char *out = calloc(1, size);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_SCRYPT, NULL);
	CALL(t, EVP_PKEY_derive_init(context));
	CALL(t, EVP_PKEY_CTX_set1_pbe_pass(context, "secret", 6));
	CALL(t, EVP_PKEY_CTX_set1_scrypt_salt(context, other, 16));
	CALL(t, EVP_PKEY_CTX_set_scrypt_N(context, 16));
	CALL(t, EVP_PKEY_CTX_set_scrypt_r(context, 1));
	CALL(t, EVP_PKEY_CTX_set_scrypt_p(context, 1));
	CALL(t, EVP_PKEY_derive(context, out, &size));
	say_bytes(t, "scrypt", out, size);
	EVP_PKEY_CTX_free(context);
	free(out);
	say_errors(t);
}

static void derive_errors(struct transcript *t, EVP_PKEY *a, EVP_PKEY *b)
{
	unsigned char secret[64];
	size_t size = 8;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(a, NULL);
	memset(secret, 0x5a, sizeof(secret));
	say(t, "-- not initialised\n");
	CALL(t, EVP_PKEY_derive(context, secret, &size));
	say_errors(t);
	say(t, "-- no peer\n");
	CALL(t, EVP_PKEY_derive_init(context));
	size = sizeof(secret);
	CALL(t, EVP_PKEY_derive(context, secret, &size));
	say_errors(t);
	say(t, "-- too small\n");
	CALL(t, EVP_PKEY_derive_set_peer(context, b));
	size = 8;
	CALL(t, EVP_PKEY_derive(context, secret, &size));
	say(t, "size %zu\n", size);
	say_errors(t);
	say_bytes(t, "untouched", secret + 8, sizeof(secret) - 8);
	CALL(t, EVP_PKEY_derive(NULL, secret, &size));
	say_errors(t);
	EVP_PKEY_CTX_free(context);
}

void derive(struct transcript *t)
{
	EVP_PKEY *x1 = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, seed, 32);
	EVP_PKEY *x2 = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, other, 32);
	EVP_PKEY *e1 = EVP_EC_gen("P-256"), *e2 = EVP_EC_gen("P-256");
	agree(t, "x25519", x1, x2, 1);
	agree(t, "p-256", e1, e2, 0);
	kdf(t);
	stretch(t, 1000);
	stretch(t, 100000);
	derive_errors(t, x1, x2);
	EVP_PKEY_free(x1);
	EVP_PKEY_free(x2);
	EVP_PKEY_free(e1);
	EVP_PKEY_free(e2);
}

/* A callback belongs to the thread that generates. */
static pthread_t generating;
static int elsewhere;

static int progress(EVP_PKEY_CTX *context)
{
	(void)context;
	elsewhere += !pthread_equal(generating, pthread_self());
	return 1;
}

static int refuse(EVP_PKEY_CTX *context)
{
	(void)context;
	return 0;
}

static void generate(struct transcript *t, int type, int (*callback)(EVP_PKEY_CTX *))
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(type, NULL);
	CALL(t, EVP_PKEY_keygen_init(context));
	if (type == EVP_PKEY_RSA)
		CALL(t, EVP_PKEY_CTX_set_rsa_keygen_bits(context, 1024));
	if (type == EVP_PKEY_EC)
		CALL(t, EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1));
	if (callback)
		EVP_PKEY_CTX_set_cb(context, callback);
	CALL(t, EVP_PKEY_keygen(context, &key));
	say(t, "key %d", key != NULL);
	if (key) {
		EVP_PKEY_CTX *check = EVP_PKEY_CTX_new(key, NULL);
		say(t, " type %d bits %d check %d", EVP_PKEY_get_base_id(key), EVP_PKEY_get_bits(key),
		    EVP_PKEY_pairwise_check(check));
		EVP_PKEY_CTX_free(check);
	}
	say(t, "\n");
	say_errors(t);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(context);
}

void keygen(struct transcript *t)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, NULL);
	generating = pthread_self();
	generate(t, EVP_PKEY_X25519, NULL);
	generate(t, EVP_PKEY_ED25519, NULL);
	generate(t, EVP_PKEY_EC, NULL);
	generate(t, EVP_PKEY_RSA, NULL);
	generate(t, EVP_PKEY_RSA, progress);
	say(t, "callbacks on another thread: %d\n", elsewhere);
	generate(t, EVP_PKEY_RSA, refuse);
	say(t, "-- errors\n");
	CALL(t, EVP_PKEY_keygen(context, &key));
	say_errors(t);
	CALL(t, EVP_PKEY_keygen_init(context));
	CALL(t, EVP_PKEY_keygen(context, NULL));
	say_errors(t);
	/* Into a key that is there already. */
	CALL(t, EVP_PKEY_keygen(context, &key));
	CALL(t, EVP_PKEY_keygen(context, &key));
	say_errors(t);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(context);
}

static void decrypt_with(struct transcript *t, EVP_PKEY *key, int padding)
{
	unsigned char cipher[256], plain[256];
	size_t size = sizeof(cipher), length = 0;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	say(t, "-- padding %d\n", padding);
	memset(plain, 0x11, sizeof(plain));
	CALL(t, EVP_PKEY_encrypt_init(context));
	CALL(t, EVP_PKEY_CTX_set_rsa_padding(context, padding));
	CALL(t, EVP_PKEY_encrypt(context, cipher, &size, plain, padding == RSA_NO_PADDING ? 128 : 40));
	CALL(t, EVP_PKEY_decrypt_init(context));
	CALL(t, EVP_PKEY_CTX_set_rsa_padding(context, padding));
	CALL(t, EVP_PKEY_decrypt(context, NULL, &length, cipher, size));
	say(t, "at most %zu\n", length);
	length = sizeof(plain);
	memset(plain, 0, sizeof(plain));
	CALL(t, EVP_PKEY_decrypt(context, plain, &length, cipher, size));
	say_bytes(t, "plain", plain, length);
	/* In place, as TLS 1.2 servers do with a key exchange. */
	length = sizeof(cipher);
	CALL(t, EVP_PKEY_decrypt(context, cipher, &length, cipher, size));
	say_bytes(t, "in place", cipher, length);
	say_errors(t);
	EVP_PKEY_CTX_free(context);
}

static void decrypt_errors(struct transcript *t, EVP_PKEY *key)
{
	unsigned char cipher[128], plain[128];
	size_t length = sizeof(plain);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	fill(cipher, sizeof(cipher), 9);
	cipher[0] = 0;
	CALL(t, EVP_PKEY_decrypt(context, plain, &length, cipher, 128));
	say_errors(t);
	CALL(t, EVP_PKEY_decrypt_init(context));
	CALL(t, EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING));
	CALL(t, EVP_PKEY_decrypt(context, plain, &length, cipher, 128));
	say_errors(t);
	CALL(t, EVP_PKEY_decrypt(context, plain, &length, cipher, 100));
	say_errors(t);
	length = 10;
	CALL(t, EVP_PKEY_decrypt(context, plain, &length, cipher, 128));
	say(t, "length %zu\n", length);
	say_errors(t);
	memset(cipher, 0xff, sizeof(cipher));
	length = sizeof(plain);
	CALL(t, EVP_PKEY_decrypt(context, plain, &length, cipher, 128));
	say_errors(t);
	EVP_PKEY_CTX_free(context);
}

void decrypt(struct transcript *t)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	decrypt_with(t, key, RSA_PKCS1_OAEP_PADDING);
	decrypt_with(t, key, RSA_PKCS1_PADDING);
	decrypt_with(t, key, RSA_NO_PADDING);
	decrypt_errors(t, key);
	EVP_PKEY_free(key);
}
