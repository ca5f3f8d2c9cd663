/* SPDX-License-Identifier: MIT */
/*
 * Boot loader's information, multiboot specification 0.6.96, section 3.3. Copied before anything is allocated, since
 * it may lie anywhere in memory that the map calls free. A module's name is the last word of its string, without folders.
 * Loaders of the second version, which come by UEFI as well, tell the same in another form: multiboot2.c.
 */
#include "kernel/arch/x86_64/multiboot.h"
#include "kernel/arch/x86_64/speculation.h"
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/mem/memory.h"

#define MULTIBOOT_LOADER_MAGIC 0x2badb002u
#define MULTIBOOT_COMMAND_LINE (1u << 2)
#define MULTIBOOT_MODULES      (1u << 3)
#define MULTIBOOT_MAP          (1u << 6)

/* Below this are the BIOS data area and room for the code that starts further processors. */
#define LOW_MEMORY 0x10000u

/* What boot.S maps. */
#define BOOT_MAPPED_END (1ull << 32)

struct multiboot_information {
    uint32_t flags;
    uint32_t memory_lower, memory_upper;
    uint32_t boot_device;
    uint32_t command_line;
    uint32_t module_count, modules;
    uint32_t symbols[4];
    uint32_t map_size, map;
};

struct multiboot_module {
    uint32_t start, end, string, reserved;
};

struct __attribute__((packed)) multiboot_map_entry {
    uint32_t size; /* of what follows */
    uint64_t base, length;
    uint32_t type;
};

extern char image_start[], image_end[];

/* Two passes, since loaders list reserved ranges inside free ones: what is reserved wins. */
static bool map_read(const struct multiboot_information *info, bool free, struct memory_map *map)
{
    bool good = true;

    for (uint64_t offset = 0; offset + sizeof(struct multiboot_map_entry) <= info->map_size;) {
        const struct multiboot_map_entry *entry = phys_to_virt(info->map + offset);

        if (free == (entry->type == MULTIBOOT_MAP_FREE))
            good &= memory_map_set(map, entry->base, entry->length,
                                   free ? BOOT_MEMORY_FREE : BOOT_MEMORY_RESERVED);
        offset += entry->size + sizeof(entry->size);
    }
    return good;
}

static void module_name(const char *string, struct boot_module *module)
{
    const char *end = string, *begin;
    size_t length = 0;

    while (*end)
        end++;
    while (end > string && end[-1] == ' ')
        end--;
    for (begin = end; begin > string && begin[-1] != ' ' && begin[-1] != '/';)
        begin--;
    for (; begin < end; begin++) {
        if (length == sizeof(module->name) - 1)
            panic("the name of boot module %s is longer than %u characters", string, BOOT_MODULE_NAME - 1);
        module->name[length++] = *begin;
    }
}

/* Loaders put modules behind the kernel, and some do not look whether there is memory. */
static void module_check(const struct boot_module *module, const struct memory_map *map)
{
    for (uint32_t i = 0; i < map->count; i++) {
        const struct boot_memory *range = &map->range[i];

        if (range->type == BOOT_MEMORY_FREE && module->physical >= range->base &&
            module->physical + module->size <= range->base + range->size)
            return;
    }
    panic("not enough memory: boot module %s of %lu KiB lies at 0x%lx, where the machine has none",
          module->name, module->size / 1024, module->physical);
}

bool multiboot_module_add(uint64_t start, uint64_t end, const char *string, struct memory_map *map)
{
    struct boot_module *module = &boot_info.modules[boot_info.module_count];

    if (boot_info.module_count == BOOT_MODULES_MAX)
        panic("the boot information has room for %u boot modules only", BOOT_MODULES_MAX);
    if (start % FRAME_SIZE || end < start)
        panic("boot module %u is not page-aligned", boot_info.module_count);
    module->physical = start;
    module->size = end - start;
    module_name(string, module);
    if (module->size)
        module_check(module, map);
    boot_info.module_count++;
    return memory_map_set(map, module->physical, module->size, BOOT_MEMORY_MODULE);
}

static bool modules_read(const struct multiboot_information *info, struct memory_map *map)
{
    const struct multiboot_module *list = phys_to_virt(info->modules);
    uint32_t count = info->flags & MULTIBOOT_MODULES ? info->module_count : 0;
    bool good = true;

    for (uint32_t i = 0; i < count; i++)
        good &= multiboot_module_add(list[i].start, list[i].end, phys_to_virt(list[i].string), map);
    return good;
}

/* GRUB puts modules as low as it can, by UEFI even where further processors start. They go to the end of the largest range,
   which may overwrite what the loader told: by then it has been read. */
static bool modules_raise(struct memory_map *map)
{
    bool good = true;

    for (uint32_t i = 0; i < boot_info.module_count; i++) {
        struct boot_module *module = &boot_info.modules[i];
        uint64_t from = module->physical, size = (module->size + FRAME_SIZE - 1) & -FRAME_SIZE;
        const struct boot_memory *range = memory_map_largest(map, BOOT_MEMORY_FREE, BOOT_MAPPED_END);

        if (!size || from >= LOW_MEMORY)
            continue;
        if (!range || range->size < size)
            panic("not enough memory: boot module %s cannot be moved away from 0x%lx", module->name, from);
        module->physical = range->base + range->size - size;
        memcpy(phys_to_virt(module->physical), phys_to_virt(from), module->size);
        good &= memory_map_set(map, from, size, BOOT_MEMORY_FREE);
        good &= memory_map_set(map, module->physical, size, BOOT_MEMORY_MODULE);
    }
    return good;
}

void multiboot_read(uint32_t magic, uint64_t information, struct memory_map *map)
{
    const struct multiboot_information *info = phys_to_virt(information);
    bool second = magic == MULTIBOOT2_LOADER_MAGIC, good;

    if (magic != MULTIBOOT_LOADER_MAGIC && !second)
        panic("not started by a multiboot loader");
    if (!second && !(info->flags & MULTIBOOT_MAP))
        panic("the boot loader gives no memory map");
    if (!second && info->flags & MULTIBOOT_COMMAND_LINE)
        speculation_command_line(phys_to_virt(info->command_line));
    good = second ? multiboot2_map_read(information, map)
                  : map_read(info, true, map) && map_read(info, false, map);
    good &= memory_map_set(map, (uint64_t)image_start - KERNEL_BASE,
                           (uint64_t)image_end - (uint64_t)image_start, BOOT_MEMORY_KERNEL);
    good &= second ? multiboot2_modules_read(information, map) : modules_read(info, map);
    good &= modules_raise(map);
    good &= memory_map_set(map, 0, LOW_MEMORY, BOOT_MEMORY_KERNEL);
    if (!good)
        panic("more than %u memory ranges", BOOT_MEMORY_MAX);
}
