/* SPDX-License-Identifier: MIT */
/*
 * Which CPUs a child may use. Hardware-free.
 *
 * A configuration speaks of an affinity space of its own width, which is laid over the CPUs that init has: so it says "the
 * left half" and holds for two CPUs as for sixteen. A child names CPUs from 0 on, and what it asks for in the arguments
 * of its sessions only narrows its range.
 */
#ifndef INIT_AFFINITY_H
#define INIT_AFFINITY_H

#include "init/config.h"

struct cpu_range {
    uint32_t first, count; /* count is never 0 */
};

/* Out of init's own CPUs 0 .. cpus - 1. */
struct cpu_range affinity_range(uint32_t cpus, const struct config *config, const struct config_child *child);

/* What session arguments ask for, in terms of `range`; a range that begins behind its end becomes its last CPU. */
struct cpu_range affinity_narrow(struct cpu_range range, const char *args);

#endif
