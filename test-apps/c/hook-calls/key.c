/* One RSA key for all sections, as a server has one for all connections. */
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "../rsa-key.h"
#include "hook-calls.h"

/* The first call comes from a section outside of any handler or thread. */
EVP_PKEY *rsa_key(void)
{
	static EVP_PKEY *key;
	if (!key)
		key = rsa_key_2048();
	if (!key) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	return key;
}

int heavy(void)
{
	unsigned char signature[512];
	size_t size = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int ok = EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, rsa_key()) == 1 &&
		 EVP_DigestSign(context, signature, &size, (const unsigned char *)"x", 1) == 1 &&
		 EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, rsa_key()) == 1 &&
		 EVP_DigestVerify(context, signature, size, (const unsigned char *)"x", 1) == 1;
	EVP_MD_CTX_free(context);
	return ok;
}
