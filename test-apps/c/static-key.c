/*
 * A TLS server whose certificate callback agrees on a secret with a key of X25519 that it has for
 * ever, twice in each handshake, and compares it with the one that it knows. One byte is the answer.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "loop.h"

static EVP_PKEY *own, *peer;
static unsigned char known[32];
static SSL_CTX *context;

static void check(int is_well, const char *what)
{
	if (is_well)
		return;
	fprintf(stderr, "%s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void agree(unsigned char *secret)
{
	size_t length = 32;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	check(EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
	      EVP_PKEY_derive(ctx, secret, &length) == 1 && length == 32, "derive");
	EVP_PKEY_CTX_free(ctx);
}

static int chosen(SSL *ssl, void *argument)
{
	(void)ssl;
	(void)argument;
	for (int i = 0; i < 2; i++) {
		unsigned char secret[32];
		agree(secret);
		check(memcmp(secret, known, sizeof(secret)) == 0, "another secret");
	}
	return 1;
}

static void accepted(int epfd, int fd)
{
	SSL *ssl = SSL_new(context);
	check(ssl && SSL_set_fd(ssl, fd) == 1, "SSL_new");
	SSL_set_accept_state(ssl);
	watch(epfd, fd, EPOLLIN, ssl);
}

static void happened(int epfd, void *data)
{
	SSL *ssl = data;
	int fd = SSL_get_fd(ssl), result = SSL_do_handshake(ssl);
	(void)epfd;
	if (result != 1 && SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ)
		return;
	if (result == 1)
		SSL_write(ssl, "!", 1);
	ERR_clear_error();
	SSL_free(ssl);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		usage("static-key CERTIFICATE KEY");
	stop_on_sigterm();
	own = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	peer = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	context = SSL_CTX_new(TLS_server_method());
	check(own && peer && context, "keys");
	agree(known);
	check(SSL_CTX_use_certificate_file(context, argv[1], SSL_FILETYPE_PEM) == 1 &&
	      SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) == 1, "certificate");
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_cert_cb(context, chosen, NULL);
	return serve(accepted, happened);
}
