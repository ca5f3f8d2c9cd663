/* SPDX-License-Identifier: MIT */
/* See translate.h. */
#include "vmm/memory/translate.h"

#include "lib/string/string.h"

#define CR0_WP         (1ull << 16)
#define CR0_PG         (1ull << 31)
#define CR4_PSE        (1ull << 4)
#define CR4_PAE        (1ull << 5)
#define EFER_LMA       (1ull << 10)
#define ENTRY_PRESENT  (1ull << 0)
#define ENTRY_WRITE    (1ull << 1)
#define ENTRY_USER     (1ull << 2)
#define ENTRY_ACCESSED (1ull << 5)
#define ENTRY_DIRTY    (1ull << 6)
#define ENTRY_LARGE    (1ull << 7)
#define ADDRESS_MASK   0x000ffffffffff000ull
#define PAGE_MASK      0xfffull
#define LEVELS_MAX     4u

/* What a walk passed: the entries, lowest level last, and the rights that all of them give. The walk is compiled twice, and
   the one for instructions, which comes with most exits, keeps nothing. */
struct walk {
    const struct guest_ram *ram;
    bool keep;
    uint64_t rights;
    uint64_t *entry[LEVELS_MAX];
    uint64_t value[LEVELS_MAX];
    unsigned count;
};

#define WALK static inline __attribute__((always_inline))

/* Entry `index` of a table. A table outside RAM is as good as an absent one. */
WALK bool entry_read(struct walk *walk, uint64_t table, unsigned index, unsigned size, uint64_t *out)
{
    void *entry = guest_ram_at(walk->ram, table + index * size, size);

    if (!entry)
        return false;
    *out = size == 8 ? *(const volatile uint64_t *)entry : *(const volatile uint32_t *)entry;
    if (walk->keep) {
        walk->rights &= *out;
        walk->value[walk->count] = *out;
        walk->entry[walk->count++] = entry;
    }
    return *out & ENTRY_PRESENT;
}

/* Tables of 512 eight-byte entries from `level` (4: PML4) down to 1. */
WALK enum status walk_wide(struct walk *walk, uint64_t table, unsigned level, uint64_t linear,
                           uint64_t *physical)
{
    for (unsigned shift = 12 + 9 * (level - 1);; level--, shift -= 9) {
        uint64_t entry;

        if (!entry_read(walk, table, linear >> shift & 511, 8, &entry))
            return ERR_NOT_FOUND;
        if (level == 1 || (level < 4 && entry & ENTRY_LARGE)) {
            uint64_t offset = (1ull << shift) - 1;

            *physical = (entry & ADDRESS_MASK & ~offset) | (linear & offset);
            return OK;
        }
        table = entry & ADDRESS_MASK;
    }
}

/* PAE: four 8-byte pointers at CR3 (bits 5 to 31), which have no rights and no accessed bit, then two levels. */
WALK enum status walk_pae(struct walk *walk, uint64_t cr3, uint64_t linear, uint64_t *physical)
{
    uint64_t entry;

    if (!entry_read(walk, cr3 & 0xffffffe0, linear >> 30 & 3, 8, &entry))
        return ERR_NOT_FOUND;
    walk->rights = UINT64_MAX;
    walk->count = 0;
    return walk_wide(walk, entry & ADDRESS_MASK, 2, linear, physical);
}

/* 32-bit paging with 4 MiB pages if CR4.PSE (PSE-36: bits 13 to 16 are address bits 32 to 35). */
WALK enum status walk_legacy(struct walk *walk, const struct translate_mode *mode, uint64_t linear,
                             uint64_t *physical)
{
    uint64_t entry;

    if (!entry_read(walk, mode->cr3 & 0xfffff000, linear >> 22 & 1023, 4, &entry))
        return ERR_NOT_FOUND;
    if (entry & ENTRY_LARGE && mode->cr4 & CR4_PSE) {
        *physical = (entry & 0xffc00000) | (entry >> 13 & 0xf) << 32 | (linear & 0x3fffff);
        return OK;
    }
    if (!entry_read(walk, entry & 0xfffff000, linear >> 12 & 1023, 4, &entry))
        return ERR_NOT_FOUND;
    *physical = (entry & 0xfffff000) | (linear & PAGE_MASK);
    return OK;
}

/* With paging. */
WALK enum status walk_any(struct walk *walk, const struct translate_mode *mode, uint64_t linear,
                          uint64_t *physical)
{
    walk->rights = UINT64_MAX;
    walk->count = 0;
    if (mode->efer & EFER_LMA)
        return walk_wide(walk, mode->cr3 & ADDRESS_MASK, 4, linear, physical);
    if (mode->cr4 & CR4_PAE)
        return walk_pae(walk, mode->cr3, (uint32_t)linear, physical);
    return walk_legacy(walk, mode, (uint32_t)linear, physical);
}

enum status translate(const struct guest_ram *ram, const struct translate_mode *mode, uint64_t linear,
                      uint64_t *physical)
{
    struct walk walk;

    walk.ram = ram;
    walk.keep = false;
    if (mode->cr0 & CR0_PG)
        return walk_any(&walk, mode, linear, physical);
    *physical = (uint32_t)linear;
    return OK;
}

static bool allowed(const struct walk *walk, const struct translate_mode *mode,
                    struct translate_access access)
{
    if (access.user && !(walk->rights & ENTRY_USER))
        return false;
    if (!access.user && access.user_pages_closed && walk->rights & ENTRY_USER)
        return false;
    return !access.write || walk->rights & ENTRY_WRITE || (!access.user && !(mode->cr0 & CR0_WP));
}

/* The low byte has both bits in entries of either size; only what is missing is written. */
static void mark(const struct walk *walk, bool write)
{
    for (unsigned i = 0; i < walk->count; i++) {
        uint8_t *low = (uint8_t *)walk->entry[i];
        uint8_t bits = ENTRY_ACCESSED | (write && i == walk->count - 1 ? ENTRY_DIRTY : 0);

        if ((__atomic_load_n(low, __ATOMIC_RELAXED) & bits) != bits)
            __atomic_fetch_or(low, bits, __ATOMIC_RELAXED);
    }
}

enum status translate_data(const struct guest_ram *ram, const struct translate_mode *mode, uint64_t linear,
                           struct translate_access access, uint64_t *physical, uint32_t *fault)
{
    struct walk walk = {.ram = ram, .keep = true};
    uint32_t kind = (access.write ? TRANSLATE_WRITE : 0u) | (access.user ? TRANSLATE_USER : 0u);
    uint64_t found;

    if (!(mode->cr0 & CR0_PG)) {
        *physical = (uint32_t)linear;
        return OK;
    }
    if (walk_any(&walk, mode, linear, &found) != OK) {
        *fault = kind;
        return ERR_NOT_FOUND;
    }
    if (!allowed(&walk, mode, access)) {
        *fault = kind | TRANSLATE_PRESENT;
        return ERR_DENIED;
    }
    mark(&walk, access.write);
    *physical = found;
    return OK;
}

const uint8_t *translate_page_find(struct translate_page *page, const struct guest_ram *ram,
                                   const struct translate_mode *mode, uint64_t linear)
{
    struct walk walk = {.ram = ram, .keep = true};
    uint64_t physical;

    page->bytes = NULL;
    if (!(mode->cr0 & CR0_PG) || !(mode->efer & EFER_LMA) || walk_any(&walk, mode, linear, &physical) != OK)
        return NULL;
    page->mode = *mode;
    page->linear = linear & ~PAGE_MASK;
    for (unsigned i = 0; i < LEVELS_MAX; i++) {
        unsigned kept = i < walk.count ? i : walk.count - 1;

        page->entry[i] = walk.entry[kept];
        page->value[i] = walk.value[kept];
    }
    page->bytes = guest_ram_at(ram, physical & ~PAGE_MASK, PAGE_MASK + 1);
    return page->bytes;
}

size_t translate_read(const struct guest_ram *ram, const struct translate_mode *mode, uint64_t linear,
                      void *out, size_t length)
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
