/* SPDX-License-Identifier: MIT */
/*
 * Linux' boot parameters ("zero page"), as its x86 boot protocol 2.15 lays them out: those fields that a loader fills in,
 * all others are 0. The memory-map types are those of PVH.
 */
#ifndef VMM_FIRMWARE_LINUX_H
#define VMM_FIRMWARE_LINUX_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/image/image.h"

#define LINUX_LOADER_UNKNOWN 0xffu
#define LINUX_MEMORY_MAX     128u

struct linux_setup {
    uint8_t before[0x210 - IMAGE_SETUP_OFFSET];
    uint8_t loader;
    uint8_t between0[7];
    uint32_t initramfs, initramfs_size;
    uint8_t between1[8];
    uint32_t command_line;
    uint8_t behind[IMAGE_SETUP_OFFSET + IMAGE_SETUP_SIZE - 0x22c];
} __attribute__((packed));
_Static_assert(sizeof(struct linux_setup) == IMAGE_SETUP_SIZE, "setup header");
_Static_assert(offsetof(struct linux_setup, command_line) == 0x228 - IMAGE_SETUP_OFFSET, "setup header");

struct linux_memory {
    uint64_t address, size;
    uint32_t type;
} __attribute__((packed));
_Static_assert(sizeof(struct linux_memory) == 20, "memory-map entry");

struct linux_parameters {
    uint8_t reserved0[0x70];
    uint64_t rsdp;
    uint8_t reserved1[0x1e8 - 0x78];
    uint8_t memory_map_count;
    uint8_t reserved2[0x1f1 - 0x1e9];
    struct linux_setup setup;
    uint8_t reserved3[0x2d0 - 0x290];
    struct linux_memory map[LINUX_MEMORY_MAX];
    uint8_t reserved4[0x1000 - 0xcd0];
} __attribute__((packed));
_Static_assert(offsetof(struct linux_parameters, setup) == 0x1f1, "boot parameters");
_Static_assert(offsetof(struct linux_parameters, map) == 0x2d0, "boot parameters");
_Static_assert(sizeof(struct linux_parameters) == 0x1000, "boot parameters");

#endif
