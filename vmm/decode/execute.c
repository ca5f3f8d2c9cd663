/* SPDX-License-Identifier: MIT */
/*
 * Each operation reads its operands, computes on copies, writes memory (the only step that can fail late), and then
 * commits registers and flags. See execute.h for the contract.
 */
#include "vmm/decode/execute.h"

#include "vmm/decode/alu.h"

uint64_t execute_register_read(const struct execute_registers *registers, unsigned number, unsigned width,
                               bool high_byte)
{
    uint64_t value = registers->general[number & 15];
    return (high_byte ? value >> 8 : value) & alu_mask(width);
}

void execute_register_write(struct execute_registers *registers, unsigned number, unsigned width,
                            bool high_byte, uint64_t value)
{
    uint64_t *target = &registers->general[number & 15];
    uint64_t mask = alu_mask(width);
    if (width >= 4)
        *target = value & mask;
    else if (high_byte)
        *target = (*target & ~UINT64_C(0xff00)) | (value & 0xff) << 8;
    else
        *target = (*target & ~mask) | (value & mask);
}

/* In 64-bit code only FS and GS have a base; elsewhere linear addresses have 32 bits. */
static uint64_t linear_address(const struct execute_registers *registers, enum decode_segment segment,
                               uint64_t offset)
{
    if (registers->mode == DECODE_LONG)
        return segment >= DECODE_FS ? registers->segment_base[segment] + offset : offset;
    return (uint32_t)(registers->segment_base[segment] + offset);
}

uint64_t execute_address(const struct decoded_instruction *instruction,
                         const struct execute_registers *registers)
{
    const struct decode_memory *memory = &instruction->memory;
    uint64_t offset = (uint64_t)memory->displacement;
    if (memory->rip_relative)
        offset += registers->rip + instruction->length;
    if (memory->base != DECODE_NO_REGISTER)
        offset += registers->general[memory->base & 15];
    if (memory->index != DECODE_NO_REGISTER)
        offset += registers->general[memory->index & 15] << memory->scale_shift;
    return linear_address(registers, memory->segment, offset & alu_mask(memory->address_width));
}

static uint64_t operand_value(const struct decoded_instruction *instruction,
                              const struct execute_registers *registers, const struct decode_operand *operand,
                              uint64_t memory_value)
{
    switch (operand->kind) {
    case DECODE_OPERAND_REGISTER:
        return execute_register_read(registers, operand->register_number, instruction->extended_width,
                                     operand->high_byte);
    case DECODE_OPERAND_IMMEDIATE: return instruction->immediate & alu_mask(instruction->width);
    case DECODE_OPERAND_MEMORY: return memory_value;
    default: return 0;
    }
}

static bool operation_reads_memory(const struct decoded_instruction *instruction)
{
    return instruction->operation != DECODE_MOV || instruction->source.kind == DECODE_OPERAND_MEMORY;
}

static bool operation_writes_destination(enum decode_operation operation)
{
    return operation != DECODE_CMP && operation != DECODE_TEST && operation != DECODE_BT;
}

static uint64_t compute_bit(enum decode_operation operation, uint64_t left, uint64_t number, unsigned width,
                            uint64_t *rflags)
{
    uint64_t bit = UINT64_C(1) << (number & (8 * width - 1));
    *rflags = (*rflags & ~(uint64_t)EXECUTE_CF) | (left & bit ? EXECUTE_CF : 0);
    switch (operation) {
    case DECODE_BTS: return left | bit;
    case DECODE_BTR: return left & ~bit;
    case DECODE_BTC: return left ^ bit;
    default: return left;
    }
}

/* INC and DEC are ADD and SUB of one that keep the carry. */
static uint64_t compute_step(bool up, uint64_t value, unsigned width, uint64_t *rflags)
{
    uint64_t carry = *rflags & EXECUTE_CF;
    value = up ? alu_add(value, 1, false, width, rflags) : alu_subtract(value, 1, false, width, rflags);
    *rflags = (*rflags & ~(uint64_t)EXECUTE_CF) | carry;
    return value;
}

/* The new value of the destination (or, for comparisons, just the flags). */
static uint64_t compute(const struct decoded_instruction *instruction, uint64_t left, uint64_t right,
                        uint64_t *rflags)
{
    unsigned width = instruction->width;
    bool carry = *rflags & EXECUTE_CF;
    switch (instruction->operation) {
    case DECODE_ADD:
    case DECODE_XADD: return alu_add(left, right, false, width, rflags);
    case DECODE_ADC: return alu_add(left, right, carry, width, rflags);
    case DECODE_SUB:
    case DECODE_CMP: return alu_subtract(left, right, false, width, rflags);
    case DECODE_SBB: return alu_subtract(left, right, carry, width, rflags);
    case DECODE_OR: return alu_logic(left | right, width, rflags);
    case DECODE_AND:
    case DECODE_TEST: return alu_logic(left & right, width, rflags);
    case DECODE_XOR: return alu_logic(left ^ right, width, rflags);
    case DECODE_NEG: return alu_subtract(0, left, false, width, rflags);
    case DECODE_NOT: return ~left;
    case DECODE_INC: return compute_step(true, left, width, rflags);
    case DECODE_DEC: return compute_step(false, left, width, rflags);
    case DECODE_BT:
    case DECODE_BTS:
    case DECODE_BTR:
    case DECODE_BTC: return compute_bit(instruction->operation, left, instruction->immediate, width, rflags);
    case DECODE_MOVSX: return alu_sign_extend(right, width);
    default: return right; /* MOV, MOVZX, XCHG */
    }
}

static enum status execute_general(const struct decoded_instruction *instruction,
                                   struct execute_registers *registers, const struct execute_memory *memory)
{
    const struct decode_operand *destination = &instruction->destination, *source = &instruction->source;
    unsigned width = instruction->width;
    uint64_t linear = execute_address(instruction, registers), in_memory = 0, rflags = registers->rflags;
    enum status status = OK;
    if (operation_reads_memory(instruction))
        status = memory->read(memory->context, linear, width, &in_memory);
    if (status != OK)
        return status;
    in_memory &= alu_mask(width);

    uint64_t left = operand_value(instruction, registers, destination, in_memory);
    uint64_t right = operand_value(instruction, registers, source, in_memory);
    uint64_t accumulator = execute_register_read(registers, DECODE_RAX, width, false), result;
    bool compares = instruction->operation == DECODE_CMPXCHG;
    if (compares) { /* the destination gets a write cycle in either case, as the architecture says */
        (void)alu_subtract(accumulator, left, false, width, &rflags);
        result = accumulator == left ? right : left;
    } else {
        result = compute(instruction, left, right, &rflags);
    }
    if (operation_writes_destination(instruction->operation)) {
        if (destination->kind == DECODE_OPERAND_MEMORY)
            status = memory->write(memory->context, linear, width, result & alu_mask(width));
        else
            execute_register_write(registers, destination->register_number, instruction->extended_width,
                                   destination->high_byte, result);
    }
    if (status != OK)
        return status;
    if (instruction->operation == DECODE_XCHG || instruction->operation == DECODE_XADD)
        execute_register_write(registers, source->register_number, width, source->high_byte, in_memory);
    if (compares && accumulator != left)
        execute_register_write(registers, DECODE_RAX, width, false, left);
    registers->rflags = rflags;
    return OK;
}

static void advance(struct execute_registers *registers, unsigned number,
                    const struct decoded_instruction *instruction)
{
    uint64_t step = registers->rflags & EXECUTE_DF ? -(uint64_t)instruction->width : instruction->width;
    execute_register_write(registers, number, instruction->memory.address_width, false,
                           registers->general[number] + step);
}

static enum status execute_string_once(const struct decoded_instruction *instruction,
                                       struct execute_registers *registers,
                                       const struct execute_memory *memory)
{
    unsigned width = instruction->width;
    bool loads = instruction->operation != DECODE_STOS, stores = instruction->operation != DECODE_LODS;
    uint64_t value = execute_register_read(registers, DECODE_RAX, width, false);
    enum status status = OK;
    if (loads)
        status = memory->read(memory->context, execute_address(instruction, registers), width, &value);
    if (status == OK && stores) {
        uint64_t offset =
            execute_register_read(registers, DECODE_RDI, instruction->memory.address_width, false);
        status = memory->write(memory->context, linear_address(registers, DECODE_ES, offset), width,
                               value & alu_mask(width));
    }
    if (status != OK)
        return status;
    if (!stores)
        execute_register_write(registers, DECODE_RAX, width, false, value);
    if (loads)
        advance(registers, DECODE_RSI, instruction);
    if (stores)
        advance(registers, DECODE_RDI, instruction);
    return OK;
}

/* *complete is false while iterations are left. */
static enum status execute_string(const struct decoded_instruction *instruction,
                                  struct execute_registers *registers, const struct execute_memory *memory,
                                  bool *complete)
{
    unsigned count_width = instruction->memory.address_width;
    if (!instruction->repeat)
        return execute_string_once(instruction, registers, memory);
    for (unsigned i = 0; i < EXECUTE_REPEAT_MAX; i++) {
        uint64_t left = execute_register_read(registers, DECODE_RCX, count_width, false);
        if (left == 0)
            return OK;
        enum status status = execute_string_once(instruction, registers, memory);
        if (status != OK)
            return status;
        execute_register_write(registers, DECODE_RCX, count_width, false, left - 1);
    }
    *complete = execute_register_read(registers, DECODE_RCX, count_width, false) == 0;
    return OK;
}

static void instruction_finish(const struct decoded_instruction *instruction,
                               struct execute_registers *registers)
{
    uint64_t next = registers->rip + instruction->length;
    registers->rip = registers->mode == DECODE_LONG ? next : (uint32_t)next;
    registers->rflags &= ~(uint64_t)EXECUTE_RF;
}

enum status execute_instruction(const struct decoded_instruction *instruction,
                                struct execute_registers *registers, const struct execute_memory *memory)
{
    bool complete = true;
    enum status status;
    switch (instruction->operation) {
    case DECODE_MOVS:
    case DECODE_STOS:
    case DECODE_LODS: status = execute_string(instruction, registers, memory, &complete); break;
    default: status = execute_general(instruction, registers, memory); break;
    }
    if (status == OK && complete)
        instruction_finish(instruction, registers);
    return status;
}
