/*
 * An engine of one's own for Interlude: the interface, version 1.
 *
 * A plugin is a shared object that exports interlude_engine_plugin(). Interlude opens it by the path in
 * `plugin.path` with dlopen(RTLD_NOW | RTLD_LOCAL), when `engine = "plugin"`, and never closes it. What it
 * is asked to do, so far, is to compress one whole buffer; everything else stays with Interlude.
 *
 *    open ──> queue      submit ──> ... the plugin works, by whatever means ... ──> poll
 *                         0: taken                                       each request once, in any order
 *                         EAGAIN: full, EINVAL: not this one
 *
 * WHO CALLS, AND WHEN.  The process is a server, which may have forked since it started: nothing is opened
 * before the first heavy call of a thread with an event loop, which is in the worker. Each such thread
 * opens a queue of its own, and it alone calls the functions of that queue, one at a time. Functions of
 * different queues may be called at the same time. interlude_engine_plugin() may be called by any thread,
 * and by `interlude run` and `interlude check`, which open no queue.
 *
 * All but `open` and `close` are called between two events of a server's: they never block, and take
 * microseconds. The work itself belongs elsewhere: on a device, or on a thread of the plugin's. There is at least
 * 128 KiB of stack. It is the server's or one of Interlude's: it must not be left otherwise than by returning
 * (no C++ exception, no longjmp, no pthread_exit, no other stack), and nothing on it may be kept.
 *
 * THREADS OF THE PLUGIN'S are best started in `open`: all signals are blocked then, and so they are in the
 * new thread. One that is started elsewhere must block them itself. The server's handlers belong on the
 * server's threads.
 *
 * WHAT IS OPENED IN A FORK.  A child of a process that has queues inherits the plugin's memory, but none of
 * its threads. The child never uses the parent's queues; it closes its copy of their `fd`, and may open a queue of its
 * own. So `open` must not rely on threads or locks of another process: compare getpid().
 *
 * WHO OWNS WHAT.  A request itself is read during `submit` only. Its input and output belong to Interlude and stay
 * where they are from a `submit` that returned 0 until `poll` has given the completion with its ticket, however
 * late that is, also when Interlude has long done the work otherwise. Meanwhile only the plugin writes to
 * the output, and nobody writes to the input. Afterwards, and after any other result of `submit`, the plugin must
 * not touch either. Memory of requests that are never answered is never freed.
 *
 * WHAT IS BELIEVED.  Nothing. A completion for a ticket that is not out (unknown, or answered before) is
 * dropped and counted; so is one that comes after the deadline of its job, which Interlude has given up
 * meanwhile (`jobs.deadline_ms`). A length that is 0 or beyond the capacity is a failure. With `jobs.check =
 * "all"` every result is decompressed and compared. After five failures of a kind in a row the plugin is left
 * alone for a while (`jobs.quarantine_ms`). But a plugin shares the server's memory: what it writes to places
 * that it was not given, nobody can undo.
 *
 * WHAT MUST NOT BE CALLED:  fork, exec, exit, signal handling of the process, setenv, and anything that waits for
 * another thread of the server's. zlib and the like may be called: on a thread of the plugin's Interlude lets
 * them through.
 *
 * UNITS.  Lengths are bytes. Errors are values of errno.h, positive.
 */
#ifndef INTERLUDE_ENGINE_H
#define INTERLUDE_ENGINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version that this file describes. Another is another interface: there is no compatible change. */
#define INTERLUDE_ENGINE_ABI 1

/* Operations. A plugin says no to those that it does not know (`accepts`, or EINVAL). */
enum interlude_operation {
    /* All of the input to one raw deflate stream (RFC 1951) that ends with the input, without the header and
     * trailer of zlib or gzip, which Interlude adds. */
    INTERLUDE_COMPRESS = 1
};

/* What became of a request. */
enum interlude_status {
    /* It is done: `produced` bytes are in the output. */
    INTERLUDE_DONE = 0,
    /* It was not done, and is better done in place: no room for the output, for one. Nobody's fault. */
    INTERLUDE_DECLINED = 1
    /* Any other value: it has failed. */
};

/* Which sums in a completion are set, and then compared with Interlude's own. */
#define INTERLUDE_HAS_CRC32 1u
#define INTERLUDE_HAS_ADLER32 2u

struct interlude_request {
    /* Names it. No ticket comes twice in a queue. */
    uint64_t ticket;
    /* enum interlude_operation. */
    uint32_t operation;
    /* zlib's level, 1 to 9; 0: the caller's is not known, the plugin chooses. */
    uint32_t level;
    /* No match from farther back than 1 << window_bits bytes; 9 to 15. */
    uint32_t window_bits;
    uint32_t reserved;
    const uint8_t *input;
    uint64_t input_len;
    uint8_t *output;
    uint64_t capacity;
};

struct interlude_completion {
    uint64_t ticket;
    /* enum interlude_status, or another value. */
    int32_t status;
    /* INTERLUDE_HAS_... */
    uint32_t has;
    /* Bytes in the output. */
    uint64_t produced;
    /* Sums of the input. */
    uint32_t crc32;
    uint32_t adler32;
};

/* The plugin's own. */
struct interlude_queue;

struct interlude_engine_plugin {
    /* INTERLUDE_ENGINE_ABI. First in every version. */
    uint32_t abi_version;
    /* Requests that a queue has at most, and works on at the same time: for statistics. */
    uint32_t queue;
    uint32_t parallel;
    uint32_t reserved;
    /* Its name and its version, a few printable characters each. */
    const char *name;
    const char *version;

    /* Makes a queue; `arguments` is `plugin.arguments`, and gone when this returns. 0, or an error: then
     * the thread's calls run in place. May take its time: milliseconds. */
    int (*open)(const char *arguments, struct interlude_queue **queue);
    /* Might it take a request of this operation and size? Asked before the input is copied. */
    int (*accepts)(struct interlude_queue *queue, uint32_t operation, uint64_t bytes);
    /* Takes a request: 0; EAGAIN: the queue is full; EINVAL: not this one. */
    int (*submit)(struct interlude_queue *queue, const struct interlude_request *request);
    /* Gives at most `max` completions; returns how many. */
    uint32_t (*poll)(struct interlude_queue *queue, struct interlude_completion *into, uint32_t max);
    /* A descriptor that becomes readable when there is a completion after `arm`; the same one always. -1:
     * there is none, and `poll` is called every 0.2 ms while somebody sleeps; then `arm` and `disarm` may be
     * null. */
    int (*fd)(struct interlude_queue *queue);
    /* The thread is about to sleep on `fd`. 0: there is a completion already, and nothing is armed. 1: the
     * next completion makes `fd` readable. */
    int (*arm)(struct interlude_queue *queue);
    /* The sleep is over, by whatever: `fd` is not readable any more. */
    void (*disarm)(struct interlude_queue *queue);
    /* The thread ends (or could not use the queue), and nothing is out. Never called otherwise: not at the
     * end of the process, nor while a request has no answer. */
    void (*close)(struct interlude_queue *queue);
};

/* The plugin, or null if it does not speak that version. What it points to stays. */
__attribute__((visibility("default")))
const struct interlude_engine_plugin *interlude_engine_plugin(uint32_t abi_version);

#ifdef __cplusplus
}
#endif

#endif
