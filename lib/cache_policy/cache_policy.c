/* SPDX-License-Identifier: MIT */
/*
 * The index of keys and the queues that all policies share, see cache_policy.h.
 *
 * The index is a table of chains; keys are block numbers and often adjacent, so they are multiplied by the golden ratio
 * first (Knuth, The Art of Computer Programming 3, 6.4).
 */
#include "lib/cache_policy/cache_policy.h"

#include "lib/string/string.h"

static uint32_t *bucket_of(const struct cache_policy *policy, uint64_t key)
{
    return &policy->buckets[(uint32_t)(key * 0x9e3779b97f4a7c15u >> 32) & policy->bucket_mask];
}

static uint32_t entry_find(const struct cache_policy *policy, uint64_t key)
{
    uint32_t entry = *bucket_of(policy, key);

    while (entry != CACHE_NONE && policy->entries[entry].key != key)
        entry = policy->entries[entry].bucket_next;
    return entry;
}

/* ---- queues ---- */

void cache_queue_push(struct cache_policy *policy, uint32_t queue, uint32_t entry)
{
    struct cache_queue *q = &policy->queue[queue];
    struct cache_entry *e = &policy->entries[entry];

    e->queue = (uint8_t)queue;
    e->newer = CACHE_NONE;
    e->older = q->newest;
    if (q->newest != CACHE_NONE)
        policy->entries[q->newest].newer = entry;
    else
        q->oldest = entry;
    q->newest = entry;
    q->length++;
}

void cache_queue_unlink(struct cache_policy *policy, uint32_t entry)
{
    struct cache_entry *e = &policy->entries[entry];
    struct cache_queue *q = &policy->queue[e->queue];

    *(e->newer != CACHE_NONE ? &policy->entries[e->newer].older : &q->newest) = e->older;
    *(e->older != CACHE_NONE ? &policy->entries[e->older].newer : &q->oldest) = e->newer;
    q->length--;
}

/* ---- entries ---- */

uint32_t cache_entry_release(struct cache_policy *policy, uint32_t entry)
{
    uint32_t frame = policy->entries[entry].frame;

    policy->entries[entry].frame = CACHE_NONE;
    policy->frame_entry[frame] = CACHE_NONE;
    policy->resident--;
    return frame;
}

void cache_entry_forget(struct cache_policy *policy, uint32_t entry)
{
    uint32_t *link = bucket_of(policy, policy->entries[entry].key);

    while (*link != entry)
        link = &policy->entries[*link].bucket_next;
    *link = policy->entries[entry].bucket_next;
    policy->entries[entry].queue = CACHE_QUEUES;
    policy->entries[entry].bucket_next = policy->free_entry;
    policy->free_entry = entry;
}

/* There is always a free one: the policy keeps to its ghosts_max. */
static uint32_t entry_new(struct cache_policy *policy, uint64_t key)
{
    uint32_t *bucket = bucket_of(policy, key);
    uint32_t entry = policy->free_entry;
    struct cache_entry *e = &policy->entries[entry];

    policy->free_entry = e->bucket_next;
    *e = (struct cache_entry){.key = key, .frame = CACHE_NONE, .bucket_next = *bucket};
    *bucket = entry;
    return entry;
}

bool cache_search_accepts(struct cache_search *search, uint32_t frame)
{
    if (!search->may_evict_opt || search->may_evict_opt(search->context, frame))
        return true;
    search->refusals--;
    return false;
}

/* ---- the interface ---- */

const struct cache_policy_ops *cache_policy_named(const char *name, size_t length)
{
    static const struct cache_policy_ops *const all[] = {&cache_policy_s3_fifo, &cache_policy_lru,
                                                         &cache_policy_lirs, NULL};

    for (unsigned i = 0; all[i]; i++)
        if (strlen(all[i]->name) == length && memcmp(all[i]->name, name, length) == 0)
            return all[i];
    return NULL;
}

/* One besides: while a ghost's key comes back, and its successor has become a ghost already. */
static uint64_t entries_for(const struct cache_policy_ops *ops, uint32_t frames)
{
    return (uint64_t)frames + ops->ghosts_max(frames) + 2;
}

static uint32_t buckets_for(uint64_t entries)
{
    uint32_t count = 16;

    while (count < entries && count < 1u << 31)
        count *= 2;
    return count;
}

size_t cache_policy_memory(const struct cache_policy_ops *ops, uint32_t frames)
{
    uint64_t entries = entries_for(ops, frames);

    return entries * sizeof(struct cache_entry) +
           (ops->second_order ? entries * sizeof(struct cache_second) : 0) +
           ((uint64_t)frames + buckets_for(entries)) * sizeof(uint32_t);
}

void cache_policy_init(struct cache_policy *policy, const struct cache_policy_ops *ops, uint32_t frames,
                       void *memory)
{
    uint64_t entries = entries_for(ops, frames);
    uint32_t buckets = buckets_for(entries);

    *policy = (struct cache_policy){.ops = ops,
                                    .frames = frames,
                                    .entry_count = (uint32_t)entries,
                                    .bucket_mask = buckets - 1,
                                    .stack = {CACHE_NONE, CACHE_NONE, 0}};
    policy->entries = memory;
    memory = policy->entries + entries;
    if (ops->second_order) {
        policy->second = memory;
        memory = policy->second + entries;
        memset(policy->second, 0, entries * sizeof(*policy->second));
    }
    policy->frame_entry = memory;
    policy->buckets = policy->frame_entry + frames;
    memset(policy->frame_entry, 0xff, ((size_t)frames + buckets) * sizeof(uint32_t));
    for (uint32_t i = 0; i < entries; i++)
        policy->entries[i] = (struct cache_entry){.bucket_next = i + 1, .queue = CACHE_QUEUES};
    for (uint32_t i = 0; i < CACHE_QUEUES; i++)
        policy->queue[i] = (struct cache_queue){CACHE_NONE, CACHE_NONE, 0};
    cache_policy_set_capacity(policy, frames);
}

void cache_policy_set_capacity(struct cache_policy *policy, uint32_t capacity)
{
    policy->capacity = capacity;
    policy->ops->set_capacity(policy);
}

uint32_t cache_policy_find(const struct cache_policy *policy, uint64_t key)
{
    uint32_t entry = entry_find(policy, key);

    return entry == CACHE_NONE ? CACHE_NONE : policy->entries[entry].frame;
}

void cache_policy_hit(struct cache_policy *policy, uint32_t frame)
{
    policy->ops->hit(policy, policy->frame_entry[frame]);
}

uint64_t cache_policy_key(const struct cache_policy *policy, uint32_t frame)
{
    return policy->entries[policy->frame_entry[frame]].key;
}

void cache_policy_insert(struct cache_policy *policy, uint64_t key, uint32_t frame)
{
    uint32_t entry = entry_find(policy, key);
    bool was_ghost = entry != CACHE_NONE;

    if (was_ghost)
        cache_queue_unlink(policy, entry);
    else
        entry = entry_new(policy, key);
    policy->entries[entry].frame = frame;
    policy->entries[entry].count = 0;
    policy->frame_entry[frame] = entry;
    policy->resident++;
    policy->ops->insert(policy, entry, was_ghost);
}

uint32_t cache_policy_victim(struct cache_policy *policy, uint64_t key, uint32_t patience,
                             cache_may_evict *may_evict_opt, void *context)
{
    struct cache_search search = {.may_evict_opt = may_evict_opt, .context = context, .refusals = patience};
    uint32_t ghost = entry_find(policy, key);

    /* It comes back: what becomes a ghost now must not push it out. */
    if (ghost != CACHE_NONE) {
        cache_queue_unlink(policy, ghost);
        cache_queue_push(policy, policy->ops->ghost_queue, ghost);
        search.extra = 1;
    }
    return policy->ops->victim(policy, &search);
}

void cache_policy_remove(struct cache_policy *policy, uint32_t frame)
{
    uint32_t entry = policy->frame_entry[frame];

    cache_queue_unlink(policy, entry);
    (void)cache_entry_release(policy, entry);
    if (policy->ops->removed)
        policy->ops->removed(policy, entry);
    cache_entry_forget(policy, entry);
}
