/* SPDX-License-Identifier: MIT */
/* What the arguments ask for, and printing it. */
#ifndef TOOL_CACHE_SIM_CACHE_SIM_H
#define TOOL_CACHE_SIM_CACHE_SIM_H

#include "tool/cache_sim/simulate.h"

enum output { TABLE, CSV, JSON };

#define LIST_MAX 32

struct size {
    uint64_t value;
    bool percent; /* of the distinct keys, in thousandths of a percent */
};

struct options {
    struct trace_options trace;
    const struct cache_policy_ops *policies[LIST_MAX];
    struct size sizes[LIST_MAX];
    int policy_count, size_count;
    enum output output;
    bool oracle, csv; /* said; else by the file's name */
};

/* Simulates each size with each policy, and prints. False: no memory. */
bool print_results(const struct trace *trace, const struct options *options);

#endif
