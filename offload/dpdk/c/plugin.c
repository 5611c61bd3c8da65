/*
 * libinterlude_dpdk.so: whole buffers compressed by a compressdev of DPDK's.
 *
 *    offload/dpdk/build.sh libinterlude_dpdk.so
 *    interlude run --engine plugin --set plugin.path=$PWD/libinterlude_dpdk.so -- nginx
 *
 *    server's thread                      the queue's thread                  the PMD (isal, zlib)
 *      submit ──> ring of requests ──────> compress_one ── enqueue ──────────> does the work, in there
 *      poll <──── ring of completions <──────────────────── dequeue <───────── has it
 *        ^──────── fd, when armed
 *
 * Each queue has one thread, which is started by `open` and so has all signals blocked. What the driver
 * calls of zlib is intercepted there, too, but the thread is none of the server's: the call goes through.
 *
 * Arguments: "vdev=compress_isal" (so without any) or "vdev=compress_zlib"; "eal=..." as the last: the rest
 * is for rte_eal_init.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <rte_common.h>
#include <rte_version.h>

#include "dpdk.h"

#define QUEUE 256u

struct interlude_queue {
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t thread;
    struct lane lane;
    int fd;
    int is_armed, is_rung, is_closing;
    /* Rings: requests [begun, submitted), completions [taken, done). A request's place is free again when
     * its completion was taken. */
    uint64_t submitted, begun, done, taken;
    struct interlude_request requests[QUEUE];
    struct interlude_completion completions[QUEUE];
};

static void *work(void *argument) {
    struct interlude_queue *queue = argument;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->begun == queue->submitted && !queue->is_closing)
            pthread_cond_wait(&queue->work, &queue->lock);
        if (queue->is_closing) break;
        struct interlude_request request = queue->requests[queue->begun++ % QUEUE];
        pthread_mutex_unlock(&queue->lock);
        struct interlude_completion completion = compress_one(&queue->lane, &request);
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
    struct interlude_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) return ENOMEM;
    int error = lane_open(arguments, &queue->lane);
    if (error != 0) {
        free(queue);
        return error;
    }
    queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->fd < 0) {
        error = errno;
        lane_close(&queue->lane);
        free(queue);
        return error;
    }
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->work, NULL);
    error = pthread_create(&queue->thread, NULL, work, queue);
    if (error != 0) {
        lane_close(&queue->lane);
        close(queue->fd);
        free(queue);
        return error;
    }
    *into = queue;
    return 0;
}

static int accepts(struct interlude_queue *queue, uint32_t operation, uint64_t bytes) {
    (void)queue;
    return operation == INTERLUDE_COMPRESS && bytes > 0 && bytes <= INPUT_MAX;
}

static int submit(struct interlude_queue *queue, const struct interlude_request *request) {
    if (!accepts(queue, request->operation, request->input_len)) return EINVAL;
    if (request->capacity == 0 || request->level > 9) return EINVAL;
    if (window_for(queue->lane.device, request->input_len, request->window_bits) == 0) return EINVAL;
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
    lane_close(&queue->lane);
    close(queue->fd);
    free(queue);
}

static const struct interlude_engine_plugin plugin = {
    .abi_version = INTERLUDE_ENGINE_ABI,
    .queue = QUEUE,
    .parallel = 1,
    .name = "dpdk",
    .version = "DPDK " RTE_STR(RTE_VER_YEAR) "." RTE_STR(RTE_VER_MONTH) "." RTE_STR(RTE_VER_MINOR),
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
