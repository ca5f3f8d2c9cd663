/* SPDX-License-Identifier: MIT */
/*
 * FLUSH, for a client or for the cache itself: what is dirty is written, then a FLUSH goes below, then UNFLUSHED frames
 * whose writes had completed by then are clean. One at a time; at most one of a client's is under way (D5).
 *
 * After a loss below everything unflushed is dirty again, and the FLUSH under way begins anew.
 */
#include "server/block_cache/private.h"

static void below_done(struct block_request *request);

static void begin_writing(struct cache *cache)
{
    struct cache_flush *flush = &cache->flush;

    frames_join(cache, CACHE_FAILED, CACHE_DIRTY);
    flush->state = CACHE_FLUSH_WRITING;
    flush->failed = flush->again = false;
    flush->epoch = ++cache->epoch;
    flush->left = cache->lists[CACHE_DIRTY].length + cache->lists[CACHE_WRITING].length;
}

static void begin(struct cache *cache, struct cache_job *job_opt)
{
    cache->flush.job_opt = job_opt;
    cache->flush.wanted = false;
    begin_writing(cache);
}

/* `status`: that of the FLUSH below. */
static void finish(struct cache *cache, enum status status)
{
    struct cache_flush *flush = &cache->flush;
    struct cache_job *job = flush->job_opt;

    flush->state = CACHE_FLUSH_IDLE;
    flush->job_opt = NULL;
    flush->refused = status != OK;
    flush->hopeless = flush->failed;
    cache->released = true;
    if (status == OK && flush->failed)
        status = ERR_IO;
    if (status != OK)
        cache->statistics.flush_errors++;
    if (!job)
        return;
    job->status = status;
    cache_job_finish(cache, job, 0);
}

static void go_below(struct cache *cache)
{
    struct cache_flush *flush = &cache->flush;

    frames_join(cache, CACHE_UNFLUSHED, CACHE_COVERED);
    flush->state = CACHE_FLUSH_BELOW;
    flush->request = (struct block_request){.operation = BLOCK_FLUSH, .done = below_done};
    block_client_submit(cache->client, &flush->request);
}

static void covered_are_durable(struct cache *cache)
{
    for (uint32_t frame; (frame = cache->lists[CACHE_COVERED].oldest) != CACHE_NONE;) {
        cache->frames[frame].unflushed = 0;
        frame_relist(cache, frame);
        frame_settle(cache, frame);
    }
}

static void below_done(struct block_request *request)
{
    struct cache *cache = (struct cache *)((char *)request - offsetof(struct cache, flush.request));

    enum status status = request->status;

    if (status == OK)
        covered_are_durable(cache);
    else
        frames_join(cache, CACHE_COVERED, CACHE_UNFLUSHED);
    if (status == ERR_LOST)
        cache_flush_loss(cache);
    if (status == ERR_LOST || cache->flush.again)
        begin_writing(cache);
    else
        finish(cache, status);
    cache_work(cache);
}

/* Also if something could not be written, the rest becomes durable. */
void cache_flush_step(struct cache *cache)
{
    struct cache_flush *flush = &cache->flush;
    struct cache_job *job = flush->next_opt;

    if (flush->state == CACHE_FLUSH_IDLE && job) {
        flush->next_opt = NULL;
        begin(cache, job);
    } else if (flush->state == CACHE_FLUSH_IDLE && flush->wanted) {
        flush->wanted = false;
        if (cache->unclean)
            begin(cache, NULL);
    }
    if (flush->state == CACHE_FLUSH_WRITING && flush->left == 0)
        go_below(cache);
}

void cache_flush_submit(struct cache *cache, struct cache_job *job)
{
    cache->flush.next_opt = job;
    cache_flush_step(cache);
}

void cache_flush_want(struct cache *cache)
{
    cache->flush.wanted = true;
    cache_flush_step(cache);
}

void cache_flush_frame_over(struct cache *cache, const struct cache_frame *frame, bool failed)
{
    struct cache_flush *flush = &cache->flush;

    if (flush->state != CACHE_FLUSH_WRITING || frame->epoch >= flush->epoch)
        return;
    flush->left--;
    flush->failed |= failed;
}

static void dirty_again(struct cache *cache, enum cache_list list)
{
    uint32_t next;

    for (uint32_t frame = cache->lists[list].oldest; frame != CACHE_NONE; frame = next) {
        struct cache_frame *f = &cache->frames[frame];

        next = f->newer;
        if (!f->unflushed)
            continue;
        f->dirty |= f->unflushed & (uint8_t)~f->writing;
        f->unflushed = 0;
        cache->statistics.written_again++;
        frame_relist(cache, frame);
    }
}

void cache_flush_loss(struct cache *cache)
{
    if (!block_client_lost(cache->client))
        return;
    cache->statistics.losses++;
    dirty_again(cache, CACHE_DIRTY);
    dirty_again(cache, CACHE_FAILED);
    dirty_again(cache, CACHE_WRITING);
    dirty_again(cache, CACHE_COVERED);
    dirty_again(cache, CACHE_UNFLUSHED);
    block_client_acknowledge(cache->client);
    if (cache->flush.state == CACHE_FLUSH_WRITING)
        begin_writing(cache);
    cache->flush.again = true; /* whatever the one below says, if there is one */
}

void cache_client_changed(struct cache *cache)
{
    cache->size = block_client_info(cache->client)->size;
    cache_flush_loss(cache);
    cache_work(cache);
}

void cache_tick(struct cache *cache)
{
    cache->flush.refused = cache->flush.hopeless = false;
    if (cache->unclean)
        cache_flush_want(cache);
    cache_work(cache);
}
