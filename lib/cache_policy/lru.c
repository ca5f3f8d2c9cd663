/* SPDX-License-Identifier: MIT */
/*
 * LRU: one queue, the one used longest ago goes. The reference against which others are measured.
 */
#include "lib/cache_policy/cache_policy.h"

enum { RECENT };

static uint32_t ghosts_max(uint32_t capacity)
{
    (void)capacity;
    return 0;
}

static void set_capacity(struct cache_policy *policy)
{
    (void)policy;
}

static void hit(struct cache_policy *policy, uint32_t entry)
{
    cache_queue_unlink(policy, entry);
    cache_queue_push(policy, RECENT, entry);
}

static void insert(struct cache_policy *policy, uint32_t entry, bool was_ghost)
{
    (void)was_ghost;
    cache_queue_push(policy, RECENT, entry);
}

static uint32_t victim(struct cache_policy *policy, struct cache_search *search)
{
    for (uint32_t left = policy->queue[RECENT].length; left && search->refusals; left--) {
        uint32_t entry = policy->queue[RECENT].oldest;

        cache_queue_unlink(policy, entry);
        if (cache_search_accepts(search, policy->entries[entry].frame)) {
            uint32_t frame = cache_entry_release(policy, entry);

            cache_entry_forget(policy, entry);
            return frame;
        }
        cache_queue_push(policy, RECENT, entry);
    }
    return CACHE_NONE;
}

const struct cache_policy_ops cache_policy_lru = {.name = "lru",
                                                  .ghost_queue = CACHE_QUEUES,
                                                  .ghosts_max = ghosts_max,
                                                  .set_capacity = set_capacity,
                                                  .hit = hit,
                                                  .insert = insert,
                                                  .victim = victim};
