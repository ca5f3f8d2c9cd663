/* SPDX-License-Identifier: MIT */
/*
 * Accesses to guest-physical addresses without RAM: fetch, decode, execute on the state's registers, with the operands
 * in RAM or on the MMIO bus. Where no device is, reads give ones and writes vanish, as on a PC.
 */
#include "vmm/vcpu/operand.h"

#include "lib/string/string.h"

#define PAGE_MASK 0xfffull

static void registers_load(struct execute_registers *registers, const struct vcpu_state *state, bool segments)
{
    for (unsigned i = 0; i < 16; i++)
        registers->general[i] = *vcpu_general((struct vcpu_state *)state, i);
    registers->rip = state->rip;
    registers->rflags = state->rflags;
    registers->mode = vcpu_mode(state);
    if (!segments)
        return;

    const uint64_t base[DECODE_SEGMENT_COUNT] = {state->es.base, state->cs.base, state->ss.base,
                                                 state->ds.base, state->fs.base, state->gs.base};

    memcpy(registers->segment_base, base, sizeof(base));
}

/* With the group of rsp: XCHG and the like may have changed it. */
static void registers_store(const struct execute_registers *registers, struct vcpu_state *state)
{
    for (unsigned i = 0; i < 16; i++)
        *vcpu_general(state, i) = registers->general[i];
    state->rip = registers->rip;
    state->rflags = registers->rflags;
    state->groups |= VCPU_GROUP_GPR | VCPU_GROUP_IP;
}

/* The exit's operand is the decoded one, unless that is the RAM side of MOVS: then it is at ES:rDI. */
static uint64_t exit_linear(struct vcpu *vcpu, const struct decoded_instruction *instruction,
                            const struct execute_registers *registers)
{
    struct translate_mode mode = vcpu_translation(vcpu->state);
    uint64_t linear = execute_address(instruction, registers);
    struct decoded_instruction store = *instruction;
    uint64_t physical;

    if (instruction->operation != DECODE_MOVS ||
        (translate(vcpu->ram, &mode, linear, &physical) == OK && physical == vcpu->state->guest_physical))
        return linear;
    store.memory.base = DECODE_RDI;
    store.memory.segment = DECODE_ES;
    return execute_address(&store, registers);
}

static void emulate(struct vcpu *vcpu, const struct decoded_instruction *instruction)
{
    struct execute_registers registers;
    struct operand operand = {.vcpu = vcpu};
    struct execute_memory memory = {&operand, operand_read, operand_write};

    registers_load(&registers, vcpu->state, vcpu->have & VCPU_GROUP_SEGMENT);
    operand_known(&operand, exit_linear(vcpu, instruction, &registers), vcpu->state->guest_physical);
    enum status status = execute_instruction(instruction, &registers, &memory);
    registers_store(&registers, vcpu->state);
    if (status == OK)
        vcpu_advance(vcpu, 0);
    else
        operand_fault(&operand);
}

static uint64_t quick_linear(const struct vcpu_state *state, const struct decoded_instruction *instruction)
{
    const struct decode_memory *memory = &instruction->memory;
    uint64_t linear = (uint64_t)memory->displacement;

    if (memory->rip_relative)
        linear += state->rip + instruction->length;
    if (memory->base != DECODE_NO_REGISTER)
        linear += *vcpu_general((struct vcpu_state *)state, memory->base);
    if (memory->index != DECODE_NO_REGISTER)
        linear += *vcpu_general((struct vcpu_state *)state, memory->index) << memory->scale_shift;
    return linear;
}

/*
 * Nearly all accesses are MOVs by flat 64-bit code, loads of 4 bytes and stores of 2 (a virtqueue's notification) or 4, with the
 * whole operand on one page without RAM: between a register or immediate and the address that the exit told. False: something
 * else.
 */
static bool quick_move(struct vcpu *vcpu, const struct decoded_instruction *instruction)
{
    struct vcpu_state *state = vcpu->state;
    const struct decode_operand *source = &instruction->source;
    uint64_t physical = state->guest_physical, linear;
    unsigned width = instruction->width;

    if (instruction->operation != DECODE_MOV || instruction->memory.address_width != 8 ||
        (width != 4 && (width != 2 || source->kind == DECODE_OPERAND_MEMORY)))
        return false;
    linear = quick_linear(state, instruction);
    if ((linear ^ physical) & PAGE_MASK || (linear & PAGE_MASK) > PAGE_MASK - 3 ||
        guest_ram_at(vcpu->ram, physical, width))
        return false;
    vcpu_devices(vcpu);
    if (source->kind == DECODE_OPERAND_MEMORY) {
        *vcpu_general(state, instruction->destination.register_number & 15) =
            machine_memory_read(vcpu->machine, vcpu->lapic, physical, 4);
        state->groups |= VCPU_GROUP_GPR;
    } else {
        uint64_t value = source->kind == DECODE_OPERAND_IMMEDIATE
                             ? instruction->immediate
                             : *vcpu_general(state, source->register_number & 15);

        machine_memory_write(vcpu->machine, vcpu->lapic, physical, width,
                             width == 4 ? (uint32_t)value : (uint16_t)value);
    }
    vcpu_advance(vcpu, instruction->length);
    return true;
}

/* Flat 64-bit code needs no segments. */
static bool needs_segments(const struct vcpu *vcpu, const struct decoded_instruction *instruction)
{
    return vcpu_mode(vcpu->state) != DECODE_LONG || instruction->memory.segment >= DECODE_FS;
}

/* Accesses that no instruction at rip stands for. */
static bool refused(struct vcpu *vcpu)
{
    const struct vcpu_state *state = vcpu->state;
    const char *what = NULL;

    if (state->qualification & VCPU_MEMORY_EXECUTE)
        what = "execution";
    else if (state->qualification & VCPU_MEMORY_TABLE_WALK)
        what = "page table";
    else if (state->event_info & VCPU_EVENT_VALID)
        what = "delivery of an interrupt or exception";
    if (what)
        vcpu_fail(vcpu, "%s at guest-physical %lx, where there is no RAM", what, state->guest_physical);
    return what;
}

void vcpu_exit_memory(struct vcpu *vcpu)
{
    if (refused(vcpu))
        return;
    const struct decoded_instruction *instruction = vcpu_decode_opt(vcpu);
    if (!instruction)
        return;
    if (!needs_segments(vcpu, instruction) && quick_move(vcpu, instruction))
        return;
    if ((!needs_segments(vcpu, instruction) || vcpu_need(vcpu, VCPU_GROUP_SEGMENT)))
        emulate(vcpu, instruction);
}
