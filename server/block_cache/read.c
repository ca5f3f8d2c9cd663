/* SPDX-License-Identifier: MIT */
/*
 * Reading: a window of blocks is pinned and what is missing read, in series as long as possible; then block after block is copied
 * to the client. A block that somebody else reads already is waited for.
 *
 * A block without any valid sector is read into its frame. One that has some is read into a scratch block, and what
 * is not valid by then is taken over, since clients may write meanwhile.
 *
 * An error: of a series, only what came before it is valid, and each reader that misses its sectors then reads exactly these, for itself. So
 * it gets its own error (G5), and a bad sector does not harm who reads the others.
 */
#include "server/block_cache/private.h"

#include "lib/string/string.h"

/* ---- what comes from below ---- */

static void take_over(struct cache *cache, struct cache_io *io)
{
    uint32_t frame = io->frames[0];
    struct cache_frame *f = &cache->frames[frame];
    unsigned first = (unsigned)(io->request.offset / CACHE_SECTOR_SIZE % CACHE_SECTORS);
    unsigned end = first + (unsigned)(io->request.length / CACHE_SECTOR_SIZE);
    const uint8_t *from = cache->scratch + (size_t)io->scratch * CACHE_BLOCK_SIZE;
    uint8_t *to = frame_address(cache, frame);

    for (unsigned sector = first; sector < end; sector++) {
        if (f->valid & 1u << sector)
            continue;
        memcpy(to + (size_t)sector * CACHE_SECTOR_SIZE, from + (size_t)sector * CACHE_SECTOR_SIZE,
               CACHE_SECTOR_SIZE);
        f->valid |= (uint8_t)(1u << sector);
    }
}

static uint64_t good_bytes(const struct cache_io *io)
{
    return io->request.status == OK ? io->request.length : io->request.bytes_done;
}

void read_done(struct cache *cache, struct cache_io *io)
{
    uint64_t good = good_bytes(io);

    if (io->request.status != OK)
        cache->statistics.read_errors++;
    if (io->scratch != CACHE_NONE && io->request.status == OK)
        take_over(cache, io);
    if (io->owner_opt)
        io->owner_opt->status = io->request.status;
    for (uint32_t i = 0; i < io->count; i++) {
        struct cache_frame *f = &cache->frames[io->frames[i]];
        uint64_t before = (uint64_t)i * CACHE_BLOCK_SIZE, left = io->request.length - before;
        uint64_t bytes = left < CACHE_BLOCK_SIZE ? left : CACHE_BLOCK_SIZE;

        f->flags &= (uint8_t)~CACHE_READING;
        if (io->scratch == CACHE_NONE && good >= before + bytes)
            f->valid = sectors_mask(0, (unsigned)(bytes / CACHE_SECTOR_SIZE));
        if (!f->valid)
            f->flags &= (uint8_t)~CACHE_AHEAD;
        frame_wake(cache, io->frames[i]);
        frame_settle(cache, io->frames[i]);
    }
}

/* ---- reads below ---- */

/* Sectors of one block by way of a scratch block. `owner_opt` gets the status. */
static bool read_scratch(struct cache *cache, uint64_t block, uint32_t frame, uint8_t sectors,
                         struct cache_job *owner_opt)
{
    struct cache_io *io = cache->scratch_free ? io_take(cache, BLOCK_READ, false) : NULL;
    unsigned from = (unsigned)__builtin_ctz(sectors), to = 32 - (unsigned)__builtin_clz(sectors);

    if (!io)
        return false;
    io->scratch = (uint32_t)__builtin_ctz(cache->scratch_free);
    cache->scratch_free &= ~(1u << io->scratch);
    io->owner_opt = owner_opt;
    io->count = 1;
    io->frames[0] = frame;
    io->request.piece_count = 1;
    io->request.length = (uint64_t)(to - from) * CACHE_SECTOR_SIZE;
    io->pieces[0] = (struct block_client_piece){.region = cache->scratch_region,
                                                .length = (uint32_t)io->request.length,
                                                .offset = (uint64_t)io->scratch * CACHE_BLOCK_SIZE +
                                                          (uint64_t)from * CACHE_SECTOR_SIZE};
    cache->frames[frame].flags |= CACHE_READING;
    io_submit(cache, io, block * CACHE_SECTORS + from);
    return true;
}

void series_end(struct cache *cache, struct series *series)
{
    if (!series->io_opt)
        return;
    cache->statistics.read += series->io_opt->count;
    io_submit(cache, series->io_opt, series->first * CACHE_SECTORS);
    series->io_opt = NULL;
}

bool series_add(struct cache *cache, struct series *series, uint64_t block, uint32_t frame)
{
    if (series->io_opt && (block != series->next || series->io_opt->count == CACHE_RUN))
        series_end(cache, series);
    if (!series->io_opt) {
        series->io_opt = io_take(cache, BLOCK_READ, series->background);
        series->first = block;
    }
    if (!series->io_opt)
        return false;
    io_add(cache, series->io_opt, frame, 0, block_sectors(cache, block));
    cache->frames[frame].flags |= CACHE_READING;
    series->next = block + 1;
    return true;
}

/* ---- jobs ---- */

static bool all_valid(const struct cache_frame *f, uint8_t sectors)
{
    return (sectors & (uint8_t)~f->valid) == 0;
}

bool read_hit(struct cache *cache, struct cache_job *job)
{
    for (; job->copied < job->blocks; job->copied++) {
        uint64_t block = job->first + job->copied;
        uint32_t frame = cache_policy_find(&cache->policy, block);

        if (frame == CACHE_NONE || !all_valid(&cache->frames[frame], cache_job_sectors(job, job->copied)))
            break;
        cache->statistics.hits++;
        frame_touch(cache, frame, block, job->transient);
        cache_job_copy(job, job->copied, frame_address(cache, frame), true);
        frame_settle(cache, frame);
    }
    job->issued = job->copied;
    if (job->copied < job->blocks)
        return false;
    block_job_done(job->job, OK, job->job->length);
    return true;
}

/* Makes sure that the block's sectors are there or on their way. False: not now. */
static bool fetch(struct cache *cache, struct series *series, uint64_t block, uint32_t frame, uint8_t sectors)
{
    struct cache_frame *f = &cache->frames[frame];

    if (all_valid(f, sectors) || (f->flags & CACHE_READING))
        return true;
    if (f->valid == 0)
        return series_add(cache, series, block, frame);
    series_end(cache, series);
    return read_scratch(cache, block, frame,
                        (uint8_t)(sectors_mask(0, block_sectors(cache, block)) & ~f->valid), NULL);
}

/* Fills the window, as far as it goes now. */
static void fill_window(struct cache *cache, struct cache_job *job)
{
    struct series series = {0};

    while (job->issued < job->blocks && job->issued - job->copied < CACHE_WINDOW) {
        uint64_t block = job->first + job->issued;
        uint8_t sectors = cache_job_sectors(job, job->issued);
        uint32_t frame = frame_get(cache, block, job->transient);

        if (frame == CACHE_NONE)
            break;
        bool hit = all_valid(&cache->frames[frame], sectors);

        if (!fetch(cache, &series, block, frame, sectors)) {
            frame_put_back(cache, frame);
            break;
        }
        cache->frames[frame].pins++;
        job->issued++;
        *(hit ? &cache->statistics.hits : &cache->statistics.misses) += 1;
    }
    series_end(cache, &series);
}

/* True: the window is empty. False: the job waits. */
static bool copy_window(struct cache *cache, struct cache_job *job)
{
    for (; job->copied < job->issued; job->copied++) {
        uint64_t block = job->first + job->copied;
        uint8_t sectors = cache_job_sectors(job, job->copied);
        uint32_t frame = cache_policy_find(&cache->policy, block);
        struct cache_frame *f = &cache->frames[frame];

        if (!all_valid(f, sectors)) {
            if (f->flags & CACHE_READING) {
                cache_job_wait(cache, job, frame);
                return false;
            }
            if (job->status != OK)
                return true;
            if (!read_scratch(cache, block, frame, sectors, job)) {
                cache_job_stall(cache, job);
                return false;
            }
            cache_job_wait(cache, job, frame);
            return false;
        }
        cache_job_copy(job, job->copied, frame_address(cache, frame), true);
        frame_unpin(cache, frame);
    }
    return true;
}

static void fail(struct cache *cache, struct cache_job *job)
{
    uint64_t start = (job->first + job->copied) * CACHE_BLOCK_SIZE;
    uint64_t done = start > job->job->offset ? start - job->job->offset : 0;

    for (uint32_t i = job->copied; i < job->issued; i++)
        frame_unpin(cache, cache_policy_find(&cache->policy, job->first + i));
    cache_job_finish(cache, job, done);
}

void read_run(struct cache *cache, struct cache_job *job)
{
    while (job->copied < job->blocks) {
        if (job->status == OK)
            fill_window(cache, job);
        if (job->copied == job->issued && job->status == OK) {
            cache_job_stall(cache, job);
            return;
        }
        if (!copy_window(cache, job))
            return;
        if (job->status != OK) {
            fail(cache, job);
            return;
        }
    }
    cache_job_finish(cache, job, job->job->length);
}
