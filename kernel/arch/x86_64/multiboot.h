/* SPDX-License-Identifier: MIT */
/* What the readers of the two multiboot versions share. multiboot_read() of machine.h picks the one that fits. */
#ifndef KERNEL_ARCH_X86_64_MULTIBOOT_H
#define KERNEL_ARCH_X86_64_MULTIBOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/mem/memory_map.h"

#define MULTIBOOT2_LOADER_MAGIC 0x36d76289u
#define MULTIBOOT_MAP_FREE      1u

/* Enters a module into boot_info and the map, named by the last word of `string`. False: the map is full. */
bool multiboot_module_add(uint64_t start, uint64_t end, const char *string, struct memory_map *map);

/* multiboot2.c. The first also copies the ACPI root pointer and sets boot_info.acpi_rsdp. Both: false if the map is full. */
bool multiboot2_map_read(uint64_t information, struct memory_map *map);
bool multiboot2_modules_read(uint64_t information, struct memory_map *map);

#endif
