/*
 * curl-client LIBRARY URL CERTIFICATES VERSION COUNT: asks for a page so many times by a build of libcurl (one of
 * OpenSSL's or of GnuTLS's), each time on a new connection with a full handshake of TLS 1.2 or 1.3. Prints the library's own
 * version and how many answers were whole. Exit codes: 0 all were, 1 not all, 3 there is no such library.
 *
 * The library is loaded by its name, so that this builds where only the other one is there. Numbers are those of
 * curl/curl.h, which are fixed for ever.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPTION_URL = 10002,
	OPTION_WRITE_DATA = 10001,
	OPTION_CA_FILE = 10065,
	OPTION_WRITE_FUNCTION = 20011,
	OPTION_VERSION = 32,
	OPTION_VERIFY_PEER = 64,
	OPTION_FRESH_CONNECT = 74,
	OPTION_FORBID_REUSE = 75,
	OPTION_VERIFY_HOST = 81,
	OPTION_NO_SIGNAL = 99,
	OPTION_SESSION_CACHE = 150,
	OPTION_TIMEOUT_MS = 155,
	INFO_STATUS = 0x200002,
	INFO_VERIFIED = 0x20000d,
	TLS12_ONLY = 6 | 6 << 16,
	TLS13_ONLY = 7 | 7 << 16,
	ALL = 3,
};

static size_t count(const void *bytes, size_t size, size_t n, void *total)
{
	(void)bytes;
	*(size_t *)total += size * n;
	return size * n;
}

int main(int argc, char **argv)
{
	if (argc != 6)
		return 2;
	void *library = dlopen(argv[1], RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 3;
	}
	int (*init)(long) = (int (*)(long))dlsym(library, "curl_global_init");
	const char *(*version)(void) = (const char *(*)(void))dlsym(library, "curl_version");
	void *(*new)(void) = (void *(*)(void))dlsym(library, "curl_easy_init");
	int (*set)(void *, int, ...) = (int (*)(void *, int, ...))dlsym(library, "curl_easy_setopt");
	int (*perform)(void *) = (int (*)(void *))dlsym(library, "curl_easy_perform");
	int (*info)(void *, int, ...) = (int (*)(void *, int, ...))dlsym(library, "curl_easy_getinfo");
	const char *(*words)(int) = (const char *(*)(int))dlsym(library, "curl_easy_strerror");
	if (!init || !version || !new || !set || !perform || !info || !words || init(ALL))
		return 4;
	void *client = new ();
	size_t bytes = 0;
	int failed = !client;
	failed |= set(client, OPTION_URL, argv[2]) | set(client, OPTION_CA_FILE, argv[3]);
	failed |= set(client, OPTION_VERIFY_PEER, 1L) | set(client, OPTION_VERIFY_HOST, 2L);
	failed |= set(client, OPTION_FRESH_CONNECT, 1L) | set(client, OPTION_FORBID_REUSE, 1L);
	failed |= set(client, OPTION_SESSION_CACHE, 0L) | set(client, OPTION_NO_SIGNAL, 1L);
	failed |= set(client, OPTION_TIMEOUT_MS, 60000L);
	failed |= set(client, OPTION_VERSION, strcmp(argv[4], "1.2") ? (long)TLS13_ONLY : (long)TLS12_ONLY);
	failed |= set(client, OPTION_WRITE_FUNCTION, count) | set(client, OPTION_WRITE_DATA, &bytes);
	if (failed)
		return 4;
	long wanted = atol(argv[5]), whole = 0;
	size_t size = 0;
	for (long i = 0; i < wanted; i++) {
		long status = 0, verified = -1;
		bytes = 0;
		int result = perform(client);
		info(client, INFO_STATUS, &status);
		info(client, INFO_VERIFIED, &verified);
		if (i == 0)
			size = bytes;
		if (result == 0 && status == 200 && verified == 0 && bytes == size && size > 0)
			whole++;
		else
			fprintf(stderr, "%s: %s, status %ld, verified %ld, %zu bytes\n", argv[2], words(result),
				status, verified, bytes);
	}
	printf("%ld %s\n", whole, version());
	return whole == wanted ? 0 : 1;
}
