/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a split virtqueue: for models of devices, whose driver is a guest and hostile.
 *
 *     while ((status = virtqueue_device_pop(&queue, pieces, PIECES, &chain)) == OK)
 *         begin chain, whose pieces[] are checked, private copies;      ... later, in any order:
 *         virtqueue_device_push(&queue, chain.head, bytes_written);
 *     if (status == ERR_AGAIN && virtqueue_device_prepare_sleep(&queue, &may_sleep) == OK && !may_sleep)
 *         look again;
 *     if (virtqueue_device_publish(&queue))
 *         interrupt the driver;
 *
 * Trust. Rings, tables and buffers lie in memory that the driver writes at any time. Each index, each
 * descriptor and each entry of the available ring is read once, into private memory, and checked there; the
 * device's own indices are kept in private memory and never read back. All addresses go through one function,
 * which knows what is RAM. What no correct driver does (below) breaks the queue: ERR_INVALID once, with a
 * reason for the log, and ERR_PEER_GONE ever after without touching the memory again; the model then sets
 * VIRTIO_STATUS_NEEDS_RESET. The caller's resources are safe: no more than `size` chains are ever between pop
 * and push, and a chain never has more pieces than the caller made room for.
 *
 * What breaks a queue: an available index more than `size` ahead of what was returned; a head or `next` that is
 * no descriptor; a chain that is a loop or longer than the room; a piece that is empty or not all in RAM; a
 * readable piece behind a writable one; an indirect table where none was agreed, that is no multiple of 16
 * bytes, inside another one or followed by more; more than 2^32 bytes in all. A head that is offered again
 * while it is in use is the driver's own confusion, and harmless here.
 *
 * Order of accesses: available index (acquire) -> its entries -> descriptors -> data; data -> used entries ->
 * used index (release). An index is published, then the other side's event is read, with a full fence between;
 * an event is written, then the index is read again, likewise: one of the two sides sees the other, and no
 * notification is lost.
 *
 * None of these functions blocks or allocates. One thread at a time may use a queue.
 */
#ifndef LIB_VIRTIO_QUEUE_DEVICE_H
#define LIB_VIRTIO_QUEUE_DEVICE_H

#include "lib/virtio/queue.h"

#include <stdbool.h>

/* Where the driver's addresses are in our memory. */
struct virtqueue_translation {
    /* The `length` bytes (never 0) from `address` on, NULL if they are not all RAM in one piece, or `write` is asked for and
       not allowed. What it returns stays accessible until the queue is not used any more. */
    void *(*translate)(void *context, uint64_t address, uint64_t length, bool write);
    void *context;
};

/* What the driver has told by the transport. */
struct virtqueue_setup {
    uint64_t desc, avail, used; /* addresses */
    uint16_t size;
    bool event_index; /* VIRTIO_F_EVENT_IDX was negotiated */
    bool indirect;    /* VIRTIO_F_INDIRECT_DESC likewise */
};

/* Private to the library. */
struct virtqueue_device {
    struct virtqueue_translation translation;
    const struct virtq_desc *descriptors;
    struct virtq_avail *avail;
    struct virtq_used *used;
    uint16_t size;
    bool event_index, indirect;
    bool broken;
    const char *reason_opt; /* why it is broken, for the log */
    uint16_t avail_next;    /* the entry to take next */
    uint16_t avail_seen;    /* the driver's index as last read */
    uint16_t used_next;     /* the entry to write next */
    uint16_t used_published;
    uint16_t in_flight; /* popped, not pushed */
};

/* A piece of a chain: `pointer` is where it is for us, `address` what the driver calls it. */
struct virtqueue_piece {
    void *pointer;
    uint64_t address;
    uint32_t length; /* bytes, not 0 */
};

struct virtqueue_chain {
    uint16_t head;
    unsigned readable, writable; /* pieces: pieces[0 .. readable) and the `writable` ones behind them */
    uint64_t readable_bytes, writable_bytes;
};

/* Begins at index 0, as after a reset. ERR_INVALID: the size or an alignment (2.7) is wrong. ERR_RANGE: a part
   is not in RAM. */
[[nodiscard]] enum status virtqueue_device_open(const struct virtqueue_setup *setup,
                                                const struct virtqueue_translation *translation,
                                                struct virtqueue_device *out);

/*
 * Takes the oldest available chain; pieces[0 .. max) is the caller's. `max` should be the queue's size, or what
 * the device has told its driver otherwise (e.g. seg_max). ERR_AGAIN: there is none. ERR_INVALID,
 * ERR_PEER_GONE: see above.
 */
[[nodiscard]] enum status virtqueue_device_pop(struct virtqueue_device *queue, struct virtqueue_piece *pieces,
                                               unsigned max, struct virtqueue_chain *chain);

/* Returns a chain that was popped, of whose writable pieces the first `written` bytes were written. Seen by the
   driver after virtqueue_device_publish(). Nothing happens if the queue is broken. */
void virtqueue_device_push(struct virtqueue_device *queue, uint16_t head, uint32_t written);

/* Publishes what was pushed; true: the driver wants an interrupt. */
[[nodiscard]] bool virtqueue_device_publish(struct virtqueue_device *queue);

/* Asks for a notification of the next available chain, and tells whether there is none yet. */
[[nodiscard]] enum status virtqueue_device_prepare_sleep(struct virtqueue_device *queue, bool *may_sleep);

/* While the device looks by itself it wants no notifications; with the event index nothing needs to be done for
   that. */
void virtqueue_device_awake(struct virtqueue_device *queue);

/* Gives up on the queue: for what only the device's protocol can find wrong. `reason` must be static text. */
void virtqueue_device_break(struct virtqueue_device *queue, const char *reason);

#endif
