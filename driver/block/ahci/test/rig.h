/* SPDX-License-Identifier: MIT */
/*
 * A port on a fake HBA with clients: jobs with memory of their own, which is taken away the moment that they are done, so
 * that the sanitizer finds every access to it that comes later.
 */
#ifndef DRIVER_BLOCK_AHCI_TEST_RIG_H
#define DRIVER_BLOCK_AHCI_TEST_RIG_H

#include "driver/block/ahci/test/fake_hba.h"

#define RIG_JOBS 64u

struct rig_job {
    struct block_job job;
    struct block_region region;
    struct device_mapping mapping;
    struct device_run runs[1024];
    struct block_piece pieces[AHCI_PIECES_MAX];
    uint8_t *memory; /* while it is under way */
    uint8_t pattern; /* what is written, or has been read */
    unsigned done;   /* how often it was told done */
    enum status status;
    bool active;
};

struct rig {
    struct fake_hba fake;
    struct ahci_port port;
    struct rig_job jobs[RIG_JOBS];
};

/* `ncq`: the disk has a queue. The port is running afterwards (REQUIREd). */
struct rig *rig_start(unsigned slots, bool ncq);
/* The same without waiting for the disk. `change_opt` changes the fake before the port looks at it. */
struct rig *rig_begin(unsigned slots, bool ncq, void (*change_opt)(struct fake_hba *fake));
void rig_stop(struct rig *rig); /* CHECKs that no rule was broken and no job is under way */

/* Submits, without a kick. Writes are of blocks that hold `pattern` everywhere. */
void rig_submit(struct rig *rig, unsigned job, enum block_operation operation, uint64_t block,
                unsigned blocks, uint8_t pattern);
/* READs of one block each, job i of block first + i; issued. */
void rig_reads(struct rig *rig, unsigned count, uint64_t first);

/* The slot of the command that begins at this block. */
unsigned rig_slot(const struct rig *rig, uint64_t block);

/* Takes the interrupt if there is one. */
void rig_settle(struct rig *rig);
/* Lets time pass, with the port's steps at their times. */
void rig_pass(struct rig *rig, uint64_t ns);

unsigned rig_count(const struct rig *rig, unsigned count, enum status status);

#endif
