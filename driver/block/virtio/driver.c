/* SPDX-License-Identifier: MIT */
/*
 * Joins the hardware-free driver (block.h) with the function (lib/device), the clients (lib/block) and the
 * clock.
 *
 * Interrupts are edges that the kernel masks until they are acknowledged: acknowledged first, then the queue is
 * looked at, so nothing that happens in between is missed. Without MSI-X there is one line for everything,
 * perhaps shared: reading the ISR register takes it back, before it is acknowledged.
 *
 * A tick a second, while there is something to wait for, finds what got lost and what takes too long.
 */
#include "driver/block/virtio/driver.h"

#include "driver/block/virtio/block.h"
#include "driver/block/virtio/pci.h"
#include "lib/base/heap.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"

#define TICK_NS 1000000000ull

struct vector {
    struct signal signal; /* first */
    uint32_t interrupt;
    unsigned number;
    bool level;
};

static struct driver {
    struct virtio_block block; /* first: struct block_device is at its beginning */
    struct device device;
    struct pci_transport transport;
    struct device_memory memory;
    struct vector vectors[1 + QUEUES_MAX];
    struct timeout tick;
    struct entrypoint *entrypoint;
    uint64_t resets_told;
} driver;

/* ---- after whatever has happened ---- */

static void tick_later(void)
{
    bool wanted = driver.block.in_flight > 0 || driver.block.state == DEVICE_RESETTING;

    if (wanted && !driver.tick.queued)
        entrypoint_timeout_set(driver.entrypoint, &driver.tick, time_after_ns(TICK_NS));
}

static void tell(void)
{
    struct virtio_block *block = &driver.block;

    if (driver.resets_told != block->counters.resets)
        log_error("the device was reset: %s", block->counters.reason_opt);
    driver.resets_told = block->counters.resets;
    if (!block->changed)
        return;
    block->changed = false;
    if (block->state == DEVICE_LOST)
        log_error("the device is gone: %s", block->counters.reason_opt);
    else
        log_info("now %llu bytes", (unsigned long long)block->device.limits.size);
    block_server_changed(&block->device);
}

static void settle(void)
{
    tell();
    block_server_settle(&driver.block.device);
    tick_later();
}

/* ---- interrupts and clock ---- */

static void ticked(struct timeout *timeout)
{
    (void)timeout;
    virtio_block_tick(&driver.block);
    settle();
}

/* What vector `number` stands for; the last one has all that is left. */
static void look(unsigned number)
{
    struct virtio_block *block = &driver.block;
    unsigned last = block->vector_count == 0 ? 0 : block->vector_count - 1;

    if (number == 0)
        virtio_block_config_interrupt(block);
    for (unsigned queue = 0; queue < block->queue_count; queue++)
        if (queue + 1 == number || (number == last && queue + 1 > last))
            (void)virtio_block_interrupt(block, queue);
}

static void interrupted(struct signal *signal)
{
    struct vector *vector = (struct vector *)signal;
    struct transport *transport = &driver.transport.transport;

    if (vector->level)
        (void)transport->read(transport, TRANSPORT_ISR, 0, 1);
    if (interrupt_ack(vector->interrupt) != OK)
        log_error("interrupt lost");
    look(vector->number);
    settle();
}

/* As many vectors as there are, up to one for each queue and one for the configuration. */
static enum status interrupts_start(void)
{
    unsigned wanted = 1 + driver.block.queue_count;
    unsigned count = driver.device.info.interrupts < wanted ? driver.device.info.interrupts : wanted;
    enum status status = count == 0 ? ERR_NOT_FOUND : OK;

    for (unsigned i = 0; status == OK && i < count; i++) {
        struct vector *vector = &driver.vectors[i];
        vector->number = i;
        status = signal_create(driver.entrypoint, &vector->signal, interrupted);
        if (status == OK)
            status =
                device_interrupt(&driver.device, i, vector->signal.slot, &vector->interrupt, &vector->level);
        if (status == OK)
            status = interrupt_ack(vector->interrupt);
    }
    if (status != OK)
        log_error("no interrupt: %s", status_text(status));
    driver.block.vector_count = driver.vectors[0].level ? 0 : count;
    return status;
}

/* ---- what the service asks for ---- */

static enum status submit(struct block_device *device, struct block_job *job)
{
    return virtio_block_submit((struct virtio_block *)device, job);
}

static void kick(struct block_device *device)
{
    virtio_block_kick((struct virtio_block *)device);
    tick_later();
}

static enum status region_map(struct block_device *device, uint32_t dataspace, uint64_t offset,
                              struct block_region *region)
{
    struct device_mapping *mapping = heap_alloc(sizeof(*mapping));
    enum status status =
        mapping ? device_dma_map(&driver.device, dataspace, offset, region->size, region->write, mapping)
                : ERR_NO_RAM;

    (void)device;
    if (status != OK)
        heap_free(mapping);
    else
        region->mapping_opt = mapping;
    return status;
}

static void region_unmap(struct block_device *device, struct block_region *region)
{
    (void)device;
    device_dma_unmap(&driver.device, region->mapping_opt);
    heap_free(region->mapping_opt);
    region->mapping_opt = NULL;
}

static bool region_gone(struct block_device *device, const struct block_region *region)
{
    (void)device;
    return device_dma_gone(&driver.device, region->mapping_opt);
}

/* ---- start ---- */

static enum status open_function(const struct driver_settings *settings)
{
    char args[32];

    fmt_format(args, sizeof(args), "index=%u", (unsigned)settings->index);
    enum status status = device_open(&driver.device, "virtio-blk", args);
    if (status == OK)
        status = pci_transport_open(&driver.transport, &driver.device);
    return status;
}

static enum status memory_start(const char **reason)
{
    struct virtio_block *block = &driver.block;
    struct request *requests = heap_alloc_array(block->depth, sizeof(*requests));
    struct virtqueue_slot *slots = heap_alloc_array(virtio_block_slots(block), sizeof(*slots));
    enum status status = requests && slots ? device_bus_master(&driver.device, true) : ERR_NO_RAM;

    if (status == OK)
        status = device_dma_alloc(&driver.device, virtio_block_memory_size(block), &driver.memory);
    if (status == OK)
        status = virtio_block_start(block, driver.memory.memory.address, driver.memory.bus, requests, slots,
                                    reason);
    return status;
}

static void say(void)
{
    const struct virtio_block *block = &driver.block;
    const struct block_limits *limits = &block->device.limits;

    log_info("%llu bytes in blocks of %u, %u queues of %u, %u requests at a time%s%s%s%s",
             (unsigned long long)limits->size, limits->block_size, block->queue_count, block->queues[0].size,
             block->depth, limits->flags & BLOCK_READ_ONLY ? ", read-only" : "",
             limits->flags & BLOCK_HAS_DISCARD ? ", discard" : "",
             limits->flags & BLOCK_HAS_WRITE_ZEROES ? ", write zeroes" : "",
             driver.device.info.iommu ? ", behind an IOMMU" : "");
}

enum status driver_device_start(struct entrypoint *entrypoint, const struct driver_settings *settings)
{
    static const struct block_device_ops ops = {submit, kick, region_map, region_unmap, region_gone};
    const char *reason = NULL;
    enum status status = open_function(settings);

    if (status != OK)
        return status;
    driver.entrypoint = entrypoint;
    driver.tick.expired = ticked;
    driver.block = (struct virtio_block){
        /* Another verifier after each start. Behind the device are file systems that drop what they could not write. */
        .device = {.ops = &ops, .verifier = time_now(), .flush_drops = true},
        .transport = &driver.transport.transport,
        .queues_wanted = (unsigned)settings->queues,
        .depth_wanted = (unsigned)settings->depth,
        .timeout_ticks = (unsigned)settings->timeout,
        .confined = driver.device.info.iommu != 0,
    };
    status = virtio_block_probe(&driver.block, &reason);
    if (status == OK)
        status = interrupts_start();
    if (status == OK)
        status = memory_start(&reason);
    if (status != OK)
        log_error("cannot use the device: %s", reason ? reason : status_text(status));
    else
        say();
    return status;
}

enum status driver_service_start(struct entrypoint *entrypoint,
                                 enum status (*policy)(struct block_device *device, const char *label,
                                                       struct block_view *view))
{
    return block_server_start(&driver.block.device, entrypoint, policy);
}
