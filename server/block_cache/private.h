/* SPDX-License-Identifier: MIT */
/* What the files of the cache call of each other. */
#ifndef SERVER_BLOCK_CACHE_PRIVATE_H
#define SERVER_BLOCK_CACHE_PRIVATE_H

#include "server/block_cache/cache.h"

/* Sectors [from, to) of a block. */
static inline uint8_t sectors_mask(unsigned from, unsigned to)
{
    return (uint8_t)((0xffu << from) & ~(0xffu << to));
}

/* ---- frame.c ---- */

void *frame_address(const struct cache *cache, uint32_t frame);
struct block_client_piece frame_piece(const struct cache *cache, uint32_t frame, unsigned from, unsigned to);

/* Sectors that this block has: fewer at the device's end. */
unsigned block_sectors(const struct cache *cache, uint64_t block);
/* None: the device has shrunk. */
static inline bool block_behind_end(const struct cache *cache, uint64_t block)
{
    return block >= (cache->size + CACHE_BLOCK_SIZE - 1) / CACHE_BLOCK_SIZE;
}

/* For a job that the cache may have carried out in part: none that says that nothing was done (G4). */
static inline enum status cache_failure(enum status status)
{
    return status == OK || status == ERR_PEER_GONE ? status : ERR_IO;
}

/* The frame of the block, which becomes resident if it is not. CACHE_NONE: there is no frame now. */
uint32_t frame_get(struct cache *cache, uint64_t block, bool transient);
/* The same for read-ahead: only if it is not resident, and there is a frame. */
uint32_t frame_get_ahead(struct cache *cache, uint64_t block, bool transient);
/* A job uses a frame that was resident. */
void frame_touch(struct cache *cache, uint32_t frame, uint64_t block, bool transient);

/* Into the list where it belongs by its sectors. */
void frame_relist(struct cache *cache, uint32_t frame);
void frames_join(struct cache *cache, enum cache_list from, enum cache_list to);

/* After any change that may make it useless: then it becomes free. */
void frame_settle(struct cache *cache, uint32_t frame);
/* One that was got for nothing: the I/O for it could not be had. */
void frame_put_back(struct cache *cache, uint32_t frame);
void frame_unpin(struct cache *cache, uint32_t frame);
/* Holds nothing any more. */
void frame_drop(struct cache *cache, uint32_t frame);
void frame_wake(struct cache *cache, uint32_t frame);

/* ---- chunk.c ---- */

void cache_limits(struct cache *cache);
/* Tells that a chunk has gone, if it was to go and holds nothing any more. */
void chunk_drained_if(struct cache *cache, uint32_t chunk);

/* ---- job.c ---- */

void jobs_append(struct cache_jobs *jobs, struct cache_job *job);
struct cache_job *jobs_take(struct cache_jobs *jobs);
void cache_job_wait(struct cache *cache, struct cache_job *job, uint32_t frame);
void cache_job_stall(struct cache *cache, struct cache_job *job);
void cache_job_throttle(struct cache *cache, struct cache_job *job);
void cache_job_finish(struct cache *cache, struct cache_job *job, uint64_t done);
/* Sectors of the job's block `index`. */
uint8_t cache_job_sectors(const struct cache_job *job, uint32_t index);
/* Between the client's memory and the job's block `index`, from where the last copy ended. */
void cache_job_copy(struct cache_job *job, uint32_t index, void *block, bool to_client);
void cache_job_run(struct cache *cache, struct cache_job *job);
void cache_work(struct cache *cache);

/* ---- io.c ---- */

/* NULL: none is free for this purpose. */
struct cache_io *io_take(struct cache *cache, enum block_operation operation, bool background);
/* The next block of a series; sectors [from, to). */
void io_add(struct cache *cache, struct cache_io *io, uint32_t frame, unsigned from, unsigned to);
void io_submit(struct cache *cache, struct cache_io *io, uint64_t first_sector);

/* ---- read.c ---- */

/* A series of whole blocks to be read, that grows. */
struct series {
    struct cache_io *io_opt;
    uint64_t first, next; /* blocks */
    bool background;
};

/* False: there is no I/O for it. */
bool series_add(struct cache *cache, struct series *series, uint64_t block, uint32_t frame);
void series_end(struct cache *cache, struct series *series);

void read_run(struct cache *cache, struct cache_job *job);
/* All in the cache: done. */
bool read_hit(struct cache *cache, struct cache_job *job);
void read_done(struct cache *cache, struct cache_io *io);

/* ---- ahead.c ---- */

void read_ahead(struct cache *cache, const struct block_job *job);

/* ---- write.c ---- */

void write_run(struct cache *cache, struct cache_job *job);
void write_done(struct cache *cache, struct cache_io *io);
/* Starts writing back what should be. */
void write_back(struct cache *cache);

/* ---- flush.c ---- */

void cache_flush_submit(struct cache *cache, struct cache_job *job);
void cache_flush_want(struct cache *cache);
/* The next step, if its time has come. */
void cache_flush_step(struct cache *cache);
/* A frame that a FLUSH may wait for was written, has failed, or was dropped. */
void cache_flush_frame_over(struct cache *cache, const struct cache_frame *frame, bool failed);
void cache_flush_loss(struct cache *cache);

/* ---- discard.c ---- */

void discard_run(struct cache *cache, struct cache_job *job);
bool discard_covers(const struct cache *cache, uint64_t block);

#endif
