/* SPDX-License-Identifier: MIT */
/*
 * A kernel with several CPUs and something to do on each of them: domains that have capabilities to one another's threads,
 * scheduling contexts, portals and notifications, with clients and servers on every CPU.
 */
#ifndef KERNEL_TEST_POPULATION_H
#define KERNEL_TEST_POPULATION_H

#include <stdint.h>

/* A fresh machine, populated according to the seed. Each CPU is still to look for what runs there first. */
void population_start(uint64_t seed, unsigned cpus);

/* What one CPU does next in user mode, guest mode or idle: a random entry into the kernel, or time passes. */
void population_step(void);

/* Destroys everything, and checks that every account comes back to nothing. All CPUs are out of the kernel. */
void population_end(void);

#endif
