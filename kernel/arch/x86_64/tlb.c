/* SPDX-License-Identifier: MIT */
/*
 * Translations of host spaces: without PCIDs the processor holds those of the loaded space only, so any other is clean
 * when it is loaded next. The kernel's own are global and never change.
 */
#include "kernel/arch/space_flush.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/cpu.h"
#include "kernel/mem/memory.h"
#include "kernel/object/space.h"

/* Beyond this, reloading CR3 costs less. */
#define INVLPG_PAGES 32u

void arch_host_space_flush(struct host_space *space, uint64_t start, uint64_t end)
{
    if (cpu_self()->arch.cr3 != space->table.root)
        return;
    if (end - start > INVLPG_PAGES * FRAME_SIZE) {
        cr3_write(cr3_read());
        return;
    }
    for (uint64_t address = start; address < end; address += FRAME_SIZE)
        invlpg(address);
}

void arch_kernel_share(uint64_t *root)
{
    kernel_map_share(root);
}
