/* SPDX-License-Identifier: MIT */
/*
 * Performs a decoded instruction on a register file, with memory reached through two callbacks.
 *
 * The callbacks get linear addresses. For all instructions but MOVS there is one memory operand, the one that faulted, so
 * a monitor may answer by the fault's guest-physical address and ignore the linear one; MOVS has two and needs the
 * guest's translation for the other. A failing callback leaves the registers as they were, except that a repeated string
 * operation keeps the iterations that succeeded, as the architecture has it.
 *
 * RIP moves behind the instruction when it is complete. A repeated operation does EXECUTE_REPEAT_MAX iterations a call;
 * until it is complete RIP stays, and the guest, resumed, faults on it again: so an endless REP cannot hold up a monitor.
 */
#ifndef VMM_DECODE_EXECUTE_H
#define VMM_DECODE_EXECUTE_H

#include "vmm/decode/decode.h"

enum { EXECUTE_REPEAT_MAX = 256 };

enum execute_flag {
    EXECUTE_CF = 1 << 0,
    EXECUTE_PF = 1 << 2,
    EXECUTE_AF = 1 << 4,
    EXECUTE_ZF = 1 << 6,
    EXECUTE_SF = 1 << 7,
    EXECUTE_DF = 1 << 10,
    EXECUTE_OF = 1 << 11,
    EXECUTE_RF = 1 << 16,
    EXECUTE_ARITHMETIC = EXECUTE_CF | EXECUTE_PF | EXECUTE_AF | EXECUTE_ZF | EXECUTE_SF | EXECUTE_OF,
};

struct execute_registers {
    uint64_t general[16];
    uint64_t rip;
    uint64_t rflags;
    uint64_t segment_base[DECODE_SEGMENT_COUNT];
    enum decode_mode mode;
};

struct execute_memory {
    void *context;
    enum status (*read)(void *context, uint64_t linear, unsigned width, uint64_t *value);
    enum status (*write)(void *context, uint64_t linear, unsigned width, uint64_t value);
};

/* Linear address of the memory operand; of the source for MOVS. */
uint64_t execute_address(const struct decoded_instruction *instruction,
                         const struct execute_registers *registers);

/* Fails only as the callbacks fail. */
[[nodiscard]] enum status execute_instruction(const struct decoded_instruction *instruction,
                                              struct execute_registers *registers,
                                              const struct execute_memory *memory);

/* Register access by width, with the rules of the architecture: 32-bit writes clear the upper half, shorter ones keep. */
uint64_t execute_register_read(const struct execute_registers *registers, unsigned number, unsigned width,
                               bool high_byte);
void execute_register_write(struct execute_registers *registers, unsigned number, unsigned width,
                            bool high_byte, uint64_t value);

#endif
