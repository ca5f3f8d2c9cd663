/* SPDX-License-Identifier: MIT */
/*
 * Layouts of the PVH boot protocol, version 1 (Xen's public header start_info.h describes it): little-endian, packed by
 * nature.
 */
#ifndef VMM_FIRMWARE_PVH_H
#define VMM_FIRMWARE_PVH_H

#include <stddef.h>
#include <stdint.h>

#define PVH_MAGIC 0x336ec578u /* "xEn3" with the top bit of the E set */

enum pvh_memory_type {
    PVH_MEMORY_RAM = 1,
    PVH_MEMORY_RESERVED = 2,
};

struct pvh_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t module_count;
    uint64_t modules;
    uint64_t command_line;
    uint64_t rsdp;
    uint64_t memory_map;
    uint32_t memory_map_count;
    uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56, "PVH start information");
_Static_assert(offsetof(struct pvh_start_info, memory_map) == 40, "PVH start information");

struct pvh_module {
    uint64_t address;
    uint64_t size;
    uint64_t command_line;
    uint64_t reserved;
};
_Static_assert(sizeof(struct pvh_module) == 32, "PVH module");

struct pvh_memory {
    uint64_t address;
    uint64_t size;
    uint32_t type;
    uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_memory) == 24, "PVH memory-map entry");

#endif
