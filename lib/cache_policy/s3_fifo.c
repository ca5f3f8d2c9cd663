/* SPDX-License-Identifier: MIT */
/*
 * S3-FIFO (Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023): what is new has to prove itself in a
 * small queue before it gets into the main one.
 *
 * SMALL   a tenth of the capacity: new blocks. Who leaves it without a hit becomes a ghost, with one it goes on to MAIN
 * MAIN    the rest: who leaves it after a hit comes in again, at most three times for as many hits
 * GHOST   keys of who left SMALL, as many as nine tenths of the capacity: a key that comes back from here goes to MAIN
 *
 * A hit only counts, up to three; nothing is moved. The queues are not limited each by itself: MAIN gives as long as it is
 * beyond its share, SMALL otherwise.
 */
#include "lib/cache_policy/cache_policy.h"

enum { SMALL, MAIN, GHOST };

#define SMALL_PART 10u /* of the capacity */
#define COUNT_MAX  3u

static uint32_t ghosts_max(uint32_t capacity)
{
    return (uint32_t)((uint64_t)capacity * (SMALL_PART - 1) / SMALL_PART);
}

static void ghosts_limit(struct cache_policy *policy, uint32_t limit)
{
    while (policy->queue[GHOST].length > limit) {
        uint32_t entry = policy->queue[GHOST].oldest;

        cache_queue_unlink(policy, entry);
        cache_entry_forget(policy, entry);
    }
}

static void set_capacity(struct cache_policy *policy)
{
    policy->limit[SMALL] = policy->capacity / SMALL_PART;
    policy->limit[MAIN] = policy->capacity - policy->limit[SMALL];
    policy->limit[GHOST] = ghosts_max(policy->capacity);
    ghosts_limit(policy, policy->limit[GHOST]);
}

static void hit(struct cache_policy *policy, uint32_t entry)
{
    if (policy->entries[entry].count < COUNT_MAX)
        policy->entries[entry].count++;
}

static void insert(struct cache_policy *policy, uint32_t entry, bool was_ghost)
{
    cache_queue_push(policy, was_ghost ? MAIN : SMALL, entry);
}

static uint32_t take_small(struct cache_policy *policy, struct cache_search *search, uint32_t entry)
{
    uint32_t frame = cache_entry_release(policy, entry);

    cache_queue_push(policy, GHOST, entry);
    ghosts_limit(policy, policy->limit[GHOST] + search->extra);
    return frame;
}

/* The oldest of the queue goes where it belongs. Its frame, if it is the victim. */
static uint32_t step(struct cache_policy *policy, struct cache_search *search, uint32_t queue)
{
    uint32_t entry = policy->queue[queue].oldest, frame = CACHE_NONE;
    struct cache_entry *e = &policy->entries[entry];

    cache_queue_unlink(policy, entry);
    if (e->count) {
        e->count = queue == SMALL ? 0 : e->count - 1;
        cache_queue_push(policy, MAIN, entry);
    } else if (!cache_search_accepts(search, e->frame)) {
        cache_queue_push(policy, queue, entry);
    } else if (queue == SMALL) {
        frame = take_small(policy, search, entry);
    } else {
        frame = cache_entry_release(policy, entry);
        cache_entry_forget(policy, entry);
    }
    return frame;
}

/* Until a frame is accepted, or all that were in the queue have left it or are refused: in MAIN, after their last round. */
static uint32_t search_queue(struct cache_policy *policy, const struct cache_search *patience, uint32_t queue)
{
    struct cache_search search = *patience;
    uint64_t rounds = queue == SMALL ? 1 : COUNT_MAX + 1;

    while (search.refusals && patience->refusals - search.refusals < rounds * policy->queue[queue].length) {
        uint32_t frame = step(policy, &search, queue);

        if (frame != CACHE_NONE)
            return frame;
    }
    return CACHE_NONE;
}

/* The other queue's turn comes if nothing in the first one can go; by then SMALL's may have moved to MAIN. */
static uint32_t victim(struct cache_policy *policy, struct cache_search *search)
{
    bool main_first = policy->queue[MAIN].length > policy->limit[MAIN] || !policy->queue[SMALL].length;
    uint32_t first = main_first ? MAIN : SMALL, second = main_first ? SMALL : MAIN;
    uint32_t frame = search_queue(policy, search, first);

    if (frame == CACHE_NONE)
        frame = search_queue(policy, search, second);
    if (frame == CACHE_NONE && main_first)
        frame = search_queue(policy, search, MAIN);
    return frame;
}

static bool check(const struct cache_policy *policy)
{
    return policy->queue[GHOST].length <= policy->limit[GHOST] + 1;
}

const struct cache_policy_ops cache_policy_s3_fifo = {.name = "s3-fifo",
                                                      .ghost_queue = GHOST,
                                                      .ghosts_max = ghosts_max,
                                                      .set_capacity = set_capacity,
                                                      .hit = hit,
                                                      .insert = insert,
                                                      .victim = victim,
                                                      .check = check};
