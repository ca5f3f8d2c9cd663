/* SPDX-License-Identifier: MIT */
/*
 * Compares a decoded instruction with Zydis' view of the same bytes, field by field.
 */
#include "vmm/decode/test/zydis_compare.h"

static const ZydisMnemonic mnemonics[] = {
    [DECODE_ADD] = ZYDIS_MNEMONIC_ADD,     [DECODE_OR] = ZYDIS_MNEMONIC_OR,
    [DECODE_ADC] = ZYDIS_MNEMONIC_ADC,     [DECODE_SBB] = ZYDIS_MNEMONIC_SBB,
    [DECODE_AND] = ZYDIS_MNEMONIC_AND,     [DECODE_SUB] = ZYDIS_MNEMONIC_SUB,
    [DECODE_XOR] = ZYDIS_MNEMONIC_XOR,     [DECODE_CMP] = ZYDIS_MNEMONIC_CMP,
    [DECODE_BT] = ZYDIS_MNEMONIC_BT,       [DECODE_BTS] = ZYDIS_MNEMONIC_BTS,
    [DECODE_BTR] = ZYDIS_MNEMONIC_BTR,     [DECODE_BTC] = ZYDIS_MNEMONIC_BTC,
    [DECODE_MOV] = ZYDIS_MNEMONIC_MOV,     [DECODE_MOVZX] = ZYDIS_MNEMONIC_MOVZX,
    [DECODE_MOVSX] = ZYDIS_MNEMONIC_MOVSX, [DECODE_TEST] = ZYDIS_MNEMONIC_TEST,
    [DECODE_XCHG] = ZYDIS_MNEMONIC_XCHG,   [DECODE_INC] = ZYDIS_MNEMONIC_INC,
    [DECODE_DEC] = ZYDIS_MNEMONIC_DEC,     [DECODE_NOT] = ZYDIS_MNEMONIC_NOT,
    [DECODE_NEG] = ZYDIS_MNEMONIC_NEG,     [DECODE_CMPXCHG] = ZYDIS_MNEMONIC_CMPXCHG,
    [DECODE_XADD] = ZYDIS_MNEMONIC_XADD,
};
enum { MNEMONIC_COUNT = sizeof mnemonics / sizeof *mnemonics };

void oracle_decode(const uint8_t *bytes, size_t count, enum decode_mode mode, struct oracle *oracle)
{
    static const ZydisMachineMode machine[] = {ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_MACHINE_MODE_LEGACY_32,
                                               ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_REAL_16};
    static const ZydisStackWidth stack[] = {ZYDIS_STACK_WIDTH_64, ZYDIS_STACK_WIDTH_32, ZYDIS_STACK_WIDTH_16,
                                            ZYDIS_STACK_WIDTH_16};
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, machine[mode], stack[mode]);
    oracle->valid =
        ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, count, &oracle->instruction, oracle->operands));
}

static const ZydisDecodedOperand *oracle_memory(const struct oracle *oracle)
{
    for (unsigned i = 0; i < oracle->instruction.operand_count_visible; i++) {
        if (oracle->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
            return &oracle->operands[i];
    }
    return NULL;
}

static bool is_string_operation(ZydisMnemonic mnemonic, enum decode_operation *operation)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_MOVSQ: *operation = DECODE_MOVS; return true;
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
    case ZYDIS_MNEMONIC_STOSQ: *operation = DECODE_STOS; return true;
    case ZYDIS_MNEMONIC_LODSB:
    case ZYDIS_MNEMONIC_LODSW:
    case ZYDIS_MNEMONIC_LODSD:
    case ZYDIS_MNEMONIC_LODSQ: *operation = DECODE_LODS; return true;
    default: return false;
    }
}

static bool same_operation(const struct oracle *oracle, const struct decoded_instruction *ours)
{
    ZydisMnemonic mnemonic = oracle->instruction.mnemonic;
    enum decode_operation operation;
    if (oracle->instruction.meta.isa_ext != ZYDIS_ISA_EXT_SSE2 && is_string_operation(mnemonic, &operation))
        return ours->operation == operation;
    if (mnemonic == ZYDIS_MNEMONIC_MOVSXD)
        return ours->operation == DECODE_MOVSX;
    if (mnemonic == ZYDIS_MNEMONIC_MOVNTI)
        return ours->operation == DECODE_MOV;
    return (unsigned)ours->operation < MNEMONIC_COUNT && mnemonics[ours->operation] == mnemonic;
}

bool oracle_promised(const struct oracle *oracle)
{
    const ZydisDecodedInstruction *instruction = &oracle->instruction;
    const ZydisDecodedOperand *memory = oracle_memory(oracle);
    if (!oracle->valid || !memory || instruction->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
        return false;
    if (memory->mem.type != ZYDIS_MEMOP_TYPE_MEM)
        return false;
    for (unsigned i = 0; i < instruction->operand_count_visible; i++) {
        ZydisRegisterClass class = ZydisRegisterGetClass(oracle->operands[i].reg.value);
        if (oracle->operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            (class < ZYDIS_REGCLASS_GPR8 || class > ZYDIS_REGCLASS_GPR64))
            return false; /* segment, control and vector registers */
    }
    if (oracle->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
        instruction->mnemonic >= ZYDIS_MNEMONIC_BT && instruction->mnemonic <= ZYDIS_MNEMONIC_BTS)
        return false; /* bit number in a register: another address */
    enum decode_operation operation;
    bool found = is_string_operation(instruction->mnemonic, &operation) ||
                 instruction->mnemonic == ZYDIS_MNEMONIC_MOVSXD;
    for (unsigned i = 0; i < MNEMONIC_COUNT; i++)
        found |= mnemonics[i] == instruction->mnemonic;
    return found;
}

static uint8_t register_number(ZydisRegister reg)
{
    if (reg == ZYDIS_REGISTER_NONE)
        return DECODE_NO_REGISTER;
    if (ZydisRegisterGetClass(reg) == ZYDIS_REGCLASS_GPR8) {
        if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)
            return (uint8_t)(reg - ZYDIS_REGISTER_AH);
        return reg < ZYDIS_REGISTER_AH ? (uint8_t)(reg - ZYDIS_REGISTER_AL)
                                       : (uint8_t)(reg - ZYDIS_REGISTER_SPL + 4);
    }
    return (uint8_t)ZydisRegisterGetId(reg);
}

static bool same_register(const struct decode_operand *ours, const ZydisDecodedOperand *theirs,
                          unsigned width)
{
    ZydisRegister reg = theirs->reg.value;
    bool high = reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
    return theirs->type == ZYDIS_OPERAND_TYPE_REGISTER && ours->register_number == register_number(reg) &&
           ours->high_byte == high && theirs->size == 8 * width;
}

static bool same_operand(const struct decoded_instruction *ours, const struct decode_operand *operand,
                         const ZydisDecodedOperand *theirs)
{
    uint64_t mask = ours->width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * ours->width) - 1;
    switch (operand->kind) {
    case DECODE_OPERAND_REGISTER: return same_register(operand, theirs, ours->extended_width);
    case DECODE_OPERAND_IMMEDIATE:
        return theirs->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
               (theirs->imm.value.u & mask) == (ours->immediate & mask);
    case DECODE_OPERAND_MEMORY: return theirs->type == ZYDIS_OPERAND_TYPE_MEMORY;
    default: return true;
    }
}

/*
 * Zydis 4.0 takes R13 for a base where mod 0 and SIB base 5 say "none", if both REX.B and a 67 prefix are there. The
 * manuals (REX.B is not decoded there), GNU's disassembler and the processor (execute_test) say as we do.
 */
static bool zydis_invents_base(const struct oracle *oracle, const ZydisDecodedOperand *theirs)
{
    const ZydisDecodedInstruction *instruction = &oracle->instruction;
    return instruction->address_width == 32 && theirs->mem.base == ZYDIS_REGISTER_R13D &&
           instruction->raw.modrm.mod == 0 && instruction->raw.modrm.rm == 4 &&
           instruction->raw.sib.base == 5;
}

static const char *memory_disagreement(const struct oracle *oracle, const struct decoded_instruction *ours,
                                       const ZydisDecodedOperand *theirs)
{
    const struct decode_memory *memory = &ours->memory;
    bool relative = theirs->mem.base == ZYDIS_REGISTER_RIP || theirs->mem.base == ZYDIS_REGISTER_EIP;
    if (theirs->size != 8 * ours->width)
        return "memory width";
    if (relative != memory->rip_relative)
        return "RIP-relative";
    if (zydis_invents_base(oracle, theirs))
        return memory->base == DECODE_NO_REGISTER ? NULL : "base";
    if (!relative && register_number(theirs->mem.base) != memory->base)
        return "base";
    if (register_number(theirs->mem.index) != memory->index)
        return "index";
    if (theirs->mem.index != ZYDIS_REGISTER_NONE && theirs->mem.scale != 1 << memory->scale_shift)
        return "scale";
    uint64_t mask = memory->address_width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * memory->address_width) - 1;
    if (((uint64_t)theirs->mem.disp.value & mask) != ((uint64_t)memory->displacement & mask))
        return "displacement";
    if (theirs->mem.segment != ZYDIS_REGISTER_ES + (unsigned)memory->segment)
        return "segment";
    return NULL;
}

static const char *operands_disagreement(const struct oracle *oracle, const struct decoded_instruction *ours)
{
    const ZydisDecodedOperand *theirs = oracle->operands;
    enum decode_operation unused;
    if (is_string_operation(oracle->instruction.mnemonic, &unused)) {
        if (ours->memory.base == DECODE_NO_REGISTER)
            return "string operation without base";
        return NULL;
    }
    if (!same_operand(ours, &ours->destination, &theirs[0]))
        return "destination";
    if (oracle->instruction.operand_count_visible > 1 && !same_operand(ours, &ours->source, &theirs[1]))
        return "source";
    if (oracle->instruction.operand_count_visible < 2 && ours->source.kind != DECODE_OPERAND_NONE)
        return "source of a unary operation";
    return NULL;
}

/* The operand that decode.h calls the memory of the instruction: for strings Zydis' operands are hidden ones. */
static const ZydisDecodedOperand *memory_described(const struct oracle *oracle,
                                                   const struct decoded_instruction *ours)
{
    for (unsigned i = 0; i < oracle->instruction.operand_count; i++) {
        const ZydisDecodedOperand *operand = &oracle->operands[i];
        if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY)
            continue;
        if (ours->operation == DECODE_MOVS && operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
            continue;
        return operand;
    }
    return NULL;
}

const char *oracle_disagreement(const struct oracle *oracle, const struct decoded_instruction *ours)
{
    const ZydisDecodedInstruction *instruction = &oracle->instruction;
    if (!oracle->valid)
        return "validity";
    if (instruction->length != ours->length)
        return "length";
    if (!same_operation(oracle, ours))
        return "operation";
    if (!!(instruction->attributes & ZYDIS_ATTRIB_HAS_LOCK) != ours->lock)
        return "LOCK";
    if (!!(instruction->attributes & ZYDIS_ATTRIB_HAS_REP) != ours->repeat)
        return "REP";
    if (instruction->address_width != 8 * ours->memory.address_width)
        return "address width";
    const ZydisDecodedOperand *memory = memory_described(oracle, ours);
    const char *difference = memory ? memory_disagreement(oracle, ours, memory) : "no memory operand";
    return difference ? difference : operands_disagreement(oracle, ours);
}
