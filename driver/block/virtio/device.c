/* SPDX-License-Identifier: MIT */
/*
 * Bringing the device up (VIRTIO 1.2, 3.1.1): features, limits from its configuration, queues. What the device
 * says is checked, for it is as hostile as everybody else.
 */
#include "driver/block/virtio/block.h"

#include "lib/string/string.h"

#define FEATURES_NEEDED VIRTIO_F_VERSION_1
#define FEATURES_WANTED                                                                            \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | \
     VIRTIO_F_ORDER_PLATFORM | VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO |    \
     VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_MQ |        \
     VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES)

#define PAGE         4096u
#define TRANSFER_MAX (1u << 20)
#define PIECES_MAX   64u
#define RESET_READS  1000u /* of the status, when the driver starts; later the ticks are the patience */
#define CONFIG_TRIES 16u
#define REQUEST_LINE 64u

#define CONFIG_OFFSET(field) offsetof(struct virtio_blk_config, field)
#define CONFIG_READ(transport, field)                                    \
    (transport)->read(transport, TRANSPORT_DEVICE, CONFIG_OFFSET(field), \
                      sizeof(((struct virtio_blk_config *)0)->field))

static enum status refuse(const char **reason, enum status status, const char *text)
{
    *reason = text;
    return status;
}

static bool has(const struct virtio_block *block, uint64_t feature)
{
    return (block->features & feature) != 0;
}

/* ---- features ---- */

static uint64_t offered(struct transport *transport)
{
    uint64_t features;

    COMMON_WRITE(transport, device_feature_select, 0);
    features = COMMON_READ(transport, device_feature);
    COMMON_WRITE(transport, device_feature_select, 1);
    return features | (uint64_t)COMMON_READ(transport, device_feature) << 32;
}

static void accept(struct transport *transport, uint64_t features)
{
    COMMON_WRITE(transport, driver_feature_select, 0);
    COMMON_WRITE(transport, driver_feature, (uint32_t)features);
    COMMON_WRITE(transport, driver_feature_select, 1);
    COMMON_WRITE(transport, driver_feature, features >> 32);
}

static void status_add(struct transport *transport, unsigned bits)
{
    COMMON_WRITE(transport, device_status, COMMON_READ(transport, device_status) | bits);
}

/* Steps 2 to 6: the device has been reset. `again`: the features must be the ones that were negotiated before.
   */
enum status device_negotiate(struct virtio_block *block, bool again, const char **reason)
{
    struct transport *transport = block->transport;
    uint64_t features;

    status_add(transport, VIRTIO_STATUS_ACKNOWLEDGE);
    status_add(transport, VIRTIO_STATUS_DRIVER);
    features = offered(transport);
    if ((features & FEATURES_NEEDED) != FEATURES_NEEDED)
        return refuse(reason, ERR_UNSUPPORTED, "not a VIRTIO 1 device");
    if (again && (features & block->features) != block->features)
        return refuse(reason, ERR_UNSUPPORTED, "the device has lost features in a reset");
    if (block->confined && (features & VIRTIO_F_ACCESS_PLATFORM) == 0)
        return refuse(reason, ERR_UNSUPPORTED,
                      "there is an IOMMU, and the device goes around it (iommu_platform)");
    block->features = again ? block->features : features & FEATURES_WANTED;
    accept(transport, block->features);
    status_add(transport, VIRTIO_STATUS_FEATURES_OK);
    if ((COMMON_READ(transport, device_status) & VIRTIO_STATUS_FEATURES_OK) == 0)
        return refuse(reason, ERR_UNSUPPORTED, "the device refuses the features");
    return OK;
}

/* ---- configuration ---- */

/* Reads what is wider than the device's accesses in one state of the configuration (2.5.3). */
void device_read_size(struct virtio_block *block)
{
    struct transport *transport = block->transport;
    struct block_limits *limits = &block->device.limits;
    uint64_t sectors = 0;

    for (unsigned i = 0; i < CONFIG_TRIES; i++) {
        uint32_t generation = COMMON_READ(transport, config_generation);
        sectors = transport->read(transport, TRANSPORT_DEVICE, CONFIG_OFFSET(capacity), 4);
        sectors |= (uint64_t)transport->read(transport, TRANSPORT_DEVICE, CONFIG_OFFSET(capacity) + 4, 4)
                   << 32;
        if (COMMON_READ(transport, config_generation) == generation)
            break;
    }
    if (sectors > UINT64_MAX >> (VIRTIO_BLK_SECTOR_BITS + 1))
        sectors = UINT64_MAX >> (VIRTIO_BLK_SECTOR_BITS + 1);
    limits->size = (sectors << VIRTIO_BLK_SECTOR_BITS) & ~(uint64_t)(limits->block_size - 1);
}

static enum status read_blocks(struct virtio_block *block, const char **reason)
{
    struct transport *transport = block->transport;
    struct block_limits *limits = &block->device.limits;
    uint32_t exponent = 0;

    limits->block_size =
        has(block, VIRTIO_BLK_F_BLK_SIZE) ? CONFIG_READ(transport, blk_size) : VIRTIO_BLK_SECTOR;
    if (limits->block_size != 512 && limits->block_size != 4096)
        return refuse(reason, ERR_UNSUPPORTED, "blocks are neither of 512 nor of 4096 bytes");
    if (has(block, VIRTIO_BLK_F_TOPOLOGY))
        exponent = CONFIG_READ(transport, topology.physical_block_exp);
    limits->physical_block_size = limits->block_size << (exponent <= 8 ? exponent : 0);
    device_read_size(block);
    return OK;
}

/* DISCARD and WRITE_ZEROES: in one segment a request, in whole blocks. */
static void read_ranges(struct virtio_block *block)
{
    struct transport *transport = block->transport;
    struct block_limits *limits = &block->device.limits;
    uint64_t whole = ~(uint64_t)(limits->block_size - 1);

    limits->discard_max = limits->write_zeroes_max = limits->discard_granularity = 0;
    if (has(block, VIRTIO_BLK_F_DISCARD)) {
        limits->discard_max =
            (uint64_t)CONFIG_READ(transport, max_discard_sectors) * VIRTIO_BLK_SECTOR & whole;
        limits->discard_granularity =
            (uint64_t)CONFIG_READ(transport, discard_sector_alignment) * VIRTIO_BLK_SECTOR;
        if (limits->discard_granularity < limits->block_size ||
            limits->discard_granularity % limits->block_size != 0)
            limits->discard_granularity = limits->block_size;
    }
    if (has(block, VIRTIO_BLK_F_WRITE_ZEROES))
        limits->write_zeroes_max =
            (uint64_t)CONFIG_READ(transport, max_write_zeroes_sectors) * VIRTIO_BLK_SECTOR & whole;
    block->may_unmap =
        has(block, VIRTIO_BLK_F_WRITE_ZEROES) && CONFIG_READ(transport, write_zeroes_may_unmap) == 1;
    if (limits->discard_max != 0)
        limits->flags |= BLOCK_HAS_DISCARD;
    if (limits->write_zeroes_max != 0)
        limits->flags |= BLOCK_HAS_WRITE_ZEROES;
}

/* A transfer of `pieces` pieces touches at most pieces * 2 + bytes / PAGE pages, and each may be a descriptor
   of its own if there is no IOMMU. */
static enum status read_segments(struct virtio_block *block, const char **reason)
{
    struct block_limits *limits = &block->device.limits;
    unsigned smallest = QUEUE_SIZE_MAX, segments = SEGMENTS_MAX;

    for (unsigned i = 0; i < block->queue_count; i++)
        smallest = block->queues[i].size < smallest ? block->queues[i].size : smallest;
    if (has(block, VIRTIO_BLK_F_SEG_MAX) && CONFIG_READ(block->transport, seg_max) < segments)
        segments = CONFIG_READ(block->transport, seg_max);
    if (smallest < segments + 2) /* a chain is never longer than the queue (2.7.5.3.1) */
        segments = smallest > 2 ? smallest - 2 : 0;
    block->size_max = has(block, VIRTIO_BLK_F_SIZE_MAX) ? CONFIG_READ(block->transport, size_max) : 1u << 30;
    if (segments < 3 || block->size_max < PAGE)
        return refuse(reason, ERR_UNSUPPORTED, "the device takes too few or too small pieces");
    block->segments_max = segments;
    limits->pieces_max = segments / 4 < 1 ? 1 : segments / 4 < PIECES_MAX ? segments / 4 : PIECES_MAX;
    limits->transfer_max = (segments - 2 * limits->pieces_max) * PAGE;
    if (limits->transfer_max > TRANSFER_MAX)
        limits->transfer_max = TRANSFER_MAX;
    return OK;
}

/* ---- queues ---- */

static enum status read_queues(struct virtio_block *block, const char **reason)
{
    struct transport *transport = block->transport;
    unsigned count = has(block, VIRTIO_BLK_F_MQ) ? CONFIG_READ(transport, num_queues) : 1;
    unsigned places = 0;

    if (count > COMMON_READ(transport, num_queues))
        count = COMMON_READ(transport, num_queues);
    block->queue_count = count < block->queues_wanted ? count : block->queues_wanted;
    if (block->queue_count == 0)
        return refuse(reason, ERR_IO, "the device has no queue");
    for (unsigned i = 0; i < block->queue_count; i++) {
        struct queue *queue = &block->queues[i];
        struct virtq_layout layout;
        COMMON_WRITE(transport, queue_select, i);
        unsigned size = COMMON_READ(transport, queue_size);
        for (queue->size = QUEUE_SIZE_MAX; queue->size > size; queue->size >>= 1)
            ;
        if (virtq_layout(queue->size, &layout) != OK)
            return refuse(reason, ERR_IO, "a queue of the device is of size 0");
        queue->memory_size = layout.total;
        places += queue->size;
    }
    block->depth = block->depth_wanted < places ? block->depth_wanted : places;
    return OK;
}

static uint16_t vector_of(const struct virtio_block *block, unsigned number)
{
    if (block->vector_count == 0)
        return VIRTIO_MSI_NO_VECTOR;
    return (uint16_t)(number < block->vector_count ? number : block->vector_count - 1);
}

static enum status queue_start(struct virtio_block *block, unsigned number, const char **reason)
{
    struct transport *transport = block->transport;
    struct queue *queue = &block->queues[number];
    struct virtq_layout layout;
    uint16_t vector = vector_of(block, number + 1);

    memset(queue->memory, 0, queue->memory_size);
    queue->staged = false;
    if (virtq_layout(queue->size, &layout) != OK ||
        virtqueue_driver_open(queue->memory, queue->slots, queue->size, has(block, VIRTIO_F_EVENT_IDX),
                              &queue->ring) != OK)
        return refuse(reason, ERR_IO, "no queue");
    COMMON_WRITE(transport, queue_select, number);
    COMMON_WRITE(transport, queue_size, queue->size);
    COMMON_WRITE(transport, queue_msix_vector, vector);
    if (COMMON_READ(transport, queue_msix_vector) != vector)
        return refuse(reason, ERR_IO, "the device has no interrupt for a queue");
    transport_write64(transport, offsetof(struct virtio_pci_common_cfg, queue_desc),
                      queue->bus + layout.desc);
    transport_write64(transport, offsetof(struct virtio_pci_common_cfg, queue_driver),
                      queue->bus + layout.avail);
    transport_write64(transport, offsetof(struct virtio_pci_common_cfg, queue_device),
                      queue->bus + layout.used);
    if (transport->notify_at(transport, number, (uint16_t)COMMON_READ(transport, queue_notify_off)) != OK)
        return refuse(reason, ERR_IO, "a notify register lies outside of the device");
    COMMON_WRITE(transport, queue_enable, 1);
    return OK;
}

/* Steps 7 and 8: queues, then the device is live. */
enum status device_start(struct virtio_block *block, const char **reason)
{
    struct transport *transport = block->transport;
    uint16_t vector = vector_of(block, 0);
    enum status status = OK;

    COMMON_WRITE(transport, config_msix_vector, vector);
    if (COMMON_READ(transport, config_msix_vector) != vector)
        return refuse(reason, ERR_IO, "the device has no interrupt for its configuration");
    for (unsigned i = 0; status == OK && i < block->queue_count; i++)
        status = queue_start(block, i, reason);
    if (status == OK)
        status_add(transport, VIRTIO_STATUS_DRIVER_OK);
    return status;
}

/* ---- start ---- */

enum status virtio_block_probe(struct virtio_block *block, const char **reason)
{
    struct block_limits *limits = &block->device.limits;
    unsigned reads = 0;
    enum status status;

    COMMON_WRITE(block->transport, device_status, 0);
    while (COMMON_READ(block->transport, device_status) != 0)
        if (++reads == RESET_READS)
            return refuse(reason, ERR_IO, "the device does not finish its reset");
    status = device_negotiate(block, false, reason);
    if (status == OK)
        status = read_queues(block, reason);
    if (status == OK)
        status = read_blocks(block, reason);
    if (status == OK)
        status = read_segments(block, reason);
    if (status != OK)
        return status;
    limits->flags = has(block, VIRTIO_BLK_F_RO) ? BLOCK_READ_ONLY : 0;
    if (!has(block, VIRTIO_BLK_F_FLUSH))
        limits->flags |= BLOCK_HAS_FUA; /* what is done is durable (5.2.6.2) */
    read_ranges(block);
    limits->depth = block->depth;
    limits->alignment = 1;
    return block->depth >= 2 ? OK : refuse(reason, ERR_UNSUPPORTED, "the device takes one request at a time");
}

static uint64_t request_stride(const struct virtio_block *block)
{
    uint64_t size = sizeof(struct request_memory) + (block->segments_max + 2) * sizeof(struct virtq_desc);

    return (size + REQUEST_LINE - 1) & ~(uint64_t)(REQUEST_LINE - 1);
}

uint64_t virtio_block_memory_size(const struct virtio_block *block)
{
    uint64_t size = request_stride(block) * block->depth;

    for (unsigned i = 0; i < block->queue_count; i++)
        size += block->queues[i].memory_size;
    return size;
}

unsigned virtio_block_slots(const struct virtio_block *block)
{
    unsigned slots = 0;

    for (unsigned i = 0; i < block->queue_count; i++)
        slots += block->queues[i].size;
    return slots;
}

enum status virtio_block_start(struct virtio_block *block, void *memory, uint64_t bus,
                               struct request *requests, struct virtqueue_slot *slots, const char **reason)
{
    uint64_t at = 0, stride = request_stride(block);

    for (unsigned i = 0; i < block->queue_count; i++) {
        struct queue *queue = &block->queues[i];
        queue->memory = (uint8_t *)memory + at;
        queue->bus = bus + at;
        queue->slots = slots;
        slots += queue->size;
        at += queue->memory_size;
    }
    block->requests = requests;
    for (unsigned i = block->depth; i > 0; i--) {
        uint64_t offset = at + (i - 1) * stride;
        requests[i - 1] = (struct request){.memory = (struct request_memory *)((uint8_t *)memory + offset),
                                           .bus = bus + offset};
        request_free(block, &requests[i - 1]);
    }
    block->state = DEVICE_RUNNING;
    return device_start(block, reason);
}
