/* SPDX-License-Identifier: MIT */
#include "driver/block/ahci/controller.h"

#include "lib/base/heap.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"

uint32_t controller_read(void *context, uint32_t offset)
{
    const struct controller *controller = context;

    return *(volatile uint32_t *)(controller->registers + offset);
}

void controller_write(void *context, uint32_t offset, uint32_t value)
{
    const struct controller *controller = context;

    *(volatile uint32_t *)(controller->registers + offset) = value;
}

uint64_t controller_now(void *context)
{
    (void)context;
    return time_to_ns(time_now());
}

void controller_pause(void *context, uint64_t ns)
{
    uint64_t bits, end = time_after_ns(ns);

    (void)context;
    while (time_now() < end)
        (void)notification_wait(thread_self()->notification, end, &bits);
}

enum status controller_open(struct controller *controller, unsigned index)
{
    volatile void *registers;
    char args[32];

    fmt_format(args, sizeof(args), "index=%u", index);
    enum status status = device_open(&controller->device, CONTROLLER_LABEL, args);
    if (status != OK)
        return status;
    status = device_bar(&controller->device, AHCI_BAR, &registers, &controller->hba.size);
    if (status != OK) {
        log_error("the function has no AHCI registers (BAR %u): %s", AHCI_BAR, status_text(status));
        return status;
    }
    controller->registers = registers;
    controller->hba.read = controller_read;
    controller->hba.write = controller_write;
    controller->hba.pause = controller_pause;
    controller->hba.context = controller;
    status = ahci_hba_start(&controller->hba);
    if (status != OK)
        log_error("%s",
                  status == ERR_TIMEOUT ? "the HBA does not come out of its reset" : "the HBA has no ports");
    return status;
}

/* ---- memory ---- */

static enum status memory_alloc_reachable(struct controller *controller, uint64_t size, void **address,
                                          uint64_t *bus)
{
    struct device_memory memory;
    enum status status = device_dma_alloc(&controller->device, size, &memory);

    if (status != OK)
        return status;
    if (!ahci_hba_reaches(&controller->hba, memory.bus, size)) {
        log_error("the HBA reaches only the first 4 GiB, and got memory at 0x%llx",
                  (unsigned long long)memory.bus);
        device_dma_free(&controller->device, &memory);
        return ERR_UNSUPPORTED;
    }
    *address = memory.memory.address; /* stays for the component's life */
    *bus = memory.bus;
    return OK;
}

enum status controller_memory(struct controller *controller)
{
    void *address;
    struct ahci_memory *memory = &controller->memory;
    enum status status =
        memory_alloc_reachable(controller, sizeof(*memory->page), &address, &memory->page_bus);

    if (status == OK)
        memory->page = address;
    for (unsigned i = 0; i < controller->hba.slots && status == OK; i++) {
        status =
            memory_alloc_reachable(controller, sizeof(struct ahci_table), &address, &memory->slots[i].bus);
        if (status == OK)
            memory->slots[i].table = address;
    }
    if (status == OK)
        status = device_bus_master(&controller->device, true);
    if (status != OK)
        log_error("no memory for the HBA: %s", status_text(status));
    return status;
}

static bool mapping_reachable(const struct controller *controller, const struct device_mapping *mapping)
{
    uint64_t length;

    for (uint64_t offset = 0; offset < mapping->size; offset += length) {
        uint64_t address = device_dma_address(mapping, offset, &length);
        if (!ahci_hba_reaches(&controller->hba, address, length))
            return false;
    }
    return true;
}

enum status controller_region_map(struct controller *controller, uint32_t dataspace, uint64_t offset,
                                  struct block_region *region)
{
    struct device_mapping *mapping = heap_alloc(sizeof(*mapping));
    enum status status;

    if (!mapping)
        return ERR_NO_RAM;
    status = device_dma_map(&controller->device, dataspace, offset, region->size, region->write, mapping);
    if (status == OK && !mapping_reachable(controller, mapping)) {
        device_dma_unmap(&controller->device, mapping);
        status = ERR_UNSUPPORTED;
    }
    if (status != OK) {
        heap_free(mapping);
        return status;
    }
    region->mapping_opt = mapping;
    return OK;
}

void controller_region_unmap(struct controller *controller, struct block_region *region)
{
    device_dma_unmap(&controller->device, region->mapping_opt);
    heap_free(region->mapping_opt);
    region->mapping_opt = NULL;
}

enum status controller_interrupt(struct controller *controller, uint32_t notification)
{
    enum status status =
        device_interrupt(&controller->device, 0, notification, &controller->interrupt, &controller->level);

    if (status == OK)
        status = interrupt_ack(controller->interrupt);
    if (status != OK)
        log_error("no interrupt: %s", status_text(status));
    return status;
}
