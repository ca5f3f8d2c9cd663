/* SPDX-License-Identifier: MIT */
/*
 * Loads a guest kernel: an ELF64 file for x86-64 that has a PVH entry point, such as Linux' vmlinux.
 *
 * The file's segments are copied to their physical addresses in guest RAM, from 1 MiB upwards; below lies what the
 * monitor's firmware puts there. All checks are made before the first byte is written. The file may be anything at all:
 * each of its numbers is checked against the file or RAM before it is used.
 *
 * The entry point found is called in 32-bit protected mode without paging, with the address of the start information
 * (vmm/firmware) in EBX.
 */
#ifndef VMM_IMAGE_IMAGE_H
#define VMM_IMAGE_IMAGE_H

#include "lib/base/status.h"
#include "vmm/image/guest_ram.h"

enum { IMAGE_LOWEST_ADDRESS = 0x100000 };

struct image_loaded {
    uint32_t entry;  /* physical address of the PVH entry point */
    uint64_t lowest; /* the segments lie in [lowest, end) */
    uint64_t end;
};

/* What is wrong, for the person who chose the image: "segment outside guest RAM", and its address. */
struct image_error {
    const char *reason;
    uint64_t value;
};

/* ERR_INVALID: no such kernel image. ERR_RANGE: it does not fit into guest RAM. `error` is filled in both cases. */
[[nodiscard]] enum status image_load(const void *image, uint64_t image_size, const struct guest_ram *ram,
                                     struct image_loaded *out, struct image_error *error);

#endif
