/* SPDX-License-Identifier: MIT */
/*
 * The ring; ring.h tells the protocol, model/ring.pml checks it.
 *
 * Order of accesses, on which everything rests:
 *   producer: write slot -> publish index (release)             consumer: read index (acquire) -> read slot
 *   consumer: read slot -> give back index (release)            producer: read index (acquire) -> write slot
 *   either:   publish index -> read the peer's event,           the peer: write event -> read index again,
 *             all four sequentially consistent, so at least one of the two sees what the other wrote.
 *
 * Arithmetic is modulo 2^32. As the capacity is at most 2^20, a difference beyond the capacity is a lie of the peer,
 * be it too far ahead or backwards.
 */
#include "lib/ring/ring.h"

#include "lib/string/string.h"

/* The peer may write at any time: what was copied must not be fetched again by the compiler. */
#define COPIED_ONCE() __asm__ volatile("" ::: "memory")

enum status ring_size(uint32_t capacity, uint32_t element_size, size_t *out)
{
    if (capacity == 0 || capacity > RING_CAPACITY_MAX || (capacity & (capacity - 1)) != 0)
        return ERR_INVALID;
    if (element_size == 0 || element_size > RING_ELEMENT_SIZE_MAX)
        return ERR_INVALID;
    *out = sizeof(struct ring_shared) + (size_t)capacity * element_size;
    return OK;
}

static enum status view_open(void *memory, size_t size, uint32_t capacity, uint32_t element_size,
                             struct ring_view *out)
{
    size_t needed;
    enum status status = ring_size(capacity, element_size, &needed);

    if (status != OK)
        return status;
    if ((uintptr_t)memory % RING_LINE != 0)
        return ERR_INVALID;
    if (size < needed)
        return ERR_RANGE;
    *out = (struct ring_view){
        .shared = memory,
        .elements = (uint8_t *)memory + sizeof(struct ring_shared),
        .capacity = capacity,
        .element_size = element_size,
    };
    return OK;
}

static void *view_slot(const struct ring_view *view, uint32_t index)
{
    return view->elements + (size_t)(index & (view->capacity - 1)) * view->element_size;
}

/* ---- producer ---- */

enum status ring_producer_open(void *memory, size_t size, uint32_t capacity, uint32_t element_size,
                               struct ring_producer *out)
{
    struct ring_view view;
    enum status status = view_open(memory, size, capacity, element_size, &view);

    if (status == OK)
        *out = (struct ring_producer){.view = view};
    return status;
}

static uint32_t producer_space(const struct ring_producer *ring)
{
    return ring->view.capacity - (ring->next - ring->seen);
}

/* The consumer can have given back at most what was published since it was last seen. */
static enum status producer_refresh(struct ring_producer *ring)
{
    if (ring->view.broken)
        return ERR_PEER_GONE;
    return ring_refresh(&ring->view, &ring->view.shared->consumer.index, ring->seen,
                        ring->published - ring->seen, &ring->seen);
}

enum status ring_space(struct ring_producer *ring, uint32_t *out)
{
    enum status status = producer_refresh(ring);

    if (status == OK)
        *out = producer_space(ring);
    return status;
}

enum status ring_stage(struct ring_producer *ring, const void *element)
{
    if (ring->view.broken)
        return ERR_PEER_GONE;
    if (producer_space(ring) == 0) {
        enum status status = producer_refresh(ring);
        if (status != OK)
            return status;
        if (producer_space(ring) == 0)
            return ERR_AGAIN;
    }
    memcpy(view_slot(&ring->view, ring->next), element, ring->view.element_size);
    ring->next++;
    return OK;
}

enum status ring_push(struct ring_producer *ring, const void *element, bool *notify)
{
    enum status status = ring_stage(ring, element);

    if (status == OK)
        *notify = ring_publish(ring);
    return status;
}

enum status ring_producer_prepare_sleep(struct ring_producer *ring, uint32_t wanted, bool *may_sleep)
{
    if (ring->view.broken)
        return ERR_PEER_GONE;
    if (wanted == 0 || wanted > ring->view.capacity)
        return ERR_RANGE;
    if (ring->published != ring->next)
        return ERR_BUSY;
    /* There is room for `wanted` elements as soon as the consumer's index has passed this one. */
    uint32_t event = ring->next - ring->view.capacity + wanted - 1;
    __atomic_store_n(&ring->view.shared->producer.event, event, __ATOMIC_SEQ_CST);
    enum status status = producer_refresh(ring);
    if (status == OK)
        *may_sleep = producer_space(ring) < wanted;
    return status;
}

/* ---- consumer ---- */

enum status ring_consumer_open(void *memory, size_t size, uint32_t capacity, uint32_t element_size,
                               struct ring_consumer *out)
{
    struct ring_view view;
    enum status status = view_open(memory, size, capacity, element_size, &view);

    if (status == OK)
        *out = (struct ring_consumer){.view = view};
    return status;
}

enum status ring_take(struct ring_consumer *ring, void *element)
{
    if (ring->view.broken)
        return ERR_PEER_GONE;
    if (ring->next == ring->seen) {
        enum status status = ring_look(ring);
        if (status != OK)
            return status;
        if (ring->next == ring->seen)
            return ERR_AGAIN;
    }
    memcpy(element, view_slot(&ring->view, ring->next), ring->view.element_size);
    COPIED_ONCE();
    ring->next++;
    return OK;
}

enum status ring_pop(struct ring_consumer *ring, void *element, bool *notify)
{
    enum status status = ring_take(ring, element);

    if (status == OK)
        *notify = ring_give_back(ring);
    return status;
}
