/* SPDX-License-Identifier: MIT */
/* Jobs into the device and out of it (VIRTIO 1.2, 5.2.6): the hot path. See block.h. */
#include "driver/block/virtio/block.h"

#include "lib/device/device.h"

void request_free(struct virtio_block *block, struct request *request)
{
    request->job_opt = NULL;
    request->next_free = block->free_opt;
    block->free_opt = request;
}

/* ---- in ---- */

static const uint32_t types[BLOCK_OPERATION_COUNT] = {
    [BLOCK_READ] = VIRTIO_BLK_T_IN,
    [BLOCK_WRITE] = VIRTIO_BLK_T_OUT,
    [BLOCK_FLUSH] = VIRTIO_BLK_T_FLUSH,
    [BLOCK_DISCARD] = VIRTIO_BLK_T_DISCARD,
    [BLOCK_WRITE_ZEROES] = VIRTIO_BLK_T_WRITE_ZEROES,
};

/* A descriptor that another one follows. `write`: 0 or VIRTQ_DESC_F_WRITE. */
static inline void put(struct virtq_desc *table, unsigned index, uint64_t address, uint32_t length,
                       unsigned write)
{
    virtq_desc_set(&table[index], address, length, write | VIRTQ_DESC_F_NEXT, index + 1);
}

/* The places on the bus of a READ's or WRITE's pieces, of which there is one at least and none is empty, from
   table[1] on; the index behind them, 0: too many. */
static unsigned pieces_put(const struct virtio_block *block, const struct block_job *job,
                           struct virtq_desc *table, unsigned write)
{
    const struct block_piece *piece = job->pieces, *end = piece + job->piece_count;
    unsigned index = 1;

    do {
        uint64_t offset = piece->offset, left = piece->length;
        do {
            uint64_t part;
            uint64_t address = device_dma_address(piece->region->mapping_opt, offset, &part);
            part = part < left ? part : left;
            part = part < block->size_max ? part : block->size_max;
            if (index > block->segments_max)
                return 0;
            put(table, index++, address, (uint32_t)part, write);
            offset += part;
            left -= part;
        } while (left > 0);
    } while (++piece < end);
    return index;
}

static unsigned range_put(const struct virtio_block *block, const struct request *request,
                          struct virtq_desc *table)
{
    const struct block_job *job = request->job_opt;
    bool unmap = job->operation == BLOCK_WRITE_ZEROES && block->may_unmap;

    request->memory->range = (struct virtio_blk_discard_write_zeroes){
        .sector = job->offset >> VIRTIO_BLK_SECTOR_BITS,
        .num_sectors = (uint32_t)(job->length >> VIRTIO_BLK_SECTOR_BITS),
        .flags = unmap ? VIRTIO_BLK_WRITE_ZEROES_UNMAP : 0,
    };
    put(table, 1, request->bus + offsetof(struct request_memory, range), sizeof(request->memory->range), 0);
    return 2;
}

/* Header and what belongs to the operation; the number of descriptors, 0: too many. */
static inline unsigned chain_make(const struct virtio_block *block, struct request *request,
                                  struct virtq_desc *table)
{
    const struct block_job *job = request->job_opt;
    struct request_memory *memory = request->memory;

    memory->header.type = types[job->operation];
    memory->header.sector = job->offset >> VIRTIO_BLK_SECTOR_BITS;
    memory->status = STATUS_NONE;
    put(table, 0, request->bus, sizeof(memory->header), 0);
    request->room = 1;
    if (job->operation == BLOCK_READ) {
        request->room += (uint32_t)job->length;
        return pieces_put(block, job, table, VIRTQ_DESC_F_WRITE);
    }
    if (job->operation == BLOCK_WRITE)
        return pieces_put(block, job, table, 0);
    memory->header.sector = 0;
    return job->operation == BLOCK_FLUSH ? 1 : range_put(block, request, table);
}

/* Without indirect descriptors: the table is a private one, the chain lies in the ring's. */
static enum status chain_add_direct(struct virtio_block *block, struct request *request,
                                    struct virtqueue_driver *ring, unsigned count)
{
    struct virtqueue_buffer buffers[SEGMENTS_MAX + 2];
    unsigned writable = 0;

    for (unsigned i = 0; i < count; i++) {
        buffers[i] = (struct virtqueue_buffer){block->table[i].addr, block->table[i].len};
        writable += (block->table[i].flags & VIRTQ_DESC_F_WRITE) != 0;
    }
    return virtqueue_driver_add(ring, buffers, count - writable, writable, request);
}

/* Puts the request's job into a queue. ERR_AGAIN: it is full. */
enum status request_issue(struct virtio_block *block, struct request *request, unsigned number)
{
    struct queue *queue = &block->queues[number];
    bool indirect = (block->features & VIRTIO_F_INDIRECT_DESC) != 0;
    struct virtq_desc *table = indirect ? request->memory->table : block->table;
    unsigned count = chain_make(block, request, table);
    enum status status;

    if (count == 0)
        return ERR_INVALID;
    virtq_desc_set(&table[count++], request->bus + offsetof(struct request_memory, status), 1,
                   VIRTQ_DESC_F_WRITE, 0);
    request->queue = (uint16_t)number;
    request->issued = block->now;
    if (indirect)
        status =
            virtqueue_driver_add_indirect(&queue->ring, request->bus + offsetof(struct request_memory, table),
                                          count, request->room, request);
    else
        status = chain_add_direct(block, request, &queue->ring, count);
    if (status == OK)
        queue->staged = true;
    return status;
}

/* In the current queue, or in another one that has room. */
static inline enum status issue_somewhere(struct virtio_block *block, struct request *request)
{
    unsigned queue = block->current;
    enum status status;

    while ((status = request_issue(block, request, queue)) == ERR_AGAIN) {
        queue = queue + 1 < block->queue_count ? queue + 1 : 0;
        if (queue == block->current)
            break;
    }
    return status;
}

/* A job that ends at once, or has to wait. */
static enum status submit_none(const struct virtio_block *block, struct block_job *job)
{
    if (block->state == DEVICE_LOST)
        block_job_done(job, ERR_PEER_GONE, 0);
    else if (job->operation == BLOCK_FLUSH && (block->features & VIRTIO_BLK_F_FLUSH) == 0)
        block_job_done(job, OK, 0); /* every write that is done is durable (5.2.6.2) */
    else
        return ERR_AGAIN;
    return OK;
}

enum status virtio_block_submit(struct virtio_block *block, struct block_job *job)
{
    struct request *request = block->free_opt;
    enum status status;

    if (block->state != DEVICE_RUNNING || !request ||
        (job->operation == BLOCK_FLUSH && (block->features & VIRTIO_BLK_F_FLUSH) == 0))
        return submit_none(block, job);
    request->job_opt = job;
    request->attempts = 0;
    status = issue_somewhere(block, request);
    if (status == OK) {
        block->free_opt = request->next_free;
        block->in_flight++;
        return OK;
    }
    request->job_opt = NULL;
    if (status != ERR_INVALID)
        return ERR_AGAIN; /* also for a broken queue, which its next interrupt or tick finds */
    block_job_done(job, ERR_IO, 0);
    return OK;
}

/* The next batch goes to the next queue: a batch costs one notification. */
void virtio_block_kick(struct virtio_block *block)
{
    if (block->state != DEVICE_RUNNING)
        return; /* what is staged will be issued again, or has ended */
    for (unsigned i = 0; i < block->queue_count; i++) {
        struct queue *queue = &block->queues[i];
        if (!queue->staged)
            continue;
        queue->staged = false;
        if (virtqueue_driver_publish(&queue->ring))
            block->transport->notify(block->transport, i);
        if (i == block->current)
            block->current = i + 1 < block->queue_count ? i + 1 : 0;
    }
}

/* ---- out ---- */

/* `written`: how much of the chain the device claims to have written; the status byte is its last (2.7.8.2). */
static enum status result(const struct request *request, uint32_t written)
{
    uint8_t status = __atomic_load_n(&request->memory->status, __ATOMIC_RELAXED);

    if (status == VIRTIO_BLK_S_OK && written == request->room)
        return OK;
    return status == VIRTIO_BLK_S_UNSUPP ? ERR_UNSUPPORTED : ERR_IO;
}

/* Completes what a queue has; the number. */
static unsigned queue_collect(struct virtio_block *block, struct virtqueue_driver *ring)
{
    unsigned count = 0;
    uint32_t written;
    void *token;

    while (virtqueue_driver_collect(ring, &token, &written) == OK) {
        struct request *request = token;
        struct block_job *job = request->job_opt;
        enum status outcome = result(request, written);
        request_free(block, request);
        block->in_flight--;
        block_job_done(job, outcome, outcome == OK ? job->length : 0);
        count++;
    }
    if (count > 0)
        block->resets_in_a_row = 0;
    return count;
}

unsigned virtio_block_interrupt(struct virtio_block *block, unsigned queue)
{
    struct virtqueue_driver *ring;
    unsigned count = 0;
    bool sleep = true;

    if (block->state != DEVICE_RUNNING || queue >= block->queue_count)
        return 0;
    ring = &block->queues[queue].ring;
    virtqueue_driver_awake(ring);
    do {
        count += queue_collect(block, ring);
        if (virtqueue_driver_prepare_sleep(ring, 1, &sleep) != OK) {
            reset_begin(block, "it returned what it was not given");
            break;
        }
    } while (!sleep);
    return count;
}
