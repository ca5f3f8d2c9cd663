/* SPDX-License-Identifier: MIT */
/* See driver.h. */
#include "driver/block/nvme/driver.h"

#include "driver/block/nvme/disk.h"
#include "lib/base/heap.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/time.h"
#include "lib/device/device.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"

#define SECOND_NS      1000000000ull
#define MILLISECOND_NS 1000000ull

struct vector {
    struct signal signal; /* first member */
    uint32_t interrupt;
    unsigned number;
};

static struct driver {
    struct nvme_disk disk;
    struct device function;
    volatile uint8_t *registers;
    struct vector vector[NVME_QUEUES_MAX];
    struct entrypoint *entrypoint;
    struct timeout tick;
    uint32_t pause_notification; /* nobody signals it: it is only waited at */
} driver;

/* ---- hardware ---- */

static uint32_t read_register(void *context, uint32_t offset)
{
    (void)context;
    return *(volatile uint32_t *)(driver.registers + offset);
}

static void write_register(void *context, uint32_t offset, uint32_t value)
{
    (void)context;
    *(volatile uint32_t *)(driver.registers + offset) = value;
}

static uint64_t now_ms(void *context)
{
    (void)context;
    return time_to_ns(time_now()) / MILLISECOND_NS;
}

static void pause_ms(void *context)
{
    uint64_t bits;

    (void)context;
    (void)(notification_wait(driver.pause_notification, time_after_ns(MILLISECOND_NS), &bits) == OK);
}

static void rested(void *context)
{
    (void)context;
    if (device_bus_master(&driver.function, true) != OK)
        log_error("the controller may not reach memory");
}

static void isolate(struct nvme_disk *disk)
{
    (void)disk;
    if (device_bus_master(&driver.function, false) != OK)
        log_error("the controller cannot be kept from memory");
}

/* ---- the device, as lib/block sees it ---- */

static void tick_arm(void)
{
    if (!driver.tick.queued)
        entrypoint_timeout_set(driver.entrypoint, &driver.tick, time_after_ns(SECOND_NS));
}

static void kick(struct block_device *device)
{
    nvme_disk_kick(device);
    tick_arm();
}

/* Allocated once a region: this is no path of requests. */
static enum status region_map(struct block_device *device, uint32_t dataspace, uint64_t offset,
                              struct block_region *region)
{
    struct device_mapping *mapping = heap_alloc(sizeof(*mapping));

    (void)device;
    if (!mapping)
        return ERR_NO_RAM;
    enum status status =
        device_dma_map(&driver.function, dataspace, offset, region->size, region->write, mapping);

    if (status != OK) {
        heap_free(mapping);
        return status;
    }
    region->mapping_opt = mapping;
    return OK;
}

static void region_unmap(struct block_device *device, struct block_region *region)
{
    (void)device;
    device_dma_unmap(&driver.function, region->mapping_opt);
    heap_free(region->mapping_opt);
    region->mapping_opt = NULL;
}

static bool region_gone(struct block_device *device, const struct block_region *region)
{
    (void)device;
    return device_dma_gone(&driver.function, region->mapping_opt);
}

static const struct block_device_ops ops = {.submit = nvme_disk_submit,
                                            .kick = kick,
                                            .region_map = region_map,
                                            .region_unmap = region_unmap,
                                            .region_gone = region_gone};

/* ---- interrupts and time ---- */

static void changed(void)
{
    log_info("the namespace has changed: %lu MiB", driver.disk.device.limits.size >> 20);
    block_server_changed(&driver.disk.device);
}

static void interrupted(struct signal *signal)
{
    struct vector *vector = (struct vector *)signal;
    struct nvme_controller *controller = &driver.disk.controller;

    for (unsigned q = vector->number; q < controller->queues; q += controller->vectors)
        nvme_disk_complete(&driver.disk, q);
    if (vector->number == 0 && nvme_disk_event(&driver.disk))
        changed();
    block_server_settle(&driver.disk.device);
    if (interrupt_ack(vector->interrupt) != OK)
        log_error("interrupt %u is lost", vector->number);
}

static void ticked(struct timeout *timeout)
{
    struct nvme_disk *disk = &driver.disk;

    (void)timeout;
    if (nvme_disk_tick(disk)) {
        log_error("the controller has been reset (%lu times): %s", disk->resets,
                  disk->dead ? disk->controller.problem_opt : "commands took too long, or it failed");
        block_server_changed(&disk->device);
    } else {
        block_server_settle(&disk->device);
    }
    if (disk->in_flight)
        tick_arm();
}

/* ---- start ---- */

static enum status memory_make(uint64_t size, struct nvme_memory *out)
{
    struct device_memory memory;
    enum status status = device_dma_alloc(&driver.function, size, &memory);

    if (status == OK)
        *out = (struct nvme_memory){.address = memory.memory.address, .bus = memory.bus};
    return status;
}

static enum status memory_start(struct nvme_controller *controller)
{
    enum status status = memory_make(nvme_queue_size(NVME_ADMIN_DEPTH), &controller->admin_memory);

    if (status == OK)
        status = memory_make(NVME_PAGE, &controller->scratch);
    for (unsigned i = 0; status == OK && i < controller->queues; i++)
        status = memory_make(nvme_queue_size(controller->depth), &controller->memory[i]);
    if (status == OK)
        status =
            memory_make((uint64_t)controller->queues * controller->depth * NVME_PAGE, &driver.disk.lists);
    return status;
}

static enum status vector_start(unsigned number)
{
    struct vector *vector = &driver.vector[number];
    bool level;
    enum status status = signal_create(driver.entrypoint, &vector->signal, interrupted);

    vector->number = number;
    if (status == OK)
        status = device_interrupt(&driver.function, number, vector->signal.slot, &vector->interrupt, &level);
    return status == OK ? interrupt_ack(vector->interrupt) : status;
}

static enum status function_start(const struct nvme_settings *settings)
{
    struct nvme_controller *controller = &driver.disk.controller;
    volatile void *registers;
    uint64_t size;
    char args[24];

    fmt_format(args, sizeof(args), "index=%lu", settings->index);
    enum status status = device_open(&driver.function, "nvme", args);

    if (status == OK)
        status = device_bar(&driver.function, 0, &registers, &size);
    if (status == OK)
        status = notification_create(&driver.pause_notification);
    if (status != OK)
        return status;
    if (driver.function.info.interrupts == 0)
        return ERR_UNSUPPORTED;
    driver.registers = registers;
    *controller = (struct nvme_controller){
        .hardware = {.read = read_register,
                     .write = write_register,
                     .now_ms = now_ms,
                     .rested = rested,
                     .pause = pause_ms,
                     .size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX},
        .nsid = (uint32_t)settings->nsid,
        .depth = (uint16_t)settings->depth,
        .queues = (uint16_t)settings->queues,
    };
    controller->vectors = driver.function.info.interrupts < controller->queues
                              ? (uint16_t)driver.function.info.interrupts
                              : controller->queues;
    return memory_start(controller);
}

static enum status controller_start(void)
{
    struct nvme_controller *controller = &driver.disk.controller;
    enum status status = OK;

    for (unsigned i = 0; status == OK && i < controller->vectors; i++)
        status = vector_start(i);
    if (status == OK)
        status = nvme_controller_start(controller);
    if (status != OK && controller->problem_opt)
        log_error("NVMe controller: %s", controller->problem_opt);
    return status;
}

enum status driver_start(const struct nvme_settings *settings, struct entrypoint *entrypoint,
                         enum status (*policy)(struct block_device *device, const char *label,
                                               struct block_view *view))
{
    struct nvme_disk *disk = &driver.disk;

    driver.entrypoint = entrypoint;
    driver.tick.expired = ticked;
    enum status status = function_start(settings);

    if (status == OK)
        status = controller_start();
    if (status != OK) {
        log_error("no NVMe disk: %s", status_text(status));
        return status;
    }
    disk->device.ops = &ops;
    disk->device.flush_drops = true; /* NVMe 1.4, 6.8 does not say what a FLUSH that failed leaves */
    disk->device.verifier = time_now();
    disk->timeout = (uint32_t)settings->timeout + 1;
    disk->isolate = isolate;
    disk->fua = settings->fua;
    nvme_disk_init(disk);
    log_info("%s, serial %s: %lu MiB in blocks of %u bytes, %u queues of %u%s", disk->controller.model,
             disk->controller.serial, disk->device.limits.size >> 20, disk->device.limits.block_size,
             disk->controller.queues, disk->controller.depth - 1u,
             disk->controller.space.read_only ? ", read-only" : "");
    return block_server_start(&disk->device, entrypoint, policy);
}
