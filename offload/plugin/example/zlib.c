/*
 * An example of an engine of one's own: whole buffers compressed by zlib, on a thread of its own.
 *
 *    cc -O2 -fPIC -shared -I../include -o zlib.so zlib.c -lz -lpthread
 *    interlude run --engine plugin --set plugin.path=./zlib.so -- nginx
 *
 * Each queue has one thread, which is started by `open` and so has all signals blocked. `deflate` is
 * intercepted there, too, but the thread is none of the server's: the call goes through.
 *
 * Arguments: "level=N", 1 to 9, in place of whatever level is asked for.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zlib.h>

#include "interlude_engine.h"

#define QUEUE 256u

struct interlude_queue {
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t thread;
    int level;
    int fd;
    int is_armed, is_rung, is_closing;
    /* Rings: requests [begun, submitted), completions [taken, done). A request's place is free again when
     * its completion was taken. */
    uint64_t submitted, begun, done, taken;
    struct interlude_request requests[QUEUE];
    struct interlude_completion completions[QUEUE];
};

static struct interlude_completion compress_one(const struct interlude_request *request, int level) {
    struct interlude_completion completion = {.ticket = request->ticket, .status = -ENOMEM};
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    if (level == 0) level = request->level != 0 ? (int)request->level : Z_DEFAULT_COMPRESSION;
    int bits = -(int)request->window_bits;
    if (deflateInit2(&stream, level, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) return completion;
    stream.next_in = (Bytef *)request->input;
    stream.avail_in = (uInt)request->input_len;
    stream.next_out = request->output;
    stream.avail_out = (uInt)request->capacity;
    if (deflate(&stream, Z_FINISH) == Z_STREAM_END) {
        completion.status = INTERLUDE_DONE;
        completion.produced = stream.total_out;
        completion.has = INTERLUDE_HAS_CRC32;
        completion.crc32 = (uint32_t)crc32(0, request->input, (uInt)request->input_len);
    } else {
        completion.status = INTERLUDE_DECLINED;
    }
    deflateEnd(&stream);
    return completion;
}

static void *work(void *argument) {
    struct interlude_queue *queue = argument;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->begun == queue->submitted && !queue->is_closing)
            pthread_cond_wait(&queue->work, &queue->lock);
        if (queue->is_closing) break;
        struct interlude_request request = queue->requests[queue->begun++ % QUEUE];
        pthread_mutex_unlock(&queue->lock);
        struct interlude_completion completion = compress_one(&request, queue->level);
        pthread_mutex_lock(&queue->lock);
        queue->completions[queue->done++ % QUEUE] = completion;
        if (queue->is_armed) {
            uint64_t one = 1;
            queue->is_armed = 0;
            queue->is_rung = write(queue->fd, &one, sizeof one) == sizeof one;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

static int open_queue(const char *arguments, struct interlude_queue **into) {
    int level = 0;
    if (strncmp(arguments, "level=", 6) == 0) {
        char *end;
        long number = strtol(arguments + 6, &end, 10);
        if (*end != '\0' || number < 1 || number > 9) return EINVAL;
        level = (int)number;
    } else if (*arguments != '\0') {
        return EINVAL;
    }
    struct interlude_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) return ENOMEM;
    queue->level = level;
    queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->fd < 0) {
        int error = errno;
        free(queue);
        return error;
    }
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->work, NULL);
    int error = pthread_create(&queue->thread, NULL, work, queue);
    if (error != 0) {
        close(queue->fd);
        free(queue);
        return error;
    }
    *into = queue;
    return 0;
}

static int accepts(struct interlude_queue *queue, uint32_t operation, uint64_t bytes) {
    (void)queue;
    return operation == INTERLUDE_COMPRESS && bytes <= UINT32_MAX / 2;
}

static int submit(struct interlude_queue *queue, const struct interlude_request *request) {
    if (!accepts(queue, request->operation, request->input_len)) return EINVAL;
    if (request->capacity > UINT32_MAX / 2) return EINVAL;
    int result = EAGAIN;
    pthread_mutex_lock(&queue->lock);
    if (queue->submitted - queue->taken < QUEUE) {
        queue->requests[queue->submitted++ % QUEUE] = *request;
        pthread_cond_signal(&queue->work);
        result = 0;
    }
    pthread_mutex_unlock(&queue->lock);
    return result;
}

static uint32_t take(struct interlude_queue *queue, struct interlude_completion *into, uint32_t max) {
    uint32_t taken = 0;
    pthread_mutex_lock(&queue->lock);
    while (taken < max && queue->taken < queue->done)
        into[taken++] = queue->completions[queue->taken++ % QUEUE];
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

static int fd(struct interlude_queue *queue) {
    return queue->fd;
}

static int arm(struct interlude_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    int is_armed = queue->is_armed = queue->taken == queue->done;
    pthread_mutex_unlock(&queue->lock);
    return is_armed;
}

static void disarm(struct interlude_queue *queue) {
    uint64_t rings;
    pthread_mutex_lock(&queue->lock);
    queue->is_armed = 0;
    if (queue->is_rung) queue->is_rung = read(queue->fd, &rings, sizeof rings) < 0;
    pthread_mutex_unlock(&queue->lock);
}

static void close_queue(struct interlude_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->is_closing = 1;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    pthread_cond_destroy(&queue->work);
    pthread_mutex_destroy(&queue->lock);
    close(queue->fd);
    free(queue);
}

static const struct interlude_engine_plugin plugin = {
    .abi_version = INTERLUDE_ENGINE_ABI,
    .queue = QUEUE,
    .parallel = 1,
    .name = "zlib",
    .version = "1",
    .open = open_queue,
    .accepts = accepts,
    .submit = submit,
    .poll = take,
    .fd = fd,
    .arm = arm,
    .disarm = disarm,
    .close = close_queue,
};

const struct interlude_engine_plugin *interlude_engine_plugin(uint32_t abi_version) {
    return abi_version == INTERLUDE_ENGINE_ABI ? &plugin : NULL;
}
