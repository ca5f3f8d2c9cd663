/* SPDX-License-Identifier: MIT */
/*
 * Writing: a job's bytes are copied into frames, which is all in write-back mode. With FUA, in write-through mode and for
 * large requests the same sectors go below at once, and the job is done when they are there.
 *
 * A write to a frame that is being read or written waits for that (R2). A write that would make one more frame unclean waits while
 * there are too many.
 */
#include "server/block_cache/private.h"

/* ---- I/O ---- */

/* The frame's sectors go below with this I/O. */
static void begin(struct cache *cache, struct cache_io *io, uint32_t frame, unsigned from, unsigned to)
{
    struct cache_frame *f = &cache->frames[frame];
    uint8_t mask = sectors_mask(from, to);

    f->dirty &= (uint8_t)~mask;
    f->writing |= mask;
    f->flags &= (uint8_t)~CACHE_WRITE_FAILED;
    io_add(cache, io, frame, from, to);
    frame_relist(cache, frame);
}

static void submit(struct cache *cache, struct cache_io *io, uint64_t first_sector)
{
    cache->statistics.written += io->count;
    io_submit(cache, io, first_sector);
}

static void write_succeeded(const struct cache_io *io, struct cache_frame *f, uint8_t mask)
{
    if (io->request.flags & BLOCK_FUA)
        f->unflushed &= (uint8_t)~mask;
    else
        f->unflushed |= mask;
}

/* Of these sectors, those behind the device's end. */
static uint8_t behind_end(const struct cache *cache, uint64_t block, uint8_t mask)
{
    return block_behind_end(cache, block) ? mask
                                          : mask & (uint8_t)~sectors_mask(0, block_sectors(cache, block));
}

/* It was judged as a whole: what of it lies on the device goes again, in a series that ends there. */
static bool went_across_end(const struct cache *cache, const struct cache_io *io)
{
    return io->request.status == ERR_RANGE && io->request.offset + io->request.length > cache->size;
}

static void write_failed(struct cache *cache, const struct cache_io *io, uint32_t frame, uint8_t mask)
{
    struct cache_frame *f = &cache->frames[frame];
    uint64_t block = cache_policy_key(&cache->policy, frame);
    uint8_t gone = io->request.status == ERR_RANGE ? behind_end(cache, block, mask) : 0;

    if (gone) { /* the device has shrunk: there is no place for it */
        f->valid &= (uint8_t)~gone;
        f->unflushed &= (uint8_t)~gone;
        cache->statistics.dropped++;
        mask &= (uint8_t)~gone;
    }
    if (!mask)
        return;
    f->dirty |= mask;
    if (went_across_end(cache, io))
        return;
    f->flags |= CACHE_WRITE_FAILED;
    if (cache->write_failed)
        cache->write_failed(cache, block, io->request.status);
}

static void frame_written(struct cache *cache, const struct cache_io *io, uint32_t frame, uint8_t mask)
{
    struct cache_frame *f = &cache->frames[frame];

    f->writing &= (uint8_t)~mask;
    if (io->request.status == OK)
        write_succeeded(io, f, mask);
    else
        write_failed(cache, io, frame, mask);
    if (f->dirty == 0 || (f->flags & CACHE_WRITE_FAILED))
        cache_flush_frame_over(cache, f, f->flags & CACHE_WRITE_FAILED);
    frame_relist(cache, frame);
    frame_wake(cache, frame);
    frame_settle(cache, frame);
}

void write_done(struct cache *cache, struct cache_io *io)
{
    uint64_t sector = io->request.offset / CACHE_SECTOR_SIZE;
    uint64_t end = sector + io->request.length / CACHE_SECTOR_SIZE;
    struct cache_job *owner = io->owner_opt;

    cache->io_writing--;
    if (io->request.status != OK)
        cache->statistics.write_errors++;
    for (uint32_t i = 0; i < io->count; i++) {
        unsigned from = (unsigned)(sector % CACHE_SECTORS);
        uint64_t left = end - sector;
        unsigned to = left < CACHE_SECTORS - from ? from + (unsigned)left : CACHE_SECTORS;

        frame_written(cache, io, io->frames[i], sectors_mask(from, to));
        sector += to - from;
    }
    if (!owner)
        return;
    if (io->request.status != OK)
        owner->status = cache_failure(io->request.status);
    if (--owner->outstanding == 0 && owner->issued == owner->blocks)
        jobs_append(&cache->ready, owner);
}

/* ---- jobs ---- */

static void mark(struct cache *cache, uint32_t frame, uint8_t sectors)
{
    struct cache_frame *f = &cache->frames[frame];

    f->valid |= sectors;
    f->dirty |= sectors;
    frame_relist(cache, frame);
}

static struct cache_io *own_io(struct cache *cache, struct cache_job *job)
{
    struct cache_io *io = io_take(cache, BLOCK_WRITE, false);

    if (!io)
        return NULL;
    io->request.flags = job->job->flags & BLOCK_FUA;
    io->owner_opt = job;
    job->outstanding++;
    return io;
}

enum step { STEP_OK, STEP_WAITS };

static bool too_many(const struct cache *cache, uint64_t block)
{
    uint32_t frame = cache_policy_find(&cache->policy, block);

    return cache->unclean >= cache->unclean_limit &&
           (frame == CACHE_NONE || cache->frames[frame].list == CACHE_CLEAN);
}

/* Copies one block, and adds it to the I/O with which the job writes through. */
static enum step write_block(struct cache *cache, struct cache_job *job, struct cache_io *io_opt)
{
    uint64_t block = job->first + job->issued;
    uint8_t sectors = cache_job_sectors(job, job->issued);
    uint32_t frame;

    if (too_many(cache, block)) {
        cache_job_throttle(cache, job);
        return STEP_WAITS;
    }
    frame = frame_get(cache, block, job->transient);
    if (frame == CACHE_NONE) {
        cache_job_stall(cache, job);
        return STEP_WAITS;
    }
    if (cache->frames[frame].writing || (cache->frames[frame].flags & CACHE_READING)) {
        cache_job_wait(cache, job, frame);
        return STEP_WAITS;
    }
    cache_job_copy(job, job->issued, frame_address(cache, frame), false);
    mark(cache, frame, sectors);
    if (io_opt)
        begin(cache, io_opt, frame, (unsigned)__builtin_ctz(sectors), 32 - (unsigned)__builtin_clz(sectors));
    job->issued++;
    return STEP_OK;
}

/* As many blocks as go now, and as one I/O takes. */
static enum step write_some(struct cache *cache, struct cache_job *job)
{
    uint64_t first =
        job->issued ? (job->first + job->issued) * CACHE_SECTORS : job->job->offset / CACHE_SECTOR_SIZE;
    struct cache_io *io = NULL;
    enum step step = STEP_OK;

    if (job->through) {
        io = own_io(cache, job);
        if (!io) {
            cache_job_stall(cache, job);
            return STEP_WAITS;
        }
    }
    while (step == STEP_OK && job->issued < job->blocks && !(io && io->count == CACHE_RUN))
        step = write_block(cache, job, io);
    if (io && io->count) {
        submit(cache, io, first);
    } else if (io) {
        job->outstanding--;
        cache->io_writing--;
        io->next = cache->io_free;
        cache->io_free = io;
        cache->io_free_count++;
    }
    return step;
}

void write_run(struct cache *cache, struct cache_job *job)
{
    while (job->status == OK && job->issued < job->blocks)
        if (write_some(cache, job) == STEP_WAITS)
            return;
    job->issued = job->blocks;
    if (job->outstanding == 0)
        cache_job_finish(cache, job, job->status == OK ? job->job->length : 0);
}

/* ---- writing back ---- */

/* A series that begins with the oldest dirty frame's first dirty sectors. It does not go across the device's end: what is behind
   it fails by itself. */
static void write_series(struct cache *cache, struct cache_io *io)
{
    uint32_t frame = cache->lists[CACHE_DIRTY].oldest;
    uint64_t block = cache_policy_key(&cache->policy, frame);
    unsigned from = (unsigned)__builtin_ctz(cache->frames[frame].dirty);
    uint64_t first_sector = block * CACHE_SECTORS + from;
    bool behind = block_behind_end(cache, block);

    for (;;) {
        unsigned to = from + (unsigned)__builtin_ctz(~((unsigned)cache->frames[frame].dirty >> from));
        unsigned end = behind ? CACHE_SECTORS : block_sectors(cache, block);

        if (from < end && to > end)
            to = end;
        begin(cache, io, frame, from, to);
        if (to < CACHE_SECTORS || io->count == CACHE_RUN)
            break;
        frame = cache_policy_find(&cache->policy, ++block);
        if (block_behind_end(cache, block) != behind)
            break;
        if (frame == CACHE_NONE || cache->frames[frame].list != CACHE_DIRTY ||
            !(cache->frames[frame].dirty & 1))
            break;
        from = 0;
    }
    submit(cache, io, first_sector);
}

static bool should_write(const struct cache *cache)
{
    uint32_t oldest = cache->lists[CACHE_DIRTY].oldest;

    if (oldest == CACHE_NONE)
        return false;
    if (cache->flush.state == CACHE_FLUSH_WRITING && cache->frames[oldest].epoch < cache->flush.epoch)
        return true;
    return cache->pressure || cache->throttled.first ||
           cache->lists[CACHE_DIRTY].length > cache->unclean_limit / 2;
}

/* What is written stays until it is flushed; and a FLUSH is what brings those on who wait, also if they wait for failed ones. */
static bool should_flush(const struct cache *cache)
{
    uint32_t unflushed = cache->flush.refused ? 0 : cache->lists[CACHE_UNFLUSHED].length;
    uint32_t failed = cache->flush.hopeless ? 0 : cache->lists[CACHE_FAILED].length;

    if (unflushed > cache->unclean_limit / 2)
        return true;
    return (cache->throttled.first || (cache->stalled.first && cache->io_free_count == CACHE_IOS)) &&
           unflushed + failed && cache->lists[CACHE_DIRTY].length + cache->lists[CACHE_WRITING].length == 0;
}

void write_back(struct cache *cache)
{
    if (cache->flush.state == CACHE_FLUSH_IDLE && should_flush(cache))
        cache_flush_want(cache);
    while (should_write(cache)) {
        struct cache_io *io = io_take(cache, BLOCK_WRITE, true);

        if (!io)
            return;
        write_series(cache, io);
        if (cache->pressure)
            cache->pressure--;
    }
}
