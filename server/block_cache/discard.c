/* SPDX-License-Identifier: MIT */
/*
 * DISCARD: frames that lie in it wholly are dropped, dirty or not, once nothing is under way with them; then it goes below. What
 * the device ignores at the edges (G14: less than its granularity) is kept. While it is under way, nothing of it is read ahead; clients'
 * requests the library keeps away (D2).
 */
#include "server/block_cache/private.h"

bool discard_covers(const struct cache *cache, uint64_t block)
{
    for (const struct cache_job *job = cache->discards; job; job = job->discard_next) {
        uint64_t end = job->job->offset + job->job->length;

        if (block >= job->first && block * CACHE_BLOCK_SIZE < end)
            return true;
    }
    return false;
}

static void done(struct block_request *request)
{
    struct cache_job *job = (struct cache_job *)((char *)request - offsetof(struct cache_job, request));
    struct cache *cache = (struct cache *)job->job->device_private[0];
    struct cache_job **link = &cache->discards;

    while (*link != job)
        link = &(*link)->discard_next;
    *link = job->discard_next;
    job->status = cache_failure(request->status); /* what was dirty has been dropped */
    cache_job_finish(cache, job, request->status == OK ? job->job->length : 0);
    cache->released = true;
    cache_work(cache);
}

/* The blocks whose content becomes undefined for certain. */
static void inner_blocks(const struct cache *cache, const struct block_job *job, uint64_t *first,
                         uint64_t *end)
{
    uint64_t granule = block_client_info(cache->client)->discard_granularity;
    uint64_t from = job->offset, to = job->offset + job->length;

    if (granule < CACHE_BLOCK_SIZE)
        granule = CACHE_BLOCK_SIZE;
    *first = (from + granule - 1) / granule * granule / CACHE_BLOCK_SIZE;
    *end = to / granule * granule / CACHE_BLOCK_SIZE;
}

/* False: something is under way with it, and the job waits. */
static bool drop(struct cache *cache, struct cache_job *job, uint32_t frame)
{
    struct cache_frame *f = &cache->frames[frame];

    if (f->writing || (f->flags & CACHE_READING)) {
        cache_job_wait(cache, job, frame);
        return false;
    }
    if (f->list == CACHE_DIRTY)
        cache_flush_frame_over(cache, f, false);
    f->valid = f->dirty = f->unflushed = 0;
    f->flags &= (uint8_t)~CACHE_WRITE_FAILED;
    frame_relist(cache, frame);
    frame_settle(cache, frame);
    return true;
}

/* Of a large range, all frames are looked at rather than all blocks. */
static bool drop_all(struct cache *cache, struct cache_job *job, uint64_t first, uint64_t end)
{
    bool by_frame = end - first > cache->settings.frames_max;
    uint64_t count = by_frame ? cache->settings.frames_max : end - first;

    for (uint64_t i = 0; i < count; i++) {
        uint32_t frame = by_frame ? (uint32_t)i : cache_policy_find(&cache->policy, first + i);

        if (frame == CACHE_NONE || cache->policy.frame_entry[frame] == CACHE_NONE)
            continue;
        uint64_t block = cache_policy_key(&cache->policy, frame);

        if (block >= first && block < end && !drop(cache, job, frame))
            return false;
    }
    return true;
}

void discard_run(struct cache *cache, struct cache_job *job)
{
    uint64_t first, end;

    if (!job->issued) {
        job->issued = 1;
        job->discard_next = cache->discards;
        cache->discards = job;
    }
    inner_blocks(cache, job->job, &first, &end);
    if (first < end && !drop_all(cache, job, first, end))
        return;
    job->job->device_private[0] = (uint64_t)cache;
    job->request = (struct block_request){
        .operation = BLOCK_DISCARD, .offset = job->job->offset, .length = job->job->length, .done = done};
    block_client_submit(cache->client, &job->request);
}
