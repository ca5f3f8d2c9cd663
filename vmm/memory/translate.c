/* SPDX-License-Identifier: MIT */
/* See translate.h. */
#include "vmm/memory/translate.h"

#include "lib/string/string.h"

#define CR0_PG (1ull << 31)
#define CR4_PSE (1ull << 4)
#define CR4_PAE (1ull << 5)
#define EFER_LMA (1ull << 10)
#define ENTRY_PRESENT (1ull << 0)
#define ENTRY_LARGE (1ull << 7)
#define ADDRESS_MASK 0x000ffffffffff000ull
#define PAGE_MASK 0xfffull

/* Entry `index` of a table. A table outside RAM is as good as an absent one. */
static bool entry_read(const struct guest_ram *ram, uint64_t table, unsigned index, unsigned size, uint64_t *out)
{
    const void *entry = guest_ram_at(ram, table + index * size, size);

    if (!entry)
        return false;
    *out = size == 8 ? *(const volatile uint64_t *)entry : *(const volatile uint32_t *)entry;
    return *out & ENTRY_PRESENT;
}

/* Tables of 512 eight-byte entries from `level` (4: PML4) down to 1. */
static enum status walk_wide(const struct guest_ram *ram, uint64_t table, unsigned level, uint64_t linear,
                             uint64_t *physical)
{
    for (; level; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t entry;

        if (!entry_read(ram, table, linear >> shift & 511, 8, &entry))
            return ERR_NOT_FOUND;
        if (level == 1 || (level < 4 && entry & ENTRY_LARGE)) {
            uint64_t offset = (1ull << shift) - 1;

            *physical = (entry & ADDRESS_MASK & ~offset) | (linear & offset);
            return OK;
        }
        table = entry & ADDRESS_MASK;
    }
    return ERR_NOT_FOUND;
}

/* PAE: four 8-byte pointers at CR3 (bits 5 to 31), then two levels. */
static enum status walk_pae(const struct guest_ram *ram, uint64_t cr3, uint64_t linear, uint64_t *physical)
{
    uint64_t entry;

    if (!entry_read(ram, cr3 & 0xffffffe0, linear >> 30 & 3, 8, &entry))
        return ERR_NOT_FOUND;
    return walk_wide(ram, entry & ADDRESS_MASK, 2, linear, physical);
}

/* 32-bit paging with 4 MiB pages if CR4.PSE (PSE-36: bits 13 to 16 are address bits 32 to 35). */
static enum status walk_legacy(const struct guest_ram *ram, const struct translate_mode *mode, uint64_t linear,
                               uint64_t *physical)
{
    uint64_t entry;

    if (!entry_read(ram, mode->cr3 & 0xfffff000, linear >> 22 & 1023, 4, &entry))
        return ERR_NOT_FOUND;
    if (entry & ENTRY_LARGE && mode->cr4 & CR4_PSE) {
        *physical = (entry & 0xffc00000) | (entry >> 13 & 0xf) << 32 | (linear & 0x3fffff);
        return OK;
    }
    if (!entry_read(ram, entry & 0xfffff000, linear >> 12 & 1023, 4, &entry))
        return ERR_NOT_FOUND;
    *physical = (entry & 0xfffff000) | (linear & PAGE_MASK);
    return OK;
}

enum status translate(const struct guest_ram *ram, const struct translate_mode *mode, uint64_t linear,
                      uint64_t *physical)
{
    if (!(mode->cr0 & CR0_PG)) {
        *physical = linear & 0xffffffff;
        return OK;
    }
    if (mode->efer & EFER_LMA)
        return walk_wide(ram, mode->cr3 & ADDRESS_MASK, 4, linear, physical);
    linear &= 0xffffffff;
    if (mode->cr4 & CR4_PAE)
        return walk_pae(ram, mode->cr3, linear, physical);
    return walk_legacy(ram, mode, linear, physical);
}

size_t translate_read(const struct guest_ram *ram, const struct translate_mode *mode, uint64_t linear, void *out,
                      size_t length)
{
    size_t done = 0;

    while (done < length) {
        uint64_t physical;
        size_t part = (PAGE_MASK + 1) - ((linear + done) & PAGE_MASK);
        const void *source;

        if (part > length - done)
            part = length - done;
        if (translate(ram, mode, linear + done, &physical) != OK)
            break;
        source = guest_ram_at(ram, physical, part);
        if (!source)
            break;
        memcpy((uint8_t *)out + done, source, part);
        done += part;
    }
    return done;
}
