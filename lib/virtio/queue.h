/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues: what lies in memory (VIRTIO 1.2, section 2.7). The two sides are in queue_driver.h and
 * queue_device.h.
 *
 *     descriptor table   struct virtq_desc[size]                               written by the driver
 *     available ring     flags, idx, ring[size], used_event                    written by the driver
 *     used ring          flags, idx, struct virtq_used_elem[size], avail_event written by the device
 *
 * A request is a chain of descriptors, readable ones first, writable ones after them; its name is the number of
 * its first descriptor, the head. The driver puts heads into the available ring, the device returns each one,
 * in any order, in the used ring with the number of bytes that it wrote. Both indices run freely through 16
 * bits. A descriptor may refer to a table of descriptors elsewhere (indirect), so that a request of any number
 * of pieces takes one place.
 *
 * All fields are little-endian, as is every processor that this library is built for.
 */
#ifndef LIB_VIRTIO_QUEUE_H
#define LIB_VIRTIO_QUEUE_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQ_SIZE_MAX 32768u /* descriptors; a power of two (2.7) */

enum virtq_desc_flag {
    VIRTQ_DESC_F_NEXT = 1u << 0,     /* `next` is valid */
    VIRTQ_DESC_F_WRITE = 1u << 1,    /* the device writes, else it reads */
    VIRTQ_DESC_F_INDIRECT = 1u << 2, /* the buffer is a table of descriptors */
};

struct virtq_desc {
    uint64_t addr; /* guest-physical, or what the device's IOMMU translates */
    uint32_t len;
    uint16_t flags; /* enum virtq_desc_flag */
    uint16_t next;
};

/* Two stores, where four fields would be four. */
static inline void virtq_desc_set(struct virtq_desc *descriptor, uint64_t address, uint32_t length,
                                  unsigned flags, unsigned next)
{
    uint64_t words[2] = {address, length | (uint64_t)flags << 32 | (uint64_t)next << 48};

    __builtin_memcpy(descriptor, words, sizeof(*descriptor));
}

#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u /* flags of the available ring, without VIRTIO_F_EVENT_IDX */
#define VIRTQ_USED_F_NO_NOTIFY     1u /* flags of the used ring, likewise */

struct virtq_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[]; /* [size], then used_event */
};

struct virtq_used_elem {
    uint32_t id;  /* head of the chain */
    uint32_t len; /* bytes that the device wrote */
};

struct virtq_used {
    uint16_t flags;
    uint16_t idx;
    struct virtq_used_elem ring[]; /* [size], then avail_event (16 bits) */
};

_Static_assert(sizeof(struct virtq_desc) == 16, "2.7.5");
_Static_assert(sizeof(struct virtq_avail) == 4 && offsetof(struct virtq_avail, ring) == 4, "2.7.6");
_Static_assert(sizeof(struct virtq_used_elem) == 8, "2.7.8");
_Static_assert(sizeof(struct virtq_used) == 4 && offsetof(struct virtq_used, ring) == 4, "2.7.8");

#define VIRTQ_DESC_ALIGNMENT  16u
#define VIRTQ_AVAIL_ALIGNMENT 2u
#define VIRTQ_USED_ALIGNMENT  4u

static inline uint64_t virtq_desc_size(uint16_t size)
{
    return sizeof(struct virtq_desc) * (uint64_t)size;
}

/* With the event behind the ring, which is there in any case. */
static inline uint64_t virtq_avail_size(uint16_t size)
{
    return sizeof(struct virtq_avail) + 2 * (uint64_t)size + 2;
}

static inline uint64_t virtq_used_size(uint16_t size)
{
    return sizeof(struct virtq_used) + sizeof(struct virtq_used_elem) * (uint64_t)size + 2;
}

/* Where the three lie in one piece of memory of the driver's, each on cache lines of its own, no entry across
   two lines. `total` is a multiple of 64. */
struct virtq_layout {
    uint64_t desc, avail, used; /* bytes from the beginning */
    uint64_t total;
};

/* ERR_INVALID: `size` is no power of two from 1 to VIRTQ_SIZE_MAX. */
[[nodiscard]] enum status virtq_layout(uint16_t size, struct virtq_layout *out);

/* Has an index, going from `old` to `now`, passed `event`? (2.7.7.1, 2.7.10) */
static inline bool virtq_event_passed(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

#endif
