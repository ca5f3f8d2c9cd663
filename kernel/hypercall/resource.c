/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls on accounts, spaces and the machine.
 */
#include "kernel/hypercall/hypercall.h"
#include "kernel/iommu/iommu.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/object/space.h"

#define SPACE_ENTRIES_MAX (MESSAGE_WORDS * 8 / sizeof(struct space_entry))

enum status hypercall_pd_give_frames(struct ec *caller)
{
    uint64_t physical = argument(caller, 1);
    uint64_t count = argument(caller, 2);
    struct machine *machine;
    struct pd *pd;
    enum status status = argument_object(caller, 0, OBJECT_PD, RIGHT_PD_ACCOUNT, &pd);

    if (status == OK)
        status = argument_object(caller, 3, OBJECT_MACHINE, 0, &machine);
    if (status != OK)
        return status;
    if (physical & (FRAME_SIZE - 1) || count > MESSAGE_WORDS)
        return ERR_INVALID;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t frame = (physical >> FRAME_SHIFT) + i;

        if (frame >= frame_count || frame_kind[frame] != FRAME_USER)
            return ERR_RANGE;
    }
    for (uint64_t i = 0; i < count; i++)
        account_give(pd, physical + i * FRAME_SIZE);
    return OK;
}

enum status hypercall_pd_take_frames(struct ec *caller)
{
    uint64_t most = argument(caller, 1);
    uint64_t count = 0;
    struct pd *pd;
    enum status status = argument_object(caller, 0, OBJECT_PD, RIGHT_PD_ACCOUNT, &pd);

    if (status != OK)
        return status;
    if (most > MESSAGE_WORDS)
        return ERR_INVALID;
    while (count < most && account_take(pd, &caller->area->words[count]))
        count++;
    caller->regs.rdi = count;
    return OK;
}

enum status hypercall_pd_info(struct ec *caller)
{
    struct pd *pd;
    enum status status = argument_object(caller, 0, OBJECT_PD, RIGHT_PD_ACCOUNT, &pd);

    if (status != OK)
        return status;
    caller->regs.rdi = pd->frames_owned;
    caller->regs.rsi = pd->frames_used;
    caller->regs.rdx = pd->objects_live;
    return OK;
}

static enum status update_one(struct object *space, const struct space_entry *entry, uint32_t *done)
{
    if (space->type == OBJECT_HOST_SPACE)
        return host_space_update((struct host_space *)space, entry, done);
    if (space->type == OBJECT_DMA_SPACE)
        return dma_space_update((struct dma_space *)space, entry, done);
    return guest_space_update((struct guest_space *)space, entry, done);
}

/* Pages after which a call stops between two entries; one entry stops by itself (kernel/mem/space.c). */
#define SPACE_PAGES_MAX 4096u

static uint64_t entry_work(const struct space_entry *entry)
{
    return entry->flags & SPACE_LARGE ? entry->pages * 32ull : entry->pages;
}

/* Entries are done in order; an error leaves the entry that failed partly done: r0 counts those before it, r1 the pages
   that are done of it. */
enum status hypercall_space_update(struct ec *caller)
{
    uint64_t count = argument(caller, 1);
    struct object *space;
    enum status status = argument_object(caller, 0, OBJECT_HOST_SPACE, RIGHT_SPACE_UPDATE, &space);

    if (status == ERR_CAP)
        status = argument_object(caller, 0, OBJECT_GUEST_SPACE, RIGHT_SPACE_UPDATE, &space);
    if (status == ERR_CAP)
        status = argument_object(caller, 0, OBJECT_DMA_SPACE, RIGHT_SPACE_UPDATE, &space);
    if (status != OK)
        return status;
    if (count > SPACE_ENTRIES_MAX)
        return ERR_INVALID;
    caller->regs.rdi = 0;
    for (uint64_t i = 0, work = 0; i < count; i++) {
        struct space_entry entry = ((struct space_entry *)caller->area->words)[i];
        uint32_t done = 0;

        status = work < SPACE_PAGES_MAX ? update_one(space, &entry, &done) : ERR_AGAIN;
        work += entry_work(&entry);
        if (status != OK) {
            caller->regs.rsi = done;
            return status;
        }
        caller->regs.rdi++;
    }
    return OK;
}

enum status hypercall_port_update(struct ec *caller)
{
    struct port_space *space;
    enum status status = argument_object(caller, 0, OBJECT_PORT_SPACE, RIGHT_SPACE_UPDATE, &space);

    if (status != OK)
        return status;
    if (argument(caller, 3) > 1)
        return ERR_INVALID;
    return port_space_update(space, argument(caller, 1), argument(caller, 2), argument(caller, 3));
}

enum status hypercall_interrupt_ack(struct ec *caller)
{
    struct interrupt *interrupt;
    enum status status = argument_object(caller, 0, OBJECT_INTERRUPT, RIGHT_INTERRUPT_ACK, &interrupt);

    if (status != OK)
        return status;
    interrupt_ack(interrupt);
    return OK;
}

enum status hypercall_machine_control(struct ec *caller)
{
    struct machine *machine;
    enum status status = argument_object(caller, 0, OBJECT_MACHINE, RIGHT_ALL, &machine);

    if (status != OK)
        return status;
    switch (argument(caller, 1)) {
    case MACHINE_CONSOLE_WRITE: arch_console_write((char)argument(caller, 2)); return OK;
    case MACHINE_RESET: arch_machine_reset();
    case MACHINE_EXIT: arch_machine_exit(argument(caller, 2));
    case MACHINE_CONSOLE_OFF: arch_console_off(); return OK;
    default: return ERR_INVALID;
    }
}

static enum status iommu_attach_call(struct ec *caller, struct iommu *iommu)
{
    struct dma_space *space;
    enum status status = argument_object(caller, 3, OBJECT_DMA_SPACE, RIGHT_SPACE_UPDATE, &space);

    return status == OK ? iommu_attach(iommu, (uint16_t)argument(caller, 2), space) : status;
}

enum status hypercall_iommu_control(struct ec *caller)
{
    uint64_t operation = argument(caller, 1), device = argument(caller, 2);
    struct iommu *iommu;
    enum status status = argument_object(caller, 0, OBJECT_IOMMU, RIGHT_IOMMU_CONTROL, &iommu);

    if (status != OK)
        return status;
    if (operation <= IOMMU_DETACH && device > UINT16_MAX)
        return ERR_RANGE;
    switch (operation) {
    case IOMMU_ATTACH: return iommu_attach_call(caller, iommu);
    case IOMMU_DETACH: iommu_detach(iommu, (uint16_t)device); return OK;
    case IOMMU_FAULT: return iommu_fault(iommu, &caller->regs.rdi, &caller->regs.rsi);
    case IOMMU_REMAP: return iommu_remap(iommu, (uint32_t)device);
    default: return ERR_INVALID;
    }
}
