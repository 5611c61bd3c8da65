/*
 * One request as one stateless operation of a compressdev.
 *
 *    input  ──> mbuf ─ mbuf ─ mbuf      output ──> mbuf ─ mbuf      a mbuf's length has 16 bits: chains
 *               up to 60 K each                                     of pieces, none of which is copied
 *
 * The mbufs come from a pool, and their data is Interlude's memory (external buffers). A software driver
 * does all the work within the enqueue, so one operation at a time is all that there is to be had.
 */
#include <errno.h>
#include <sched.h>
#include <rte_compressdev.h>
#include <rte_mbuf.h>

#include "dpdk.h"

uint8_t window_for(const struct device *device, uint64_t bytes, uint32_t window_bits) {
    if (window_bits > device->window_max) return device->window_max;
    if (window_bits >= device->window_min) return (uint8_t)window_bits;
    /* There is nothing farther back than an input is long. */
    return bytes <= 1ull << window_bits ? device->window_min : 0;
}

static void *xform_for(struct lane *lane, uint32_t level, uint8_t window) {
    const unsigned known = RTE_DIM(lane->known);
    for (unsigned at = 0; at < known; at++)
        if (lane->known[at].xform != NULL && lane->known[at].level == level && lane->known[at].window == window)
            return lane->known[at].xform;
    unsigned at = lane->next++ % known;
    if (lane->known[at].xform != NULL) rte_compressdev_private_xform_free(lane->device->id, lane->known[at].xform);
    lane->known[at].xform = NULL;
    struct rte_comp_xform xform = {
        .type = RTE_COMP_COMPRESS,
        .compress = {
            .algo = RTE_COMP_ALGO_DEFLATE,
            .deflate.huffman = lane->device->huffman,
            .level = level == 0 ? RTE_COMP_LEVEL_PMD_DEFAULT : (int)level,
            .window_size = window,
            .chksum = RTE_COMP_CHECKSUM_NONE,
            .hash_algo = RTE_COMP_HASH_ALGO_NONE,
        },
    };
    void *made = NULL;
    if (rte_compressdev_private_xform_create(lane->device->id, &xform, &made) != 0) return NULL;
    lane->known[at].level = level;
    lane->known[at].window = window;
    return lane->known[at].xform = made;
}

/* The memory stays Interlude's, whoever lets go of the last mbuf. */
static void leave(void *address, void *opaque) {
    (void)address, (void)opaque;
}

/* Pieces of the same length; the last has what is left over, and so is the longest: ISA-L's driver takes a piece for the
 * last one as soon as no more is left of the input than the piece was long. */
static struct rte_mbuf *chain(struct lane *lane, uint8_t *bytes, uint64_t len, struct rte_mbuf_ext_shared_info *shared) {
    struct rte_mbuf *head = NULL, **link = &head;
    /* Some 1200 at most, so the last is longer by less than that: still within 16 bits. */
    const uint64_t pieces = (len + SEGMENT - 1) / SEGMENT;
    uint64_t left = len;
    for (uint64_t number = 0; number < pieces; number++) {
        uint16_t piece = (uint16_t)(number + 1 == pieces ? left : len / pieces);
        struct rte_mbuf *segment = rte_pktmbuf_alloc(lane->segments);
        if (segment == NULL) {
            rte_pktmbuf_free(head);
            return NULL;
        }
        uint8_t *at = bytes + (len - left);
        rte_mbuf_ext_refcnt_update(shared, 1);
        rte_pktmbuf_attach_extbuf(segment, at, (rte_iova_t)(uintptr_t)at, piece, shared);
        segment->data_off = 0;
        segment->data_len = piece;
        *link = segment;
        link = &segment->next;
        if (segment != head) head->nb_segs++;
        head->pkt_len += piece;
        left -= piece;
    }
    return head;
}

static int32_t status_of(const struct rte_comp_op *op, const struct interlude_request *request) {
    switch (op->status) {
    case RTE_COMP_OP_STATUS_SUCCESS:
        return op->consumed == request->input_len ? INTERLUDE_DONE : -EIO;
    case RTE_COMP_OP_STATUS_OUT_OF_SPACE_TERMINATED:
    case RTE_COMP_OP_STATUS_OUT_OF_SPACE_RECOVERABLE:
        return INTERLUDE_DECLINED;
    default:
        return -EIO;
    }
}

static void run(struct lane *lane, struct rte_comp_op *op, const struct interlude_request *request,
                struct interlude_completion *completion) {
    struct rte_comp_op *done = NULL;
    op->op_type = RTE_COMP_OP_STATELESS;
    op->flush_flag = RTE_COMP_FLUSH_FINAL;
    op->src.length = (uint32_t)request->input_len;
    completion->status = -EIO;
    if (rte_compressdev_enqueue_burst(lane->device->id, lane->queue_pair, &op, 1) != 1) return;
    while (rte_compressdev_dequeue_burst(lane->device->id, lane->queue_pair, &done, 1) == 0) sched_yield();
    completion->status = status_of(done, request);
    completion->produced = completion->status == INTERLUDE_DONE ? done->produced : 0;
}

struct interlude_completion compress_one(struct lane *lane, const struct interlude_request *request) {
    struct interlude_completion completion = {.ticket = request->ticket, .status = -ENOMEM};
    /* One more than there are mbufs, so that none is the last. */
    struct rte_mbuf_ext_shared_info shared = {.free_cb = leave};
    rte_mbuf_ext_refcnt_set(&shared, 1);
    /* More room than that is of no use to any input. */
    uint64_t room = RTE_MIN(request->capacity, request->input_len + request->input_len / 8 + 4096);
    struct rte_comp_op *op = rte_comp_op_alloc(lane->ops);
    if (op == NULL) return completion;
    op->private_xform = xform_for(lane, request->level,
        window_for(lane->device, request->input_len, request->window_bits));
    op->m_src = chain(lane, (uint8_t *)(uintptr_t)request->input, request->input_len, &shared);
    op->m_dst = chain(lane, request->output, room, &shared);
    if (op->private_xform != NULL && op->m_src != NULL && op->m_dst != NULL) run(lane, op, request, &completion);
    rte_pktmbuf_free(op->m_src);
    rte_pktmbuf_free(op->m_dst);
    rte_comp_op_free(op);
    return completion;
}
