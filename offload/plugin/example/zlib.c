/*
 * An example of an engine of one's own: whole buffers compressed by zlib, on a thread of its own.
 *
 *    cc -O2 -fPIC -shared -I../include -o zlib.so zlib.c -lz -lpthread
 *    interlude run --engine plugin --set plugin.path=./zlib.so -- nginx
 *
 * interlude_worker.h has the queue and its thread. What it shows of the interface (submit, poll, fd, arm) is
 * what an engine over a device does otherwise.
 *
 * Arguments: "level=N", 1 to 9, in place of whatever level is asked for.
 */
#include <string.h>
#include <zlib.h>

#include "interlude_worker.h"

static struct interlude_completion compress_one(void *own, const struct interlude_request *request) {
    struct interlude_completion completion = {.ticket = request->ticket, .status = -ENOMEM};
    int level = *(const int *)own;
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
    int *own = malloc(sizeof *own);
    if (own == NULL) return ENOMEM;
    *own = level;
    int error = interlude_worker_open(compress_one, own, into);
    if (error != 0) free(own);
    return error;
}

static int accepts(struct interlude_queue *queue, uint32_t operation, uint64_t bytes) {
    (void)queue;
    return operation == INTERLUDE_COMPRESS && bytes <= UINT32_MAX / 2;
}

static int submit(struct interlude_queue *queue, const struct interlude_request *request) {
    if (!accepts(queue, request->operation, request->input_len)) return EINVAL;
    if (request->capacity > UINT32_MAX / 2) return EINVAL;
    return interlude_worker_submit(queue, request);
}

static void close_queue(struct interlude_queue *queue) {
    free(interlude_worker_close(queue));
}

static const struct interlude_engine_plugin plugin = {
    .abi_version = INTERLUDE_ENGINE_ABI,
    .queue = INTERLUDE_WORKER_QUEUE,
    .parallel = 1,
    .name = "zlib",
    .version = "1",
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
