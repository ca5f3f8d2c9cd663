/* SPDX-License-Identifier: MIT */
/*
 * For the tests of virtqueues: a piece of memory that plays a guest's RAM, at a guest-physical address that is
 * not 0, with a hole that is not RAM and an end that is read-only. The block is as long as it says, so the
 * address sanitizer sees every access beside it.
 */
#ifndef LIB_VIRTIO_TEST_GUEST_H
#define LIB_VIRTIO_TEST_GUEST_H

#include <stdlib.h>
#include <string.h>

#include "lib/range/range.h"
#include "lib/virtio/queue_device.h"

#define GUEST_BASE      0x10000ull /* where RAM begins */
#define GUEST_READ_ONLY 256u       /* last bytes of RAM, which devices must not write */

struct guest {
    uint8_t *memory;
    uint64_t size;
};

static inline void *guest_translate(void *context, uint64_t address, uint64_t length, bool write)
{
    struct guest *guest = context;
    uint64_t limit = write ? guest->size - GUEST_READ_ONLY : guest->size;

    if (length == 0)
        abort(); /* promised by queue_device.h */
    if (address < GUEST_BASE || !range_ok(address - GUEST_BASE, length, limit))
        return NULL;
    return guest->memory + (address - GUEST_BASE);
}

static inline struct guest guest_make(uint64_t size)
{
    struct guest guest = {.memory = aligned_alloc(64, size), .size = size};

    memset(guest.memory, 0, size);
    return guest;
}

static inline struct virtqueue_translation guest_translation(struct guest *guest)
{
    return (struct virtqueue_translation){.translate = guest_translate, .context = guest};
}

/* The setup of a queue that a driver has opened at `offset` of the guest's memory. */
static inline struct virtqueue_setup guest_setup(uint64_t offset, uint16_t size, bool event_index,
                                                 bool indirect)
{
    struct virtq_layout layout = {0};

    if (virtq_layout(size, &layout) != OK)
        abort();
    return (struct virtqueue_setup){
        .desc = GUEST_BASE + offset + layout.desc,
        .avail = GUEST_BASE + offset + layout.avail,
        .used = GUEST_BASE + offset + layout.used,
        .size = size,
        .event_index = event_index,
        .indirect = indirect,
    };
}

#endif
