/* SPDX-License-Identifier: MIT */
/*
 * What a guest finds in its RAM: start information, memory map, command line, initramfs and ACPI tables.
 *
 *     0x006000   PVH start information, module list and memory map, or Linux' boot parameters with the memory map
 *                                                                  (RAM to the guest: it copies them early)
 *     0x008000   command line, at most 4095 bytes and a zero
 *     0x0e0000   ACPI tables, RSDP first                           (reserved in the memory map)
 *     0x100000   the kernel, loaded by vmm/image
 *     ...        the initramfs, at the end of the low RAM window
 *
 * The memory map gives the guest RAM from 0 to 640 KiB, from 1 MiB to the end of the low window, and from 4 GiB on.
 * firmware_write() checks everything before it writes anything.
 */
#ifndef VMM_FIRMWARE_FIRMWARE_H
#define VMM_FIRMWARE_FIRMWARE_H

#include "lib/base/status.h"
#include "vmm/firmware/acpi.h"
#include "vmm/image/image.h"

enum {
    FIRMWARE_START_INFO = 0x6000,
    FIRMWARE_COMMAND_LINE = 0x8000,
    FIRMWARE_COMMAND_LINE_MAX = 4095,
    FIRMWARE_LOW_RAM_END = 0xa0000,
    FIRMWARE_ACPI = 0xe0000,
    FIRMWARE_ACPI_END = 0x100000,
    FIRMWARE_RAM_MIN = 0x200000,
};

struct firmware_config {
    struct acpi_config acpi;
    const char *command_line;
    const void *initramfs; /* NULL: none */
    uint64_t initramfs_size;
    const struct image_loaded *kernel;
};

struct firmware_placed {
    uint32_t start_info;      /* the guest starts with this in EBX (PVH; 0 for Linux) */
    uint32_t boot_parameters; /* and with this in ESI (Linux; 0 for PVH) */
    uint64_t initramfs;       /* 0: none */
    uint64_t rsdp;
};

struct firmware_error {
    const char *reason;
    uint64_t value;
};

/* ERR_RANGE: something does not fit into guest RAM; ERR_INVALID: a number in the configuration makes no sense. */
[[nodiscard]] enum status firmware_write(const struct firmware_config *config, const struct guest_ram *ram,
                                         struct firmware_placed *out, struct firmware_error *error);

#endif
