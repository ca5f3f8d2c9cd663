/* SPDX-License-Identifier: MIT */
/* Results as a table, as CSV or as JSON. */
#include "tool/cache_sim/cache_sim.h"

static uint32_t frames_of(const struct trace *trace, struct size size)
{
    uint64_t frames = size.percent ? trace->distinct * size.value / 100000 : size.value;

    return frames ? (uint32_t)frames : 1;
}

static void print_head(const struct trace *trace, const struct options *options)
{
    const char *key = options->trace.split ? "split" : "start";

    switch (options->output) {
    case TABLE:
        printf("%zu requests, %zu accesses to %zu blocks, keyed by %s\n\n%-10s %10s %12s %10s\n",
               trace->requests, trace->key_count, trace->distinct, key, "policy", "blocks", "misses",
               "miss ratio");
        break;
    case CSV: printf("policy,blocks,accesses,misses,miss_ratio\n"); break;
    case JSON:
        printf("{\"key\": \"%s\", \"requests\": %zu, \"accesses\": %zu, \"distinct\": %zu, \"results\": [",
               key, trace->requests, trace->key_count, trace->distinct);
        break;
    }
}

static void print_result(const struct trace *trace, enum output output, const char *policy, uint32_t frames,
                         size_t misses, bool first)
{
    double ratio = trace->key_count ? (double)misses / (double)trace->key_count : 0;

    switch (output) {
    case TABLE: printf("%-10s %10u %12zu %10.4f\n", policy, frames, misses, ratio); break;
    case CSV: printf("%s,%u,%zu,%zu,%.6f\n", policy, frames, trace->key_count, misses, ratio); break;
    case JSON:
        printf("%s\n  {\"policy\": \"%s\", \"blocks\": %u, \"misses\": %zu, \"miss_ratio\": %.6f}",
               first ? "" : ",", policy, frames, misses, ratio);
        break;
    }
}

bool print_results(const struct trace *trace, const struct options *options)
{
    print_head(trace, options);
    for (int s = 0; s < options->size_count; s++) {
        for (int p = 0; p < options->policy_count; p++) {
            const struct cache_policy_ops *ops = options->policies[p];
            uint32_t frames = frames_of(trace, options->sizes[s]);
            size_t misses;

            if (!simulate(trace, ops, frames, &misses)) {
                fprintf(stderr, "cache_sim: no memory for a cache of %u blocks\n", frames);
                return false;
            }
            print_result(trace, options->output, ops->name, frames, misses, s == 0 && p == 0);
        }
    }
    if (options->output == JSON)
        printf("\n]}\n");
    return true;
}
