/*
 * The SSL entry calls on a client and a server in this process that are joined by memory BIOs:
 * handshakes step by step, resumption, data, shutdown, and errors with what they leave behind.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "hook-calls.h"

struct pair {
	SSL_CTX *server_context, *client_context;
	SSL *server, *client;
};

static X509 *certify(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_sign(certificate, key, EVP_sha256());
	return certificate;
}

static SSL_CTX *serve(struct transcript *t, int version)
{
	X509 *certificate = certify(rsa_key());
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	CALL(t, SSL_CTX_set_min_proto_version(context, version));
	CALL(t, SSL_CTX_set_max_proto_version(context, version));
	CALL(t, SSL_CTX_use_certificate(context, certificate));
	CALL(t, SSL_CTX_use_PrivateKey(context, rsa_key()));
	CALL(t, SSL_CTX_check_private_key(context));
	X509_free(certificate);
	return context;
}

static void join(SSL *a, SSL *b)
{
	BIO *one = BIO_new(BIO_s_mem()), *other = BIO_new(BIO_s_mem());
	BIO_up_ref(one);
	BIO_up_ref(other);
	SSL_set_bio(a, one, other);
	SSL_set_bio(b, other, one);
}

static void connect_pair(struct pair *p)
{
	p->server = SSL_new(p->server_context);
	p->client = SSL_new(p->client_context);
	join(p->server, p->client);
	SSL_set_accept_state(p->server);
	SSL_set_connect_state(p->client);
}

static int step(struct transcript *t, const char *who, SSL *ssl, int result)
{
	say(t, "%s: %d error %d in %s\n", who, result, SSL_get_error(ssl, result), SSL_state_string(ssl));
	say_errors(t);
	return result;
}

/* Each side in turn; the server through SSL_do_handshake or SSL_accept, as servers differ. */
static void shake(struct transcript *t, struct pair *p, int through_accept)
{
	int client = 0, server = 0;
	for (int i = 0; i < 6 && (client != 1 || server != 1); i++) {
		if (client != 1)
			client = step(t, "client", p->client, SSL_connect(p->client));
		if (server != 1)
			server = step(t, "server", p->server,
				      through_accept ? SSL_accept(p->server) : SSL_do_handshake(p->server));
	}
	say(t, "%s, %s\n", SSL_get_version(p->server), SSL_get_cipher_name(p->server));
}

static void talk(struct transcript *t, struct pair *p)
{
	unsigned char data[20000], back[20000];
	size_t size = 0;
	fill(data, sizeof(data), 7);
	CALL(t, SSL_write(p->client, data, sizeof(data)));
	CALL(t, SSL_peek(p->server, back, 10));
	CALL(t, SSL_pending(p->server) > 0);
	CALL(t, SSL_read(p->server, back, 16384));
	CALL(t, SSL_read(p->server, back + 16384, 16384 - 12768));
	CALL(t, memcmp(data, back, sizeof(data)));
	step(t, "empty", p->server, SSL_read(p->server, back, 1));
	CALL(t, SSL_write_ex(p->server, data, 100, &size));
	say(t, "size %zu\n", size);
	CALL(t, SSL_peek_ex(p->client, back, 50, &size));
	CALL(t, SSL_read_ex(p->client, back, sizeof(back), &size));
	say(t, "size %zu\n", size);
	CALL(t, SSL_read_ex(p->client, back, sizeof(back), &size));
	say_errors(t);
	CALL(t, SSL_write(p->server, data, 0));
	say_errors(t);
}

static void hang_up(struct transcript *t, struct pair *p)
{
	char byte;
	step(t, "server", p->server, SSL_shutdown(p->server));
	step(t, "client", p->client, SSL_read(p->client, &byte, 1));
	step(t, "client", p->client, SSL_shutdown(p->client));
	step(t, "server", p->server, SSL_shutdown(p->server));
	step(t, "server", p->server, SSL_write(p->server, "x", 1));
	CALL(t, SSL_get_shutdown(p->server));
}

static void drop(struct pair *p)
{
	SSL_free(p->server);
	SSL_free(p->client);
	p->server = p->client = NULL;
}

static void conversation(struct transcript *t, int version)
{
	struct pair p = {serve(t, version), SSL_CTX_new(TLS_client_method()), NULL, NULL};
	SSL_SESSION *session;
	connect_pair(&p);
	shake(t, &p, 0);
	talk(t, &p);
	session = SSL_get1_session(p.client);
	session_again(t, session);
	hang_up(t, &p);
	drop(&p);
	connect_pair(&p);
	CALL(t, SSL_set_session(p.client, session));
	shake(t, &p, 1);
	CALL(t, SSL_session_reused(p.server));
	talk(t, &p);
	/* Without a shutdown, then in the middle of a handshake. */
	drop(&p);
	connect_pair(&p);
	step(t, "client", p.client, SSL_connect(p.client));
	step(t, "server", p.server, SSL_accept(p.server));
	drop(&p);
	/* As lighttpd does: the handshake inside of SSL_read. */
	connect_pair(&p);
	step(t, "client", p.client, SSL_connect(p.client));
	step(t, "server", p.server, SSL_read(p.server, &version, 1));
	step(t, "client", p.client, SSL_connect(p.client));
	step(t, "client", p.client, SSL_write(p.client, "inside", 6));
	step(t, "server", p.server, SSL_read(p.server, &version, 1));
	drop(&p);
	SSL_SESSION_free(session);
	SSL_CTX_free(p.server_context);
	SSL_CTX_free(p.client_context);
}

void tls12(struct transcript *t)
{
	conversation(t, TLS1_2_VERSION);
}

void tls13(struct transcript *t)
{
	conversation(t, TLS1_3_VERSION);
}

/* Data before the handshake is done, by a session of before. */
static void early(struct transcript *t, struct pair *p)
{
	char data[16] = "";
	size_t size = 0;
	CALL(t, SSL_write_early_data(p->client, "early", 5, &size));
	CALL(t, SSL_read_early_data(p->server, data, sizeof(data), &size));
	say(t, "size %zu, %s\n", size, data);
	CALL(t, SSL_get_early_data_status(p->server));
}

/* What both sides derive has to be the same, at each place where something is derived. */
static void exchange(struct transcript *t, struct pair *p, SSL_SESSION *session)
{
	unsigned char one[100], other[100], back[4];
	connect_pair(p);
	if (session) {
		SSL_set_session(p->client, session);
		early(t, p);
	}
	shake(t, p, 0);
	CALL(t, SSL_session_reused(p->server));
	for (size_t size = 1; size <= sizeof(one); size += 33) {
		CALL(t, SSL_export_keying_material(p->server, one, size, "EXPORTER-test", 13, NULL, 0, 0));
		CALL(t, SSL_export_keying_material(p->client, other, size, "EXPORTER-test", 13, NULL, 0, 0));
		CALL(t, memcmp(one, other, size));
	}
	CALL(t, SSL_key_update(p->client, SSL_KEY_UPDATE_REQUESTED));
	for (int i = 0; i < 3; i++) {
		CALL(t, SSL_write(p->client, "ping", 4));
		CALL(t, SSL_read(p->server, back, 4));
		CALL(t, SSL_write(p->server, "pong", 4));
		CALL(t, SSL_read(p->client, back, 4));
	}
	say_errors(t);
}

void tls13_secrets(struct transcript *t)
{
	static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
					     "TLS_CHACHA20_POLY1305_SHA256"};
	struct pair p = {serve(t, TLS1_3_VERSION), SSL_CTX_new(TLS_client_method()), NULL, NULL};
	SSL_CTX_set_max_early_data(p.server_context, 1000);
	for (int i = 0; i < 3; i++) {
		SSL_SESSION *session;
		CALL(t, SSL_CTX_set_ciphersuites(p.client_context, suites[i]));
		exchange(t, &p, NULL);
		session = SSL_get1_session(p.client);
		hang_up(t, &p);
		drop(&p);
		exchange(t, &p, session);
		hang_up(t, &p);
		drop(&p);
		SSL_SESSION_free(session);
	}
	SSL_CTX_free(p.server_context);
	SSL_CTX_free(p.client_context);
}

static void feed(struct transcript *t, SSL_CTX *context, const char *garbage, size_t size)
{
	char byte;
	SSL *ssl = SSL_new(context);
	SSL_set_bio(ssl, BIO_new_mem_buf(garbage, (int)size), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(ssl);
	step(t, "garbage", ssl, SSL_do_handshake(ssl));
	step(t, "again", ssl, SSL_do_handshake(ssl));
	step(t, "read", ssl, SSL_read(ssl, &byte, 1));
	step(t, "write", ssl, SSL_write(ssl, &byte, 1));
	step(t, "shutdown", ssl, SSL_shutdown(ssl));
	SSL_free(ssl);
}

void tls_errors(struct transcript *t)
{
	SSL_CTX *context = serve(t, TLS1_2_VERSION), *client = SSL_CTX_new(TLS_client_method());
	struct pair p = {context, client, NULL, NULL};
	SSL *ssl = SSL_new(context);
	char byte;
	step(t, "no side", ssl, SSL_do_handshake(ssl));
	step(t, "read", ssl, SSL_read(ssl, &byte, 1));
	step(t, "shutdown", ssl, SSL_shutdown(ssl));
	SSL_free(ssl);
	SSL_free(NULL);
	feed(t, context, "GET / HTTP/1.0\r\n\r\n", 18);
	feed(t, context, "\x16\x03\x01\x00\x05hello", 10);
	feed(t, context, "\x17\x03\x03\x00\x01x", 6);
	CALL(t, SSL_CTX_set_min_proto_version(client, TLS1_3_VERSION));
	connect_pair(&p);
	step(t, "client", p.client, SSL_connect(p.client));
	step(t, "server", p.server, SSL_accept(p.server));
	step(t, "client", p.client, SSL_connect(p.client));
	drop(&p);
	SSL_CTX_free(context);
	SSL_CTX_free(client);
}
