/*
 * A signature that waits in the middle, so that its coroutine stays parked while the loop goes on:
 * until it is told to finish, or for some milliseconds. On the loop's own thread it waits for nobody.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "held.h"
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#define LONGEST_NS 2000000

static EVP_PKEY *key;
static pthread_t loops;
static sem_t finish;

static int slow_sign(int length, const unsigned char *from, unsigned char *to, RSA *rsa, int padding)
{
	struct timespec until;
	if (!pthread_equal(pthread_self(), loops)) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LONGEST_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		sem_timedwait(&finish, &until);
	}
	return RSA_meth_get_priv_enc(RSA_PKCS1_OpenSSL())(length, from, to, rsa, padding);
}

void job_init(void)
{
	EVP_PKEY *plain = EVP_RSA_gen(1024);
	RSA *rsa = plain ? EVP_PKEY_get1_RSA(plain) : NULL;
	RSA_METHOD *method = RSA_meth_dup(RSA_PKCS1_OpenSSL());
	loops = pthread_self();
	key = EVP_PKEY_new();
	if (sem_init(&finish, 0, 0) < 0 || !rsa || !method || !key ||
	    RSA_meth_set_priv_enc(method, slow_sign) != 1 || RSA_set_method(rsa, method) != 1 ||
	    EVP_PKEY_assign_RSA(key, rsa) != 1)
		die("key");
	EVP_PKEY_free(plain);
}

void job_call(void)
{
	unsigned char signature[256], text[] = "text";
	size_t size = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(context, signature, &size, text, sizeof(text)) != 1)
		die("EVP_DigestSign");
	EVP_MD_CTX_free(context);
}

void job_finish(void)
{
	sem_post(&finish);
}
