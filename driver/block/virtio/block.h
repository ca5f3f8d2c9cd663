/* SPDX-License-Identifier: MIT */
/*
 * A virtio-blk device, hardware-free: jobs become chains of descriptors and chains become completed jobs.
 *
 * Memory that the device shares is one piece, laid out at the start:
 *
 *     rings of queue 0 | rings of queue 1 | ... | request 0 | request 1 | ... | request depth - 1
 *
 * A request (struct request_memory) has everything of a job but its data: the header, the range of a DISCARD or
 * WRITE_ZEROES, the status byte, and a table of descriptors; so a job takes one descriptor of a ring if the
 * device knows indirect ones. Data lie in the clients' regions and are never copied.
 *
 * States. RUNNING: jobs go in and out. A job that takes too long, a device that says NEEDS_RESET or returns
 * what it was not given: RESETTING, the device is reset and everything in flight is issued again, which D2
 * (lib/block/server.h) makes harmless: no other request touches the blocks of one in flight. A device that
 * cannot be reset, or that breaks down again and again without completing anything in between, is stopped and
 * LOST: its jobs end with ERR_PEER_GONE. A job that sees ATTEMPTS_MAX resets ends with ERR_IO: perhaps it is
 * what the device cannot bear.
 *
 * Invariants:
 *   I1  a request has a job exactly while it is not in the free list; in_flight counts them
 *   I2  in RUNNING each request with a job is in the virtqueue `queue`, in the other states the device has none
 *   I3  what the device writes (used ring, status byte) is read once per completion; nothing else of the shared
 *       memory is read
 */
#ifndef DRIVER_BLOCK_VIRTIO_BLOCK_H
#define DRIVER_BLOCK_VIRTIO_BLOCK_H

#include "driver/block/virtio/transport.h"
#include "lib/block/server.h"
#include "lib/virtio/blk.h"
#include "lib/virtio/queue_driver.h"

#include <stdbool.h>

enum {
    QUEUES_MAX = 16,
    QUEUE_SIZE_MAX = 1024,
    DEPTH_MAX = 1024,
    ATTEMPTS_MAX = 4,   /* resets that a job lives through */
    RESETS_MAX = 6,     /* in a row, without any completion */
    RESET_TICKS = 3,    /* until a device that does not come back is reset by force, or given up */
    SEGMENTS_MAX = 254, /* descriptors of data; with two more this is a table of 4 KiB */
    STATUS_NONE = 0xff  /* of a request: the device has written none yet */
};

struct request_memory {
    struct virtio_blk_req header;
    struct virtio_blk_discard_write_zeroes range;
    uint8_t status; /* enum virtio_blk_status, written by the device */
    uint8_t padding[31];
    struct virtq_desc table[];
};

_Static_assert(sizeof(struct request_memory) == 64, "header, range and status share a cache line");

struct request {
    struct block_job *job_opt;
    struct request_memory *memory;
    uint64_t bus; /* of `memory` */
    struct request *next_free;
    uint64_t issued; /* tick */
    uint32_t room;   /* bytes that the device must write: status, and data of a READ */
    uint16_t queue;
    uint16_t attempts;
};

struct queue {
    struct virtqueue_driver ring;
    struct virtqueue_slot *slots;
    void *memory;
    uint64_t bus;
    uint64_t memory_size;
    uint16_t size;
    bool staged; /* something was added that is not published */
};

enum device_state { DEVICE_RUNNING, DEVICE_RESETTING, DEVICE_LOST };

struct virtio_block {
    struct block_device device; /* first: the library's pointer is ours */
    struct transport *transport;
    unsigned queues_wanted, depth_wanted;
    unsigned timeout_ticks;
    bool confined; /* an IOMMU is between the device and memory */
    unsigned
        vector_count; /* MSI-X: 0 for the configuration, 1 + n for queue n, the last one for what is left; 0: INTx */

    enum device_state state;
    uint64_t features; /* negotiated */
    uint32_t size_max; /* bytes of a descriptor */
    bool may_unmap;    /* the device frees what WRITE_ZEROES names, if asked to */
    unsigned segments_max;
    unsigned queue_count;
    unsigned current; /* queue that gets the next job */
    struct queue queues[QUEUES_MAX];
    unsigned depth, in_flight;
    struct request *requests, *free_opt;
    struct virtq_desc
        table[SEGMENTS_MAX + 2]; /* of the job being issued, if there are no indirect descriptors */

    uint64_t now; /* ticks */
    uint64_t reset_begun;
    bool forced; /* the function was reset */
    unsigned resets_in_a_row;
    bool changed; /* limits, size or verifier: the clients are to be told */
    struct virtio_block_counters {
        uint64_t resets;
        uint64_t ticked;        /* jobs whose completion a tick found: an interrupt was late, or lost */
        const char *reason_opt; /* of the last reset */
    } counters;
};

/*
 * Resets the device, negotiates features, reads the configuration: block->transport, queues_wanted (1 to
 * QUEUES_MAX), depth_wanted, timeout_ticks, confined are given, vector_count before the start; features,
 * queue_count, depth and device.limits are known afterwards. ERR_UNSUPPORTED, ERR_IO: `*reason` says why.
 */
[[nodiscard]] enum status virtio_block_probe(struct virtio_block *block, const char **reason);

/* Bytes of memory to share with the device. */
uint64_t virtio_block_memory_size(const struct virtio_block *block);

/* Gives it: zeroed memory at `bus` for the device, `requests` and `slots` for block->depth and
   virtio_block_slots() elements. Starts the device. */
[[nodiscard]] enum status virtio_block_start(struct virtio_block *block, void *memory, uint64_t bus,
                                             struct request *requests, struct virtqueue_slot *slots,
                                             const char **reason);
unsigned virtio_block_slots(const struct virtio_block *block);

/* As struct block_device_ops asks. */
enum status virtio_block_submit(struct virtio_block *block, struct block_job *job);
void virtio_block_kick(struct virtio_block *block);

/* A queue's interrupt, or any: completes jobs and tells their number. Afterwards the caller settles
   (block_server_settle). */
unsigned virtio_block_interrupt(struct virtio_block *block, unsigned queue);
/* The configuration's interrupt: capacity, or NEEDS_RESET. */
void virtio_block_config_interrupt(struct virtio_block *block);
/* From time to time while block->in_flight or state is not DEVICE_RUNNING. */
void virtio_block_tick(struct virtio_block *block);

/* Between the files of the driver. */
[[nodiscard]] enum status device_negotiate(struct virtio_block *block, bool again, const char **reason);
[[nodiscard]] enum status device_start(struct virtio_block *block, const char **reason);
void device_read_size(struct virtio_block *block);
void request_free(struct virtio_block *block, struct request *request);
[[nodiscard]] enum status request_issue(struct virtio_block *block, struct request *request, unsigned queue);
void reset_begin(struct virtio_block *block, const char *reason);

#endif
