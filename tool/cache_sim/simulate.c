/* SPDX-License-Identifier: MIT */
/* See simulate.h. */
#include "tool/cache_sim/simulate.h"

#include <stdlib.h>

bool simulate(const struct trace *trace, const struct cache_policy_ops *ops, uint32_t frames, size_t *misses)
{
    struct cache_policy policy;
    void *memory = malloc(cache_policy_memory(ops, frames));
    uint32_t used = 0;

    if (!memory)
        return false;
    cache_policy_init(&policy, ops, frames, memory);
    *misses = 0;
    for (size_t i = 0; i < trace->key_count; i++) {
        uint64_t key = trace->keys[i];
        uint32_t frame = cache_policy_find(&policy, key);

        if (frame != CACHE_NONE) {
            cache_policy_hit(&policy, frame);
            continue;
        }
        ++*misses;
        frame = used < frames ? used++ : cache_policy_victim(&policy, key, 1, NULL, NULL);
        cache_policy_insert(&policy, key, frame);
    }
    free(memory);
    return true;
}
