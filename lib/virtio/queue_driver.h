/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of a split virtqueue: for drivers, whose device is hostile.
 *
 *     virtqueue_driver_add(&queue, buffers, 1, 2, request);          or _add_indirect; as many as there are
 *     if (virtqueue_driver_publish(&queue))
 *         write the queue's number to its notify address;
 *
 *     do {                                                           on an interrupt
 *         while ((status = virtqueue_driver_collect(&queue, &token, &written)) == OK)
 *             the request `token` is done;
 *     } while (status == ERR_AGAIN &&
 *              virtqueue_driver_prepare_sleep(&queue, 1, &may_sleep) == OK && !may_sleep);
 *
 * Trust. What the driver needs to know about its chains is in private memory: the list of free descriptors,
 * which heads are in use, and for how many bytes. The shared memory is written, and of it only the used ring is
 * read, each entry once. A device that claims more chains than were published, a head that is not one of these
 * (or was returned already), or more bytes than a chain has room for, has broken its queue: ERR_INVALID once,
 * ERR_PEER_GONE ever after, nothing is completed by it any more. Then the device must be reset and the queue
 * opened anew; who owns the tokens knows which requests were in flight.
 *
 * Order of accesses: as in queue_device.h, from the other side.
 *
 * None of these functions blocks or allocates. One thread at a time may use a queue.
 */
#ifndef LIB_VIRTIO_QUEUE_DRIVER_H
#define LIB_VIRTIO_QUEUE_DRIVER_H

#include "lib/virtio/queue.h"

#include <stdbool.h>

/* What the driver notes of each descriptor, in memory that the device cannot reach. */
struct virtqueue_slot {
    void *token;
    uint32_t writable; /* of a head in use: bytes */
    uint32_t serial;   /* likewise: number of the chain, see struct virtqueue_driver */
    uint16_t next;     /* of the chain, or of the free list */
    uint16_t last;     /* of a head in use: last descriptor of its chain */
    uint16_t count;    /* of a head in use: descriptors; 0: no such head */
};

/* Private to the library. Chains are numbered as they are added: published <= next <= published + size. */
struct virtqueue_driver {
    struct virtq_desc *descriptors;
    struct virtq_avail *avail;
    struct virtq_used *used;
    struct virtqueue_slot *slots;
    uint16_t size;
    bool event_index;
    bool broken;
    uint16_t free_head, free_count;
    uint32_t next, published;
    uint16_t used_next; /* the entry to read next */
    uint16_t used_seen; /* the device's index as last read */
    uint16_t in_flight; /* chains published, not collected */
};

/*
 * Opens a queue of `size` descriptors in zeroed memory of virtq_layout(size).total bytes, aligned to 64;
 * `slots` has `size` elements. Both are lent until the queue is opened anew or used no more. ERR_INVALID: bad
 * size or alignment.
 */
[[nodiscard]] enum status virtqueue_driver_open(void *memory, struct virtqueue_slot *slots, uint16_t size,
                                                bool event_index, struct virtqueue_driver *out);

struct virtqueue_buffer {
    uint64_t address; /* for the device */
    uint32_t length;  /* bytes, not 0 */
};

/* A chain of `readable` and then `writable` buffers, together at least 1. ERR_AGAIN: not so many descriptors
   are free. ERR_PEER_GONE: broken. */
[[nodiscard]] enum status virtqueue_driver_add(struct virtqueue_driver *queue,
                                               const struct virtqueue_buffer *buffers, unsigned readable,
                                               unsigned writable, void *token);

/* The same by one descriptor: a table of `count` descriptors at `address` (for the device), filled by
   virtqueue_table_put, whose writable ones have room for `writable` bytes. It stays as it is until the chain is
   collected. */
[[nodiscard]] enum status virtqueue_driver_add_indirect(struct virtqueue_driver *queue, uint64_t address,
                                                        unsigned count, uint32_t writable, void *token);

/* Entry `index` of a table of `count`; `write`: 0 or VIRTQ_DESC_F_WRITE. */
static inline void virtqueue_table_put(struct virtq_desc *table, unsigned index, unsigned count,
                                       uint64_t address, uint32_t length, unsigned write)
{
    bool more = index + 1 < count;

    virtq_desc_set(&table[index], address, length, write | (more ? VIRTQ_DESC_F_NEXT : 0),
                   more ? index + 1 : 0);
}

/* Descriptors that are free: so many chains by _add_indirect find room. */
static inline unsigned virtqueue_driver_space(const struct virtqueue_driver *queue)
{
    return queue->free_count;
}

/* Publishes what was added; true: the device wants to be notified. */
[[nodiscard]] bool virtqueue_driver_publish(struct virtqueue_driver *queue);

/* A chain that the device has returned, and how many bytes it says to have written. ERR_AGAIN: none.
   ERR_INVALID, ERR_PEER_GONE: see above. */
[[nodiscard]] enum status virtqueue_driver_collect(struct virtqueue_driver *queue, void **token,
                                                   uint32_t *written);

/* Asks for an interrupt when `wanted` (at least 1) more chains can be collected (without the event index: at
   the next one), and tells whether there are fewer yet. */
[[nodiscard]] enum status virtqueue_driver_prepare_sleep(struct virtqueue_driver *queue, unsigned wanted,
                                                         bool *may_sleep);

/* While the driver looks by itself it wants no interrupts; with the event index nothing needs to be done for
   that. */
void virtqueue_driver_awake(struct virtqueue_driver *queue);

#endif
