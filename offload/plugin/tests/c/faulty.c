/*
 * Plugins that do what none should. Which one it is, is said by -DFAULT=...; the tests build each.
 *
 * They have no thread: the work is done in `poll`, by storing the input, so nothing depends on timing. `accepts`
 * with a size from SWITCHES on is a switch or a question of the tests'.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interlude_engine.h"

_Static_assert(sizeof(struct interlude_request) == 56, "as in src/abi.rs");
_Static_assert(sizeof(struct interlude_completion) == 32, "as in src/abi.rs");
_Static_assert(sizeof(struct interlude_engine_plugin) == 96, "as in src/abi.rs");

#define NONE 0
#define TWICE 1        /* answers twice */
#define UNKNOWN 2      /* answers for tickets that nobody has */
#define TOO_LONG 3     /* says that there is more than there is room for */
#define EMPTY 4        /* says that there is nothing */
#define NEVER 5        /* answers only when it is told to, and writes then */
#define WRONG 6        /* other bytes */
#define WRONG_SUM 7    /* right bytes, another sum */
#define CUT 8          /* a part of the stream */
#define REFUSES 9      /* EINVAL */
#define FULL 10        /* EAGAIN */
#define FAILS 11       /* answers that it has failed */
#define DECLINES 12    /* answers that it was not done */
#define OTHER_VERSION 13
#define NO_VERSION 14
#define NO_OPEN 15     /* has no `open` */
#define OPEN_FAILS 16
#define NO_ENTRY 17
#define SLOW 18        /* takes its time to be loaded; says by a file, which the environment names, that it has begun */

#define SWITCHES 0xffffffff00000000ull
#define SWITCH_ANSWER (SWITCHES + 0) /* NEVER: answer from now on */
#define ASK_INTACT (SWITCHES + 1)    /* was every input what it was at first, when it was answered? */
#define ASK_ANSWERED (SWITCHES + 2)  /* has anything been answered? */

#define QUEUE 64u

struct interlude_queue {
    uint32_t begun, ended;
    int answers, is_damaged, has_answered;
    struct interlude_request requests[QUEUE];
    uint8_t *copies[QUEUE];
};

#if FAULT == SLOW
__attribute__((constructor)) static void loads(void) {
    const char *says = getenv("LOADING");
    if (says) close(open(says, O_CREAT | O_WRONLY, 0600));
    usleep(500000);
}
#endif

/* Deflate as it is: stored blocks. */
static uint64_t store(const struct interlude_request *request) {
    uint64_t at = 0, from = 0;
    do {
        uint64_t left = request->input_len - from;
        uint16_t len = left > 65535 ? 65535 : (uint16_t)left;
        if (at + 5 + len > request->capacity) return 0;
        uint8_t *to = request->output + at;
        to[0] = from + len == request->input_len;
        to[1] = (uint8_t)len;
        to[2] = (uint8_t)(len >> 8);
        to[3] = (uint8_t)~len;
        to[4] = (uint8_t)(~len >> 8);
        memcpy(to + 5, request->input + from, len);
        at += 5 + len;
        from += len;
    } while (from < request->input_len);
    return at;
}

static int open_queue(const char *arguments, struct interlude_queue **into) {
    if (FAULT == OPEN_FAILS || *arguments != '\0') return ENODEV;
    *into = calloc(1, sizeof **into);
    return *into == NULL ? ENOMEM : 0;
}

static int accepts(struct interlude_queue *queue, uint32_t operation, uint64_t bytes) {
    if (bytes == SWITCH_ANSWER) return queue->answers = 1;
    if (bytes == ASK_INTACT) return !queue->is_damaged;
    if (bytes == ASK_ANSWERED) return queue->has_answered;
    return operation == INTERLUDE_COMPRESS;
}

static int submit(struct interlude_queue *queue, const struct interlude_request *request) {
    if (FAULT == REFUSES) return EINVAL;
    if (FAULT == FULL || queue->begun - queue->ended == QUEUE) return EAGAIN;
    uint8_t *copy = malloc(request->input_len);
    if (copy == NULL) return ENOMEM;
    memcpy(copy, request->input, request->input_len);
    queue->copies[queue->begun % QUEUE] = copy;
    queue->requests[queue->begun++ % QUEUE] = *request;
    return 0;
}

static uint32_t take(struct interlude_queue *queue, struct interlude_completion *into, uint32_t max) {
    uint32_t given = 0;
    if (FAULT == NEVER && !queue->answers) return 0;
    while (given + 1 < max && queue->ended < queue->begun) {
        struct interlude_request *request = &queue->requests[queue->ended % QUEUE];
        uint8_t *copy = queue->copies[queue->ended++ % QUEUE];
        queue->is_damaged |= memcmp(copy, request->input, request->input_len) != 0;
        free(copy);
        struct interlude_completion completion = {.ticket = request->ticket};
        completion.produced = store(request);
        if (completion.produced == 0) completion.status = INTERLUDE_DECLINED;
        if (FAULT == UNKNOWN) into[given++] = (struct interlude_completion){.ticket = ~request->ticket, .produced = 1};
        if (FAULT == TOO_LONG) completion.produced = request->capacity + 1;
        if (FAULT == EMPTY) completion.produced = 0;
        if (FAULT == WRONG) request->output[5] ^= 1;
        if (FAULT == WRONG_SUM) completion.has = INTERLUDE_HAS_CRC32;
        if (FAULT == CUT) completion.produced /= 2;
        if (FAULT == FAILS) completion.status = -EIO;
        if (FAULT == DECLINES) completion.status = INTERLUDE_DECLINED;
        into[given++] = completion;
        if (FAULT == TWICE) into[given++] = completion;
        queue->has_answered = 1;
    }
    return given;
}

static int fd(struct interlude_queue *queue) {
    (void)queue;
    return -1;
}

static void close_queue(struct interlude_queue *queue) {
    free(queue);
}

static const struct interlude_engine_plugin plugin = {
    .abi_version = FAULT == OTHER_VERSION ? INTERLUDE_ENGINE_ABI + 1 : INTERLUDE_ENGINE_ABI,
    .queue = QUEUE,
    .parallel = 1,
    .name = "faulty",
    .version = "0\n",
    .open = FAULT == NO_OPEN ? NULL : open_queue,
    .accepts = accepts,
    .submit = submit,
    .poll = take,
    .fd = fd,
    .close = close_queue,
};

#if FAULT == NO_ENTRY
const struct interlude_engine_plugin *another_name(uint32_t);
#define ENTRY another_name
#else
#define ENTRY interlude_engine_plugin
#endif

const struct interlude_engine_plugin *ENTRY(uint32_t abi_version) {
    return FAULT == NO_VERSION || abi_version != INTERLUDE_ENGINE_ABI ? NULL : &plugin;
}
