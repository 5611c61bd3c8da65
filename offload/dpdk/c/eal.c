/*
 * The EAL, once in a process, and its compressdevs: vdevs, one of each kind at most, with so many queue
 * pairs. Started by the first `open`, so in the worker; never ended, as the EAL cannot be started again.
 *
 * The EAL is made for processes of its own. What is the server's stays as it is: the caller's processors
 * are put back, signals are blocked in `open`, nothing is read from the network or from PCI, no file is
 * shared, nothing is said but by `fail` (quiet.c).
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rte_bus_vdev.h>
#include <rte_compressdev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include "dpdk.h"

/* Threads of a process that may have a queue of a device's at the same time. */
#define LANES 16u
#define WORDS 64
#define TEXT 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Whose EAL it is: looked at before the lock, which a fork may have copied while it was held. */
static _Atomic pid_t owner;
static struct device devices[] = {
    {.name = "compress_isal"},
    /* zlib's driver goes along both chains, and does not say so. The tests say whether it does. */
    {.name = "compress_zlib", .has_chains = 1},
};
/* The EAL's own arguments; it is started once, with the first ones. */
static enum { FRESH, RUNS, FAILED } eal;
static char eal_more[TEXT];

__attribute__((format(printf, 2, 3)))
static int fail(int error, const char *format, ...) {
    char line[512] = "interlude: libinterlude_dpdk.so: ";
    size_t at = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + at, sizeof line - at - 1, format, arguments);
    va_end(arguments);
    strcat(line, "\n");
    if (write(STDERR_FILENO, line, strlen(line)) < 0) return error;
    return error;
}

/* "0@(0,1,5)": one lcore, which may run wherever the caller may. */
static void lcores_of(const cpu_set_t *cpus, char *into, size_t size) {
    size_t at = (size_t)snprintf(into, size, "0@(");
    const char *comma = "";
    for (int cpu = 0; cpu < CPU_SETSIZE && at + 8 < size; cpu++) {
        if (!CPU_ISSET(cpu, cpus)) continue;
        at += (size_t)snprintf(into + at, size - at, "%s%d", comma, cpu);
        comma = ",";
    }
    snprintf(into + at, size - at, ")");
}

/* With "--help" the EAL ends the process. */
static int is_forbidden(const char *word) {
    return strcmp(word, "-h") == 0 || strncmp(word, "--he", 4) == 0 || strcmp(word, "--h") == 0;
}

/* The EAL takes only one option that names lcores. */
static int is_lcores(const char *word) {
    return strncmp(word, "--lcores", 8) == 0 || strncmp(word, "-l", 2) == 0 || strncmp(word, "-c", 2) == 0;
}

static int start(const char *more) {
    if (eal == FAILED) return fail(ENODEV, "DPDK's EAL could not be started before");
    if (eal == RUNS && strcmp(more, eal_more) != 0)
        return fail(EBUSY, "DPDK's EAL runs with other arguments: %s", eal_more);
    if (eal == RUNS) return 0;
    cpu_set_t cpus;
    int error = pthread_getaffinity_np(pthread_self(), sizeof cpus, &cpus);
    if (error != 0) return fail(error, "the thread's processors: %s", strerror(error));
    char lcores[8 * CPU_SETSIZE];
    lcores_of(&cpus, lcores, sizeof lcores);
    char *words[WORDS + 16] = {
        "interlude", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "64",
        "--log-level=*:emergency",
    };
    int number = 8, given = 0, has_lcores = 0;
    char text[TEXT], *state = NULL;
    strcpy(text, more);
    for (char *word = strtok_r(text, " ", &state); word != NULL; word = strtok_r(NULL, " ", &state)) {
        if (is_forbidden(word)) return fail(EINVAL, "not for the EAL here: %s", word);
        if (given++ == WORDS) return fail(EINVAL, "too many arguments for the EAL");
        has_lcores |= is_lcores(word);
        words[number++] = word;
    }
    if (!has_lcores) {
        words[number++] = "--lcores";
        words[number++] = lcores;
    }
    rte_log_set_global_level(RTE_LOG_EMERG);
    rte_errno = 0;
    /* getopt's own complaints. */
    int complains = opterr;
    opterr = 0;
    int result = rte_eal_init(number, words);
    int reason = rte_errno;
    opterr = complains;
    pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
    if (result < 0) {
        eal = FAILED;
        return fail(ENODEV, "DPDK's EAL does not start: %s", rte_strerror(reason));
    }
    eal = RUNS;
    strcpy(eal_more, more);
    return 0;
}

static int configure(struct device *device) {
    if (device->is_there) return 0;
    int id = rte_compressdev_get_dev_id(device->name);
    if (id < 0 && rte_vdev_init(device->name, "") == 0) id = rte_compressdev_get_dev_id(device->name);
    if (id < 0) return fail(ENODEV, "no device %s", device->name);
    device->id = (uint8_t)id;
    const struct rte_compressdev_capabilities *can = rte_compressdev_capability_get(device->id, RTE_COMP_ALGO_DEFLATE);
    /* The chains of pieces. */
    if (can == NULL || !(device->has_chains || can->comp_feature_flags & RTE_COMP_FF_OOP_SGL_IN_SGL_OUT))
        return fail(ENOTSUP, "%s does not compress chains of buffers", device->name);
    device->window_min = can->window_size.min;
    device->window_max = can->window_size.max;
    /* zlib's own choice at each level. */
    device->huffman = can->comp_feature_flags & RTE_COMP_FF_HUFFMAN_DYNAMIC ? RTE_COMP_HUFFMAN_DYNAMIC
                                                                            : RTE_COMP_HUFFMAN_FIXED;
    struct rte_compressdev_info info;
    rte_compressdev_info_get(device->id, &info);
    device->queue_pairs = LANES;
    if (info.max_nb_queue_pairs != 0) device->queue_pairs = RTE_MIN(info.max_nb_queue_pairs, LANES);
    struct rte_compressdev_config config = {
        .socket_id = SOCKET_ID_ANY,
        .nb_queue_pairs = device->queue_pairs,
        .max_nb_priv_xforms = LANES * RTE_DIM(((struct lane *)0)->known),
        /* Of no use here; a driver makes a pool of them all the same. */
        .max_nb_streams = 1,
    };
    int error = rte_compressdev_configure(device->id, &config);
    for (uint16_t pair = 0; error == 0 && pair < device->queue_pairs; pair++)
        error = rte_compressdev_queue_pair_setup(device->id, pair, 16, SOCKET_ID_ANY);
    if (error == 0) error = rte_compressdev_start(device->id);
    if (error != 0) return fail(ENODEV, "%s cannot be set up: %s", device->name, rte_strerror(-error));
    device->is_there = 1;
    return 0;
}

/* Pools of a queue pair's, which stay for the next queue that has it. */
static int provide(struct lane *lane) {
    char name[RTE_MEMPOOL_NAMESIZE];
    const unsigned segments = (unsigned)((2 * INPUT_MAX + INPUT_MAX / 8) / SEGMENT + 8);
    snprintf(name, sizeof name, "segments-%u-%u", lane->device->id, lane->queue_pair);
    lane->segments = rte_mempool_lookup(name);
    if (lane->segments == NULL) lane->segments = rte_pktmbuf_pool_create(name, segments, 0, 0, 0, SOCKET_ID_ANY);
    snprintf(name, sizeof name, "ops-%u-%u", lane->device->id, lane->queue_pair);
    lane->ops = rte_mempool_lookup(name);
    if (lane->ops == NULL) lane->ops = rte_comp_op_pool_create(name, 1, 0, 0, SOCKET_ID_ANY);
    if (lane->segments != NULL && lane->ops != NULL) return 0;
    return fail(ENOMEM, "no memory of the EAL's for a queue");
}

static int take(struct lane *lane, struct device *device) {
    for (uint16_t pair = 0; pair < device->queue_pairs; pair++) {
        if (device->taken >> pair & 1) continue;
        lane->device = device;
        lane->queue_pair = pair;
        int error = provide(lane);
        if (error == 0) device->taken |= 1u << pair;
        return error;
    }
    return fail(EMFILE, "all %u queues of %s are taken", device->queue_pairs, device->name);
}

/* "[vdev=NAME] [eal=...]": the rest is the EAL's. */
static int read_arguments(const char *arguments, struct device **device, const char **more) {
    *device = &devices[0];
    *more = "";
    for (const char *at = arguments + strspn(arguments, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        if (strncmp(at, "eal=", 4) == 0) {
            *more = at + 4;
            if (strlen(*more) < TEXT) return 0;
            return fail(EINVAL, "eal= is too long");
        }
        struct device *named = NULL;
        for (unsigned n = 0; n < RTE_DIM(devices); n++) {
            const char *name = devices[n].name;
            if (len == 5 + strlen(name) && strncmp(at, "vdev=", 5) == 0 && strncmp(at + 5, name, len - 5) == 0)
                named = &devices[n];
        }
        if (named == NULL)
            return fail(EINVAL, "not an argument (vdev=compress_isal, vdev=compress_zlib, eal=...): %.*s", (int)len, at);
        *device = named;
        at += len;
    }
    return 0;
}

int lane_open(const char *arguments, struct lane *lane) {
    struct device *device;
    const char *more;
    int error = read_arguments(arguments, &device, &more);
    if (error != 0) return error;
    pid_t nobody = 0, self = getpid();
    if (!__atomic_compare_exchange_n((pid_t *)&owner, &nobody, self, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) &&
        nobody != self)
        return fail(ENOTSUP, "process %d was forked from %d, which has started DPDK's EAL", (int)self, (int)nobody);
    pthread_mutex_lock(&lock);
    error = start(more);
    if (error == 0) error = configure(device);
    if (error == 0) error = take(lane, device);
    pthread_mutex_unlock(&lock);
    return error;
}

void lane_close(struct lane *lane) {
    for (unsigned at = 0; at < RTE_DIM(lane->known); at++)
        if (lane->known[at].xform != NULL)
            rte_compressdev_private_xform_free(lane->device->id, lane->known[at].xform);
    pthread_mutex_lock(&lock);
    lane->device->taken &= ~(1u << lane->queue_pair);
    pthread_mutex_unlock(&lock);
}
