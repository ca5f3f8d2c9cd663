/* SPDX-License-Identifier: MIT */
/*
 * Access to what both sides share, for the two halves of the library only.
 *
 * What the peer may be writing is read by one atomic load of each field. The four accesses that decide about a
 * notification (publish index, read event; write event, read index) are sequentially consistent, which is the
 * full fence of 2.7.13.4.1 and 2.7.7.2; the others only need acquire and release.
 */
#ifndef LIB_VIRTIO_QUEUE_PRIVATE_H
#define LIB_VIRTIO_QUEUE_PRIVATE_H

#include "lib/virtio/queue.h"

/* After a copy by memcpy: the peer may write at any time, so the compiler must not fetch again. */
#define COPIED_ONCE() __asm__ volatile("" ::: "memory")

static inline bool virtq_size_ok(uint16_t size)
{
    return size != 0 && size <= VIRTQ_SIZE_MAX && (size & (size - 1)) == 0;
}

/* The event of the driver lies behind its ring, and so does the device's. */
static inline uint16_t *virtq_used_event(struct virtq_avail *avail, uint16_t size)
{
    return &avail->ring[size];
}

static inline uint16_t *virtq_avail_event(struct virtq_used *used, uint16_t size)
{
    return (uint16_t *)&used->ring[size];
}

/* What the peer reads to decide; sequentially consistent. */
static inline uint16_t virtq_load(const uint16_t *field)
{
    return __atomic_load_n(field, __ATOMIC_SEQ_CST);
}

static inline void virtq_store(uint16_t *field, uint16_t value)
{
    __atomic_store_n(field, value, __ATOMIC_SEQ_CST);
}

#endif
