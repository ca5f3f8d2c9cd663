/* SPDX-License-Identifier: MIT */
/*
 * What a cache keeps: eviction policies behind one table of functions, and the index that they share. Hardware-free; the
 * block cache and the simulator tool/cache_sim run the same code.
 *
 * The cache owns *frames*, numbered from 0; the policy knows which *key* (a block's number) lies in which frame, and which one goes next.
 *
 *     frame = cache_policy_find(&policy, key);
 *     if (frame != CACHE_NONE) {
 *         cache_policy_hit(&policy, frame);
 *     } else {
 *         frame = a free one, or else cache_policy_victim(&policy, key, ...);
 *         cache_policy_insert(&policy, key, frame);
 *     }
 *
 * A policy may remember keys that it has evicted: *ghosts*, entries without a frame. An entry is in one queue, by which
 * the policy tells its kinds apart; LIRS keeps a second order in an array of its own.
 *
 * The victim's search offers frames to the cache, which may say no (dirty, in use). A frame that was refused goes to the
 * young end of its queue, so that a search does not meet it again at once, and the price of refusals is shared by all searches.
 *
 * All memory is given at the start. Costs: find, hit, insert, remove a few dozen instructions; a victim's search is
 * short on average, each long one having been paid by the hits before it.
 *
 * Invariants, checked by cache_policy_check():
 *   P1  every entry is either free or in exactly one queue; the index finds those in queues, and no others
 *   P2  an entry in a queue of ghosts has no frame, one in another queue has one, and frame_entry[] points back
 *   P3  lengths of queues are those of their lists; `resident` is the number of frames that hold a key
 *   P4  what the policy itself promises of its queues
 */
#ifndef LIB_CACHE_POLICY_CACHE_POLICY_H
#define LIB_CACHE_POLICY_CACHE_POLICY_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_NONE       UINT32_MAX
#define CACHE_QUEUES     3u
#define CACHE_PATIENCE   4u
#define CACHE_FRAMES_MAX (1u << 28)

struct cache_policy;

struct cache_entry {
    uint64_t key;
    uint32_t frame;        /* CACHE_NONE: a ghost */
    uint32_t bucket_next;  /* also links the free ones */
    uint32_t newer, older; /* neighbours in its queue */
    uint8_t queue;         /* which one; CACHE_QUEUES: free */
    uint8_t count;         /* the policy's */
};

struct cache_queue {
    uint32_t newest, oldest, length;
};

/* May this frame be taken? Called by a search, must change nothing of the policy. */
typedef bool cache_may_evict(void *context, uint32_t frame);

/* A search for a victim, and what is left of its patience. */
struct cache_search {
    cache_may_evict *may_evict_opt; /* NULL: every frame */
    void *context;
    uint32_t refusals; /* so many may follow */
    uint32_t extra;    /* 1: the key that needs room is a ghost, which leaves soon */
};

struct cache_policy_ops {
    const char *name;
    uint32_t ghost_queue;                        /* its number; CACHE_QUEUES: none */
    bool second_order;                           /* wants cache_policy.second */
    uint32_t (*ghosts_max)(uint32_t capacity);   /* entries without a frame, at most */
    void (*set_capacity)(struct cache_policy *); /* policy->capacity has changed */
    void (*hit)(struct cache_policy *, uint32_t entry);
    /* The entry has its key and frame and is in no queue. `was_ghost`: this key was a ghost's. */
    void (*insert)(struct cache_policy *, uint32_t entry, bool was_ghost);
    /* Takes the frame from an entry, which becomes a ghost or is forgotten. */
    uint32_t (*victim)(struct cache_policy *, struct cache_search *);
    /* The entry leaves its queue, as forgotten; NULL: nothing else to do. */
    void (*removed)(struct cache_policy *, uint32_t entry);
    bool (*check)(const struct cache_policy *); /* P4; NULL: promises nothing */
};

/* The entry's place in a second order, if it is in it. */
struct cache_second {
    uint32_t newer, older;
    bool in;
};

struct cache_policy {
    const struct cache_policy_ops *ops;
    uint32_t capacity; /* frames that the policy reckons with */
    uint32_t resident;
    uint32_t limit[CACHE_QUEUES]; /* of queues, as far as the policy uses them */

    struct cache_queue queue[CACHE_QUEUES];
    struct cache_entry *entries;
    uint32_t *frame_entry; /* CACHE_NONE: the frame holds no key */
    uint32_t *buckets;
    struct cache_second *second; /* LIRS */
    struct cache_queue stack;
    uint32_t bucket_mask, entry_count, frames;
    uint32_t free_entry;
};

extern const struct cache_policy_ops cache_policy_s3_fifo, cache_policy_lru, cache_policy_lirs;

/* "s3-fifo", "lru", "lirs"; NULL: none of these. */
const struct cache_policy_ops *cache_policy_named(const char *name, size_t length);

/* What `frames` (at most CACHE_FRAMES_MAX) need. */
size_t cache_policy_memory(const struct cache_policy_ops *ops, uint32_t frames);

/* `memory` is aligned to 8, lent as long as the policy is used, of cache_policy_memory() bytes. Reckons with `frames`. */
void cache_policy_init(struct cache_policy *policy, const struct cache_policy_ops *ops, uint32_t frames,
                       void *memory);

/* The cache has more or fewer frames (1 to `frames` of the start). The caller then takes victims until `resident` fits. */
void cache_policy_set_capacity(struct cache_policy *policy, uint32_t capacity);

/* The frame with this key, or CACHE_NONE. Changes nothing. */
uint32_t cache_policy_find(const struct cache_policy *policy, uint64_t key);

/* A frame has been used. */
void cache_policy_hit(struct cache_policy *policy, uint32_t frame);

/* `frame` holds no key; `key` is in no frame. */
void cache_policy_insert(struct cache_policy *policy, uint64_t key, uint32_t frame);

/*
 * A frame to make room for `key`: it holds none now. CACHE_NONE: there is none, or `patience` of a queue's were refused. With
 * a patience of CACHE_PATIENCE * resident, S3-FIFO and LRU find one if there is one.
 */
uint32_t cache_policy_victim(struct cache_policy *policy, uint64_t key, uint32_t patience,
                             cache_may_evict *may_evict_opt, void *context);

/* The frame's key is forgotten without a trace, as if it had never been there. */
void cache_policy_remove(struct cache_policy *policy, uint32_t frame);

/* The key in a frame that holds one. */
uint64_t cache_policy_key(const struct cache_policy *policy, uint32_t frame);

bool cache_policy_check(const struct cache_policy *policy);

/* ---- for the policies ---- */

void cache_queue_push(struct cache_policy *policy, uint32_t queue, uint32_t entry);
void cache_queue_unlink(struct cache_policy *policy, uint32_t entry);

/* The entry gives up its frame. */
uint32_t cache_entry_release(struct cache_policy *policy, uint32_t entry);

/* An entry in no queue and without a frame is forgotten. */
void cache_entry_forget(struct cache_policy *policy, uint32_t entry);

bool cache_search_accepts(struct cache_search *search, uint32_t frame);

#endif
