/* SPDX-License-Identifier: MIT */
/* One cache of a fixed size on one trace, through the policy code of the block cache (lib/cache_policy). */
#ifndef TOOL_CACHE_SIM_SIMULATE_H
#define TOOL_CACHE_SIM_SIMULATE_H

#include "lib/cache_policy/cache_policy.h"
#include "tool/cache_sim/trace.h"

/* False: no memory. Every access counts, reads and writes alike; a miss brings the block in. */
bool simulate(const struct trace *trace, const struct cache_policy_ops *ops, uint32_t frames, size_t *misses);

#endif
