/* SPDX-License-Identifier: MIT */
/*
 * For tests that say what happens: an engine on a device that keeps its jobs until told, and clients whose elements are written by hand.
 */
#ifndef LIB_BLOCK_TEST_RIG_H
#define LIB_BLOCK_TEST_RIG_H

#include "lib/block/engine.h"

#include "test/check.h"

enum {
    RIG_DEPTH = 64, /* of a queue */
    RIG_JOBS = 64,  /* in the device, at most */
    RIG_REGION = 1 << 20,
    RIG_SIZE = 64 << 20, /* of the device */
};

struct rig_client {
    struct engine_session session; /* first */
    _Alignas(64) uint8_t memory[64 << 10];
    struct engine_job jobs[RIG_DEPTH];
    struct block_piece pieces[RIG_DEPTH];
    struct ring_producer submission;
    struct ring_consumer completion;
    struct block_segment *segments;
    unsigned told;    /* notifications of the server */
    unsigned telling; /* notifications of the client */
    enum status last; /* of what was taken last */
    uint32_t last_tag;
    uint64_t last_done;
};

struct rig {
    struct block_engine engine;
    struct block_device device;
    struct engine_region zeroes;
    struct block_job *jobs[RIG_JOBS];
    unsigned count;   /* in the device */
    unsigned submits; /* calls */
    unsigned drained;
    bool full;    /* answers ERR_AGAIN */
    bool reaps;   /* and before, completes what it has */
    bool at_once; /* completes inside submit() */
    bool more;
    struct rig_client *guilty; /* has freed the memory of its region `gone` */
    unsigned gone;
};

extern struct rig rig;

void rig_make(unsigned depth);
void rig_run(void);

/* A client with a view, connected; regions 0 (with write) and 1 (without). */
struct rig_client *rig_client(uint64_t offset, uint64_t size, bool write, bool shared);
/* Queue anew. */
void rig_connect(struct rig_client *client);
void rig_free(struct rig_client *client);

/* One segment in region 0, whose place is the tag. */
struct block_element rig_element(struct rig_client *client, uint32_t tag, enum block_operation operation,
                                 uint64_t offset, uint32_t length);
void rig_stage(struct rig_client *client, const struct block_element *element);
void rig_kick(struct rig_client *client);
/* Stage and kick. */
void rig_put(struct rig_client *client, uint32_t tag, enum block_operation operation, uint64_t offset,
             uint32_t length);
/* Takes one completion; false: there is none. */
bool rig_take(struct rig_client *client);

/* The device is done with job number `index`. */
void rig_done(unsigned index, enum status status);

#endif
