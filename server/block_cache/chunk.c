/* SPDX-License-Identifier: MIT */
/* Chunks: memory for frames that comes and goes. */
#include "server/block_cache/private.h"

void chunk_drained_if(struct cache *cache, uint32_t chunk)
{
    if (cache->chunks[chunk].state != CACHE_DRAINING || cache->chunks[chunk].used)
        return;
    cache->chunks[chunk].state = CACHE_ABSENT;
    cache->draining--;
    if (cache->drained)
        cache->drained(cache, chunk);
}

/* Some frames always stay for reading. */
void cache_limits(struct cache *cache)
{
    uint32_t limit = (uint32_t)((uint64_t)cache->frame_count * cache->settings.dirty_percent / 100);

    cache->unclean_limit = limit ? limit : 1;
    if (cache->frame_count)
        cache_policy_set_capacity(&cache->policy, cache->frame_count);
}

void cache_chunk_add(struct cache *cache, uint32_t chunk, void *address, uint32_t region)
{
    uint32_t first = chunk << cache->settings.chunk_shift, count = 1u << cache->settings.chunk_shift;

    cache->chunks[chunk] = (struct cache_chunk){
        .state = CACHE_PRESENT, .address = address, .region = region, .free = CACHE_NONE};
    for (uint32_t frame = first + count; frame-- > first;) {
        cache->frames[frame] = (struct cache_frame){.newer = cache->chunks[chunk].free};
        cache->chunks[chunk].free = frame;
    }
    cache->frame_count += count;
    cache->free_count += count;
    cache->released = true;
    cache_limits(cache);
    cache_work(cache);
}

static uint32_t free_frames(const struct cache *cache, uint32_t chunk)
{
    return (1u << cache->settings.chunk_shift) - cache->chunks[chunk].used;
}

/* What is clean and not in use goes now, the rest when it has been written and flushed. */
void cache_chunk_drain(struct cache *cache, uint32_t chunk)
{
    uint32_t first = chunk << cache->settings.chunk_shift, count = 1u << cache->settings.chunk_shift;

    if (cache->chunks[chunk].state != CACHE_PRESENT || cache->frame_count == count)
        return;
    cache->chunks[chunk].state = CACHE_DRAINING;
    cache->draining++;
    cache->frame_count -= count;
    cache->free_count -= free_frames(cache, chunk);
    cache_limits(cache);
    for (uint32_t frame = first; frame < first + count; frame++)
        if (cache->policy.frame_entry[frame] != CACHE_NONE)
            frame_settle(cache, frame);
    chunk_drained_if(cache, chunk);
    if (cache->chunks[chunk].state == CACHE_DRAINING)
        cache_flush_want(cache);
    cache_work(cache);
}

void cache_chunk_keep(struct cache *cache, uint32_t chunk)
{
    if (cache->chunks[chunk].state != CACHE_DRAINING)
        return;
    cache->chunks[chunk].state = CACHE_PRESENT;
    cache->draining--;
    cache->frame_count += 1u << cache->settings.chunk_shift;
    cache->free_count += free_frames(cache, chunk);
    cache->released = true;
    cache_limits(cache);
    cache_work(cache);
}
