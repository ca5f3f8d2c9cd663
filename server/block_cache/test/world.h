/* SPDX-License-Identifier: MIT */
/*
 * A world for the cache: the disk below, the clients above, and what each sector may hold.
 *
 * A write of a sector has a *version*, which rises from write to write; the sector's data say its number and version, in every
 * 16 bytes. So whoever sees a sector, here or on the platter, knows what it is.
 *
 * The disk below carries requests out in any order and completes them in any order, later. What it has carried out is seen by READs at
 * once, but lies in its volatile cache: FLUSH brings to the *platter* only what had been completed when it was submitted,
 * FUA its own sectors; other versions may get there by themselves. It can fail by sector, and die: then what is volatile is lost, in part,
 * what is in flight is carried out in part, and afterwards once more (as the client library does).
 *
 * What is checked, all the time: a READ brings the last version that was completed, or a later one that failed; the platter
 * holds for every sector at least the version that a FLUSH or FUA has promised. That is a power cut at each moment.
 */
#ifndef SERVER_BLOCK_CACHE_TEST_WORLD_H
#define SERVER_BLOCK_CACHE_TEST_WORLD_H

#include "server/block_cache/cache.h"

enum {
    BLOCKS = 80,
    SECTORS = BLOCKS * 8 - 3, /* the last block is shorter */
    CHUNK_SHIFT = 3,
    CHUNKS = 4,
    FRAMES = CHUNKS << CHUNK_SHIFT,
    JOBS = 24,
    JOB_SECTORS = 160,
    HISTORY = 64,
    PENDING = 256,
};

/* A write below of one sector that is not on the platter. */
struct volatile_write {
    uint32_t version;
    uint64_t completed; /* when; 0: not yet */
    const struct block_request *by;
};

struct pending {
    struct block_request *request; /* NULL: free */
    uint64_t submitted;
    uint64_t epoch; /* of losses */
    bool carried_out;
    enum status status;
    uint64_t bytes_done;
    uint8_t *data; /* of a write when it was submitted */
};

struct disk {
    uint32_t view[SECTORS], platter[SECTORS];
    struct volatile_write history[SECTORS][HISTORY];
    uint8_t histories[SECTORS];
    struct pending pending[PENDING];
    uint64_t time, epoch;
    bool lost, change_due;
    uint64_t write_completed, covered; /* times */
    bool bad_read[SECTORS], bad_write[SECTORS];
    bool bad_flush;
    uint8_t *regions[16];
    uint64_t reads, writes, flushes, discards; /* carried out */
    uint64_t sectors_read, sectors_written;
};

struct model {
    uint32_t newest[SECTORS];    /* submitted last */
    uint32_t seen[SECTORS];      /* a READ brings at least this */
    uint32_t durable[SECTORS];   /* the platter has at least this */
    uint32_t unflushed[SECTORS]; /* completed last */
    uint32_t undefined[SECTORS]; /* versions up to this one were discarded */
};

struct client_job {
    struct block_job job;
    struct block_piece pieces[8];
    struct block_region region;
    bool busy, done;
    enum status status;
    uint64_t done_bytes;
    uint32_t version;
    uint32_t snapshot[SECTORS]; /* FLUSH: what it makes durable */
    uint8_t data[JOB_SECTORS * 512];
};

struct world {
    struct cache cache;
    struct block_client client; /* only its address counts */
    struct block_info info;
    struct disk disk;
    struct model model;
    struct client_job jobs[JOBS];
    uint8_t *chunk_memory[CHUNKS];
    bool chunk_present[CHUNKS];
    void *memory, *scratch;
    uint32_t version;
    uint64_t failures;  /* checks that did not hold */
    bool failing_world; /* some sector or FLUSH is bad */
};

extern struct world world;

void world_seed(uint64_t seed);
unsigned chance(unsigned below);
/* Says it once a world. */
void world_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

void world_begin(const struct cache_settings *settings, unsigned chunks);
void world_end(void);

/* ---- the disk ---- */

/* One thing happens: carried out, or completed. False: nothing is left to do. */
bool disk_step(void);
void disk_carry_out(struct pending *pending);
void disk_complete(struct pending *pending);
struct pending *disk_find(enum block_operation operation); /* the oldest that is not carried out */
unsigned disk_pending(void);
void disk_die(bool lose);
/* The client's `changed`, if it is due. */
void disk_tell(void);
void disk_wander(void);

/* ---- the clients ---- */

/* NULL: it would overlap what is in flight, or all jobs are in use. `sectors` 0: FLUSH. */
struct client_job *client_submit(enum block_operation operation, unsigned flags, uint32_t first,
                                 uint32_t sectors);
/* All the disk's work, until nothing is left; all jobs must be done then. */
void world_settle(void);
void world_check(void);
/* The data of a sector by a version. */
void sector_fill(uint8_t *data, uint32_t sector, uint32_t version);
/* The version, if the data are a whole sector's; UINT32_MAX: they are not. */
uint32_t sector_version(const uint8_t *data, uint32_t sector);

#endif
