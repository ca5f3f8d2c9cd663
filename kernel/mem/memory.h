/* SPDX-License-Identifier: MIT */
/*
 * Physical memory at boot, and the four functions that the compiler itself may call.
 *
 * All RAM is mapped at PHYSMAP_BASE, writable and not executable; the image runs at KERNEL_BASE + its physical address.
 * Only boot_alloc() hands out memory by itself, and only until the root task runs; afterwards every frame belongs to
 * an account or to the root task (kernel/mem/frame.h).
 *
 * Order: boot_memory_init() once with the loader's list, boot_alloc() as needed, boot_info_write() as the end.
 */
#ifndef KERNEL_MEM_MEMORY_H
#define KERNEL_MEM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/boot.h"
#include "kernel/mem/frame.h"
#include "kernel/mem/memory_map.h"

#define KERNEL_BASE 0xffffffff80000000ull

/* What the machine told at boot; complete after boot_info_write(). */
extern struct boot_info boot_info;

/* Takes the loader's map, in which image and modules are marked already, and chooses where to allocate. */
void boot_memory_init(const struct memory_map *map);

/* Makes frame_kind from the map. Everything that is not FREE, ROOT or MODULE memory becomes FRAME_KERNEL. */
void boot_frames_init(void);

/*
 * Zeroed, physically contiguous frames, for ever; a physmap pointer. Type is BOOT_MEMORY_KERNEL (kind FRAME_KERNEL) or
 * BOOT_MEMORY_ROOT (kind FRAME_USER). Panics with "not enough memory".
 */
void *boot_alloc(uint64_t pages, enum boot_memory_type type);

/* The same for frames that shall go into an account (account_give): they are listed as the kernel's, but of kind USER. */
void *boot_alloc_account(uint64_t pages);

/* Copies the boot information with the final memory list to the page that the root task will read. */
void boot_info_write(struct boot_info *out);

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif
