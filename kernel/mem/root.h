/* SPDX-License-Identifier: MIT */
/*
 * The root task's first memory: its ELF image, stack, message area and boot information, in fresh frames.
 *
 * root_layout_build() does everything that needs no kernel object. kernel_main() then creates PD, spaces, thread and
 * scheduling context on boot_alloc()'ed frames, enters the mappings into the host space, calls root_layout_finish() as
 * the last user of boot_alloc(), and lets the thread start at `entry`.
 */
#ifndef KERNEL_MEM_ROOT_H
#define KERNEL_MEM_ROOT_H

#include <stdint.h>

#include "abi/hypercall.h"
#include "kernel/arch/arch.h"

#define ROOT_MAPPINGS_MAX 16u

struct root_layout {
    uint64_t entry;
    uint64_t message_area; /* physical */
    uint64_t boot_info;    /* physical */
    uint32_t mapping_count;
    struct space_entry mappings[ROOT_MAPPINGS_MAX]; /* SPACE_MAP entries, W^X */
};

/* Panics, naming the reason, if the image is not one that can run. */
void root_layout_build(const struct root_image *image, struct root_layout *out);

/* Writes the boot information page. No boot_alloc() after this. */
void root_layout_finish(const struct root_layout *layout);

#endif
