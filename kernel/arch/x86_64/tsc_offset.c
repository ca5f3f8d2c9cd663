/* SPDX-License-Identifier: MIT */
#include "kernel/arch/x86_64/tsc_offset.h"

void tsc_offset_add(struct tsc_offset *offset, uint64_t before, uint64_t remote, uint64_t after)
{
    int64_t low = (int64_t)(remote - after), high = (int64_t)(remote - before);

    if (low > offset->low)
        offset->low = low;
    if (high < offset->high)
        offset->high = high;
}

enum tsc_verdict tsc_offset_verdict(const struct tsc_offset *offset)
{
    if (offset->low > offset->high)
        return TSC_UNSTEADY;
    return offset->low <= 0 && offset->high >= 0 ? TSC_AGREES : TSC_DIFFERS;
}

int64_t tsc_offset_correction(const struct tsc_offset *offset)
{
    uint64_t width = (uint64_t)offset->high - (uint64_t)offset->low;

    return -(offset->low + (int64_t)(width / 2));
}
