/* SPDX-License-Identifier: MIT */
/*
 * The guest's own address translation, walked in guest RAM (SDM vol. 3, chapter 4).
 *
 * The monitor needs it to fetch the bytes of an instruction and to reach the memory operands of string instructions. The
 * walk does not check rights: the processor has done so for the instruction that is being emulated. It does not set
 * accessed and dirty bits either, for the same reason.
 */
#ifndef VMM_MEMORY_TRANSLATE_H
#define VMM_MEMORY_TRANSLATE_H

#include "lib/base/status.h"
#include "vmm/image/guest_ram.h"

struct translate_mode {
    uint64_t cr0, cr3, cr4, efer;
};

/* Guest-physical address of `linear`. ERR_NOT_FOUND: not mapped (the guest's #PF). */
[[nodiscard]] enum status translate(const struct guest_ram *ram, const struct translate_mode *mode, uint64_t linear,
                                    uint64_t *physical);

/* Copies up to `length` bytes from linear addresses, page by page; returns how many could be read. */
size_t translate_read(const struct guest_ram *ram, const struct translate_mode *mode, uint64_t linear, void *out,
                      size_t length);

#endif
