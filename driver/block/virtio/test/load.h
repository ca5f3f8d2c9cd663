/* SPDX-License-Identifier: MIT */
/*
 * A load for the driver's tests: in place of lib/block's engine. Jobs of all kinds run against the fake device;
 * each slot has a part of the disk of its own, so D2 of lib/block/server.h holds, and knows what must be there.
 * block_job_done() is here: each job must be done exactly once.
 */
#ifndef DRIVER_BLOCK_VIRTIO_TEST_LOAD_H
#define DRIVER_BLOCK_VIRTIO_TEST_LOAD_H

#include "driver/block/virtio/block.h"
#include "driver/block/virtio/test/fake.h"
#include "lib/device/device.h"

enum {
    LOAD_SLOTS = 64,
    LOAD_SHARE = FAKE_DISK / LOAD_SLOTS,
    LOAD_PIECES = 8,
    LOAD_RUNS = 2 * LOAD_SHARE / 4096
};

struct slot {
    struct block_job job; /* first */
    struct block_piece pieces[LOAD_PIECES];
    struct block_region region;
    struct device_mapping mapping; /* pages of `memory` in a random order, to be taken one by one */
    struct device_run runs[LOAD_RUNS];
    uint8_t *memory;
    uint8_t expected[LOAD_SHARE]; /* what the disk has */
    bool defined[LOAD_SHARE];     /* false: any content is right, after a discard or an error */
    bool busy;
    enum status status;
    unsigned done;
};

struct load {
    struct virtio_block block;
    struct fake fake;
    struct slot slots[LOAD_SLOTS];
    void *memory;
    struct request *requests;
    struct virtqueue_slot *queue_slots;
    const char *reason;
    bool flush_runs;
    bool errors_allowed;
    bool driver_has_interrupts; /* else it lives by its ticks */
    unsigned completed, failed, issued, refused, checked;
};

/* Prepares device and driver; the test changes what it wants, then starts. */
void load_init(struct load *load);
[[nodiscard]] enum status load_start(struct load *load);
void load_free(struct load *load);

/* One round: some jobs, the device, its interrupts. */
void load_round(struct load *load, unsigned jobs);
/* Rounds without new jobs until none is in flight; false: some still are. `ticks`: with a tick after each
   round. */
bool load_drain(struct load *load, unsigned rounds, bool ticks);
/* A job of this slot, which must be free. */
void load_submit(struct load *load, struct slot *slot, enum block_operation operation);
void load_random(struct load *load);
/* The disk has what it must have. */
void load_check_disk(struct load *load);

#endif
