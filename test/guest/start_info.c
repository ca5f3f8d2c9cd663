/* SPDX-License-Identifier: MIT */
/*
 * The PVH start information (struct hvm_start_info of Xen's start_info.h, versions 0 and 1). It lies wherever the
 * loader put it, so it is copied before the cases use memory of their own choice.
 */
#include "test/guest/guest.h"

extern uint64_t start_info_address;
struct start_info_copy start_info;

struct start_info_wire {
    uint32_t magic, version, flags, module_count;
    uint64_t module_list, command_line, rsdp;
    uint64_t memory_map; /* from here on: version 1 */
    uint32_t memory_map_entries, reserved;
};
_Static_assert(sizeof(struct start_info_wire) == 56, "layout is fixed by PVH");
_Static_assert(sizeof(struct memory_range) == 24, "layout is fixed by PVH");

void start_info_read(void)
{
    const struct start_info_wire *wire = (const void *)start_info_address;
    start_info.magic = wire->magic;
    start_info.version = wire->version;
    start_info.flags = wire->flags;
    start_info.modules = wire->module_count;
    start_info.rsdp = wire->rsdp;
    if (wire->command_line) {
        const char *text = (const char *)wire->command_line;
        for (size_t i = 0; i < sizeof(start_info.command_line) - 1 && text[i]; i++)
            start_info.command_line[i] = text[i];
    }
    if (wire->version < 1)
        return;
    const struct memory_range *ranges = (const void *)wire->memory_map;
    start_info.range_count = wire->memory_map_entries < 32 ? wire->memory_map_entries : 32;
    memcpy(start_info.ranges, ranges, start_info.range_count * sizeof(*ranges));
}

/* Value of "name=value" on the command line: points behind the equals sign, ends at a blank. */
const char *command_line_value_opt(const char *name)
{
    const char *p = start_info.command_line;
    while (*p) {
        while (*p == ' ')
            p++;
        const char *q = p;
        for (const char *n = name; *n && *q == *n; n++)
            q++;
        if (text_starts_with(p, name) && *q == '=')
            return q + 1;
        while (*p && *p != ' ')
            p++;
    }
    return NULL;
}

bool memory_is_ram(uint64_t base, uint64_t size)
{
    for (uint32_t i = 0; i < start_info.range_count; i++) {
        const struct memory_range *range = &start_info.ranges[i];
        if (range->type == 1 && base >= range->base && size <= range->size &&
            base - range->base <= range->size - size)
            return true;
    }
    return false;
}
