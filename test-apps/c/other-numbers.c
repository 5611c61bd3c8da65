/*
 * As a libcrypto that has another number for the kind of object that keys of RSA are (LibreSSL's is
 * another than OpenSSL's): to be preloaded before OpenSSL's. What is asked for by OpenSSL's number
 * is had for objects of some other kind.
 */
#include <dlfcn.h>

#include <openssl/crypto.h>

typedef int get_index(int, long, void *, CRYPTO_EX_new *, CRYPTO_EX_dup *, CRYPTO_EX_free *);

int CRYPTO_get_ex_new_index(int number, long argl, void *argp, CRYPTO_EX_new *new,
			    CRYPTO_EX_dup *dup, CRYPTO_EX_free *free)
{
	get_index *original = (get_index *)dlsym(RTLD_NEXT, "CRYPTO_get_ex_new_index");
	return original(number == CRYPTO_EX_INDEX_RSA ? CRYPTO_EX_INDEX_APP : number, argl, argp, new,
			dup, free);
}
