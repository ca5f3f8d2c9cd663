/* SPDX-License-Identifier: MIT */
/* Frames: where they are, what they hold, in which list they are, and where new ones come from. */
#include "server/block_cache/private.h"

#include "lib/string/string.h"

#define PRESSURE 4u  /* series that are written back because a frame was refused as dirty */
#define PATIENCE 32u /* refusals of a search for a victim, while there is something to wait for */

/* ---- places ---- */

static struct cache_chunk *chunk_of(struct cache *cache, uint32_t frame)
{
    return &cache->chunks[frame >> cache->settings.chunk_shift];
}

static uint64_t offset_of(const struct cache *cache, uint32_t frame)
{
    return (uint64_t)(frame & ((1u << cache->settings.chunk_shift) - 1)) * CACHE_BLOCK_SIZE;
}

void *frame_address(const struct cache *cache, uint32_t frame)
{
    return cache->chunks[frame >> cache->settings.chunk_shift].address + offset_of(cache, frame);
}

struct block_client_piece frame_piece(const struct cache *cache, uint32_t frame, unsigned from, unsigned to)
{
    return (struct block_client_piece){.region = cache->chunks[frame >> cache->settings.chunk_shift].region,
                                       .length = (to - from) * CACHE_SECTOR_SIZE,
                                       .offset =
                                           offset_of(cache, frame) + (uint64_t)from * CACHE_SECTOR_SIZE};
}

unsigned block_sectors(const struct cache *cache, uint64_t block)
{
    uint64_t left = cache->size / CACHE_SECTOR_SIZE - block * CACHE_SECTORS;

    return left < CACHE_SECTORS ? (unsigned)left : CACHE_SECTORS;
}

/* ---- lists ---- */

static void list_unlink(struct cache *cache, uint32_t frame)
{
    struct cache_frame *f = &cache->frames[frame];
    struct cache_frames *list = &cache->lists[f->list];

    *(f->newer != CACHE_NONE ? &cache->frames[f->newer].older : &list->newest) = f->older;
    *(f->older != CACHE_NONE ? &cache->frames[f->older].newer : &list->oldest) = f->newer;
    list->length--;
    cache->unclean--;
}

static void list_append(struct cache *cache, uint32_t frame, enum cache_list list)
{
    struct cache_frame *f = &cache->frames[frame];
    struct cache_frames *l = &cache->lists[list];

    f->list = (uint8_t)list;
    f->newer = CACHE_NONE;
    f->older = l->newest;
    *(l->newest != CACHE_NONE ? &cache->frames[l->newest].newer : &l->oldest) = frame;
    l->newest = frame;
    l->length++;
    cache->unclean++;
}

static void list_prepend(struct cache *cache, uint32_t frame, enum cache_list list)
{
    struct cache_frame *f = &cache->frames[frame];
    struct cache_frames *l = &cache->lists[list];

    f->list = (uint8_t)list;
    f->older = CACHE_NONE;
    f->newer = l->oldest;
    *(l->oldest != CACHE_NONE ? &cache->frames[l->oldest].older : &l->newest) = frame;
    l->oldest = frame;
    l->length++;
    cache->unclean++;
}

static enum cache_list list_for(const struct cache_frame *f)
{
    if (f->writing)
        return CACHE_WRITING;
    if (f->dirty)
        return f->flags & CACHE_WRITE_FAILED ? CACHE_FAILED : CACHE_DIRTY;
    if (f->unflushed)
        return CACHE_UNFLUSHED;
    return CACHE_CLEAN;
}

/* I5: what the FLUSH under way waits for comes first in DIRTY. */
static void enter_dirty(struct cache *cache, uint32_t frame, enum cache_list before)
{
    struct cache_frame *f = &cache->frames[frame];

    if (before == CACHE_WRITING && cache->flush.state == CACHE_FLUSH_WRITING &&
        f->epoch < cache->flush.epoch) {
        list_prepend(cache, frame, CACHE_DIRTY);
        return;
    }
    f->epoch = cache->epoch;
    list_append(cache, frame, CACHE_DIRTY);
}

void frame_relist(struct cache *cache, uint32_t frame)
{
    struct cache_frame *f = &cache->frames[frame];
    enum cache_list before = f->list, after = list_for(f);

    if (before == after)
        return;
    if (before != CACHE_CLEAN)
        list_unlink(cache, frame);
    f->list = CACHE_CLEAN;
    if (after == CACHE_DIRTY) {
        enter_dirty(cache, frame, before);
    } else if (after != CACHE_CLEAN) {
        /* The FLUSH under way waits for what was in DIRTY, until it is written or has failed. */
        if (before != CACHE_DIRTY || after == CACHE_FAILED)
            f->epoch = cache->epoch;
        list_append(cache, frame, after);
    }
}

void frames_join(struct cache *cache, enum cache_list from, enum cache_list to)
{
    for (uint32_t frame; (frame = cache->lists[from].oldest) != CACHE_NONE;) {
        list_unlink(cache, frame);
        cache->frames[frame].epoch = cache->epoch;
        if (from == CACHE_FAILED)
            cache->frames[frame].flags &= (uint8_t)~CACHE_WRITE_FAILED;
        list_append(cache, frame, to);
    }
}

/* ---- free ones, and victims ---- */

static void frame_release(struct cache *cache, uint32_t frame)
{
    struct cache_chunk *chunk = chunk_of(cache, frame);

    cache->frames[frame] = (struct cache_frame){.newer = chunk->free};
    chunk->free = frame;
    chunk->used--;
    if (chunk->state == CACHE_PRESENT)
        cache->free_count++;
    cache->released = true;
}

static uint32_t take_free(struct cache *cache)
{
    struct cache_chunk *chunk = cache->chunks;

    if (!cache->free_count)
        return CACHE_NONE;
    while (chunk->state != CACHE_PRESENT || chunk->free == CACHE_NONE)
        chunk++;

    uint32_t frame = chunk->free;

    chunk->free = cache->frames[frame].newer;
    chunk->used++;
    cache->free_count--;
    return frame;
}

static bool may_evict(void *context, uint32_t frame)
{
    struct cache *cache = context;
    const struct cache_frame *f = &cache->frames[frame];

    if (f->list != CACHE_CLEAN)
        cache->pressure = PRESSURE;
    return f->list == CACHE_CLEAN && f->pins == 0 && !(f->flags & CACHE_READING);
}

static uint32_t take_victim(struct cache *cache, uint64_t block)
{
    bool nothing_comes = cache->io_free_count == CACHE_IOS && cache->flush.state == CACHE_FLUSH_IDLE;
    uint32_t patience = nothing_comes ? CACHE_PATIENCE * cache->policy.resident : PATIENCE;
    uint32_t frame = cache_policy_victim(&cache->policy, block, patience, may_evict, cache);

    if (frame == CACHE_NONE)
        return CACHE_NONE;
    cache->statistics.evictions++;
    if (cache->frames[frame].flags & CACHE_AHEAD)
        cache->statistics.ahead_lost++;
    if (chunk_of(cache, frame)->state == CACHE_PRESENT)
        return frame;
    frame_release(cache, frame); /* draining: not for new content */
    chunk_drained_if(cache, frame >> cache->settings.chunk_shift);
    return CACHE_NONE;
}

static uint32_t frame_new(struct cache *cache, uint64_t block, uint8_t flags)
{
    uint32_t frame = take_free(cache);

    if (frame == CACHE_NONE)
        frame = take_victim(cache, block);
    if (frame == CACHE_NONE)
        return CACHE_NONE;
    cache->frames[frame] = (struct cache_frame){.flags = flags};
    cache_policy_insert(&cache->policy, block, frame);
    return frame;
}

/* ---- looking up ---- */

void frame_touch(struct cache *cache, uint32_t frame, uint64_t block, bool transient)
{
    struct cache_frame *f = &cache->frames[frame];

    if (f->flags & CACHE_AHEAD) {
        f->flags &= (uint8_t)~CACHE_AHEAD;
        cache->statistics.ahead_used++;
    } else if (block != cache->last_key) {
        /* Several small requests in a row to one block are one use. */
        cache_policy_hit(&cache->policy, frame);
    }
    if (!transient)
        f->flags &= (uint8_t)~CACHE_TRANSIENT;
    cache->last_key = block;
}

uint32_t frame_get(struct cache *cache, uint64_t block, bool transient)
{
    uint32_t frame = cache_policy_find(&cache->policy, block);

    if (frame != CACHE_NONE) {
        frame_touch(cache, frame, block, transient);
        return frame;
    }
    frame = frame_new(cache, block, transient ? CACHE_TRANSIENT : 0);
    if (frame != CACHE_NONE) {
        cache->last_key = block;
        cache->statistics.bypassed += transient;
    }
    return frame;
}

uint32_t frame_get_ahead(struct cache *cache, uint64_t block, bool transient)
{
    if (cache_policy_find(&cache->policy, block) != CACHE_NONE)
        return CACHE_NONE;
    return frame_new(cache, block, (uint8_t)(CACHE_AHEAD | (transient ? CACHE_TRANSIENT : 0)));
}

/* ---- the end of a use ---- */

void frame_drop(struct cache *cache, uint32_t frame)
{
    struct cache_frame *f = &cache->frames[frame];

    f->valid = f->dirty = f->unflushed = 0;
    frame_relist(cache, frame);
    cache_policy_remove(&cache->policy, frame);
    frame_release(cache, frame);
}

void frame_settle(struct cache *cache, uint32_t frame)
{
    struct cache_frame *f = &cache->frames[frame];
    bool leaving = chunk_of(cache, frame)->state == CACHE_DRAINING ||
                   (f->flags & (CACHE_TRANSIENT | CACHE_AHEAD)) == CACHE_TRANSIENT || f->valid == 0;

    if (f->list != CACHE_CLEAN || f->pins || (f->flags & CACHE_READING) || f->waiting_opt)
        return;
    cache->released = true;
    if (!leaving)
        return;
    frame_drop(cache, frame);
    chunk_drained_if(cache, frame >> cache->settings.chunk_shift);
}

/* No `released`: a job that tries again would otherwise be the reason to try it again, for ever. */
void frame_put_back(struct cache *cache, uint32_t frame)
{
    bool released = cache->released;

    frame_settle(cache, frame);
    cache->released = released;
}

void frame_unpin(struct cache *cache, uint32_t frame)
{
    cache->frames[frame].pins--;
    frame_settle(cache, frame);
}

void frame_wake(struct cache *cache, uint32_t frame)
{
    struct cache_job *job = cache->frames[frame].waiting_opt;

    cache->frames[frame].waiting_opt = NULL;
    while (job) {
        struct cache_job *next = job->next;

        jobs_append(&cache->ready, job);
        job = next;
    }
}
