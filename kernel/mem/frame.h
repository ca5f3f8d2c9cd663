/* SPDX-License-Identifier: MIT */
/*
 * Physical frames: one byte each says whose they are, so that a capability slot or a mapping request is checked
 * against the present use of the memory and never against what it once was.
 */
#ifndef KERNEL_MEM_FRAME_H
#define KERNEL_MEM_FRAME_H

#include "kernel/arch/cpu_arch.h"

#include <stdbool.h>
#include <stdint.h>

#define FRAME_SIZE  4096u
#define FRAME_SHIFT 12u

enum frame_kind {
    FRAME_USER = 0,         /* the root task's to use and to map */
    FRAME_KERNEL = 1,       /* kernel image and boot data */
    FRAME_ACCOUNT_FREE = 2, /* given to an account, unused */
    FRAME_PAGE = 3,         /* page table, slot frame, VMCB: one frame, no objects */
    FRAME_SLAB_MIN = 6,     /* FRAME_SLAB_MIN..FRAME_SLAB_MAX: objects of 2^kind bytes at multiples of that */
    FRAME_SLAB_MAX = 11,
};

/* Covers all RAM up to frame_count; frames beyond are device memory and count as FRAME_USER. */
extern uint8_t *frame_kind;
extern uint64_t frame_count;

static inline void *phys_to_virt(uint64_t physical)
{
    return (void *)(physical + PHYSMAP_BASE);
}

static inline uint64_t virt_to_phys(const void *pointer)
{
    return (uint64_t)pointer - PHYSMAP_BASE;
}

static inline bool frame_is_user(uint64_t physical)
{
    uint64_t frame = physical >> FRAME_SHIFT;
    return frame >= frame_count || frame_kind[frame] == FRAME_USER;
}

#endif
