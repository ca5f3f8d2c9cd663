/* SPDX-License-Identifier: MIT */
/*
 * Zydis, a complete disassembler, as oracle for our decoder.
 */
#ifndef VMM_DECODE_TEST_ZYDIS_COMPARE_H
#define VMM_DECODE_TEST_ZYDIS_COMPARE_H

#include <Zydis/Zydis.h>

#include "vmm/decode/decode.h"

struct oracle {
    bool valid;
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

void oracle_decode(const uint8_t *bytes, size_t count, enum decode_mode mode, struct oracle *oracle);

/* Whether this is one of the instructions that decode.h promises, with a memory operand. */
bool oracle_promised(const struct oracle *oracle);

/* NULL if both say the same, otherwise what differs. */
const char *oracle_disagreement(const struct oracle *oracle, const struct decoded_instruction *ours);

#endif
