/* SPDX-License-Identifier: MIT */
/* How kernel/iommu reaches a unit: its registers, and memory for those who do not see the processor's caches. */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/mem/memory.h"

#define CACHE_LINE 64u

static bool is_device(uint64_t physical)
{
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *memory = &boot_info.memory[i];

        if (memory->type != BOOT_MEMORY_RESERVED && physical - memory->base < memory->size)
            return false;
    }
    return physical < 1ull << 46;
}

volatile void *arch_iommu_map(uint64_t physical, enum status *status)
{
    volatile void *registers = is_device(physical) ? device_map_unit(physical) : NULL;

    *status = is_device(physical) ? ERR_EXISTS : ERR_RANGE;
    return registers;
}

void arch_iommu_unmap(volatile void *registers)
{
    device_unmap_unit(registers);
}

uint32_t arch_iommu_read32(const volatile void *registers, unsigned offset)
{
    return *(const volatile uint32_t *)((const volatile char *)registers + offset);
}

uint64_t arch_iommu_read64(const volatile void *registers, unsigned offset)
{
    return *(const volatile uint64_t *)((const volatile char *)registers + offset);
}

void arch_iommu_write32(volatile void *registers, unsigned offset, uint32_t value)
{
    *(volatile uint32_t *)((volatile char *)registers + offset) = value;
}

void arch_iommu_write64(volatile void *registers, unsigned offset, uint64_t value)
{
    *(volatile uint64_t *)((volatile char *)registers + offset) = value;
}

/* The unit is told by a write to uncached memory, which waits for these (SDM vol. 3, 12.3: CLFLUSH is ordered with writes). */
void arch_cache_write_back(const void *start, uint64_t size)
{
    uint64_t end = (uint64_t)start + size;

    for (uint64_t line = (uint64_t)start & -(uint64_t)CACHE_LINE; line < end; line += CACHE_LINE)
        clflush(line);
    asm volatile("mfence" : : : "memory");
}
