/* The text of a section's run, and how its parts are written. */
#include <openssl/err.h>
#include <stdarg.h>

#include "hook-calls.h"

void *volatile nowhere = NULL;
volatile int below_zero = -1;

void say(struct transcript *t, const char *format, ...)
{
	va_list arguments;
	if (t->room - t->size < 1024) {
		t->room = t->room * 2 + 4096;
		t->text = realloc(t->text, t->room);
		if (!t->text)
			abort();
	}
	va_start(arguments, format);
	int n = vsnprintf(t->text + t->size, 1024, format, arguments);
	va_end(arguments);
	t->size += n < 1024 ? (size_t)n : 1023;
}

/* FNV-1a, 64 bits. */
void say_bytes(struct transcript *t, const char *label, const void *bytes, size_t size)
{
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
	say(t, "%s: %zu bytes %016llx\n", label, size, (unsigned long long)hash);
}

void say_errors(struct transcript *t)
{
	const char *data;
	int flags;
	unsigned long code;
	while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0)
		say(t, "  queued: %s|%s|%s\n", ERR_lib_error_string(code), ERR_reason_error_string(code),
		    flags & ERR_TXT_STRING ? data : "");
}

void say_result(struct transcript *t, const char *what, long result, int error)
{
	const char *name = error == UNTOUCHED ? "kept" : strerrorname_np(error);
	say(t, "%s = %ld, errno %s\n", what, result, name ? name : "?");
}

void fill(unsigned char *bytes, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525u + 1013904223u;
		bytes[i] = (unsigned char)"etaoin shrdlu<>\n"[(seed >> 24) & 15];
	}
}
