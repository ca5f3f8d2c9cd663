/* SPDX-License-Identifier: MIT */
/*
 * LIRS (Jiang and Zhang, "LIRS: an efficient low inter-reference recency set replacement policy", SIGMETRICS 2002). For comparison in the
 * simulator: its few victims come from a hundredth of the cache, which does not suit a cache that refuses dirty ones.
 *
 * LIR       blocks whose last two uses were close together; all but a hundredth of the capacity
 * HIR       the other resident ones; the oldest of them is the victim
 * GHOST     evicted ones, while they are in the stack
 *
 * The stack (policy->stack, the second order) holds by last use all LIR, and the HIR and GHOST that were used since the
 * oldest LIR's last use: one of these that is used again changes places with that oldest LIR. Its bottom is always LIR
 * (*pruning*). It holds twice the capacity at most; the ghost that was evicted first leaves it then. (With a
 * capacity of one block there is no LIR.)
 */
#include "lib/cache_policy/cache_policy.h"

enum { LIR, HIR, GHOST };

#define HIR_PART    100u /* of the capacity */
#define STACK_TIMES 2u

static uint32_t ghosts_max(uint32_t capacity)
{
    return STACK_TIMES * capacity + 1;
}

/* ---- the stack ---- */

static void stack_push(struct cache_policy *policy, uint32_t entry)
{
    struct cache_queue *stack = &policy->stack;

    policy->second[entry] = (struct cache_second){CACHE_NONE, stack->newest, true};
    *(stack->newest != CACHE_NONE ? &policy->second[stack->newest].newer : &stack->oldest) = entry;
    stack->newest = entry;
    stack->length++;
}

static void stack_unlink(struct cache_policy *policy, uint32_t entry)
{
    struct cache_second *s = &policy->second[entry];
    struct cache_queue *stack = &policy->stack;

    if (!s->in)
        return;
    *(s->newer != CACHE_NONE ? &policy->second[s->newer].older : &stack->newest) = s->older;
    *(s->older != CACHE_NONE ? &policy->second[s->older].newer : &stack->oldest) = s->newer;
    s->in = false;
    stack->length--;
}

static void ghost_forget(struct cache_policy *policy, uint32_t entry)
{
    cache_queue_unlink(policy, entry);
    cache_entry_forget(policy, entry);
}

static void prune(struct cache_policy *policy)
{
    uint32_t bottom;

    while ((bottom = policy->stack.oldest) != CACHE_NONE && policy->entries[bottom].queue != LIR) {
        stack_unlink(policy, bottom);
        if (policy->entries[bottom].queue == GHOST)
            ghost_forget(policy, bottom);
    }
}

static void stack_limit(struct cache_policy *policy)
{
    while (policy->stack.length > STACK_TIMES * policy->capacity && policy->queue[GHOST].length) {
        uint32_t entry = policy->queue[GHOST].oldest;

        stack_unlink(policy, entry);
        ghost_forget(policy, entry);
    }
}

/* ---- changes of kind ---- */

static void demote_bottom(struct cache_policy *policy)
{
    uint32_t bottom = policy->stack.oldest;

    stack_unlink(policy, bottom);
    cache_queue_unlink(policy, bottom);
    cache_queue_push(policy, HIR, bottom);
    prune(policy);
}

/* An entry on top of the stack, in no queue. */
static void promote(struct cache_policy *policy, uint32_t entry)
{
    cache_queue_push(policy, LIR, entry);
    prune(policy);
    while (policy->queue[LIR].length > policy->limit[LIR])
        demote_bottom(policy);
}

/* ---- the table ---- */

static void set_capacity(struct cache_policy *policy)
{
    uint32_t hir = policy->capacity / HIR_PART;

    policy->limit[HIR] = hir ? hir : 1;
    policy->limit[LIR] = policy->capacity - policy->limit[HIR];
    while (policy->queue[LIR].length > policy->limit[LIR])
        demote_bottom(policy);
    stack_limit(policy);
}

static void hit(struct cache_policy *policy, uint32_t entry)
{
    bool recent = policy->second[entry].in;

    stack_unlink(policy, entry);
    stack_push(policy, entry);
    if (policy->entries[entry].queue == LIR) {
        prune(policy);
    } else {
        cache_queue_unlink(policy, entry);
        if (recent)
            promote(policy, entry);
        else
            cache_queue_push(policy, HIR, entry);
    }
    stack_limit(policy);
}

static void insert(struct cache_policy *policy, uint32_t entry, bool was_ghost)
{
    stack_unlink(policy, entry);
    stack_push(policy, entry);
    if (was_ghost || policy->queue[LIR].length < policy->limit[LIR])
        promote(policy, entry);
    else
        cache_queue_push(policy, HIR, entry);
    stack_limit(policy);
}

static uint32_t evict(struct cache_policy *policy, uint32_t entry)
{
    uint32_t frame = cache_entry_release(policy, entry);

    if (policy->second[entry].in)
        cache_queue_push(policy, GHOST, entry);
    else
        cache_entry_forget(policy, entry);
    return frame;
}

static uint32_t victim(struct cache_policy *policy, struct cache_search *search)
{
    if (!policy->queue[HIR].length && policy->queue[LIR].length)
        demote_bottom(policy);
    for (uint32_t left = policy->queue[HIR].length; left && search->refusals; left--) {
        uint32_t entry = policy->queue[HIR].oldest;

        cache_queue_unlink(policy, entry);
        if (cache_search_accepts(search, policy->entries[entry].frame))
            return evict(policy, entry);
        cache_queue_push(policy, HIR, entry);
    }
    return CACHE_NONE;
}

static void removed(struct cache_policy *policy, uint32_t entry)
{
    stack_unlink(policy, entry);
    prune(policy);
}

static bool check(const struct cache_policy *policy)
{
    uint32_t counted[3] = {0, 0, 0};
    uint32_t bottom = policy->stack.oldest;

    for (uint32_t entry = bottom; entry != CACHE_NONE; entry = policy->second[entry].newer)
        counted[policy->entries[entry].queue]++;
    return (!policy->queue[LIR].length || policy->entries[bottom].queue == LIR) &&
           counted[LIR] == policy->queue[LIR].length && counted[GHOST] == policy->queue[GHOST].length &&
           policy->queue[LIR].length <= policy->limit[LIR] &&
           counted[LIR] + counted[HIR] + counted[GHOST] == policy->stack.length;
}

const struct cache_policy_ops cache_policy_lirs = {.name = "lirs",
                                                   .ghost_queue = GHOST,
                                                   .second_order = true,
                                                   .ghosts_max = ghosts_max,
                                                   .set_capacity = set_capacity,
                                                   .hit = hit,
                                                   .insert = insert,
                                                   .victim = victim,
                                                   .removed = removed,
                                                   .check = check};
