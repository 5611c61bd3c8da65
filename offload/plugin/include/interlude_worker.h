/*
 * For plugins whose work is done by a call that takes its time: a queue with one thread, for which the plugin
 * only brings what does one request. Include it in one source file.
 *
 *    server's thread                      the queue's thread
 *      submit ──> ring of requests ──────> compress(own, request)
 *      poll <──── ring of completions <─────────┘
 *        ^──────── fd, when armed
 *
 * The thread is started by `open` and so has all signals blocked. What it calls of zlib is intercepted, too, but
 * it is none of the server's threads: the calls go through.
 *
 * All but open and close are members of struct interlude_engine_plugin as they are.
 */
#ifndef INTERLUDE_WORKER_H
#define INTERLUDE_WORKER_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "interlude_engine.h"

#define INTERLUDE_WORKER_QUEUE 256u

/* Does one request; of a queue, one at a time. `own` is the plugin's. */
typedef struct interlude_completion interlude_compress(void *own, const struct interlude_request *request);

struct interlude_queue {
    interlude_compress *compress;
    void *own;
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t thread;
    int fd;
    int is_armed, is_rung, is_closing;
    /* Rings: requests [begun, submitted), completions [taken, done). A request's place is free again when
     * its completion was taken. */
    uint64_t submitted, begun, done, taken;
    struct interlude_request requests[INTERLUDE_WORKER_QUEUE];
    struct interlude_completion completions[INTERLUDE_WORKER_QUEUE];
};

static void *interlude_worker_run(void *argument) {
    struct interlude_queue *queue = argument;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->begun == queue->submitted && !queue->is_closing)
            pthread_cond_wait(&queue->work, &queue->lock);
        if (queue->is_closing) break;
        struct interlude_request request = queue->requests[queue->begun++ % INTERLUDE_WORKER_QUEUE];
        pthread_mutex_unlock(&queue->lock);
        struct interlude_completion completion = queue->compress(queue->own, &request);
        pthread_mutex_lock(&queue->lock);
        queue->completions[queue->done++ % INTERLUDE_WORKER_QUEUE] = completion;
        if (queue->is_armed) {
            uint64_t one = 1;
            queue->is_armed = 0;
            queue->is_rung = write(queue->fd, &one, sizeof one) == sizeof one;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* 0, or an error; then `own` is the caller's still. */
static int interlude_worker_open(interlude_compress *compress, void *own, struct interlude_queue **into) {
    struct interlude_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) return ENOMEM;
    queue->compress = compress;
    queue->own = own;
    queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = queue->fd < 0 ? errno : 0;
    if (error == 0) {
        pthread_mutex_init(&queue->lock, NULL);
        pthread_cond_init(&queue->work, NULL);
        error = pthread_create(&queue->thread, NULL, interlude_worker_run, queue);
        if (error != 0) close(queue->fd);
    }
    if (error != 0) {
        free(queue);
        return error;
    }
    *into = queue;
    return 0;
}

static int interlude_worker_submit(struct interlude_queue *queue, const struct interlude_request *request) {
    int result = EAGAIN;
    pthread_mutex_lock(&queue->lock);
    if (queue->submitted - queue->taken < INTERLUDE_WORKER_QUEUE) {
        queue->requests[queue->submitted++ % INTERLUDE_WORKER_QUEUE] = *request;
        pthread_cond_signal(&queue->work);
        result = 0;
    }
    pthread_mutex_unlock(&queue->lock);
    return result;
}

static uint32_t interlude_worker_poll(struct interlude_queue *queue, struct interlude_completion *into,
                                      uint32_t max) {
    uint32_t taken = 0;
    pthread_mutex_lock(&queue->lock);
    while (taken < max && queue->taken < queue->done)
        into[taken++] = queue->completions[queue->taken++ % INTERLUDE_WORKER_QUEUE];
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

static int interlude_worker_fd(struct interlude_queue *queue) {
    return queue->fd;
}

static int interlude_worker_arm(struct interlude_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    int is_armed = queue->is_armed = queue->taken == queue->done;
    pthread_mutex_unlock(&queue->lock);
    return is_armed;
}

static void interlude_worker_disarm(struct interlude_queue *queue) {
    uint64_t rings;
    pthread_mutex_lock(&queue->lock);
    queue->is_armed = 0;
    if (queue->is_rung) queue->is_rung = read(queue->fd, &rings, sizeof rings) < 0;
    pthread_mutex_unlock(&queue->lock);
}

/* Gives `own` back. */
static void *interlude_worker_close(struct interlude_queue *queue) {
    void *own = queue->own;
    pthread_mutex_lock(&queue->lock);
    queue->is_closing = 1;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    pthread_cond_destroy(&queue->work);
    pthread_mutex_destroy(&queue->lock);
    close(queue->fd);
    free(queue);
    return own;
}

#endif
