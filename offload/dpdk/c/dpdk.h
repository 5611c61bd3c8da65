/* What the files of libinterlude_dpdk.so know of each other. */
#ifndef INTERLUDE_DPDK_H
#define INTERLUDE_DPDK_H

#include <stdint.h>
#include <rte_comp.h>
#include <rte_mempool.h>

#include "interlude_engine.h"

/* The longest input. Mbufs for it, and for output that is as long, are there for each queue. */
#define INPUT_MAX (64ull << 20)
/* Bytes of a buffer that one mbuf stands for, but for what is left over. */
#define SEGMENT 61440u

/* A compressdev: what the EAL's vdev of that name is and can. */
struct device {
    const char *name;
    int has_chains, is_there;
    uint8_t id;
    uint16_t queue_pairs;
    /* Bit n: queue pair n has a queue of ours. */
    uint32_t taken;
    uint8_t window_min, window_max;
    enum rte_comp_huffman huffman;
};

/* A queue pair of a device's, and what is used with it. */
struct lane {
    struct device *device;
    uint16_t queue_pair;
    struct rte_mempool *segments, *ops;
    /* Transforms that were made; the oldest goes first. */
    struct { void *xform; uint32_t level; uint8_t window; } known[8];
    uint32_t next;
};

/* eal.c: a lane as the arguments say. 0, or an error, and one line says what is wrong. */
int lane_open(const char *arguments, struct lane *lane);
void lane_close(struct lane *lane);

/* compress.c. The window that a request is compressed with; 0: the device has none that will do. */
uint8_t window_for(const struct device *device, uint64_t bytes, uint32_t window_bits);
/* Compresses; for one thread of the plugin's at a time. */
struct interlude_completion compress_one(struct lane *lane, const struct interlude_request *request);

#endif
