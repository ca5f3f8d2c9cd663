/* SPDX-License-Identifier: MIT */
/*
 * Boot loader's information, multiboot specification 2.0, section 3.6: a list of tags, each on an 8-byte boundary. On
 * machines with UEFI the ACPI root pointer is nowhere but here, and in memory that is free: it is copied.
 */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/multiboot.h"
#include "kernel/arch/x86_64/speculation.h"
#include "kernel/mem/memory.h"

enum tag_type {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_MODULE = 3,
    TAG_MAP = 6,
    TAG_RSDP_OLD = 14,
    TAG_RSDP_NEW = 15
};

struct tag {
    uint32_t type, size; /* of everything, without padding */
};

struct tag_module {
    struct tag tag;
    uint32_t start, end;
    char string[];
};

struct tag_map {
    struct tag tag;
    uint32_t entry_size, entry_version;
};

struct map_entry {
    uint64_t base, length;
    uint32_t type, reserved;
};

#define RSDP_MAX 36u

static uint8_t rsdp[RSDP_MAX];

/* The tag behind `previous`, or the first one for NULL; NULL after the last. Its address counts in the loader's memory. */
static const struct tag *tag_next(uint64_t information, const struct tag *previous_opt)
{
    const uint8_t *start = phys_to_virt(information);
    const struct tag *tag = (const void *)(start + 8);

    if (previous_opt)
        tag = (const void *)((const uint8_t *)previous_opt + ((previous_opt->size + 7) & ~7u));
    if ((const uint8_t *)(tag + 1) > start + *(const uint32_t *)start || tag->type == TAG_END ||
        tag->size < sizeof(*tag))
        return NULL;
    return tag;
}

static bool map_tag_read(const struct tag_map *tag, bool free, struct memory_map *map)
{
    bool good = true;

    if (tag->entry_size < sizeof(struct map_entry))
        panic("the boot loader's memory map has entries of %u bytes", tag->entry_size);
    for (uint32_t at = sizeof(*tag); at + tag->entry_size <= tag->tag.size; at += tag->entry_size) {
        const struct map_entry *entry = (const void *)((const uint8_t *)tag + at);

        if (free == (entry->type == MULTIBOOT_MAP_FREE))
            good &= memory_map_set(map, entry->base, entry->length,
                                   free ? BOOT_MEMORY_FREE : BOOT_MEMORY_RESERVED);
    }
    return good;
}

/* The newer pointer wins; the older one has 20 bytes. */
static void rsdp_tag_read(const struct tag *tag)
{
    uint32_t size = tag->size - sizeof(*tag);

    if (boot_info.acpi_rsdp && tag->type == TAG_RSDP_OLD)
        return;
    memset(rsdp, 0, sizeof(rsdp));
    memcpy(rsdp, tag + 1, size < RSDP_MAX ? size : RSDP_MAX);
    boot_info.acpi_rsdp = (uint64_t)rsdp - KERNEL_BASE;
}

/* What is reserved wins over what is free, as in multiboot.c. */
bool multiboot2_map_read(uint64_t information, struct memory_map *map)
{
    const struct tag *tag = NULL, *found = NULL;

    while ((tag = tag_next(information, tag))) {
        if (tag->type == TAG_MAP)
            found = tag;
        if (tag->type == TAG_COMMAND_LINE)
            speculation_command_line((const char *)(tag + 1));
        if (tag->type == TAG_RSDP_OLD || tag->type == TAG_RSDP_NEW)
            rsdp_tag_read(tag);
    }
    if (!found)
        panic("the boot loader gives no memory map");
    return map_tag_read((const void *)found, true, map) && map_tag_read((const void *)found, false, map);
}

bool multiboot2_modules_read(uint64_t information, struct memory_map *map)
{
    const struct tag *tag = NULL;
    bool good = true;

    while ((tag = tag_next(information, tag))) {
        const struct tag_module *module = (const void *)tag;

        if (tag->type == TAG_MODULE)
            good &= multiboot_module_add(module->start, module->end, module->string, map);
    }
    return good;
}
