/*
 * hook-calls makes every call that the shim intercepts, in a fixed order, and prints what came of
 * it: results, errno, outputs as hashes. No pointer, descriptor, port, process id or random value
 * is printed, so two runs print the same, with and without the shim, in any mode.
 *
 * Each section runs outside of any event loop first, then inside of epoll handlers, where several
 * copies of most sections are ready at the same time.
 */
#ifndef HOOK_CALLS_H
#define HOOK_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Text that grows on the heap; one for each run of a section. */
struct transcript {
	char *text;
	size_t size, room;
};

void say(struct transcript *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "LABEL: SIZE bytes HASH" */
void say_bytes(struct transcript *t, const char *label, const void *bytes, size_t size);
/* All of OpenSSL's error queue of this thread, which is empty afterwards. */
void say_errors(struct transcript *t);
void say_result(struct transcript *t, const char *what, long result, int error);

/* errno before each call; a call that succeeds leaves it alone. */
#define UNTOUCHED EHWPOISON

/* Makes the call and says its text, result and errno. */
#define CALL(t, expression)                                                                        \
	({                                                                                         \
		errno = UNTOUCHED;                                                                 \
		long result_ = (long)(expression);                                                 \
		int error_ = errno;                                                                \
		say_result(t, #expression, result_, error_);                                       \
		result_;                                                                           \
	})

/* The same for a call whose result must not be printed: a descriptor, a pointer. */
#define OPENS(t, expression)                                                                       \
	({                                                                                         \
		errno = UNTOUCHED;                                                                 \
		long result_ = (long)(expression);                                                 \
		int error_ = errno;                                                                \
		say_result(t, #expression, result_ < 0 ? -1 : 0, error_);                          \
		(int)result_;                                                                      \
	})

/* Of 2048 bits, made once. */
EVP_PKEY *rsa_key(void);
/* A signature, long enough in the making for others to run meanwhile: 1 where it verifies. */
int heavy(void);

/* Something to compress: the same bytes for the same seed. */
void fill(unsigned char *bytes, size_t size, unsigned seed);

/* Encodes a session and what comes out of that again. */
void session_again(struct transcript *t, SSL_SESSION *session);

/* Bad arguments that the compiler does not see. */
extern void *volatile nowhere;
extern volatile int below_zero;

void files(struct transcript *t);
void sockets(struct transcript *t);
void tcp(struct transcript *t);
void descriptors(struct transcript *t);
void close_ranges(struct transcript *t);
void epoll_errors(struct transcript *t);
void epoll_events(struct transcript *t);
void epoll_duplicates(struct transcript *t);
void epoll_signals(struct transcript *t);
void mutexes(struct transcript *t);
void rwlocks(struct transcript *t);
void spinlocks(struct transcript *t);
void waiting(struct transcript *t);
void clocks(struct transcript *t);
void contended(struct transcript *t);
void sign(struct transcript *t);
void sign_errors(struct transcript *t);
void derive(struct transcript *t);
void keygen(struct transcript *t);
void decrypt(struct transcript *t);
void tls12(struct transcript *t);
void tls13(struct transcript *t);
void key_schedule(struct transcript *t);
void finished_macs(struct transcript *t);
void key_digests(struct transcript *t);
void sessions(struct transcript *t);
void tls13_secrets(struct transcript *t);
void providers(struct transcript *t);
void tls_errors(struct transcript *t);
void deflate_flushes(struct transcript *t);
void deflate_streams(struct transcript *t);
void deflate_errors(struct transcript *t);
void deflate_jumps(struct transcript *t);
void inflates(struct transcript *t);
void one_calls(struct transcript *t);
void libdeflates(struct transcript *t);
void ambient(struct transcript *t);
void deep_stack(struct transcript *t);
void forks(struct transcript *t);
void execs(struct transcript *t);
void signals(struct transcript *t);
void threads(struct transcript *t);
void thread_exits(struct transcript *t);
void thread_cancels(struct transcript *t);

#endif
