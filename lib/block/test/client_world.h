/* SPDX-License-Identifier: MIT */
/*
 * A client's core and a fake disk, put together as lib/block/client.c does it on a real system, with requests whose fate an
 * oracle judges.
 */
#ifndef LIB_BLOCK_TEST_CLIENT_WORLD_H
#define LIB_BLOCK_TEST_CLIENT_WORLD_H

#include "lib/block/test/fake_disk.h"
#include "lib/block/test/oracle.h"

enum { WORLD_REQUESTS = 48, WORLD_PIECES = 8, WORLD_AREA = 16384 };

enum slot_state { SLOT_FREE, SLOT_SUBMITTED, SLOT_RETAINED };

struct slot {
    struct block_request request; /* first */
    struct block_client_piece pieces[WORLD_PIECES];
    enum slot_state state;
    uint32_t serial; /* of a write */
    uint64_t submitted;
    bool single; /* one element */
};

struct world {
    struct block_core core;
    struct block_part parts[FAKE_DEPTH_MAX];
    struct fake_disk disk;
    struct oracle oracle;
    struct slot slots[WORLD_REQUESTS];
    uint8_t *regions[3]; /* data, data that the server may only read, bounce buffer */
    uint32_t numbers[3];
    uint8_t *queue_opt;
    uint64_t sessions, seen_losses;
    uint64_t sectors_written; /* by the server */
    uint64_t submitted, done, released, statuses[STATUS_COUNT];
    bool executed[ORACLE_WRITES]; /* by serial */
    bool eager;                   /* what is published while `done` runs is served at once */
    bool odd;                     /* pieces that must be bounced */
};

extern struct world world;

struct world_options {
    uint32_t depth;
    bool retain, for_others;
    uint32_t bounce; /* bytes */
    uint32_t boundary;
    bool bounce_always;
};

void world_init(const struct world_options *options);
void world_free(void);
void world_connect(void);
void world_die(bool lose);
/* What lib/block/client.c does when it is signalled. */
void world_settle(void);
/* Until nothing is left to do, with a server that does not die. */
void world_run(void);

/* Submits. NULL: all slots are taken. For data, `pieces` is how many there shall be, at most. */
struct slot *world_submit(enum block_operation operation, unsigned flags, uint64_t block, uint64_t blocks,
                          unsigned pieces);

#endif
