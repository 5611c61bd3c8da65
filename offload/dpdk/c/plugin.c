/*
 * libinterlude_dpdk.so: whole buffers compressed by a compressdev of DPDK's.
 *
 *    offload/dpdk/build.sh libinterlude_dpdk.so
 *    interlude run --engine plugin --set plugin.path=$PWD/libinterlude_dpdk.so -- nginx
 *
 * A software driver (isal, zlib) does its work within the enqueue, so each queue has a thread of its own for it
 * (interlude_worker.h), which enqueues and dequeues one operation at a time.
 *
 * Arguments: "vdev=compress_isal" (so without any) or "vdev=compress_zlib"; "eal=..." as the last: the rest
 * is for rte_eal_init.
 */
#include <rte_common.h>
#include <rte_version.h>

#include "dpdk.h"
#include "interlude_worker.h"

static struct interlude_completion compress(void *own, const struct interlude_request *request) {
    return compress_one(own, request);
}

static int open_queue(const char *arguments, struct interlude_queue **into) {
    struct lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL) return ENOMEM;
    int error = lane_open(arguments, lane);
    if (error == 0) {
        error = interlude_worker_open(compress, lane, into);
        if (error != 0) lane_close(lane);
    }
    if (error != 0) free(lane);
    return error;
}

static int accepts(struct interlude_queue *queue, uint32_t operation, uint64_t bytes) {
    (void)queue;
    return operation == INTERLUDE_COMPRESS && bytes > 0 && bytes <= INPUT_MAX;
}

static int submit(struct interlude_queue *queue, const struct interlude_request *request) {
    const struct lane *lane = queue->own;
    if (!accepts(queue, request->operation, request->input_len)) return EINVAL;
    if (request->capacity == 0 || request->level > 9) return EINVAL;
    if (window_for(lane->device, request->input_len, request->window_bits) == 0) return EINVAL;
    return interlude_worker_submit(queue, request);
}

static void close_queue(struct interlude_queue *queue) {
    struct lane *lane = interlude_worker_close(queue);
    lane_close(lane);
    free(lane);
}

static const struct interlude_engine_plugin plugin = {
    .abi_version = INTERLUDE_ENGINE_ABI,
    .queue = INTERLUDE_WORKER_QUEUE,
    .parallel = 1,
    .name = "dpdk",
    .version = "DPDK " RTE_STR(RTE_VER_YEAR) "." RTE_STR(RTE_VER_MONTH) "." RTE_STR(RTE_VER_MINOR),
    .open = open_queue,
    .accepts = accepts,
    .submit = submit,
    .poll = interlude_worker_poll,
    .fd = interlude_worker_fd,
    .arm = interlude_worker_arm,
    .disarm = interlude_worker_disarm,
    .close = close_queue,
};

const struct interlude_engine_plugin *interlude_engine_plugin(uint32_t abi_version) {
    return abi_version == INTERLUDE_ENGINE_ABI ? &plugin : NULL;
}
