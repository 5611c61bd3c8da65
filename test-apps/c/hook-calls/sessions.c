/* Sessions of TLS, encoded as servers do to keep them: lengths, bytes, where the pointer is left. */
#include <openssl/ssl.h>
#include <stdlib.h>

#include "hook-calls.h"

/* Its length, then the bytes, then those that the library allocates itself: all by the same encoding. */
static void encode(struct transcript *t, SSL_SESSION *session)
{
	unsigned char *own = NULL, *given, *end;
	int size = i2d_SSL_SESSION(session, NULL);
	if (size <= 0) {
		say(t, "size %d\n", size);
		return;
	}
	end = given = malloc((size_t)size + 8);
	memset(given, 0x5a, (size_t)size + 8);
	CALL(t, i2d_SSL_SESSION(session, &end));
	CALL(t, end - given);
	say_bytes(t, "encoded", given, (size_t)size + 8);
	CALL(t, i2d_SSL_SESSION(session, &own) == size && memcmp(own, given, (size_t)size) == 0);
	OPENSSL_free(own);
	free(given);
}

/* What comes out of an encoding has the same encoding. */
void session_again(struct transcript *t, SSL_SESSION *session)
{
	unsigned char *first = NULL, *second = NULL;
	int size = i2d_SSL_SESSION(session, &first), size_again;
	unsigned char *place = malloc((size_t)size), *end = place;
	CALL(t, i2d_SSL_SESSION(session, &end) == size && memcmp(first, place, (size_t)size) == 0);
	const unsigned char *from = first;
	SSL_SESSION *again = d2i_SSL_SESSION(NULL, &from, size);
	CALL(t, again != NULL);
	CALL(t, SSL_SESSION_get0_peer(again) != NULL);
	size_again = i2d_SSL_SESSION(again, &second);
	CALL(t, size_again == size && memcmp(first, second, (size_t)size) == 0);
	SSL_SESSION_free(again);
	OPENSSL_free(first);
	OPENSSL_free(second);
	free(place);
}

/* One with fields as long as `seed` makes them: absent, empty, short, and longer than 127 and 255 bytes. */
static SSL_SESSION *session_like(struct transcript *t, SSL *ssl, unsigned seed)
{
	static const size_t sizes[] = {0, 1, 30, 110, 127, 128, 200, 255, 256, 300};
	static const long times[] = {0, 1, 127, 128, 255, 256, 32767, 32768, 1700000000, 4294967295, -1, -200};
	static const int versions[] = {TLS1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
	unsigned char bytes[300];
	char name[301] = "";
	SSL_SESSION *session = SSL_SESSION_new();
	fill(bytes, sizeof(bytes), seed);
	memcpy(name, bytes, sizes[seed % 10]);
	SSL_SESSION_set_protocol_version(session, versions[seed % 3]);
	if (seed % 13)
		SSL_SESSION_set_cipher(session,
				       sk_SSL_CIPHER_value(SSL_get_ciphers(ssl), (int)seed % 3));
	SSL_SESSION_set_time(session, times[seed % 12]);
	SSL_SESSION_set_timeout(session, times[seed / 3 % 12]);
	CALL(t, SSL_SESSION_set1_id(session, bytes, seed % 33));
	CALL(t, SSL_SESSION_set1_id_context(session, bytes + 9, seed / 2 % 33));
	CALL(t, SSL_SESSION_set1_master_key(session, bytes + 3, seed % 4 ? 48 : seed % 49));
	if (seed % 2)
		CALL(t, SSL_SESSION_set1_hostname(session, name));
	if (seed % 5)
		CALL(t, SSL_SESSION_set1_alpn_selected(session, bytes, sizes[seed / 5 % 8]));
	if (seed % 7)
		CALL(t, SSL_SESSION_set_max_early_data(session, (uint32_t)times[seed / 7 % 12]));
	if (seed % 3)
		CALL(t, SSL_SESSION_set1_ticket_appdata(session, bytes, sizes[seed / 4 % 10]));
	return session;
}

void sessions(struct transcript *t)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	SSL *ssl = SSL_new(context);
	for (unsigned seed = 0; seed < 300; seed++) {
		SSL_SESSION *session = session_like(t, ssl, seed);
		encode(t, session);
		SSL_SESSION_free(session);
	}
	CALL(t, i2d_SSL_SESSION(nowhere, NULL));
	say_errors(t);
	SSL_free(ssl);
	SSL_CTX_free(context);
}
