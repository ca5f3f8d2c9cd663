/* SPDX-License-Identifier: MIT */
/* Memory map: every change rebuilds the list, since it happens a few dozen times at boot only. */
#include "kernel/mem/memory_map.h"

#include <stddef.h>

#define PAGE 4096ull

/* Appends to a list in the making, merging with the last range where possible. */
static bool map_append(struct memory_map *map, uint64_t base, uint64_t end, uint64_t type)
{
    if (base >= end)
        return true;
    if (map->count) {
        struct boot_memory *last = &map->range[map->count - 1];

        if (last->type == type && last->base + last->size == base) {
            last->size += end - base;
            return true;
        }
    }
    if (map->count == BOOT_MEMORY_MAX)
        return false;
    map->range[map->count++] = (struct boot_memory){base, end - base, type};
    return true;
}

bool memory_map_set(struct memory_map *map, uint64_t base, uint64_t size, enum boot_memory_type type)
{
    struct memory_map result = {0};
    uint64_t top = ~0ull & -PAGE, end = size > top - base ? top : base + size;
    bool placed = false, good = true;

    if (type == BOOT_MEMORY_FREE) {
        base = (base + PAGE - 1) & -PAGE;
        end &= -PAGE;
    } else {
        base &= -PAGE;
        end = (end + PAGE - 1) & -PAGE;
    }
    if (base >= end)
        return true;
    for (uint32_t i = 0; i < map->count; i++) {
        uint64_t low = map->range[i].base, high = low + map->range[i].size, kind = map->range[i].type;

        good &= map_append(&result, low, high < base ? high : base, kind);
        if (!placed && high > base) {
            good &= map_append(&result, base, end, type);
            placed = true;
        }
        good &= map_append(&result, low > end ? low : end, high, kind);
    }
    if (!placed)
        good &= map_append(&result, base, end, type);
    if (good)
        *map = result;
    return good;
}

const struct boot_memory *memory_map_largest(const struct memory_map *map, enum boot_memory_type type,
                                             uint64_t limit)
{
    const struct boot_memory *best = NULL;

    for (uint32_t i = 0; i < map->count; i++) {
        const struct boot_memory *range = &map->range[i];

        if (range->type == type && range->base + range->size <= limit && (!best || range->size > best->size))
            best = range;
    }
    return best;
}
