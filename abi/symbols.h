/* SPDX-License-Identifier: MIT */
/*
 * The symbol table inside a linked image, for stack traces: the kernel's panic and a component's crash report.
 *
 * The build links an image twice. After the first link, tool/symbols writes the functions' addresses and names into a
 * section `.symbols`, which the second link adds behind the code, so no address in the code changes. Layout:
 *
 *     symbol_table_begin: struct symbol_entry, ascending addresses; the last one has an empty name and ends the code
 *     symbol_table_end:   zero-terminated names, which name_offset counts from here
 *
 * Both symbols are weak: an image without a table has no names, which symbol_find tells by NULL.
 */
#ifndef ABI_SYMBOLS_H
#define ABI_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct symbol_entry {
    uint64_t address;
    uint64_t name_offset;
};
_Static_assert(sizeof(struct symbol_entry) == 16, "read by tool/symbols");

extern const struct symbol_entry symbol_table_begin[] __attribute__((weak));
extern const struct symbol_entry symbol_table_end[] __attribute__((weak));

/* The function that `address` lies in and the offset inside it; NULL if no function is known there. */
static inline const char *symbol_find(uint64_t address, uint64_t *offset)
{
    size_t bytes = (uintptr_t)symbol_table_end - (uintptr_t)symbol_table_begin;
    size_t low = 0, high = bytes / sizeof(struct symbol_entry);

    /* Every entry before `low` is at or below the address, every one from `high` on is above it. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (symbol_table_begin[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const struct symbol_entry *entry = &symbol_table_begin[low - 1];
    const char *name = (const char *)symbol_table_end + entry->name_offset;

    if (!*name)
        return NULL;
    *offset = address - entry->address;
    return name;
}

#endif
