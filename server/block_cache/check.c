/* SPDX-License-Identifier: MIT */
/* The invariants I1-I8 of cache.h. Walks everything: for tests and, now and then, debug builds. */
#include "server/block_cache/private.h"

static bool resident(const struct cache *cache, uint32_t frame)
{
    return cache->policy.frame_entry[frame] != CACHE_NONE;
}

/* I1 for one chunk; free frames are counted. */
static bool chunk_ok(const struct cache *cache, uint32_t chunk, uint32_t *available)
{
    const struct cache_chunk *c = &cache->chunks[chunk];
    uint32_t count = 1u << cache->settings.chunk_shift, free = 0, used = 0;

    for (uint32_t frame = chunk * count; frame < (chunk + 1) * count; frame++)
        used += resident(cache, frame);
    if (c->state == CACHE_ABSENT)
        return used == 0;
    for (uint32_t frame = c->free; frame != CACHE_NONE && free <= count; frame = cache->frames[frame].newer) {
        if (resident(cache, frame) || frame / count != chunk)
            return false;
        free++;
    }
    if (c->state == CACHE_PRESENT)
        *available += free;
    return used == c->used && used + free == count;
}

static bool chunks_ok(const struct cache *cache)
{
    uint32_t available = 0, draining = 0, count = 0;

    for (uint32_t chunk = 0; chunk < cache->settings.frames_max >> cache->settings.chunk_shift; chunk++) {
        if (!chunk_ok(cache, chunk, &available))
            return false;
        draining += cache->chunks[chunk].state == CACHE_DRAINING;
        count += cache->chunks[chunk].state == CACHE_PRESENT;
    }
    return available == cache->free_count && draining == cache->draining &&
           count << cache->settings.chunk_shift == cache->frame_count;
}

static bool sectors_ok(const struct cache_frame *f)
{
    return ((f->dirty | f->writing | f->unflushed) & (uint8_t)~f->valid) == 0 && (f->dirty & f->writing) == 0;
}

static enum cache_list expected_list(const struct cache_frame *f)
{
    if (f->writing)
        return CACHE_WRITING;
    if (f->dirty)
        return f->flags & CACHE_WRITE_FAILED ? CACHE_FAILED : CACHE_DIRTY;
    return f->unflushed ? CACHE_UNFLUSHED : CACHE_CLEAN;
}

static bool lists_ok(const struct cache *cache)
{
    uint32_t counted[CACHE_LISTS] = {0}, unclean = 0;

    for (uint32_t frame = 0; frame < cache->settings.frames_max; frame++) {
        const struct cache_frame *f = &cache->frames[frame];

        if (!resident(cache, frame))
            continue;
        if (f->list != expected_list(f) && !(f->list == CACHE_COVERED && expected_list(f) == CACHE_UNFLUSHED))
            return false;
        counted[f->list]++;
    }
    for (unsigned list = CACHE_DIRTY; list < CACHE_LISTS; list++) {
        uint32_t length = 0;

        for (uint32_t frame = cache->lists[list].oldest; frame != CACHE_NONE && length <= counted[list];
             frame = cache->frames[frame].newer)
            length += cache->frames[frame].list == list;
        if (length != counted[list] || length != cache->lists[list].length)
            return false;
        unclean += length;
    }
    return unclean == cache->unclean;
}

static bool flush_ok(const struct cache *cache)
{
    const struct cache_flush *flush = &cache->flush;
    uint32_t left = 0;
    bool newer = false;

    if (flush->state != CACHE_FLUSH_WRITING)
        return true;
    for (uint32_t frame = cache->lists[CACHE_DIRTY].oldest; frame != CACHE_NONE;
         frame = cache->frames[frame].newer) {
        bool old = cache->frames[frame].epoch < flush->epoch;

        if (old && newer)
            return false;
        newer |= !old;
        left += old;
    }
    for (uint32_t frame = cache->lists[CACHE_WRITING].oldest; frame != CACHE_NONE;
         frame = cache->frames[frame].newer)
        left += cache->frames[frame].epoch < flush->epoch;
    return left == flush->left;
}

static bool waiting_ok(const struct cache *cache)
{
    for (uint32_t frame = 0; frame < cache->settings.frames_max; frame++) {
        const struct cache_frame *f = &cache->frames[frame];

        if (f->waiting_opt && (!resident(cache, frame) || !(f->writing || (f->flags & CACHE_READING))))
            return false;
    }
    return true;
}

static bool pins_ok(const struct cache *cache)
{
    uint64_t pins = 0, windows = 0;

    for (uint32_t frame = 0; frame < cache->settings.frames_max; frame++)
        pins += resident(cache, frame) ? cache->frames[frame].pins : 0;
    for (unsigned i = 0; i < CACHE_JOBS; i++)
        if (cache->jobs[i].job && cache->jobs[i].job->operation == BLOCK_READ)
            windows += cache->jobs[i].issued - cache->jobs[i].copied;
    return pins == windows;
}

static bool progress_ok(const struct cache *cache)
{
    bool waiting = cache->stalled.first || cache->throttled.first || cache->ready.first;

    for (uint32_t frame = 0; frame < cache->settings.frames_max; frame++)
        waiting |= resident(cache, frame) && cache->frames[frame].waiting_opt;
    return !waiting || cache->io_free_count < CACHE_IOS || cache->flush.state == CACHE_FLUSH_BELOW;
}

static bool all_sectors_ok(const struct cache *cache)
{
    for (uint32_t frame = 0; frame < cache->settings.frames_max; frame++)
        if (resident(cache, frame) && !sectors_ok(&cache->frames[frame]))
            return false;
    return true;
}

bool cache_check(const struct cache *cache, const char **why_opt)
{
    const char *why = !chunks_ok(cache)                                                               ? "I1"
                      : !all_sectors_ok(cache)                                                        ? "I2"
                      : !lists_ok(cache)                                                              ? "I3"
                      : cache->lists[CACHE_COVERED].length && cache->flush.state != CACHE_FLUSH_BELOW ? "I4"
                      : !flush_ok(cache)                                                              ? "I5"
                      : !waiting_ok(cache)                                                            ? "I6"
                      : !pins_ok(cache)                                                               ? "I7"
                      : !progress_ok(cache)                                                           ? "I8"
                      : !cache_policy_check(&cache->policy) ? "the policy's"
                                                            : NULL;

    if (why_opt)
        *why_opt = why;
    return why == NULL;
}
