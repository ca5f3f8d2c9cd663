/* SPDX-License-Identifier: MIT */
/*
 * The kernel's half of every address space. It is complete before the first address space exists and its topmost
 * level never changes, so address spaces copy that (kernel_map_share).
 *
 *     PHYSMAP_BASE     all RAM, not executable; read-only where the image's code and constants lie
 *     KERNEL_BASE      the image: code RX, constants R, data RW; stack guard pages left out
 *     DEVICE_WINDOW    pages of device registers, uncached
 *     STACK_WINDOW     stacks of the further CPUs, guard pages left out
 */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/stack.h"
#include "kernel/mem/memory.h"

#define ENTRY_PRESENT  (1ull << 0)
#define ENTRY_WRITE    (1ull << 1)
#define ENTRY_UNCACHED (3ull << 3) /* PAT index 3 */
#define ENTRY_LARGE    (1ull << 7)
#define ENTRY_GLOBAL   (1ull << 8)
#define ENTRY_NX       (1ull << 63)
#define ENTRY_ADDRESS  0x000ffffffffff000ull

#define SIZE_2M 0x200000ull

#define DEVICE_UNITS 16u

extern char image_text[], image_rodata[], image_data[], image_end[];

static uint64_t *root_table;
static uint64_t physmap_end; /* physical */
static uint64_t device_next = DEVICE_WINDOW;
static bool has_1g_pages;

/* The entry for `virtual` in the table at `level` (0: 4 KiB pages), tables made as needed. */
static uint64_t *entry_find(uint64_t virtual, unsigned level)
{
    uint64_t *table = root_table;

    for (unsigned l = 3;; l--) {
        uint64_t *entry = &table[virtual >> (12 + 9 * l) & 511];

        if (l == level)
            return entry;
        if (!*entry)
            *entry = virt_to_phys(boot_alloc(1, BOOT_MEMORY_KERNEL)) | ENTRY_PRESENT | ENTRY_WRITE;
        table = phys_to_virt(*entry & ENTRY_ADDRESS);
    }
}

/* Maps with the largest pages that fit. */
static void map_range(uint64_t virtual, uint64_t physical, uint64_t end, unsigned flags)
{
    uint64_t rights = ENTRY_PRESENT | ENTRY_GLOBAL;

    rights |= flags & MAP_WRITE ? ENTRY_WRITE : 0;
    rights |= flags & MAP_EXECUTE ? 0 : ENTRY_NX;
    rights |= flags & MAP_UNCACHED ? ENTRY_UNCACHED : 0;
    while (physical < end) {
        unsigned level = has_1g_pages ? 2 : 1;
        uint64_t size;

        for (;; level--) {
            size = FRAME_SIZE << 9 * level;
            if (!level || (!((virtual | physical) & (size - 1)) && end - physical >= size))
                break;
        }
        *entry_find(virtual, level) = physical | rights | (level ? ENTRY_LARGE : 0);
        virtual += size;
        physical += size;
    }
}

static uint64_t image_physical(const char *symbol)
{
    return (uint64_t)symbol - KERNEL_BASE;
}

static void image_map(void)
{
    uint64_t text = image_physical(image_text), rodata = image_physical(image_rodata);
    uint64_t data = image_physical(image_data), end = image_physical(image_end);

    map_range(KERNEL_BASE + text, text, rodata, MAP_EXECUTE);
    map_range(KERNEL_BASE + rodata, rodata, data, 0);
    map_range(KERNEL_BASE + data, data, end, MAP_WRITE);
    *entry_find((uint64_t)boot_stacks.guard, 0) = 0;
    for (unsigned i = 0; i < CPU_IST_STACKS; i++)
        *entry_find((uint64_t)boot_stacks.ist[i].guard, 0) = 0;
}

static void physmap_map(uint64_t top)
{
    uint64_t text = image_physical(image_text), data = image_physical(image_data);

    physmap_end = (top + SIZE_2M - 1) & -SIZE_2M;
    map_range(PHYSMAP_BASE, 0, text, MAP_WRITE);
    map_range(PHYSMAP_BASE + text, text, data, 0);
    map_range(PHYSMAP_BASE + data, data, physmap_end, MAP_WRITE);
}

void kernel_map_init(const struct memory_map *map)
{
    uint64_t top = 0;

    for (uint32_t i = 0; i < map->count; i++)
        if (map->range[i].type != BOOT_MEMORY_RESERVED)
            top = map->range[i].base + map->range[i].size;
    has_1g_pages = cpuid(0x80000001, 0).edx & 1u << 26;
    root_table = boot_alloc(1, BOOT_MEMORY_KERNEL);
    physmap_map(top);
    image_map();
    entry_find(DEVICE_WINDOW, 0);
    cr3_write(virt_to_phys(root_table));
}

volatile uint32_t *device_map(uint64_t physical)
{
    uint64_t virtual = device_next;

    device_next += FRAME_SIZE;
    map_range(virtual, physical & -FRAME_SIZE, (physical & -FRAME_SIZE) + FRAME_SIZE,
              MAP_WRITE | MAP_UNCACHED);
    return (volatile uint32_t *)(virtual + physical % FRAME_SIZE);
}

/* At the end of the first table of the window; not global, so that a stopped CPU forgets them (arch_cpu_quiesce). */
volatile void *device_map_unit(uint64_t physical)
{
    for (unsigned i = 0; i < DEVICE_UNITS; i++) {
        uint64_t virtual = DEVICE_WINDOW + SIZE_2M - (i + 1) * FRAME_SIZE;
        uint64_t *entry = entry_find(virtual, 0);

        if (*entry)
            continue;
        *entry = physical | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_UNCACHED | ENTRY_NX;
        return (volatile void *)virtual;
    }
    return NULL;
}

void device_unmap_unit(volatile void *registers)
{
    *entry_find((uint64_t)registers, 0) = 0;
    invlpg((uint64_t)registers);
}

/* Fresh pages behind a guard page. */
static void stack_map(const uint8_t *stack, uint64_t size)
{
    uint64_t physical = virt_to_phys(boot_alloc(size / FRAME_SIZE, BOOT_MEMORY_KERNEL));

    map_range((uint64_t)stack, physical, physical + size, MAP_WRITE);
}

struct cpu_stacks *kernel_map_stacks(unsigned place)
{
    struct cpu_stacks *stacks = (struct cpu_stacks *)STACK_WINDOW + place;

    stack_map(stacks->main, sizeof(stacks->main));
    for (unsigned i = 0; i < CPU_IST_STACKS; i++)
        stack_map(stacks->ist[i].stack, sizeof(stacks->ist[i].stack));
    return stacks;
}

void physmap_cover(uint64_t physical, uint64_t size)
{
    for (uint64_t page = physical & -SIZE_2M; page < physical + size; page += SIZE_2M)
        if (page >= physmap_end && !(*entry_find(PHYSMAP_BASE + page, 1) & ENTRY_PRESENT))
            map_range(PHYSMAP_BASE + page, page, page + SIZE_2M, 0);
}

uint64_t kernel_page_table(void)
{
    return virt_to_phys(root_table);
}

void kernel_map_share(uint64_t *root)
{
    memcpy(root + 256, root_table + 256, 256 * sizeof(*root));
}
