/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells the root task: one read-only page at ROOT_BOOT_INFO, and the slots of abi/capability.h.
 *
 * The kernel keeps its image, its frame table and the frames of the root task's account; every other frame listed as
 * BOOT_MEMORY_FREE is the root task's to hand out. Modules are in place as the boot loader put them (page-aligned).
 * The root task starts at its ELF entry with rsp = ROOT_STACK_TOP, its message area at ROOT_MESSAGE_AREA and rdi =
 * ROOT_BOOT_INFO.
 */
#ifndef ABI_BOOT_H
#define ABI_BOOT_H

#include <stdint.h>

#define BOOT_MAGIC   0x6172657373655431ull /* "1Tessera" */
#define BOOT_VERSION 1u

#define ROOT_BOOT_INFO    0x00007fffffe00000ull
#define ROOT_MESSAGE_AREA 0x00007fffffe10000ull
#define ROOT_STACK_TOP    0x00007fffffe30000ull
#define ROOT_STACK_SIZE   0x10000u

#define BOOT_MEMORY_MAX  64u
#define BOOT_MODULES_MAX 40u
#define BOOT_MODULE_NAME 40u

enum boot_memory_type {
    BOOT_MEMORY_FREE = 1, /* the root task's */
    BOOT_MEMORY_KERNEL = 2,
    BOOT_MEMORY_ROOT = 3,     /* image, stack, message area of the root task */
    BOOT_MEMORY_MODULE = 4,   /* the root task may free it after use */
    BOOT_MEMORY_RESERVED = 5, /* firmware, ACPI, devices */
};

struct boot_memory {
    uint64_t base; /* page-aligned */
    uint64_t size;
    uint64_t type;
};

struct boot_module {
    uint64_t physical;           /* page-aligned */
    uint64_t size;               /* bytes; the frames behind it are the module's */
    char name[BOOT_MODULE_NAME]; /* NUL-terminated */
};

enum boot_feature {
    BOOT_FEATURE_SVM = 1u << 0,
    BOOT_FEATURE_VMX = 1u << 1,
    BOOT_FEATURE_SMAP = 1u << 2,
    BOOT_FEATURE_SMEP = 1u << 3,
    BOOT_FEATURE_INVARIANT_TSC = 1u << 4, /* rate is constant in all power states. All CPUs' agree anyway */
    BOOT_FEATURE_DEBUG = 1u << 5,         /* the kernel checks every guest entry */
};

struct boot_info {
    uint64_t magic;
    uint32_t version;
    uint32_t cpus;
    uint64_t features; /* enum boot_feature */
    uint64_t tsc_khz;
    uint64_t
        acpi_rsdp; /* physical address, 0 if none was found. The boot loader's copy may be in kernel memory */
    uint64_t acpi_root; /* where the RSDP points: the RSDT or XSDT, 0 if there is none */
    uint64_t xcr0;      /* FPU components that threads and guests may use */
    uint32_t gsi_count; /* global system interrupts that the I/O APICs serve */
    uint32_t memory_count;
    uint32_t module_count;
    uint32_t reserved;
    struct boot_memory memory[BOOT_MEMORY_MAX];
    struct boot_module modules[BOOT_MODULES_MAX];
};

_Static_assert(sizeof(struct boot_memory) == 24, "ABI");
_Static_assert(sizeof(struct boot_module) == 56, "ABI");
_Static_assert(sizeof(struct boot_info) <= 4096, "one page");

#endif
