/* SPDX-License-Identifier: MIT */
/* The fake virtio-blk device; see fake.h. */
#include "driver/block/virtio/test/fake.h"

#include <stdlib.h>
#include <string.h>

#include "lib/range/range.h"
#include "test/check.h"

#define WRITES(type) ((type) == VIRTIO_BLK_T_IN || (type) == VIRTIO_BLK_T_GET_ID)

/* ---- memory ---- */

uint64_t fake_lend(struct fake *fake, const void *memory, uint64_t size, bool write)
{
    REQUIRE(fake->lent_count < FAKE_LENT);
    fake->lent[fake->lent_count].from = memory;
    fake->lent[fake->lent_count].size = size;
    fake->lent[fake->lent_count++].write = write;
    return (uint64_t)(uintptr_t)memory + FAKE_BUS;
}

static void *translate(void *context, uint64_t address, uint64_t length, bool write)
{
    struct fake *fake = context;

    REQUIRE(!fake->stopped);
    for (unsigned i = 0; i < fake->lent_count; i++) {
        uint64_t from = (uint64_t)(uintptr_t)fake->lent[i].from + FAKE_BUS;
        if (address >= from && range_ok(address - from, length, fake->lent[i].size) &&
            (fake->lent[i].write || !write))
            return (void *)(uintptr_t)(address - FAKE_BUS);
    }
    return NULL;
}

/* ---- registers ---- */

#define AT(field) offsetof(struct virtio_pci_common_cfg, field)

static void reset(struct fake *fake)
{
    fake->resets++;
    fake->status = 0;
    fake->accepted = 0;
    fake->isr = 0;
    fake->config_interrupt = false;
    fake->config_vector = VIRTIO_MSI_NO_VECTOR;
    fake->held_count = 0;
    if (fake->loses_features)
        fake->offered &= ~VIRTIO_BLK_F_FLUSH;
    for (unsigned i = 0; i < FAKE_QUEUES; i++)
        fake->queues[i] = (struct fake_queue){.size_max = fake->queues[i].size_max,
                                              .size = fake->queues[i].size_max,
                                              .vector = VIRTIO_MSI_NO_VECTOR};
}

static void queue_enable(struct fake *fake, struct fake_queue *queue)
{
    struct virtqueue_setup setup = {
        .desc = queue->desc,
        .avail = queue->driver,
        .used = queue->device,
        .size = queue->size,
        .event_index = (fake->accepted & VIRTIO_F_EVENT_IDX) != 0,
        .indirect = (fake->accepted & VIRTIO_F_INDIRECT_DESC) != 0,
    };
    struct virtqueue_translation translation = {translate, fake};
    bool sleep;

    REQUIRE((fake->status & VIRTIO_STATUS_FEATURES_OK) && !(fake->status & VIRTIO_STATUS_DRIVER_OK));
    REQUIRE(virtqueue_device_open(&setup, &translation, &queue->ring) == OK);
    REQUIRE(virtqueue_device_prepare_sleep(&queue->ring, &sleep) == OK);
    queue->enabled = true;
}

/* The driver's bits come in their order (3.1.1). */
static void status_write(struct fake *fake, uint8_t value)
{
    unsigned bits = value & (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK |
                             VIRTIO_STATUS_DRIVER_OK);

    if (value == 0 && !fake->reset_never) {
        fake->reset_left = fake->reset_reads;
        if (fake->reset_left == 0)
            reset(fake);
        return;
    }
    if (value == 0)
        return;
    REQUIRE(bits == 1 || bits == 3 || bits == 11 || bits == 15);
    REQUIRE((value & fake->status) == fake->status);
    if (value & VIRTIO_STATUS_FEATURES_OK && (fake->accepted & ~fake->offered) != 0)
        value &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    fake->status = value;
}

static uint8_t status_read(struct fake *fake)
{
    if (fake->reset_left > 0 && --fake->reset_left == 0)
        reset(fake);
    return fake->status;
}

static uint32_t common_read(struct fake *fake, unsigned offset)
{
    const struct fake_queue *queue = &fake->queues[fake->selected % FAKE_QUEUES];
    bool there = fake->selected < fake->num_queues;

    switch (offset) {
    case AT(device_feature):
        return fake->feature_select[0] < 2 ? (uint32_t)(fake->offered >> 32 * fake->feature_select[0]) : 0;
    case AT(num_queues): return fake->num_queues;
    case AT(device_status): return status_read(fake);
    case AT(config_generation): return fake->generation;
    case AT(config_msix_vector): return fake->config_vector;
    case AT(queue_size): return there ? queue->size : 0;
    case AT(queue_msix_vector): return queue->vector;
    case AT(queue_notify_off): return fake->selected;
    default: REQUIRE(!"a register that is there"); return 0;
    }
}

static uint32_t fake_read(struct transport *transport, enum transport_area area, unsigned offset,
                          unsigned width)
{
    struct fake *fake = (struct fake *)transport;
    uint32_t value = 0;

    if (area == TRANSPORT_COMMON)
        return common_read(fake, offset);
    if (area == TRANSPORT_ISR) {
        value = fake->isr;
        fake->isr = 0;
        return value;
    }
    if (range_ok(offset, width, sizeof(fake->config)))
        memcpy(&value, (uint8_t *)&fake->config + offset, width);
    return value;
}

static void half(uint64_t *field, unsigned high, uint32_t value)
{
    *field = high ? (*field & 0xffffffff) | (uint64_t)value << 32 : (*field & ~0xffffffffull) | value;
}

static void queue_write(struct fake *fake, unsigned offset, uint32_t value)
{
    struct fake_queue *queue = &fake->queues[fake->selected];

    REQUIRE(fake->selected < fake->num_queues);
    switch (offset) {
    case AT(queue_size):
        REQUIRE(value <= queue->size_max && value > 0);
        queue->size = (uint16_t)value;
        return;
    case AT(queue_msix_vector):
        queue->vector = value < fake->vectors ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
        return;
    case AT(queue_desc): half(&queue->desc, 0, value); return;
    case AT(queue_desc) + 4: half(&queue->desc, 1, value); return;
    case AT(queue_driver): half(&queue->driver, 0, value); return;
    case AT(queue_driver) + 4: half(&queue->driver, 1, value); return;
    case AT(queue_device): half(&queue->device, 0, value); return;
    case AT(queue_device) + 4: half(&queue->device, 1, value); return;
    case AT(queue_enable):
        REQUIRE(value == 1);
        queue_enable(fake, queue);
        return;
    default: REQUIRE(!"a register that may be written");
    }
}

static void fake_write(struct transport *transport, unsigned offset, unsigned width, uint32_t value)
{
    struct fake *fake = (struct fake *)transport;

    (void)width;
    switch (offset) {
    case AT(device_feature_select): fake->feature_select[0] = value; return;
    case AT(driver_feature_select): fake->feature_select[1] = value; return;
    case AT(driver_feature):
        REQUIRE(fake->feature_select[1] < 2);
        half(&fake->accepted, fake->feature_select[1], value);
        return;
    case AT(config_msix_vector):
        fake->config_vector = value < fake->vectors ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
        return;
    case AT(device_status): status_write(fake, (uint8_t)value); return;
    case AT(queue_select): fake->selected = (uint16_t)value; return;
    default: queue_write(fake, offset, value);
    }
}

static enum status fake_notify_at(struct transport *transport, unsigned queue, uint16_t notify_off)
{
    (void)transport;
    return notify_off == queue ? OK : ERR_RANGE;
}

static void fake_notify(struct transport *transport, unsigned queue)
{
    struct fake *fake = (struct fake *)transport;

    REQUIRE(queue < fake->num_queues && fake->queues[queue].enabled && !fake->stopped);
    REQUIRE(fake->status & VIRTIO_STATUS_DRIVER_OK);
    if (fake->misses)
        fake->misses--;
    else
        fake->queues[queue].notified = true;
    fake->notifications++;
}

static enum status fake_rested(struct transport *transport)
{
    struct fake *fake = (struct fake *)transport;

    REQUIRE(fake->status == 0);
    fake->no_master = false;
    fake->rests++;
    return OK;
}

static enum status fake_function_reset(struct transport *transport)
{
    struct fake *fake = (struct fake *)transport;

    fake->function_resets++;
    if (fake->function_reset_fails)
        return ERR_UNSUPPORTED;
    fake->reset_left = 0;
    fake->reset_never = false;
    reset(fake);
    return OK;
}

static void fake_stop(struct transport *transport)
{
    ((struct fake *)transport)->stopped = true;
}

/* ---- requests ---- */

static uint64_t pieces_copy(struct fake *fake, struct fake_chain *chain, uint64_t at, bool to_disk)
{
    unsigned first = to_disk ? 1 : chain->chain.readable;
    unsigned end = to_disk ? chain->chain.readable : chain->chain.readable + chain->chain.writable - 1;
    uint64_t begin = at;

    for (unsigned i = first; i < end; i++) {
        struct virtqueue_piece *piece = &chain->pieces[i];
        REQUIRE(range_ok(at, piece->length, fake->config.capacity * VIRTIO_BLK_SECTOR));
        if (to_disk)
            memcpy(fake->disk + at, piece->pointer, piece->length);
        else
            memcpy(piece->pointer, fake->disk + at, piece->length);
        at += piece->length;
    }
    return at - begin;
}

static void range_do(struct fake *fake, struct fake_chain *chain, uint32_t type)
{
    struct virtio_blk_discard_write_zeroes range;

    REQUIRE(chain->chain.readable == 2 && chain->pieces[1].length == sizeof(range));
    memcpy(&range, chain->pieces[1].pointer, sizeof(range));
    REQUIRE(range_ok(range.sector, range.num_sectors, fake->config.capacity) && range.num_sectors > 0);
    REQUIRE(range.num_sectors <= (type == VIRTIO_BLK_T_DISCARD ? fake->config.max_discard_sectors
                                                               : fake->config.max_write_zeroes_sectors));
    REQUIRE(range.flags == 0 || (type == VIRTIO_BLK_T_WRITE_ZEROES && range.flags == 1));
    memset(fake->disk + range.sector * VIRTIO_BLK_SECTOR, type == VIRTIO_BLK_T_DISCARD ? 0xdd : 0,
           (size_t)range.num_sectors * VIRTIO_BLK_SECTOR);
}

/* Does what the chain asks for; the bytes written of it. */
static uint32_t perform(struct fake *fake, struct fake_chain *chain)
{
    struct virtqueue_piece *last = &chain->pieces[chain->chain.readable + chain->chain.writable - 1];
    struct virtio_blk_req header;
    uint64_t bytes = 0;

    REQUIRE(chain->chain.readable >= 1 && chain->chain.writable >= 1);
    REQUIRE(chain->pieces[0].length == sizeof(header) && last->length == 1);
    memcpy(&header, chain->pieces[0].pointer, sizeof(header));
    fake->requests++;
    if ((unsigned)rand() % 100 < fake->error_percent || header.type + 1 == fake->unsupported) {
        *(uint8_t *)last->pointer =
            header.type + 1 == fake->unsupported ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
        return 1;
    }
    switch (header.type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
        REQUIRE(header.type == VIRTIO_BLK_T_IN ? chain->chain.readable == 1 : chain->chain.writable == 1);
        bytes = pieces_copy(fake, chain, header.sector * VIRTIO_BLK_SECTOR, header.type == VIRTIO_BLK_T_OUT);
        REQUIRE(bytes > 0 && bytes % fake->config.blk_size == 0);
        break;
    case VIRTIO_BLK_T_FLUSH:
        REQUIRE(fake->accepted & VIRTIO_BLK_F_FLUSH && chain->chain.readable == 1 && header.sector == 0);
        fake->flushes++;
        break;
    default: range_do(fake, chain, header.type);
    }
    *(uint8_t *)last->pointer = VIRTIO_BLK_S_OK;
    return (uint32_t)(header.type == VIRTIO_BLK_T_IN ? bytes : 0) + 1;
}

static void publish(struct fake *fake, struct fake_queue *queue)
{
    if (!virtqueue_device_publish(&queue->ring) || fake->mute)
        return;
    queue->interrupt = true;
    fake->isr |= VIRTIO_PCI_ISR_QUEUE;
    fake->interrupts++;
}

static void queue_take(struct fake *fake, unsigned number)
{
    struct fake_queue *queue = &fake->queues[number];
    enum status status;
    bool sleep;

    queue->notified = false;
    for (;;) {
        struct fake_chain *chain = &fake->held[fake->held_count];
        REQUIRE(fake->held_count < FAKE_HELD);
        status = virtqueue_device_pop(&queue->ring, chain->pieces, FAKE_PIECES, &chain->chain);
        if (status == OK) {
            unsigned length = chain->chain.readable + chain->chain.writable;
            chain->queue = number;
            fake->held_count++;
            if (length > fake->descriptors_longest)
                fake->descriptors_longest = length;
            continue;
        }
        REQUIRE(status == ERR_AGAIN);
        REQUIRE(virtqueue_device_prepare_sleep(&queue->ring, &sleep) == OK);
        if (sleep)
            return;
    }
}

void fake_run(struct fake *fake)
{
    for (unsigned i = 0; i < fake->num_queues && !fake->deaf && !fake->no_master && !fake->stopped; i++)
        if (fake->queues[i].enabled && fake->queues[i].notified)
            queue_take(fake, i);
    for (unsigned n = fake->held_count; n > 0 && !fake->stopped; n--) {
        if ((unsigned)rand() % 100 >= fake->answer_percent)
            continue;
        struct fake_chain *chain = &fake->held[(unsigned)rand() % fake->held_count];
        struct fake_queue *queue = &fake->queues[chain->queue];
        if (fake->lie)
            fake->lie(fake, chain);
        else
            virtqueue_device_push(&queue->ring, chain->chain.head, perform(fake, chain));
        *chain = fake->held[--fake->held_count];
        if (rand() % 4 == 0)
            publish(fake, queue);
    }
    for (unsigned i = 0; i < fake->num_queues && !fake->stopped; i++)
        if (fake->queues[i].enabled)
            publish(fake, &fake->queues[i]);
}

static void config_interrupt(struct fake *fake)
{
    fake->generation++;
    fake->isr |= VIRTIO_PCI_ISR_CONFIG;
    fake->config_interrupt = !fake->mute;
}

void fake_resize(struct fake *fake, uint64_t sectors)
{
    fake->config.capacity = sectors;
    config_interrupt(fake);
}

void fake_fail(struct fake *fake)
{
    fake->status |= VIRTIO_STATUS_NEEDS_RESET;
    config_interrupt(fake);
}

void fake_init(struct fake *fake)
{
    *fake = (struct fake){
        .transport = {fake_read, fake_write, fake_notify_at, fake_notify, fake_rested, fake_function_reset,
                      fake_stop},
        .offered = VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_INDIRECT_DESC |
                   VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |
                   VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_MQ | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES,
        .config = {.capacity = FAKE_DISK / VIRTIO_BLK_SECTOR,
                   .seg_max = 254,
                   .blk_size = 512,
                   .topology = {.physical_block_exp = 3},
                   .num_queues = FAKE_QUEUES,
                   .max_discard_sectors = 100,
                   .max_discard_seg = 1,
                   .discard_sector_alignment = 8,
                   .max_write_zeroes_sectors = 200,
                   .max_write_zeroes_seg = 1,
                   .write_zeroes_may_unmap = 1},
        .num_queues = FAKE_QUEUES,
        .vectors = FAKE_QUEUES + 1,
        .answer_percent = 60,
        .disk = calloc(1, FAKE_DISK),
        .held = calloc(FAKE_HELD + 1, sizeof(struct fake_chain)),
    };
    for (unsigned i = 0; i < FAKE_QUEUES; i++)
        fake->queues[i].size_max = 256;
    fake->status = VIRTIO_STATUS_ACKNOWLEDGE; /* somebody was here before */
}

void fake_free(struct fake *fake)
{
    free(fake->disk);
    free(fake->held);
}
