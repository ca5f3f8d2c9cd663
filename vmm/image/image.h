/* SPDX-License-Identifier: MIT */
/*
 * Loads a guest kernel: an ELF64 file for x86-64 that has a PVH entry point, such as Linux' vmlinux, or a bzImage, such as
 * /boot/vmlinuz of distributions (linux.c).
 *
 * An ELF file's segments are copied to their physical addresses in guest RAM, from 1 MiB upwards; below lies what the
 * monitor's firmware puts there. All checks are made before the first byte is written. The file may be anything at all:
 * each of its numbers is checked against the file or RAM before it is used.
 *
 * The entry point is called in 32-bit protected mode without paging, with the address of the start information in EBX
 * (PVH) or of the boot parameters in ESI (Linux); both are vmm/firmware's.
 */
#ifndef VMM_IMAGE_IMAGE_H
#define VMM_IMAGE_IMAGE_H

#include "lib/base/status.h"
#include "vmm/image/guest_ram.h"

enum {
    IMAGE_LOWEST_ADDRESS = 0x100000,
    IMAGE_SETUP_OFFSET = 0x1f1, /* of a bzImage's setup header, in the file as in the boot parameters */
    IMAGE_SETUP_SIZE = 0x290 - IMAGE_SETUP_OFFSET,
};

enum image_protocol { IMAGE_PVH, IMAGE_LINUX };

struct image_loaded {
    enum image_protocol protocol;
    uint32_t entry;  /* physical address of the entry point */
    uint64_t lowest; /* the kernel lies and unpacks itself in [lowest, end) */
    uint64_t end;
    uint64_t initramfs_end;          /* the initramfs must end there at the latest */
    uint64_t command_line_max;       /* characters */
    uint8_t setup[IMAGE_SETUP_SIZE]; /* IMAGE_LINUX: the setup header */
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
