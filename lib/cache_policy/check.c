/* SPDX-License-Identifier: MIT */
/* The invariants P1-P4 of cache_policy.h. Walks everything: for tests and debug builds. */
#include "lib/cache_policy/cache_policy.h"

/* Every entry of the queue, its links, and that the index finds it. */
static bool queue_ok(const struct cache_policy *policy, uint32_t queue, uint32_t *frames)
{
    const struct cache_queue *q = &policy->queue[queue];
    bool ghosts = queue == policy->ops->ghost_queue;
    uint32_t length = 0, before = CACHE_NONE;

    for (uint32_t entry = q->oldest; entry != CACHE_NONE; entry = policy->entries[entry].newer) {
        const struct cache_entry *e = &policy->entries[entry];

        if (++length > q->length || e->queue != queue || e->older != before)
            return false;
        if (ghosts != (e->frame == CACHE_NONE) || cache_policy_find(policy, e->key) != e->frame)
            return false;
        if (!ghosts && (e->frame >= policy->frames || policy->frame_entry[e->frame] != entry))
            return false;
        before = entry;
    }
    *frames += ghosts ? 0 : length;
    return length == q->length && q->newest == before;
}

static uint32_t free_entries(const struct cache_policy *policy)
{
    uint32_t count = 0, entry = policy->free_entry;

    while (entry < policy->entry_count && count <= policy->entry_count) {
        if (policy->entries[entry].queue != CACHE_QUEUES)
            return CACHE_NONE;
        entry = policy->entries[entry].bucket_next;
        count++;
    }
    return count;
}

static uint32_t indexed_entries(const struct cache_policy *policy)
{
    uint32_t count = 0;

    for (uint32_t bucket = 0; bucket <= policy->bucket_mask; bucket++)
        for (uint32_t entry = policy->buckets[bucket]; entry != CACHE_NONE && count <= policy->entry_count;
             entry = policy->entries[entry].bucket_next)
            count++;
    return count;
}

bool cache_policy_check(const struct cache_policy *policy)
{
    uint32_t frames = 0, pointing = 0, queued = 0;

    for (uint32_t queue = 0; queue < CACHE_QUEUES; queue++) {
        if (!queue_ok(policy, queue, &frames))
            return false;
        queued += policy->queue[queue].length;
    }
    for (uint32_t frame = 0; frame < policy->frames; frame++)
        pointing += policy->frame_entry[frame] != CACHE_NONE;
    return frames == policy->resident && pointing == frames && indexed_entries(policy) == queued &&
           free_entries(policy) + queued == policy->entry_count &&
           (!policy->ops->check || policy->ops->check(policy));
}
