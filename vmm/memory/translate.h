/* SPDX-License-Identifier: MIT */
/*
 * The guest's own address translation, walked in guest RAM (SDM vol. 3, chapter 4).
 *
 * translate() is for the bytes of an instruction that the processor has begun: it checks no rights and changes nothing.
 * translate_data() is for memory operands that an emulated instruction reaches on the guest's behalf: it checks rights
 * as the processor does (user, write, CR0.WP, SMAP), sets accessed and dirty bits, and tells the #PF error code if the
 * guest must get one. Without it a user program of the guest could have the monitor write to its kernel's memory.
 */
#ifndef VMM_MEMORY_TRANSLATE_H
#define VMM_MEMORY_TRANSLATE_H

#include "lib/base/status.h"
#include "vmm/image/guest_ram.h"

struct translate_mode {
    uint64_t cr0, cr3, cr4, efer;
};

/* Bits of the #PF error code. */
enum translate_fault {
    TRANSLATE_PRESENT = 1 << 0, /* the page is there, the access is forbidden */
    TRANSLATE_WRITE = 1 << 1,
    TRANSLATE_USER = 1 << 2,
};

struct translate_access {
    bool write;
    bool user;
    bool user_pages_closed; /* to a supervisor: CR4.SMAP without RFLAGS.AC */
};

/* Guest-physical address of `linear`. ERR_NOT_FOUND: not mapped (the guest's #PF). */
[[nodiscard]] enum status translate(const struct guest_ram *ram, const struct translate_mode *mode,
                                    uint64_t linear, uint64_t *physical);

/* The same for a data access. ERR_NOT_FOUND or ERR_DENIED: `fault` is the error code of the guest's #PF. */
[[nodiscard]] enum status translate_data(const struct guest_ram *ram, const struct translate_mode *mode,
                                         uint64_t linear, struct translate_access access, uint64_t *physical,
                                         uint32_t *fault);

/*
 * A page of long mode that was found once, with the entries that led there: as long as the mode and they are the same, a
 * walk would find it again. A guest executes the instructions that concern us over and over.
 */
struct translate_page {
    struct translate_mode mode;
    uint64_t linear;                   /* of the page */
    const uint8_t *bytes;              /* NULL: none */
    const volatile uint64_t *entry[4]; /* with fewer levels, the last one again */
    uint64_t value[4];
};

/* Walks, and keeps what it finds. NULL as below. */
[[nodiscard]] const uint8_t *translate_page_find(struct translate_page *page, const struct guest_ram *ram,
                                                 const struct translate_mode *mode, uint64_t linear);

/* The 4 KiB around `linear` in guest RAM, or NULL: not mapped, no RAM, or a mode that is not kept. */
[[nodiscard]] static inline const uint8_t *translate_page_opt(struct translate_page *page,
                                                              const struct guest_ram *ram, uint64_t cr0,
                                                              uint64_t cr3, uint64_t cr4, uint64_t efer,
                                                              uint64_t linear)
{
    if (page->bytes) {
        uint64_t other = (page->linear ^ (linear & ~UINT64_C(0xfff))) | (page->mode.cr0 ^ cr0) |
                         (page->mode.cr3 ^ cr3) | (page->mode.cr4 ^ cr4) | (page->mode.efer ^ efer);

        for (unsigned i = 0; i < 4; i++)
            other |= *page->entry[i] ^ page->value[i];
        if (!other)
            return page->bytes;
    }

    struct translate_mode mode = {cr0, cr3, cr4, efer};

    return translate_page_find(page, ram, &mode, linear);
}

/* Copies up to `length` bytes from linear addresses, page by page; returns how many could be read. */
size_t translate_read(const struct guest_ram *ram, const struct translate_mode *mode, uint64_t linear,
                      void *out, size_t length);

#endif
