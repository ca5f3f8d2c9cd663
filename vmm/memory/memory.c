/* SPDX-License-Identifier: MIT */
/* See memory.h. */
#include "vmm/memory/memory.h"

#include "contract/vm/client.h"
#include "lib/base/memory.h"

static enum status guest_map(uint32_t vm_session, uint32_t dataspace, uint64_t offset, uint64_t size,
                             uint64_t guest_physical)
{
    struct vm_attach attach = {
        .offset = offset,
        .size = size,
        .guest_physical = guest_physical,
        .rights = PD_READ | PD_WRITE | PD_EXECUTE,
    };

    return size ? vm_attach(vm_session, dataspace, &attach) : OK;
}

enum status guest_memory_create(uint32_t vm_session, uint64_t size, struct guest_ram *out,
                                uint32_t *dataspace_out)
{
    uint64_t low = size < GUEST_RAM_LOW_LIMIT ? size : GUEST_RAM_LOW_LIMIT;
    uint32_t dataspace;
    void *base;
    enum status status = dataspace_alloc(size, PD_DATASPACE_LARGE, &dataspace);

    if (status != OK)
        return status;
    status = memory_attach(dataspace, PD_READ | PD_WRITE, &base);
    if (status == OK)
        status = guest_map(vm_session, dataspace, 0, low, 0);
    if (status == OK)
        status = guest_map(vm_session, dataspace, low, size - low, GUEST_RAM_HIGH_BASE);
    if (status != OK)
        return status; /* the monitor ends: its memory goes back with it */
    *out = (struct guest_ram){
        .low = base,
        .low_size = low,
        .high = size > low ? (uint8_t *)base + low : NULL,
        .high_size = size - low,
    };
    *dataspace_out = dataspace;
    return OK;
}
