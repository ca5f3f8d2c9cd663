/* SPDX-License-Identifier: MIT */
/*
 * Crash states of the storage stack, in one process: a writer, the client library, the cache, the engine, and at the end a disk that has a
 * volatile cache and records when each command was submitted and completed.
 *
 *     writer.c   requests of all kinds, many in flight; tells oracle.c what was submitted and what was acknowledged
 *     chain.c    client core -> rings -> engine, once or (with the cache between) twice: nothing but the product's own sources
 *     disk.c     the record: of each sector what is durable for certain, and what may be there besides
 *     states.c   power cuts: of what may be there any subset, torn or whole; each image goes to the oracle
 *     oracle.c   what doc/storage-guarantees.md allows a sector to hold
 *
 * Sectors and their content. A sector holds a *version* in each quarter: the number of the write that it comes from; 0 are zeroes. Its
 * data say number and version in every 16 bytes, so what arrives below is known whatever way it took. A torn sector has
 * quarters of different versions. An image is the versions of all quarters, and its hash is what makes states distinct.
 */
#ifndef TEST_CRASH_CRASH_H
#define TEST_CRASH_CRASH_H

#include "lib/block/client.h"
#include "lib/block/engine.h"
#include "server/block_cache/cache.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SECTOR = 512,
    SECTORS = 192,
    QUARTERS = 4,
    SLOTS = 32,        /* of the writer: requests at a time */
    SLOT_SECTORS = 24, /* the longest request */
    WRITES = 4096,     /* of a life */
    CANDIDATES = 128,  /* what a sector may hold, at most */
    LATER = 32,        /* writes of a sector that are not durable for certain */
    BUSY = 8,          /* writes in flight, so many that a state counts */
};

#define VERSION_UNDEFINED UINT32_MAX /* discarded */

struct content {
    uint32_t quarter[QUARTERS];
};

/* How a life is. */
struct settings {
    bool cache, write_through;
    bool retain;    /* the writer's client library keeps what is not durable */
    bool exclusive; /* the disk does nothing beside a FLUSH */
    bool losses;    /* it loses its cache now and then, and goes on with another verifier */
    unsigned flags; /* of the disk: enum block_info_flag */
};

extern struct settings settings;

void life_seed(uint64_t seed);
unsigned chance(unsigned below);
/* A guarantee is broken. Said once a life. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern uint64_t violations; /* of this life */

/* One step of time; every event has its own. */
uint64_t tick(void);

/* ---- chain.c ---- */

extern struct block_core *writer_core;

void chain_make(void);
void chain_free(void);
/* One part of it looks at its queues. */
void chain_step(void);
void chain_settle(void); /* all of them, until nothing is left but what the disk has */
void chain_device_done(void);
void chain_device_changed(void);
uint8_t *chain_memory(unsigned slot); /* the writer's, SLOT_SECTORS long */
uint32_t chain_region(void);

/* ---- disk.c ---- */

extern struct block_device disk;

void disk_make(void);
/* Completes one command. False: it has none. */
bool disk_step(void);
void disk_lose(void);
unsigned disk_writes(void); /* in flight */

struct later {
    uint32_t version;
    uint32_t command;   /* which write brought it */
    uint64_t completed; /* 0: not yet */
};

struct disk_sector {
    struct content base; /* durable for certain */
    struct later later[LATER];
    unsigned count;
};

extern struct disk_sector disk_sectors[SECTORS];

void sector_fill(uint8_t *data, uint32_t sector, uint32_t version);

/* ---- oracle.c ---- */

void oracle_make(void);
/* The value is the version. */
uint32_t oracle_submit(enum block_operation operation, unsigned flags, uint32_t first, uint32_t sectors,
                       bool single);
void oracle_done(uint32_t version, enum status status);
void oracle_flushed(uint64_t submitted);
void oracle_lost(void); /* completed writes may have gone (G18) */
void oracle_check(const struct content *image);
unsigned oracle_writes(void); /* in flight */
/* What was written last is there. */
void oracle_check_last(const struct content *image);

/* ---- states.c ---- */

struct states {
    uint64_t checked, distinct, busy; /* busy: distinct ones with at least BUSY writes in flight */
    uint64_t torn, points;
};

extern struct states states;

/* Power cuts at this moment. */
void states_check(void);
void states_image(struct content *image); /* all that was submitted has got there */
void states_forget(void);

/* ---- writer.c ---- */

void writer_make(void);
void writer_step(void);
bool writer_busy(void);
void writer_flush(void);

/* A whole life. */
void life(uint64_t seed, unsigned steps);

#endif
