/* SPDX-License-Identifier: MIT */
/*
 * IOMMUs: kernel objects on core's own account, made when the platform driver says where one is, for ever. What they cost
 * is bounded by the machine: a table for each bus that has a device in a space, three frames, two capabilities.
 */
#include "core/assert.h"
#include "core/dma.h"

#define UNITS_MOST 8u

static struct dma_iommu units[UNITS_MOST];
static unsigned unit_count;
static uint32_t fault_notification; /* CAP_NONE: nobody wants to know */

bool dma_unit_in(uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < unit_count; i++)
        if (units[i].registers < end && start < units[i].registers + FRAME_SIZE)
            return true;
    return false;
}

struct dma_iommu *dma_unit_find(uint64_t registers)
{
    for (unsigned i = 0; i < unit_count; i++)
        if (units[i].registers == registers)
            return &units[i];
    return NULL;
}

struct dma_iommu *dma_unit_first(void)
{
    return unit_count ? &units[0] : NULL;
}

static void fault_forget(struct dma_iommu *unit)
{
    if (unit->fault_interrupt == CAP_NONE)
        return;
    enum status status = kernel_destroy(unit->fault_interrupt);

    ASSERT(status == OK);
    slot_give(&core.root, unit->fault_interrupt);
    unit->fault_interrupt = CAP_NONE;
}

/* The unit's fault events signal the notification from now on. */
static enum status fault_bind(struct dma_iommu *unit)
{
    uint32_t slot;
    enum status status = slot_take(&core.root, &slot);

    if (status != OK)
        return status;
    status = WITH_KMEM(&core.kmem, kernel_create_interrupt(ROOT_SLOT_PD, slot, unit->slot, 0, INTERRUPT_FAULT,
                                                           fault_notification));
    if (status != OK) {
        slot_give(&core.root, slot);
        return status;
    }
    unit->fault_interrupt = slot;
    return kernel_interrupt_ack(slot);
}

static enum status make(struct dma_iommu *unit)
{
    uint64_t features = 0;
    enum status status = slot_take(&core.root, &unit->slot);

    if (status != OK)
        return status;
    status = WITH_KMEM(&core.kmem, kernel_create_iommu(ROOT_SLOT_PD, unit->slot, ROOT_SLOT_MACHINE,
                                                       unit->registers, &features));
    if (status != OK) {
        slot_give(&core.root, unit->slot);
        return status;
    }
    unit->large_pages = features & IOMMU_LARGE_PAGES;
    core_print("DMA: IOMMU at 0x%llx confines the devices behind it%s", (unsigned long long)unit->registers,
               features & IOMMU_REMAPPING ? ", and can remap their interrupts" : "");
    return OK;
}

enum status dma_unit_add(void *session, const struct dma_unit *in)
{
    uint64_t end = in->registers + FRAME_SIZE;

    (void)session;
    if (dma_unit_find(in->registers))
        return ERR_EXISTS;
    if (unit_count == UNITS_MOST)
        return ERR_OVERFLOW;
    if (io_mem_is_taken(in->registers, end))
        return ERR_BUSY;
    struct dma_iommu *unit = &units[unit_count];

    *unit = (struct dma_iommu){.registers = in->registers, .segment = (uint16_t)in->segment};
    enum status status = make(unit);

    if (status != OK)
        return status;
    unit_count++;
    return fault_notification == CAP_NONE ? OK : fault_bind(unit);
}

enum status dma_unit_interrupts(void *session, const struct dma_interrupts *in)
{
    struct dma_iommu *unit = dma_unit_find(in->unit);
    uint64_t argument = in->has_ioapic ? IOMMU_REMAP_IOAPIC | (uint32_t)in->ioapic << 16 | in->source : 0;

    (void)session;
    return unit ? kernel_iommu_control(unit->slot, IOMMU_REMAP, argument, CAP_NONE) : ERR_NOT_FOUND;
}

enum status dma_fault_read(void *session, struct dma_fault *out)
{
    uint64_t address, info;

    (void)session;
    for (unsigned i = 0; i < unit_count; i++) {
        if (kernel_iommu_fault(units[i].slot, &address, &info) != OK)
            continue;
        *out = (struct dma_fault){
            .address = address,
            .segment = units[i].segment,
            .device = (uint16_t)info,
            .reason = (uint8_t)(info >> 16),
            .write = info & IOMMU_FAULT_WRITE ? 1 : 0,
            .lost = info & IOMMU_FAULT_LOST ? 1 : 0,
        };
        return OK;
    }
    return ERR_NOT_FOUND;
}

enum status dma_fault_notify(void *session, uint32_t notification)
{
    enum status status =
        slot_replace(&core.root, notification, RIGHT_NOTIFICATION_SIGNAL, &fault_notification);

    (void)session;
    for (unsigned i = 0; i < unit_count && status == OK; i++) {
        fault_forget(&units[i]);
        status = fault_bind(&units[i]);
    }
    return status;
}
