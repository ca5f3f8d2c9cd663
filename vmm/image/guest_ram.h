/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM as the monitor sees it: one window from guest-physical 0, and one from 4 GiB for what does not fit below the
 * device hole. A guest-physical range is turned into a pointer by guest_ram_at() and nothing else; a range must lie in
 * one window. The memory between 640 KiB and 1 MiB is plain RAM here; the memory map tells guests to leave it alone.
 */
#ifndef VMM_IMAGE_GUEST_RAM_H
#define VMM_IMAGE_GUEST_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/range/range.h"

#define GUEST_RAM_HIGH_BASE (UINT64_C(4) << 30) /* where the second window starts */
#define GUEST_RAM_LOW_LIMIT (UINT64_C(3) << 30) /* the first one ends here at the latest */

struct guest_ram {
    uint8_t *low;
    uint64_t low_size;
    uint8_t *high; /* NULL if high_size is 0 */
    uint64_t high_size;
};

/* NULL unless all of [address, address + length) is RAM. */
static inline void *guest_ram_at(const struct guest_ram *ram, uint64_t address, uint64_t length)
{
    if (range_ok(address, length, ram->low_size))
        return ram->low + address;
    if (address >= GUEST_RAM_HIGH_BASE && range_ok(address - GUEST_RAM_HIGH_BASE, length, ram->high_size))
        return ram->high + (address - GUEST_RAM_HIGH_BASE);
    return NULL;
}

#endif
