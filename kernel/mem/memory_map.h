/* SPDX-License-Identifier: MIT */
/*
 * List of physical memory ranges with types, sorted and without overlap: the boot loader's map, from which the image,
 * modules and boot allocations are carved. Hardware-free.
 */
#ifndef KERNEL_MEM_MEMORY_MAP_H
#define KERNEL_MEM_MEMORY_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/boot.h"

struct memory_map {
    uint32_t count;
    struct boot_memory range[BOOT_MEMORY_MAX];
};

/*
 * Gives [base, base + size) the type; what was listed there before makes room. FREE ranges shrink to whole pages, all
 * others grow to whole pages. Neighbours of equal type merge. False if the list is full (nothing is lost but this).
 */
bool memory_map_set(struct memory_map *map, uint64_t base, uint64_t size, enum boot_memory_type type);

/* The largest range of the type with all of it below `limit`; NULL if there is none. */
const struct boot_memory *memory_map_largest(const struct memory_map *map, enum boot_memory_type type,
                                             uint64_t limit);

#endif
