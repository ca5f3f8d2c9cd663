/* SPDX-License-Identifier: MIT */
/*
 * The common configuration structure (VIRTIO 1.2, 4.1.4.3): features, status, queues.
 *
 * Reads come from an image of the structure; writes are taken in the width of their register, 64-bit ones as two halves. What
 * the state does not allow has no effect: features after FEATURES_OK, the setup of a queue that is enabled.
 */
#include "vmm/device/virtio/virtio_pci.h"

#include "lib/range/range.h"
#include "lib/string/string.h"

#define FIELD(name) offsetof(struct virtio_pci_common_cfg, name)

void virtio_pci_clear(struct virtio_pci *virtio)
{
    virtio->driver_features = 0;
    virtio->device_feature_select = virtio->driver_feature_select = 0;
    virtio->config_vector = VIRTIO_MSI_NO_VECTOR;
    virtio->queue_select = 0;
    virtio->status = virtio->isr = 0;
    virtio->resetting = false;
    memset(virtio->queue, 0, sizeof(virtio->queue));
    for (unsigned i = 0; i < virtio->queues; i++) {
        virtio->queue[i].size = VIRTIO_PCI_QUEUE_SIZE;
        virtio->queue[i].vector = VIRTIO_MSI_NO_VECTOR;
    }
}

static struct virtio_pci_queue *selected_opt(struct virtio_pci *virtio)
{
    return virtio->queue_select < virtio->queues ? &virtio->queue[virtio->queue_select] : NULL;
}

/* ---- reads ---- */

static uint32_t feature_half(uint64_t features, uint32_t select)
{
    return select < 2 ? (uint32_t)(features >> 32 * select) : 0;
}

uint64_t virtio_pci_common_read(struct virtio_pci *virtio, uint64_t offset, unsigned width)
{
    const struct virtio_pci_queue *queue = selected_opt(virtio);
    struct virtio_pci_common_cfg image = {
        .device_feature_select = virtio->device_feature_select,
        .device_feature = feature_half(virtio->features, virtio->device_feature_select),
        .driver_feature_select = virtio->driver_feature_select,
        .driver_feature = feature_half(virtio->driver_features, virtio->driver_feature_select),
        .config_msix_vector = virtio->config_vector,
        .num_queues = (uint16_t)virtio->queues,
        .device_status = virtio->status,
        .config_generation = virtio->generation,
        .queue_select = virtio->queue_select,
    };
    uint64_t value = 0;

    if (queue) {
        image.queue_size = queue->size;
        image.queue_msix_vector = queue->vector;
        image.queue_enable = queue->enabled;
        image.queue_notify_off = virtio->queue_select;
        image.queue_desc = queue->desc;
        image.queue_driver = queue->driver;
        image.queue_device = queue->device;
    }
    if (range_ok(offset, width, sizeof(image)) && width <= sizeof(value))
        memcpy(&value, (const uint8_t *)&image + offset, width);
    return value;
}

/* ---- status ---- */

static bool features_acceptable(const struct virtio_pci *virtio)
{
    return !(virtio->driver_features & ~virtio->features) && virtio->driver_features & VIRTIO_F_VERSION_1;
}

/* While a reset waits, nothing else is taken. */
static void reset(struct virtio_pci *virtio)
{
    if (virtio->resetting)
        return;
    virtio->resetting = true;
    if (virtio->ops->reset(virtio))
        virtio_pci_reset_done(virtio);
}

/* A driver sets one bit after the other; only a reset clears them. */
static void status_write(struct virtio_pci *virtio, uint8_t value)
{
    uint8_t added = value & ~virtio->status & ~(uint8_t)VIRTIO_STATUS_NEEDS_RESET;

    if (!value) {
        reset(virtio);
        return;
    }
    if (virtio->resetting)
        return;
    if (added & VIRTIO_STATUS_FEATURES_OK && !features_acceptable(virtio))
        added &= ~(uint8_t)VIRTIO_STATUS_FEATURES_OK;
    if (added & VIRTIO_STATUS_DRIVER_OK && !((virtio->status | added) & VIRTIO_STATUS_FEATURES_OK))
        added &= ~(uint8_t)VIRTIO_STATUS_DRIVER_OK;
    virtio->status |= added;
    if (!(added & VIRTIO_STATUS_DRIVER_OK) || !virtio_pci_runs(virtio))
        return;
    for (unsigned i = 0; i < virtio->queues; i++) /* chains may be there already */
        if (virtio->queue[i].enabled)
            virtio->ops->notified(virtio, i);
}

static void feature_write(struct virtio_pci *virtio, uint32_t value)
{
    unsigned shift = 32 * virtio->driver_feature_select;

    if (virtio->driver_feature_select > 1 || virtio->status & VIRTIO_STATUS_FEATURES_OK)
        return;
    virtio->driver_features &= ~(UINT64_C(0xffffffff) << shift);
    virtio->driver_features |= (uint64_t)value << shift;
}

/* ---- queues ---- */

static void queue_enable(struct virtio_pci *virtio, struct virtio_pci_queue *queue)
{
    uint64_t features = virtio_pci_features(virtio);
    struct virtqueue_setup setup = {
        .desc = queue->desc,
        .avail = queue->driver,
        .used = queue->device,
        .size = queue->size,
        .event_index = features & VIRTIO_F_EVENT_IDX,
        .indirect = features & VIRTIO_F_INDIRECT_DESC,
    };

    if (!features)
        return;
    queue->enabled = virtqueue_device_open(&setup, &virtio->ram, &queue->ring) == OK;
    if (queue->enabled)
        return;
    virtio_pci_break(virtio, "a queue is misaligned, of a bad size, or not in RAM");
    virtio->ops->notified(virtio, virtio->queue_select); /* its owner looks at it, and says so */
}

static void half_write(uint64_t *address, bool high, uint64_t value)
{
    unsigned shift = high ? 32 : 0;

    *address = (*address & ~(UINT64_C(0xffffffff) << shift)) | value << shift;
}

static uint16_t vector_of(const struct virtio_pci *virtio, uint64_t value)
{
    return value < virtio->msix.vectors ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
}

/* Of the selected queue; `key` as in virtio_pci_common_write. */
static void queue_write(struct virtio_pci *virtio, uint64_t key, uint64_t value)
{
    struct virtio_pci_queue *queue = selected_opt(virtio);

    if (!queue)
        return;
    if (key == (FIELD(queue_msix_vector) << 8 | 2))
        queue->vector = vector_of(virtio, value);
    if (queue->enabled)
        return;
    switch (key) {
    case FIELD(queue_size) << 8 | 2:
        if (value && value <= VIRTIO_PCI_QUEUE_SIZE)
            queue->size = (uint16_t)value;
        break;
    case FIELD(queue_enable) << 8 | 2:
        if (value == 1)
            queue_enable(virtio, queue);
        break;
    case FIELD(queue_desc) << 8 | 4: half_write(&queue->desc, false, value); break;
    case (FIELD(queue_desc) + 4) << 8 | 4: half_write(&queue->desc, true, value); break;
    case FIELD(queue_driver) << 8 | 4: half_write(&queue->driver, false, value); break;
    case (FIELD(queue_driver) + 4) << 8 | 4: half_write(&queue->driver, true, value); break;
    case FIELD(queue_device) << 8 | 4: half_write(&queue->device, false, value); break;
    case (FIELD(queue_device) + 4) << 8 | 4: half_write(&queue->device, true, value); break;
    default: break;
    }
}

void virtio_pci_common_write(struct virtio_pci *virtio, uint64_t offset, unsigned width, uint64_t value)
{
    switch (offset << 8 | width) {
    case FIELD(device_feature_select) << 8 | 4: virtio->device_feature_select = (uint32_t)value; break;
    case FIELD(driver_feature_select) << 8 | 4: virtio->driver_feature_select = (uint32_t)value; break;
    case FIELD(driver_feature) << 8 | 4: feature_write(virtio, (uint32_t)value); break;
    case FIELD(config_msix_vector) << 8 | 2: virtio->config_vector = vector_of(virtio, value); break;
    case FIELD(device_status) << 8 | 1: status_write(virtio, (uint8_t)value); break;
    case FIELD(queue_select) << 8 | 2: virtio->queue_select = (uint16_t)value; break;
    default:
        if (!virtio->resetting)
            queue_write(virtio, offset << 8 | width, value);
        break;
    }
}
