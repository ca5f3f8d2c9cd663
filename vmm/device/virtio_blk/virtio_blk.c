/* SPDX-License-Identifier: MIT */
/* See virtio_blk.h. */
#include "vmm/device/virtio_blk/virtio_blk.h"

#include "lib/string/string.h"

#define CLASS_STORAGE_OTHER 0x018000u

/* ---- requests ---- */

static void request_free(struct virtio_blk *blk, struct virtio_blk_request *request)
{
    request->state = VIRTIO_BLK_FREE;
    request->next = blk->free;
    blk->free = request;
    blk->in_flight--;
}

void virtio_blk_done(struct virtio_blk *blk, struct virtio_blk_request *request,
                     enum virtio_blk_status result)
{
    if (request->state != VIRTIO_BLK_IN_FLIGHT)
        __builtin_trap(); /* the backend's bug: it would give a request to the guest twice */
    request->state = VIRTIO_BLK_DONE;
    request->result = result;
    request->next = blk->done;
    blk->done = request;
}

/* The status byte, then the used element; a device that is being reset, or is broken, returns nothing. */
static void give_back(struct virtio_blk *blk, struct virtio_blk_request *request)
{
    uint32_t data = request->result == VIRTIO_BLK_S_OK ? request->written : 0;

    if (virtio_pci_runs(&blk->virtio)) {
        *(volatile uint8_t *)request->status = (uint8_t)request->result;
        virtqueue_device_push(&blk->virtio.queue[request->queue].ring, request->head, data + 1);
    }
    request_free(blk, request);
}

/* In the order in which they were done. */
static void give_back_done(struct virtio_blk *blk)
{
    struct virtio_blk_request *newest = blk->done, *oldest = NULL;

    blk->done = NULL;
    while (newest) {
        struct virtio_blk_request *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct virtio_blk_request *next = oldest->next;

        give_back(blk, oldest);
        oldest = next;
    }
}

/* ---- queues ---- */

/* Takes the next chain of the queue as a request; there is a free one. */
static enum status take(struct virtio_blk *blk, unsigned queue)
{
    struct virtqueue_device *ring = &blk->virtio.queue[queue].ring;
    struct virtqueue_piece pieces[VIRTIO_BLK_PIECES_MAX + 2];
    struct virtio_blk_request *request = blk->free;
    struct virtqueue_chain chain;
    const char *reason;
    bool complete;
    enum status status = virtqueue_device_pop(ring, pieces, VIRTIO_BLK_PIECES_MAX + 2, &chain);

    if (status != OK)
        return status;
    status = virtio_blk_parse(blk, pieces, &chain, request, &complete, &reason);
    if (status != OK) {
        virtqueue_device_break(ring, reason);
        return status;
    }
    blk->free = request->next;
    blk->in_flight++;
    request->queue = (uint16_t)queue;
    if (complete) {
        give_back(blk, request);
        return OK;
    }
    request->state = VIRTIO_BLK_IN_FLIGHT;
    blk->with.submit(blk, request);
    return OK;
}

/*
 * Until the queue is empty and the guest will notify, or no request is left (then one that comes back leads here again). A guest
 * that goes on adding gets its next turn later.
 */
static void serve(struct virtio_blk *blk, unsigned queue)
{
    struct virtqueue_device *ring = &blk->virtio.queue[queue].ring;
    unsigned left = VIRTIO_PCI_QUEUE_SIZE;
    enum status status = OK;
    bool empty = false;

    while (status == OK && blk->free && !empty && left--) {
        status = take(blk, queue);
        if (status == ERR_AGAIN)
            status = virtqueue_device_prepare_sleep(ring, &empty);
    }
    if (status != OK)
        virtio_pci_break(&blk->virtio, ring->reason_opt);
    else if (blk->free && !empty)
        blk->with.wanted(blk);
}

void virtio_blk_service(struct virtio_blk *blk)
{
    struct virtio_pci *virtio = &blk->virtio;

    if (!virtio_pci_started(virtio) || virtio_pci_runs(virtio))
        give_back_done(blk);
    for (unsigned i = 0; i < virtio->queues && virtio_pci_runs(virtio); i++) {
        unsigned queue = blk->turn + i;

        if (queue >= virtio->queues)
            queue -= virtio->queues;
        if (!virtio->queue[queue].enabled)
            continue;
        serve(blk, queue);
        if (virtqueue_device_publish(&virtio->queue[queue].ring))
            virtio_pci_interrupt(virtio, queue);
    }
    if (++blk->turn >= virtio->queues)
        blk->turn = 0;
    if (virtio->resetting && !blk->in_flight)
        virtio_pci_reset_done(virtio);
}

/* ---- the device ---- */

static void notified(struct virtio_pci *virtio, unsigned queue)
{
    struct virtio_blk *blk = (struct virtio_blk *)virtio;

    (void)queue;
    blk->with.wanted(blk);
}

static bool reset(struct virtio_pci *virtio)
{
    struct virtio_blk *blk = (struct virtio_blk *)virtio;

    if (blk->done) /* those that waited for a bus master are not returned any more */
        blk->with.wanted(blk);
    return !blk->in_flight;
}

static const struct virtio_pci_ops blk_ops = {.notified = notified, .reset = reset};

static uint32_t sectors(uint64_t bytes)
{
    uint64_t count = bytes / VIRTIO_BLK_SECTOR;

    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static uint8_t exponent(uint64_t of, uint64_t unit)
{
    uint8_t exponent = 0;

    while (unit << exponent < of && exponent < 16)
        exponent++;
    return exponent;
}

static void configure(struct virtio_blk *blk, const struct virtio_blk_limits *limits)
{
    struct virtio_blk_config *config = &blk->config;
    bool discard = limits->discard_max, zeroes = limits->write_zeroes_max;

    blk->limits = *limits;
    config->capacity = limits->size / VIRTIO_BLK_SECTOR;
    config->size_max = limits->piece_max;
    config->seg_max = limits->pieces_max < VIRTIO_BLK_PIECES_MAX ? limits->pieces_max : VIRTIO_BLK_PIECES_MAX;
    config->blk_size = limits->block_size;
    config->topology.physical_block_exp = exponent(limits->physical_block_size, limits->block_size);
    config->topology.min_io_size = 1;
    config->num_queues = (uint16_t)blk->with.queues;
    config->max_discard_sectors = sectors(limits->discard_max);
    config->max_discard_seg = discard;
    config->discard_sector_alignment = sectors(limits->discard_granularity);
    config->max_write_zeroes_sectors = sectors(limits->write_zeroes_max);
    config->max_write_zeroes_seg = zeroes;
    config->write_zeroes_may_unmap = zeroes;
}

static uint64_t features(const struct virtio_blk_limits *limits, unsigned queues)
{
    return VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY |
           (limits->piece_max ? VIRTIO_BLK_F_SIZE_MAX : 0) | (limits->read_only ? VIRTIO_BLK_F_RO : 0) |
           (queues > 1 ? VIRTIO_BLK_F_MQ : 0) |
           (limits->discard_max && !limits->read_only ? VIRTIO_BLK_F_DISCARD : 0) |
           (limits->write_zeroes_max && !limits->read_only ? VIRTIO_BLK_F_WRITE_ZEROES : 0);
}

enum status virtio_blk_init(struct virtio_blk *blk, const struct virtio_blk_dependencies *with,
                            const struct virtio_blk_limits *limits)
{
    struct virtio_pci_options options = {
        .name = with->name,
        .id = VIRTIO_ID_BLOCK,
        .class_code = CLASS_STORAGE_OTHER,
        .features = features(limits, with->queues),
        .queues = with->queues,
        .config = &blk->config,
        .config_size = sizeof(blk->config),
        .ops = &blk_ops,
        .bus = with->bus,
        .apics = with->apics,
        .ram = with->ram,
    };

    memset(blk, 0, sizeof(*blk));
    blk->with = *with;
    configure(blk, limits);
    for (unsigned i = VIRTIO_BLK_REQUESTS; i--;) {
        blk->request[i].next = blk->free;
        blk->free = &blk->request[i];
    }
    return virtio_pci_init(&blk->virtio, &options);
}

void virtio_blk_changed(struct virtio_blk *blk, const struct virtio_blk_limits *limits)
{
    configure(blk, limits);
    virtio_pci_config_changed(&blk->virtio);
}
