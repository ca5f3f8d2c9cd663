/* SPDX-License-Identifier: MIT */
/* The cache's beginning: all memory that it will ever use, but for the frames' content. */
#include "server/block_cache/private.h"

#include "lib/string/string.h"

static size_t frames_size(const struct cache_settings *settings)
{
    return (size_t)settings->frames_max * sizeof(struct cache_frame);
}

size_t cache_memory(const struct cache_settings *settings)
{
    return frames_size(settings) + cache_policy_memory(settings->policy, settings->frames_max);
}

static void init_pools(struct cache *cache)
{
    for (uint32_t i = 0; i < CACHE_IOS; i++) {
        cache->ios[i].cache = cache;
        cache->ios[i].next = cache->io_free;
        cache->io_free = &cache->ios[i];
    }
    cache->io_free_count = CACHE_IOS;
    for (uint32_t i = 0; i < CACHE_JOBS; i++) {
        cache->jobs[i].next = cache->job_free;
        cache->job_free = &cache->jobs[i];
    }
    cache->scratch_free = (1u << CACHE_SCRATCH) - 1;
}

void cache_init(struct cache *cache, const struct cache_settings *settings, struct block_client *client,
                void *memory, void *scratch, uint32_t scratch_region)
{
    memset(cache, 0, sizeof(*cache));
    cache->settings = *settings;
    cache->client = client;
    cache->frames = memory;
    cache->scratch = scratch;
    cache->scratch_region = scratch_region;
    cache->size = block_client_info(client)->size;
    cache->last_key = UINT64_MAX;
    memset(cache->frames, 0, frames_size(settings));
    cache_policy_init(&cache->policy, settings->policy, settings->frames_max,
                      (uint8_t *)memory + frames_size(settings));
    for (unsigned i = 0; i < CACHE_LISTS; i++)
        cache->lists[i] = (struct cache_frames){CACHE_NONE, CACHE_NONE, 0};
    init_pools(cache);
    cache_limits(cache);
}
