/* SPDX-License-Identifier: MIT */
/*
 * A controller made of C: registers, queues and a namespace, by the specification and on its own, so that the driver's mistakes
 * are not its own. It reaches memory only by bus addresses that were given to it. A random number decides in which order
 * commands are done; hooks make them fail, or the whole controller misbehave.
 */
#ifndef DRIVER_BLOCK_NVME_TEST_FAKE_H
#define DRIVER_BLOCK_NVME_TEST_FAKE_H

#include "driver/block/nvme/nvme.h"
#include "lib/device/device.h"

#include <stdbool.h>

#define FAKE_AREAS   64u
#define FAKE_QUEUES  10u
#define FAKE_PENDING 1024u

struct fake_area {
    uint64_t bus, size;
    uint8_t *bytes;
};

struct fake_queue {
    uint64_t submission, completion; /* bus addresses; 0: there is none */
    uint32_t submission_entries, completion_entries;
    uint32_t head, tail, completion_tail, completion_head;
    uint32_t phase;
};

struct fake_pending {
    struct nvme_command command;
    uint32_t queue;
};

struct fake {
    struct fake_area area[FAKE_AREAS];
    unsigned areas;
    uint8_t *disk;    /* the namespace's content, `blocks` of `block_size` */
    uint8_t *durable; /* what it has after a power cut: FLUSH copies */
    uint64_t blocks;
    uint32_t block_size;
    uint32_t entries_max, queues_max, mdts;
    bool sgl, read_only, metadata;

    uint32_t cc, csts, aqa;
    uint64_t asq, acq, time_ms;
    struct fake_queue queue[FAKE_QUEUES];
    struct fake_pending pending[FAKE_PENDING];
    unsigned pending_count;
    uint32_t event_slot;
    bool event_asked;

    bool master; /* it may reach memory */

    /* misbehaviour */
    bool stuck;       /* fetches commands and never ends them */
    bool admin_stuck; /* the same for admin commands */
    bool never_ready;
    bool absent;                /* all registers read as ones */
    unsigned fail_next;         /* so many I/O commands fail ... */
    uint32_t fail_status;       /* ... with this status field (bits 31:17) */
    uint64_t bad_block;         /* any access to it fails for good; 0: none */
    unsigned wrong_identifiers; /* completions for nobody, before the next right one */

    uint64_t commands, resets, sgl_commands, fua_writes, interrupts;
    uint64_t seed;
};

void fake_init(struct fake *fake, uint32_t block_size, uint64_t blocks);
void fake_free(struct fake *fake);

/* Lets the device reach memory at this bus address. */
void fake_area_add(struct fake *fake, void *bytes, uint64_t bus, uint64_t size);

/* Does up to `most` commands that are pending, in random order. Returns how many. */
unsigned fake_work(struct fake *fake, unsigned most);

/* The namespace has another size. */
void fake_resize(struct fake *fake, uint64_t blocks);

struct nvme_hardware fake_hardware(struct fake *fake);

uint32_t fake_random(struct fake *fake, uint32_t limit);

#endif
