/* SPDX-License-Identifier: MIT */
/*
 * Integer operations on 1, 2, 4 or 8 bytes with their effect on RFLAGS. Flags that the architecture leaves undefined are
 * cleared (AF after logic operations) or kept (all but CF after bit tests).
 */
#ifndef VMM_DECODE_ALU_H
#define VMM_DECODE_ALU_H

#include "vmm/decode/execute.h"

static inline uint64_t alu_mask(unsigned width)
{
    return width >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

uint64_t alu_sign_extend(uint64_t value, unsigned width);
uint64_t alu_add(uint64_t left, uint64_t right, bool carry, unsigned width, uint64_t *rflags);
uint64_t alu_subtract(uint64_t left, uint64_t right, bool borrow, unsigned width, uint64_t *rflags);
/* Sets the flags as AND, OR, XOR and TEST do for this result, and returns it. */
uint64_t alu_logic(uint64_t result, unsigned width, uint64_t *rflags);

#endif
