/* SPDX-License-Identifier: MIT */
/*
 * The ring: one producer and one consumer pass elements of a fixed size through shared memory.
 *
 * Layout. `struct ring_shared` holds two cache lines, each written by one side only: the producer's index and event,
 * and the consumer's. The elements follow. Indices count elements and run freely through 32 bits; the element with
 * index i lies in slot i mod capacity. Capacity and element size are agreed when the session is opened; they are never
 * read from the shared memory.
 *
 * Trust. Each side keeps its own index in private memory and only publishes it; it never reads its own index back.
 * From the other side it reads one index, checks that it lies within the capacity, and copies each element once. So
 * the worst that a hostile peer can do is send nonsense elements, miss its own wake-ups, or get its session closed:
 * an impossible index gives ERR_INVALID once, and ERR_PEER_GONE ever after without touching the memory again.
 *
 * Notifications. Before it sleeps, a side writes an event: the index of the other side beyond which it wants to hear.
 * It then looks again, and sleeps only if there is still nothing to do. The other side publishes first and then reads
 * the event, and notifies if its index has just passed it. As all four accesses are sequentially consistent, one of the
 * two sees the other: no wake-up is lost, and none is sent to a side that did not ask. A notification may still be
 * spurious (the first one, for instance), so a woken side looks at the ring, and never counts notifications.
 *
 * A loop of the consumer; the producer's is its mirror image:
 *     while (ring_pop(&ring, &element, &notify) == OK) {
 *         if (notify)
 *             tell the producer;
 *         handle the element;
 *     }
 *     if (ring_consumer_prepare_sleep(&ring, &may_sleep) == OK && may_sleep)
 *         wait for a notification;
 *
 * None of these functions blocks, allocates or calls out. One thread at a time may use a private structure.
 */
#ifndef LIB_RING_RING_H
#define LIB_RING_RING_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RING_LINE = 64,
    RING_CAPACITY_MAX = 1 << 20,     /* elements */
    RING_ELEMENT_SIZE_MAX = 1 << 16, /* bytes */
};

/* What one side tells the other. Written by its owner only, read by the peer only. */
struct ring_side {
    uint32_t index; /* the producer's: elements published; the consumer's: elements given back */
    uint32_t event; /* wants to be notified as soon as the other side's index is beyond this one */
    uint8_t padding[RING_LINE - 8];
};

struct ring_shared {
    struct ring_side producer;
    struct ring_side consumer;
    /* the elements follow */
};

_Static_assert(sizeof(struct ring_shared) == 2 * RING_LINE, "one cache line a side");
_Static_assert(offsetof(struct ring_shared, consumer) == RING_LINE, "one cache line a side");

/* The agreed shape and the shared memory, kept by each side in private memory. */
struct ring_view {
    struct ring_shared *shared;
    uint8_t *elements;
    uint32_t capacity, element_size;
    bool broken; /* the peer published an impossible index */
};

/* The producer's private state: seen <= published <= next <= seen + capacity, modulo 2^32. */
struct ring_producer {
    struct ring_view view;
    uint32_t next;      /* the element to write next */
    uint32_t published; /* what the consumer was told */
    uint32_t seen;      /* the consumer's index as last read */
};

/* The consumer's private state: given_back <= next <= seen <= given_back + capacity, modulo 2^32. */
struct ring_consumer {
    struct ring_view view;
    uint32_t next;       /* the element to read next */
    uint32_t given_back; /* what the producer was told */
    uint32_t seen;       /* the producer's index as last read */
};

/*
 * The bytes of shared memory that a ring takes. ERR_INVALID: the capacity is no power of two from 1 to
 * RING_CAPACITY_MAX, or the element size is not from 1 to RING_ELEMENT_SIZE_MAX.
 */
[[nodiscard]] enum status ring_size(uint32_t capacity, uint32_t element_size, size_t *out);

/*
 * Opens one side on `memory` of `size` bytes, which the owner of the memory has filled with zeros for this session
 * (a ring is never reopened: a new session takes fresh memory). The memory is lent until the side is used no more.
 * ERR_INVALID: bad shape or `memory` not aligned to RING_LINE. ERR_RANGE: `size` is too small.
 */
[[nodiscard]] enum status ring_producer_open(void *memory, size_t size, uint32_t capacity,
                                             uint32_t element_size, struct ring_producer *out);
[[nodiscard]] enum status ring_consumer_open(void *memory, size_t size, uint32_t capacity,
                                             uint32_t element_size, struct ring_consumer *out);

/*
 * Producer: copies an element of element_size bytes into the ring and publishes it. `notify` tells whether the
 * consumer asked to be notified; whoever gets true must do it. ERR_AGAIN: the ring is full.
 */
[[nodiscard]] enum status ring_push(struct ring_producer *ring, const void *element, bool *notify);

/* Producer: the same in two steps, so that a batch is published, and notified, once. ERR_AGAIN: the ring is full. */
[[nodiscard]] enum status ring_stage(struct ring_producer *ring, const void *element);
static inline bool ring_publish(struct ring_producer *ring);

/* Producer: whether there is room that was seen already. False: use ring_stage(), which looks for more. */
static inline bool ring_room(const struct ring_producer *ring)
{
    return ring->next - ring->seen != ring->view.capacity && !ring->view.broken;
}

/*
 * Producer, if ring_room(): the same without a call, for who writes the element by itself, of the size agreed: where the next one
 * goes, then ring_staged().
 */
static inline void *ring_back(const struct ring_producer *ring, size_t element_size)
{
    return ring->view.elements + (ring->next & (ring->view.capacity - 1)) * element_size;
}

static inline void ring_staged(struct ring_producer *ring)
{
    ring->next++;
}

/* Producer: how many elements can be staged now. */
[[nodiscard]] enum status ring_space(struct ring_producer *ring, uint32_t *out);

/*
 * Producer: asks to be notified once `wanted` elements (1 to capacity) can be staged, and tells whether it may sleep
 * until then. ERR_BUSY: staged elements are not published, so the consumer could not make room. ERR_RANGE: `wanted`.
 */
[[nodiscard]] enum status ring_producer_prepare_sleep(struct ring_producer *ring, uint32_t wanted,
                                                      bool *may_sleep);

/*
 * Consumer: copies the oldest element into private memory of element_size bytes and gives its slot back. `notify`
 * tells whether the producer asked to be notified; whoever gets true must do it. ERR_AGAIN: the ring is empty.
 */
[[nodiscard]] enum status ring_pop(struct ring_consumer *ring, void *element, bool *notify);

/* Consumer: the same in two steps, so that a batch of slots is given back, and notified, once. */
[[nodiscard]] enum status ring_take(struct ring_consumer *ring, void *element);
static inline bool ring_give_back(struct ring_consumer *ring);

/*
 * Consumer: how many elements can be taken now. ring_consumer_prepare_sleep() looks as well: who takes that many, and asks then whether
 * it may sleep, need not ask again in between.
 */
[[nodiscard]] static inline enum status ring_pending(struct ring_consumer *ring, uint32_t *out);

/* Consumer: whether there is one of those that have been seen. */
static inline bool ring_any(const struct ring_consumer *ring)
{
    return ring->next != ring->seen;
}

/*
 * Consumer, if ring_any(): where the oldest one lies, for who copies it by itself, each part of it once (the peer may write there at
 * any time), then ring_taken().
 */
static inline const void *ring_front(const struct ring_consumer *ring, size_t element_size)
{
    return ring->view.elements + (ring->next & (ring->view.capacity - 1)) * element_size;
}

static inline void ring_taken(struct ring_consumer *ring)
{
    ring->next++;
}

/*
 * Consumer: asks to be notified of the next element, and tells whether it may sleep until then. ERR_BUSY: elements
 * were taken whose slots are not given back, so the producer might wait for them.
 */
[[nodiscard]] static inline enum status ring_consumer_prepare_sleep(struct ring_consumer *ring,
                                                                    bool *may_sleep);

/* ---- what runs once or more for each batch is inline; see ring.c for the order of accesses ---- */

/* Takes over the peer's index, read from `shared`, if it is at most `limit` ahead of `base`. */
static inline enum status ring_refresh(struct ring_view *view, const uint32_t *shared, uint32_t base,
                                       uint32_t limit, uint32_t *seen)
{
    uint32_t index = __atomic_load_n(shared, __ATOMIC_SEQ_CST);

    if (__builtin_expect(index - base > limit, 0)) {
        view->broken = true;
        return ERR_INVALID;
    }
    *seen = index;
    return OK;
}

/* The producer can be ahead of the slots given back by the capacity, and never steps back behind what was seen. */
static inline enum status ring_look(struct ring_consumer *ring)
{
    if (ring->view.broken)
        return ERR_PEER_GONE;
    return ring_refresh(&ring->view, &ring->view.shared->producer.index, ring->seen,
                        ring->view.capacity - (ring->seen - ring->given_back), &ring->seen);
}

static inline enum status ring_pending(struct ring_consumer *ring, uint32_t *out)
{
    enum status status = ring_look(ring);

    if (status == OK)
        *out = ring->seen - ring->next;
    return status;
}

/* Publishes `index` and tells whether it has, coming from `old`, just passed the peer's event. */
static inline bool ring_tell(uint32_t *own, uint32_t old, uint32_t index, const uint32_t *event)
{
    __atomic_store_n(own, index, __ATOMIC_SEQ_CST);
    return __atomic_load_n(event, __ATOMIC_SEQ_CST) - old < index - old;
}

static inline bool ring_publish(struct ring_producer *ring)
{
    struct ring_shared *shared = ring->view.shared;
    uint32_t old = ring->published, index = ring->next;

    if (old == index || ring->view.broken)
        return false;
    ring->published = index;
    return ring_tell(&shared->producer.index, old, index, &shared->consumer.event);
}

static inline bool ring_give_back(struct ring_consumer *ring)
{
    struct ring_shared *shared = ring->view.shared;
    uint32_t old = ring->given_back, index = ring->next;

    if (old == index || ring->view.broken)
        return false;
    ring->given_back = index;
    return ring_tell(&shared->consumer.index, old, index, &shared->producer.event);
}

static inline enum status ring_consumer_prepare_sleep(struct ring_consumer *ring, bool *may_sleep)
{
    struct ring_shared *shared = ring->view.shared;
    uint32_t next = ring->next, seen = ring->seen;

    if (ring->view.broken)
        return ERR_PEER_GONE;
    if (ring->given_back != next)
        return ERR_BUSY;
    /* Something is there as soon as the producer's index has passed the next element. */
    __atomic_store_n(&shared->consumer.event, next, __ATOMIC_SEQ_CST);
    enum status status = ring_refresh(&ring->view, &shared->producer.index, seen,
                                      ring->view.capacity - (seen - next), &ring->seen);
    if (status == OK)
        *may_sleep = ring->seen == next;
    return status;
}

#endif
