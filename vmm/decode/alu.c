/* SPDX-License-Identifier: MIT */
/*
 * Flags are computed from operands and result: carry out of a bit is the majority of its two operand bits and the carry
 * into it, and the carry into it is left ^ right ^ result. See alu.h.
 */
#include "vmm/decode/alu.h"

uint64_t alu_sign_extend(uint64_t value, unsigned width)
{
    unsigned unused = 64 - 8 * width;
    return (uint64_t)((int64_t)(value << unused) >> unused);
}

static bool top_bit(uint64_t value, unsigned width)
{
    return value >> (8 * width - 1) & 1;
}

static void flags_set(uint64_t *rflags, uint64_t result, unsigned width, bool carry, bool overflow,
                      bool adjust)
{
    uint64_t flags = result == 0 ? EXECUTE_ZF : 0;
    flags |= top_bit(result, width) ? EXECUTE_SF : 0;
    flags |= __builtin_popcount(result & 0xff) & 1 ? 0 : EXECUTE_PF;
    flags |= carry ? EXECUTE_CF : 0;
    flags |= overflow ? EXECUTE_OF : 0;
    flags |= adjust ? EXECUTE_AF : 0;
    *rflags = (*rflags & ~(uint64_t)EXECUTE_ARITHMETIC) | flags;
}

uint64_t alu_add(uint64_t left, uint64_t right, bool carry, unsigned width, uint64_t *rflags)
{
    uint64_t mask = alu_mask(width);
    left &= mask;
    right &= mask;
    uint64_t result = (left + right + carry) & mask;
    uint64_t carries = (left & right) | ((left | right) & ~result);
    uint64_t overflows = (left ^ result) & (right ^ result);
    flags_set(rflags, result, width, top_bit(carries, width), top_bit(overflows, width),
              (left ^ right ^ result) >> 4 & 1);
    return result;
}

uint64_t alu_subtract(uint64_t left, uint64_t right, bool borrow, unsigned width, uint64_t *rflags)
{
    uint64_t mask = alu_mask(width);
    left &= mask;
    right &= mask;
    uint64_t result = (left - right - borrow) & mask;
    uint64_t borrows = (~left & right) | ((~left | right) & result);
    uint64_t overflows = (left ^ right) & (left ^ result);
    flags_set(rflags, result, width, top_bit(borrows, width), top_bit(overflows, width),
              (left ^ right ^ result) >> 4 & 1);
    return result;
}

uint64_t alu_logic(uint64_t result, unsigned width, uint64_t *rflags)
{
    result &= alu_mask(width);
    flags_set(rflags, result, width, false, false, false);
    return result;
}
