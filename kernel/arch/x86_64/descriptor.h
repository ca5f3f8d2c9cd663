/* SPDX-License-Identifier: MIT */
/* Segment descriptors and the task-state segment of a CPU (SDM vol. 3, 3.4.5 and 8.7). */
#ifndef KERNEL_ARCH_X86_64_DESCRIPTOR_H
#define KERNEL_ARCH_X86_64_DESCRIPTOR_H

#include <stdint.h>

#define SELECTOR_KERNEL_CODE 0x08u
#define SELECTOR_KERNEL_DATA 0x10u
#define SELECTOR_SYSRET      0x1bu /* SYSRET takes +8 as SS and +16 as CS, both with RPL 3 */
#define SELECTOR_TSS         0x30u

#define TSS_IOMAP      104u
#define TSS_IOMAP_NONE sizeof(struct tss) /* beyond the limit: no port is allowed */

struct tss {
    uint32_t reserved0;
    uint32_t rsp0_low, rsp0_high; /* 64-bit fields are not aligned here */
    uint32_t rsp1[2], rsp2[2];
    uint32_t reserved1[2];
    uint32_t ist[7][2];
    uint32_t reserved2[2];
    uint16_t reserved3;
    uint16_t iomap_base;
    uint8_t iomap[8192];
    uint8_t iomap_end[8]; /* all ones: the processor may read one byte behind */
};

_Static_assert(__builtin_offsetof(struct tss, ist) == 36, "SDM");
_Static_assert(__builtin_offsetof(struct tss, iomap_base) == 102, "SDM");
_Static_assert(__builtin_offsetof(struct tss, iomap) == TSS_IOMAP, "SDM");

/* What every CPU needs its own of. */
struct cpu_tables {
    struct tss tss __attribute__((aligned(64)));
    uint64_t gdt[8];
};

#endif
