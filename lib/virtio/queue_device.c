/* SPDX-License-Identifier: MIT */
/* The device's side of a split virtqueue; see queue_device.h. */
#include "lib/virtio/queue_device.h"

#include "lib/virtio/queue_private.h"

#define CHAIN_BYTES_MAX (1ull << 32) /* 2.7.5.1 */

static void *translate(const struct virtqueue_device *queue, uint64_t address, uint64_t length, bool write)
{
    return queue->translation.translate(queue->translation.context, address, length, write);
}

enum status virtqueue_device_open(const struct virtqueue_setup *setup,
                                  const struct virtqueue_translation *translation,
                                  struct virtqueue_device *out)
{
    struct virtqueue_device queue = {
        .translation = *translation,
        .size = setup->size,
        .event_index = setup->event_index,
        .indirect = setup->indirect,
    };

    if (!virtq_size_ok(setup->size) || setup->desc % VIRTQ_DESC_ALIGNMENT != 0 ||
        setup->avail % VIRTQ_AVAIL_ALIGNMENT != 0 || setup->used % VIRTQ_USED_ALIGNMENT != 0)
        return ERR_INVALID;
    queue.descriptors = translate(&queue, setup->desc, virtq_desc_size(setup->size), false);
    queue.avail = translate(&queue, setup->avail, virtq_avail_size(setup->size), false);
    queue.used = translate(&queue, setup->used, virtq_used_size(setup->size), true);
    if (!queue.descriptors || !queue.avail || !queue.used)
        return ERR_RANGE;
    *out = queue;
    return OK;
}

void virtqueue_device_break(struct virtqueue_device *queue, const char *reason)
{
    if (!queue->broken)
        queue->reason_opt = reason;
    queue->broken = true;
}

static enum status refuse(struct virtqueue_device *queue, const char *reason)
{
    virtqueue_device_break(queue, reason);
    return ERR_INVALID;
}

/* ---- a chain ---- */

/* Where a walk is: in the queue's own table, or in an indirect one of `count` descriptors. */
struct walk {
    const struct virtq_desc *table;
    uint32_t count;
    uint32_t index;
    bool indirect;
    struct virtq_desc descriptor; /* private copy of table[index] */
};

/* Copies the next descriptor. */
static enum status walk_to(struct virtqueue_device *queue, struct walk *walk, uint32_t index)
{
    if (index >= walk->count)
        return refuse(queue, walk->indirect ? "next descriptor is outside of its indirect table"
                                            : "descriptor number is outside of the table");
    walk->index = index;
    __builtin_memcpy(&walk->descriptor, &walk->table[index], sizeof(walk->descriptor));
    COPIED_ONCE();
    return OK;
}

/* The present descriptor refers to a table: goes on with its first one. */
static enum status walk_into(struct virtqueue_device *queue, struct walk *walk)
{
    struct virtq_desc descriptor = walk->descriptor;

    if (!queue->indirect)
        return refuse(queue, "indirect descriptor without the feature");
    if (walk->indirect)
        return refuse(queue, "indirect table inside another one");
    if (descriptor.flags & VIRTQ_DESC_F_NEXT)
        return refuse(queue, "indirect descriptor with a next one");
    if (descriptor.len == 0 || descriptor.len % sizeof(struct virtq_desc) != 0)
        return refuse(queue, "indirect table is no multiple of 16 bytes");
    walk->table = translate(queue, descriptor.addr, descriptor.len, false);
    if (!walk->table)
        return refuse(queue, "indirect table is not in RAM");
    walk->count = descriptor.len / sizeof(struct virtq_desc);
    walk->indirect = true;
    return walk_to(queue, walk, 0);
}

/* Notes the present descriptor as a piece of the chain. */
static enum status piece_add(struct virtqueue_device *queue, const struct virtq_desc *descriptor,
                             struct virtqueue_piece *piece, struct virtqueue_chain *chain)
{
    bool write = (descriptor->flags & VIRTQ_DESC_F_WRITE) != 0;

    if (!write && chain->writable > 0)
        return refuse(queue, "readable descriptor behind a writable one");
    if (descriptor->len == 0)
        return refuse(queue, "empty descriptor");
    piece->pointer = translate(queue, descriptor->addr, descriptor->len, write);
    if (!piece->pointer)
        return refuse(queue, "buffer is not in RAM");
    piece->address = descriptor->addr;
    piece->length = descriptor->len;
    *(write ? &chain->writable : &chain->readable) += 1;
    *(write ? &chain->writable_bytes : &chain->readable_bytes) += descriptor->len;
    if (chain->readable_bytes + chain->writable_bytes > CHAIN_BYTES_MAX)
        return refuse(queue, "chain of more than 2^32 bytes");
    return OK;
}

/* All pieces of the chain that begins at `chain->head`. Every step adds a piece or enters the one indirect
   table, so a loop ends when there is no more room. */
static enum status chain_walk(struct virtqueue_device *queue, struct virtqueue_piece *pieces, unsigned max,
                              struct virtqueue_chain *chain)
{
    struct walk walk = {.table = queue->descriptors, .count = queue->size};
    enum status status = walk_to(queue, &walk, chain->head);

    for (unsigned count = 0; status == OK; count++) {
        if (walk.descriptor.flags & VIRTQ_DESC_F_INDIRECT)
            status = walk_into(queue, &walk);
        if (status == OK && walk.descriptor.flags & VIRTQ_DESC_F_INDIRECT)
            status = refuse(queue, "indirect table inside another one");
        if (status == OK && count == max)
            status = refuse(queue, "chain is a loop or too long");
        if (status == OK)
            status = piece_add(queue, &walk.descriptor, &pieces[count], chain);
        if (status != OK || !(walk.descriptor.flags & VIRTQ_DESC_F_NEXT))
            break;
        status = walk_to(queue, &walk, walk.descriptor.next);
    }
    return status;
}

/* ---- rings ---- */

/* Reads the driver's index. It has no more chains than descriptors, so it is at most `size` ahead of those it
   has back. */
static enum status avail_refresh(struct virtqueue_device *queue)
{
    uint16_t index = virtq_load(&queue->avail->idx);

    if ((uint16_t)(index - queue->avail_next) > queue->size - queue->in_flight)
        return refuse(queue, "available index is too far ahead");
    queue->avail_seen = index;
    return OK;
}

enum status virtqueue_device_pop(struct virtqueue_device *queue, struct virtqueue_piece *pieces, unsigned max,
                                 struct virtqueue_chain *chain)
{
    struct virtqueue_chain next = {0};
    enum status status = OK;

    if (queue->broken)
        return ERR_PEER_GONE;
    if (queue->avail_next == queue->avail_seen)
        status = avail_refresh(queue);
    if (status != OK)
        return status;
    if (queue->avail_next == queue->avail_seen)
        return ERR_AGAIN;
    next.head = __atomic_load_n(&queue->avail->ring[queue->avail_next & (queue->size - 1)], __ATOMIC_RELAXED);
    status = chain_walk(queue, pieces, max, &next);
    if (status != OK)
        return status;
    queue->avail_next++;
    queue->in_flight++;
    *chain = next;
    return OK;
}

void virtqueue_device_push(struct virtqueue_device *queue, uint16_t head, uint32_t written)
{
    struct virtq_used_elem *entry = &queue->used->ring[queue->used_next & (queue->size - 1)];

    if (queue->broken)
        return;
    __atomic_store_n(&entry->id, head, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->len, written, __ATOMIC_RELAXED);
    queue->used_next++;
    queue->in_flight--;
}

bool virtqueue_device_publish(struct virtqueue_device *queue)
{
    uint16_t old = queue->used_published;

    if (queue->broken || old == queue->used_next)
        return false;
    queue->used_published = queue->used_next;
    virtq_store(&queue->used->idx, queue->used_next);
    if (!queue->event_index)
        return (virtq_load(&queue->avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT) == 0;
    return virtq_event_passed(virtq_load(virtq_used_event(queue->avail, queue->size)), queue->used_next, old);
}

enum status virtqueue_device_prepare_sleep(struct virtqueue_device *queue, bool *may_sleep)
{
    if (queue->broken)
        return ERR_PEER_GONE;
    if (queue->event_index)
        virtq_store(virtq_avail_event(queue->used, queue->size), queue->avail_next);
    else
        virtq_store(&queue->used->flags, 0);
    enum status status = queue->avail_next == queue->avail_seen ? avail_refresh(queue) : OK;
    if (status == OK)
        *may_sleep = queue->avail_next == queue->avail_seen;
    return status;
}

void virtqueue_device_awake(struct virtqueue_device *queue)
{
    if (!queue->broken && !queue->event_index)
        virtq_store(&queue->used->flags, VIRTQ_USED_F_NO_NOTIFY);
}
