/* SPDX-License-Identifier: MIT */
/* The driver's side of a split virtqueue; see queue_driver.h. */
#include "lib/virtio/queue_driver.h"

#include "lib/virtio/queue_private.h"

enum status virtqueue_driver_open(void *memory, struct virtqueue_slot *slots, uint16_t size, bool event_index,
                                  struct virtqueue_driver *out)
{
    struct virtq_layout layout;
    enum status status = virtq_layout(size, &layout);

    if (status != OK)
        return status;
    if ((uintptr_t)memory % 64 != 0)
        return ERR_INVALID;
    *out = (struct virtqueue_driver){
        .descriptors = (struct virtq_desc *)((uint8_t *)memory + layout.desc),
        .avail = (struct virtq_avail *)((uint8_t *)memory + layout.avail),
        .used = (struct virtq_used *)((uint8_t *)memory + layout.used),
        .slots = slots,
        .size = size,
        .event_index = event_index,
        .free_count = size,
    };
    for (unsigned i = 0; i < size; i++)
        slots[i] = (struct virtqueue_slot){.next = (uint16_t)(i + 1)};
    return OK;
}

/* ---- chains ---- */

/* Puts the chain of `count` free descriptors that begins at `head` and ends at `last` into the available ring.
   */
static inline void chain_offer(struct virtqueue_driver *queue, uint16_t head, uint16_t last, unsigned count,
                               uint32_t writable, void *token)
{
    struct virtqueue_slot *slot = &queue->slots[head];

    queue->free_head = queue->slots[last].next;
    queue->free_count = (uint16_t)(queue->free_count - count);
    slot->token = token;
    slot->writable = writable;
    slot->serial = queue->next;
    slot->last = last;
    slot->count = (uint16_t)count;
    __atomic_store_n(&queue->avail->ring[queue->next & (queue->size - 1u)], head, __ATOMIC_RELAXED);
    queue->next++;
}

static void chain_free(struct virtqueue_driver *queue, uint16_t head)
{
    struct virtqueue_slot *slot = &queue->slots[head];

    queue->slots[slot->last].next = queue->free_head;
    queue->free_head = head;
    queue->free_count = (uint16_t)(queue->free_count + slot->count);
    slot->count = 0;
}

enum status virtqueue_driver_add(struct virtqueue_driver *queue, const struct virtqueue_buffer *buffers,
                                 unsigned readable, unsigned writable, void *token)
{
    unsigned count = readable + writable;
    uint16_t head = queue->free_head, index = head, last = head;
    uint32_t room = 0;

    if (queue->broken)
        return ERR_PEER_GONE;
    if (count == 0 || count > queue->free_count)
        return ERR_AGAIN;
    for (unsigned i = 0; i < count; i++) {
        bool more = i + 1 < count;
        last = index;
        index = queue->slots[last].next;
        queue->descriptors[last] = (struct virtq_desc){
            .addr = buffers[i].address,
            .len = buffers[i].length,
            .flags = (uint16_t)((i >= readable ? VIRTQ_DESC_F_WRITE : 0u) | (more ? VIRTQ_DESC_F_NEXT : 0u)),
            .next = more ? index : 0,
        };
        if (i >= readable)
            room += buffers[i].length;
    }
    chain_offer(queue, head, last, count, room, token);
    return OK;
}

enum status virtqueue_driver_add_indirect(struct virtqueue_driver *queue, uint64_t address, unsigned count,
                                          uint32_t writable, void *token)
{
    uint16_t head = queue->free_head;

    if (queue->broken)
        return ERR_PEER_GONE;
    if (queue->free_count == 0)
        return ERR_AGAIN;
    virtq_desc_set(&queue->descriptors[head], address, count * (uint32_t)sizeof(struct virtq_desc),
                   VIRTQ_DESC_F_INDIRECT, 0);
    chain_offer(queue, head, head, 1, writable, token);
    return OK;
}

/* ---- rings ---- */

bool virtqueue_driver_publish(struct virtqueue_driver *queue)
{
    uint16_t old = (uint16_t)queue->published, now = (uint16_t)queue->next;

    if (queue->broken || queue->published == queue->next)
        return false;
    queue->in_flight = (uint16_t)(queue->in_flight + (uint16_t)(now - old));
    queue->published = queue->next;
    virtq_store(&queue->avail->idx, now);
    if (!queue->event_index)
        return (virtq_load(&queue->used->flags) & VIRTQ_USED_F_NO_NOTIFY) == 0;
    return virtq_event_passed(virtq_load(virtq_avail_event(queue->used, queue->size)), now, old);
}

/* Reads the device's index: it has returned no more chains than are with it. */
static enum status used_refresh(struct virtqueue_driver *queue)
{
    uint16_t index = virtq_load(&queue->used->idx);

    if ((uint16_t)(index - queue->used_next) > queue->in_flight) {
        queue->broken = true;
        return ERR_INVALID;
    }
    queue->used_seen = index;
    return OK;
}

/* Is it the head of a chain that was published and not returned yet? */
static bool with_device(const struct virtqueue_driver *queue, uint32_t id)
{
    return id < queue->size && queue->slots[id].count != 0 &&
           queue->slots[id].serial - queue->published >= queue->next - queue->published;
}

enum status virtqueue_driver_collect(struct virtqueue_driver *queue, void **token, uint32_t *written)
{
    const struct virtq_used_elem *entry = &queue->used->ring[queue->used_next & (queue->size - 1u)];
    enum status status = OK;

    if (queue->broken)
        return ERR_PEER_GONE;
    if (queue->used_next == queue->used_seen)
        status = used_refresh(queue);
    if (status != OK)
        return status;
    if (queue->used_next == queue->used_seen)
        return ERR_AGAIN;
    uint32_t id = __atomic_load_n(&entry->id, __ATOMIC_RELAXED);
    uint32_t length = __atomic_load_n(&entry->len, __ATOMIC_RELAXED);
    if (!with_device(queue, id) || length > queue->slots[id].writable) {
        queue->broken = true;
        return ERR_INVALID;
    }
    *token = queue->slots[id].token;
    *written = length;
    queue->used_next++;
    queue->in_flight--;
    chain_free(queue, (uint16_t)id);
    return OK;
}

enum status virtqueue_driver_prepare_sleep(struct virtqueue_driver *queue, unsigned wanted, bool *may_sleep)
{
    if (queue->broken)
        return ERR_PEER_GONE;
    if (queue->event_index)
        virtq_store(virtq_used_event(queue->avail, queue->size), (uint16_t)(queue->used_next + wanted - 1));
    else
        virtq_store(&queue->avail->flags, 0);
    enum status status = used_refresh(queue);
    if (status == OK)
        *may_sleep = (uint16_t)(queue->used_seen - queue->used_next) < (queue->event_index ? wanted : 1);
    return status;
}

void virtqueue_driver_awake(struct virtqueue_driver *queue)
{
    if (!queue->broken && !queue->event_index)
        virtq_store(&queue->avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
}
