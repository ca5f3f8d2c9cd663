/* SPDX-License-Identifier: MIT */
/* Jobs: where they wait, how their bytes are copied, and the loop that lets everything go on. */
#include "server/block_cache/private.h"

#include "lib/base/panic.h"
#include "lib/string/string.h"

/* ---- queues ---- */

void jobs_append(struct cache_jobs *jobs, struct cache_job *job)
{
    job->next = NULL;
    if (jobs->first)
        jobs->last->next = job;
    else
        jobs->first = job;
    jobs->last = job;
}

static void jobs_prepend(struct cache_jobs *jobs, struct cache_job *job)
{
    job->next = jobs->first;
    if (!jobs->first)
        jobs->last = job;
    jobs->first = job;
}

struct cache_job *jobs_take(struct cache_jobs *jobs)
{
    struct cache_job *job = jobs->first;

    if (job)
        jobs->first = job->next;
    return job;
}

/* Behind those that wait already. */
void cache_job_wait(struct cache *cache, struct cache_job *job, uint32_t frame)
{
    struct cache_job **link = &cache->frames[frame].waiting_opt;

    while (*link)
        link = &(*link)->next;
    job->next = NULL;
    *link = job;
}

/* One that is tried again keeps its place, if it is still this queue's. */
static void queue_again(struct cache *cache, struct cache_jobs *jobs, struct cache_job *job, bool first)
{
    if (job == cache->tried_opt && jobs == cache->tried_from) {
        cache->tried_opt = NULL;
        first = true;
    }
    if (first)
        jobs_prepend(jobs, job);
    else
        jobs_append(jobs, job);
}

void cache_job_stall(struct cache *cache, struct cache_job *job)
{
    cache->statistics.stalls++;
    /* Who holds frames needs an I/O only, and comes first: those before it may wait for these frames. */
    queue_again(cache, &cache->stalled, job, job->job->operation == BLOCK_READ && job->issued > job->copied);
}

void cache_job_throttle(struct cache *cache, struct cache_job *job)
{
    cache->statistics.throttles++;
    queue_again(cache, &cache->throttled, job, false);
}

/* ---- a job's bytes ---- */

uint8_t cache_job_sectors(const struct cache_job *job, uint32_t index)
{
    uint64_t offset = job->job->offset, end = offset + job->job->length;
    unsigned from = index == 0 ? (unsigned)(offset % CACHE_BLOCK_SIZE) / CACHE_SECTOR_SIZE : 0;
    unsigned to = index == job->blocks - 1 ? (unsigned)((end - 1) % CACHE_BLOCK_SIZE) / CACHE_SECTOR_SIZE + 1
                                           : CACHE_SECTORS;

    return sectors_mask(from, to);
}

void cache_job_copy(struct cache_job *job, uint32_t index, void *block, bool to_client)
{
    uint8_t mask = cache_job_sectors(job, index);
    uint8_t *at = (uint8_t *)block + (unsigned)__builtin_ctz(mask) * CACHE_SECTOR_SIZE;
    uint32_t left = (unsigned)(32 - __builtin_clz(mask) - __builtin_ctz(mask)) * CACHE_SECTOR_SIZE;

    while (left) {
        const struct block_piece *piece = &job->job->pieces[job->piece];
        uint8_t *data = (uint8_t *)piece->region->address_opt + piece->offset + job->piece_offset;
        uint32_t room = piece->length - job->piece_offset, n = left < room ? left : room;

        memcpy(to_client ? data : at, to_client ? at : data, n);
        at += n;
        left -= n;
        job->piece_offset += n;
        if (job->piece_offset == piece->length) {
            job->piece++;
            job->piece_offset = 0;
        }
    }
}

/* ---- life of a job ---- */

void cache_job_finish(struct cache *cache, struct cache_job *job, uint64_t done)
{
    block_job_done(job->job, job->status, done);
    if (cache->job_done)
        cache->job_done(cache);
    job->job = NULL;
    job->next = cache->job_free;
    cache->job_free = job;
}

void cache_job_run(struct cache *cache, struct cache_job *job)
{
    switch (job->job->operation) {
    case BLOCK_READ: read_run(cache, job); break;
    case BLOCK_WRITE: write_run(cache, job); break;
    case BLOCK_FLUSH: cache_flush_submit(cache, job); break;
    default: discard_run(cache, job); break;
    }
}

/* Field by field: a hit does not need the rest, nor the time to clear it. */
static void job_make(const struct cache *cache, struct block_job *source, struct cache_job *job)
{
    bool large = cache->settings.bypass && source->length >= cache->settings.bypass;
    uint64_t last = source->length ? source->offset + source->length - 1 : source->offset;

    job->job = source;
    job->first = source->offset / CACHE_BLOCK_SIZE;
    job->blocks = (uint32_t)(last / CACHE_BLOCK_SIZE - job->first + 1);
    job->issued = job->copied = job->outstanding = 0;
    job->piece = job->piece_offset = 0;
    job->status = OK;
    job->transient = large;
    job->through = cache->settings.write_through || large || (source->flags & BLOCK_FUA);
}

static bool count_job(struct cache *cache, const struct block_job *job)
{
    struct cache_statistics *s = &cache->statistics;

    switch (job->operation) {
    case BLOCK_READ: s->reads++; return true;
    case BLOCK_WRITE: s->writes++; return true;
    case BLOCK_FLUSH: s->flushes++; return true;
    case BLOCK_DISCARD: s->discards++; return true;
    default: /* the library makes WRITEs of it, D6 */ return false;
    }
}

enum status cache_submit(struct cache *cache, struct block_job *source)
{
    struct cache_job *job = cache->job_free;

    if (!job)
        return ERR_AGAIN;
    if (!count_job(cache, source))
        return ERR_UNSUPPORTED;
    job_make(cache, source, job);
    if (source->operation == BLOCK_READ && read_hit(cache, job)) {
        job->job = NULL; /* it was not needed, and stays the first free one */
        read_ahead(cache, source);
        return OK;
    }
    cache->job_free = job->next;
    cache_job_run(cache, job);
    if (source->operation == BLOCK_READ)
        read_ahead(cache, source);
    cache_work(cache);
    return OK;
}

/* ---- the loop ---- */

/* In order, until one has to wait again. */
static bool retry(struct cache *cache, struct cache_jobs *jobs)
{
    struct cache_job *job = jobs_take(jobs);
    bool again;

    if (!job)
        return false;
    cache->tried_opt = job;
    cache->tried_from = jobs;
    cache_job_run(cache, job);
    again = cache->tried_opt == NULL;
    cache->tried_opt = NULL;
    return !again;
}

static bool run_ready(struct cache *cache)
{
    struct cache_job *job = jobs_take(&cache->ready);

    if (job)
        cache_job_run(cache, job);
    return job != NULL;
}

static void fail(struct cache *cache, struct cache_jobs *jobs)
{
    struct cache_job *job = jobs_take(jobs);

    job->status = ERR_IO;
    cache_job_run(cache, job);
}

/* What is not clean stays so: failed blocks only, or a FLUSH below that fails. */
static bool nothing_becomes_clean(const struct cache *cache)
{
    return cache->flush.state == CACHE_FLUSH_IDLE && !cache->flush.wanted &&
           cache->lists[CACHE_DIRTY].length + cache->lists[CACHE_WRITING].length == 0 &&
           (cache->lists[CACHE_UNFLUSHED].length == 0 || cache->flush.refused) &&
           (cache->lists[CACHE_FAILED].length == 0 || cache->flush.hopeless);
}

static bool run_stalled(struct cache *cache)
{
    bool some = false;

    if (cache->released) {
        cache->released = false;
        while (retry(cache, &cache->stalled)) {}
        some = cache->released;
    }
    /* So many blocks cannot be written that no frame is left. */
    if (!some && cache->stalled.first && cache->io_free_count == CACHE_IOS && nothing_becomes_clean(cache)) {
        fail(cache, &cache->stalled);
        some = true;
    }
    return some;
}

static bool run_throttled(struct cache *cache)
{
    bool some = false;

    while (cache->throttled.first && cache->unclean < cache->unclean_limit && retry(cache, &cache->throttled))
        some = true;
    /* To wait longer is of no use. */
    while (cache->throttled.first && cache->unclean >= cache->unclean_limit && nothing_becomes_clean(cache)) {
        fail(cache, &cache->throttled);
        some = true;
    }
    return some;
}

#ifdef DEBUG
static void check_sometimes(const struct cache *cache)
{
    static unsigned calls;
    const char *why;

    if (++calls % 256 == 0 && !cache_check(cache, &why))
        component_panic("block cache: %s", why);
}
#else
static void check_sometimes(const struct cache *cache)
{
    (void)cache;
}
#endif

void cache_work(struct cache *cache)
{
    if (cache->working)
        return;
    cache->working = true;
    do {
        while (run_ready(cache)) {}
        cache_flush_step(cache);
        write_back(cache);
    } while (run_stalled(cache) || run_throttled(cache) || cache->ready.first);
    write_back(cache); /* what the last one has made dirty, and waits for */
    cache->working = false;
    check_sometimes(cache);
}
