/* SPDX-License-Identifier: MIT */
/* Offsets in a mapping -> addresses on the bus: once a segment of each request, so it only looks into a table. */
#include "lib/device/device.h"

uint64_t device_dma_address(const struct device_mapping *mapping, uint64_t offset, uint64_t *contiguous)
{
    uint32_t first = 0,
             end = mapping->run_count; /* the last run that begins at or before `offset` is in between */

    while (end - first > 1) {
        uint32_t middle = first + (end - first) / 2;

        if (mapping->runs[middle].offset <= offset)
            first = middle;
        else
            end = middle;
    }
    uint64_t limit = first + 1 < mapping->run_count ? mapping->runs[first + 1].offset : mapping->size;

    *contiguous = limit - offset;
    return mapping->runs[first].address + (offset - mapping->runs[first].offset);
}
