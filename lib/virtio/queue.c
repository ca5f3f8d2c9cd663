/* SPDX-License-Identifier: MIT */
/* Layout of a split virtqueue in one piece of memory; see queue.h. */
#include "lib/virtio/queue.h"

#include "lib/virtio/queue_private.h"

#define LINE 64u
/* The entries of the used ring are 8 bytes and begin 4 behind its beginning. Shifted by 4 they are aligned, so
   that none lies across two pages: QEMU 7.2 behind an IOMMU writes only the first half of such a one. */
#define USED_SHIFT 4u

static uint64_t line_up(uint64_t size)
{
    return (size + LINE - 1) & ~(uint64_t)(LINE - 1);
}

enum status virtq_layout(uint16_t size, struct virtq_layout *out)
{
    if (!virtq_size_ok(size))
        return ERR_INVALID;
    out->desc = 0;
    out->avail = line_up(virtq_desc_size(size));
    out->used = out->avail + line_up(virtq_avail_size(size)) + USED_SHIFT;
    out->total = line_up(out->used + virtq_used_size(size));
    return OK;
}
