/* SPDX-License-Identifier: MIT */
/*
 * A driver's half of PLATFORM, see device.h. Every call may ask for more quota; it is lent from this component's own, in small
 * steps, and the call repeated.
 */
#include "lib/device/device.h"

#include "contract/platform/client.h"
#include "lib/base/cap.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"

#define UPGRADE_RAM  (16u << 10)
#define UPGRADE_CAPS 4u

/* A reset takes 100 ms and is over when the server says so. */
#define PAUSE_NS 5000000ull

static void pause_short(void)
{
    uint64_t bits, end = time_after_ns(PAUSE_NS);

    while (notification_wait(thread_self()->notification, end, &bits) == OK)
        continue;
}

/* True if the call shall be repeated: what it lacked has been lent, or some time has passed. Else *status is the answer. */
static bool again(struct device *device, enum status *status)
{
    if (*status == ERR_AGAIN) {
        pause_short();
        return true;
    }
    uint64_t ram = *status == ERR_NO_RAM ? UPGRADE_RAM : 0;
    uint32_t caps = *status == ERR_NO_CAPS ? UPGRADE_CAPS : 0;

    if (ram == 0 && caps == 0)
        return false;
    enum status upgraded = session_upgrade(&device->connection, ram, caps);

    if (upgraded != OK)
        *status = upgraded;
    return upgraded == OK;
}

static enum status open_session(struct device *device, const char *label, const char *args_opt)
{
    struct session_options options = {.service = PLATFORM_SERVICE,
                                      .label_opt = label,
                                      .args_opt = args_opt,
                                      .ram = PLATFORM_SESSION_RAM,
                                      .caps = PLATFORM_SESSION_CAPS};
    enum status status = session_open(&options, &device->connection);

    if (status != OK)
        return status;
    do
        status = platform_device(device->connection.slot, &device->info);
    while (status != OK && again(device, &status));
    if (status != OK)
        session_close(&device->connection);
    return status;
}

enum status device_open(struct device *device, const char *label, const char *args_opt)
{
    enum status status = open_session(device, label, args_opt);

    if (status != OK)
        log_error("no device \"%s\" (%s): %s", label, args_opt ? args_opt : "",
                  status == ERR_NOT_FOUND ? "the machine has none, or nobody serves PLATFORM"
                  : status == ERR_DENIED  ? "policy gives none"
                  : status == ERR_BUSY    ? "another driver has it"
                                          : status_text(status));
    return status;
}

enum status device_bar(struct device *device, unsigned index, volatile void **registers, uint64_t *size)
{
    struct platform_bar_range range;
    uint32_t dataspace;
    enum status status;
    void *address;

    do
        status = platform_bar(device->connection.slot, index, &range, &dataspace);
    while (status != OK && again(device, &status));
    if (status != OK)
        return status;
    status = memory_attach(dataspace, PD_READ | PD_WRITE, &address);
    cap_free(dataspace);
    if (status != OK)
        return status;
    *registers = (uint8_t *)address + range.page_offset;
    *size = range.size;
    return OK;
}

enum status device_interrupt(struct device *device, unsigned index, uint32_t notification,
                             uint32_t *interrupt, bool *level)
{
    struct platform_interrupt out;
    enum status status;

    do
        status = platform_interrupt(device->connection.slot, index, notification, &out, interrupt);
    while (status != OK && again(device, &status));
    if (status == OK)
        *level = out.level;
    return status;
}

enum status device_config_read(struct device *device, unsigned offset, unsigned width, uint32_t *value)
{
    enum status status;

    do
        status = platform_config_read(device->connection.slot, offset, width, value);
    while (status != OK && again(device, &status));
    return status;
}

enum status device_bus_master(struct device *device, bool on)
{
    enum status status;

    do
        status = platform_bus_master(device->connection.slot, on);
    while (status != OK && again(device, &status));
    return status;
}

enum status device_reset(struct device *device)
{
    enum status status = platform_reset(device->connection.slot);

    if (status != OK)
        return status;
    do
        status = platform_device(device->connection.slot, &device->info);
    while (status != OK && again(device, &status));
    return status;
}

/* ---- DMA ---- */

/* Asks for each run. What the server says must cover the mapping without a gap. */
static enum status read_runs(struct device *device, struct device_mapping *mapping)
{
    uint64_t offset = 0;

    for (uint32_t i = 0; i < mapping->run_count; i++) {
        struct platform_dma_at at = {.offset = offset, .id = mapping->id};
        struct platform_dma_run run;
        enum status status =
            offset < mapping->size ? platform_dma_run(device->connection.slot, &at, &run) : ERR_INVALID;

        if (status != OK)
            return status;
        if (run.size == 0 || run.size > mapping->size - offset)
            return ERR_INVALID;
        mapping->runs[i] = (struct device_run){.offset = offset, .address = run.address};
        offset += run.size;
    }
    return offset == mapping->size ? OK : ERR_INVALID;
}

bool device_dma_gone(struct device *device, const struct device_mapping *mapping)
{
    struct platform_dma_at at = {.id = mapping->id};
    struct platform_dma_run run;
    enum status status;

    do
        status = platform_dma_run(device->connection.slot, &at, &run);
    while (status != OK && again(device, &status));
    return status != OK;
}

enum status device_dma_map(struct device *device, uint32_t dataspace, uint64_t offset, uint64_t size,
                           bool write, struct device_mapping *out)
{
    struct platform_dma_map in = {.offset = offset, .size = size, .write = write};
    struct platform_dma_mapping got;
    enum status status;

    do
        status = platform_dma_map(device->connection.slot, &in, dataspace, &got);
    while (status != OK && again(device, &status));
    if (status != OK)
        return status;
    struct device_mapping mapping = {.id = got.id, .run_count = got.runs, .size = size};

    /* More runs than pages there are not. */
    if (got.runs == 0 || got.runs > size / PAGE_SIZE)
        status = ERR_INVALID;
    else if (!(mapping.runs = heap_alloc(got.runs * sizeof(*mapping.runs))))
        status = ERR_NO_RAM;
    else
        status = read_runs(device, &mapping);
    if (status != OK) {
        device_dma_unmap(device, &mapping);
        return status;
    }
    *out = mapping;
    return OK;
}

void device_dma_unmap(struct device *device, struct device_mapping *mapping)
{
    /* Of a server that died the device is stopped, so nothing is mapped any more. */
    (void)platform_dma_unmap(device->connection.slot, mapping->id);
    if (mapping->runs)
        heap_free(mapping->runs);
    *mapping = (struct device_mapping){0};
}

static enum status memory_make(uint64_t size, struct memory *out)
{
    uint32_t dataspace;
    void *address;
    enum status status = dataspace_alloc(size, PD_DATASPACE_CONTIGUOUS, &dataspace);

    if (status != OK)
        return status;
    status = memory_attach(dataspace, PD_READ | PD_WRITE, &address);
    if (status != OK) {
        dataspace_free(dataspace);
        return status;
    }
    *out = (struct memory){dataspace, address, page_round_up(size)};
    return OK;
}

enum status device_dma_alloc(struct device *device, uint64_t size, struct device_memory *out)
{
    struct device_memory fresh;
    uint64_t contiguous;
    enum status status = memory_make(size, &fresh.memory);

    if (status != OK)
        return status;
    status = device_dma_map(device, fresh.memory.dataspace, 0, fresh.memory.size, true, &fresh.mapping);
    if (status != OK)
        goto free_memory;
    fresh.bus = device_dma_address(&fresh.mapping, 0, &contiguous);
    if (contiguous == fresh.memory.size) {
        *out = fresh;
        return OK;
    }
    status = ERR_INVALID; /* the server's runs are in several pieces, though the memory is not */
    device_dma_unmap(device, &fresh.mapping);
free_memory:
    memory_free(&fresh.memory);
    return status;
}

void device_dma_free(struct device *device, struct device_memory *memory)
{
    device_dma_unmap(device, &memory->mapping);
    memory_free(&memory->memory);
    *memory = (struct device_memory){0};
}
