/* SPDX-License-Identifier: MIT */
/*
 * Accesses to device memory: fetch, decode, execute on the state's registers, with the faulting operand on the MMIO bus.
 */
#include "vmm/vcpu/vcpu.h"

#include "lib/string/string.h"

#define LINEAR_PAGE 0xfffull

/* One emulated instruction: the operand that faulted is recognised by its linear address. */
struct access {
    struct vcpu *vcpu;
    uint64_t linear;   /* of the faulting operand, as the decoder computed it */
    uint64_t physical; /* where the fault was */
    uint64_t fault;    /* linear address of a further fault, for #PF */
};

static bool is_device(const struct access *access, uint64_t linear, uint64_t *physical)
{
    struct translate_mode mode = vcpu_translation(access->vcpu->state);

    if ((linear & ~LINEAR_PAGE) == (access->linear & ~LINEAR_PAGE)) {
        *physical = access->physical + (linear - access->linear);
        return true;
    }
    return translate(access->vcpu->ram, &mode, linear, physical) == OK;
}

static enum status memory_read(void *context, uint64_t linear, unsigned width, uint64_t *value)
{
    struct access *access = context;
    uint64_t physical;
    void *ram;

    if (!is_device(access, linear, &physical)) {
        access->fault = linear;
        return ERR_NOT_FOUND;
    }
    ram = guest_ram_at(access->vcpu->ram, physical, width);
    if (!ram) {
        *value = mmio_bus_read(&access->vcpu->machine->mmio, physical, width);
        return OK;
    }
    *value = 0;
    memcpy(value, ram, width);
    return OK;
}

static enum status memory_write(void *context, uint64_t linear, unsigned width, uint64_t value)
{
    struct access *access = context;
    uint64_t physical;
    void *ram;

    if (!is_device(access, linear, &physical)) {
        access->fault = linear;
        return ERR_NOT_FOUND;
    }
    ram = guest_ram_at(access->vcpu->ram, physical, width);
    if (ram)
        memcpy(ram, &value, width);
    else
        mmio_bus_write(&access->vcpu->machine->mmio, physical, width, value);
    return OK;
}

static void registers_load(struct execute_registers *registers, const struct vcpu_state *state)
{
    const uint64_t general[16] = {state->rax, state->rcx, state->rdx, state->rbx, state->rsp, state->rbp,
                                  state->rsi, state->rdi, state->r8,  state->r9,  state->r10, state->r11,
                                  state->r12, state->r13, state->r14, state->r15};
    const uint64_t base[DECODE_SEGMENT_COUNT] = {state->es.base, state->cs.base, state->ss.base,
                                                 state->ds.base, state->fs.base, state->gs.base};

    memcpy(registers->general, general, sizeof(general));
    memcpy(registers->segment_base, base, sizeof(base));
    registers->rip = state->rip;
    registers->rflags = state->rflags;
    registers->mode = vcpu_mode(state);
}

static void registers_store(const struct execute_registers *registers, struct vcpu_state *state)
{
    const uint64_t *general = registers->general;

    state->rax = general[0];
    state->rcx = general[1];
    state->rdx = general[2];
    state->rbx = general[3];
    state->rsp = general[4];
    state->rbp = general[5];
    state->rsi = general[6];
    state->rdi = general[7];
    memcpy(&state->r8, &general[8], 8 * sizeof(uint64_t));
    state->rip = registers->rip;
    state->rflags = registers->rflags;
    state->groups |= VCPU_GROUP_GPR;
}

/* The faulting operand is the decoded one, or the ES:rDI side of MOVS. */
static uint64_t faulting_linear(struct vcpu *vcpu, const struct decoded_instruction *instruction,
                                const struct execute_registers *registers)
{
    struct translate_mode mode = vcpu_translation(vcpu->state);
    uint64_t linear = execute_address(instruction, registers);
    uint64_t physical;

    if (instruction->operation != DECODE_MOVS)
        return linear;
    if (translate(vcpu->ram, &mode, linear, &physical) == OK && physical == vcpu->state->guest_physical)
        return linear;
    return registers->general[DECODE_RDI] + (registers->mode == DECODE_LONG ? 0 : registers->segment_base[DECODE_ES]);
}

#define VECTOR_PAGE_FAULT 14u

static void emulate(struct vcpu *vcpu, const struct decoded_instruction *instruction)
{
    struct vcpu_state *state = vcpu->state;
    struct execute_registers registers;
    struct access access = {.vcpu = vcpu, .physical = state->guest_physical};
    struct execute_memory memory = {&access, memory_read, memory_write};
    enum status status;

    registers_load(&registers, state);
    access.linear = faulting_linear(vcpu, instruction, &registers);
    status = execute_instruction(instruction, &registers, &memory);
    registers_store(&registers, state);
    if (status != OK) {
        state->cr2 = access.fault;
        state->groups |= VCPU_GROUP_IP | VCPU_GROUP_CR;
        vcpu_raise(vcpu, VECTOR_PAGE_FAULT, true, vcpu_privilege(state) == 3 ? 4 : 0);
        return;
    }
    vcpu_advance(vcpu, 0);
}

void vcpu_exit_memory(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    struct decoded_instruction instruction;
    uint8_t bytes[DECODE_BYTES_MAX];
    char text[DECODE_TEXT_SIZE];
    size_t count;

    if (state->qualification & (VCPU_MEMORY_EXECUTE | VCPU_MEMORY_TABLE_WALK)) {
        vcpu_fail(vcpu, "%s at guest-physical %lx, where there is no RAM",
                  state->qualification & VCPU_MEMORY_EXECUTE ? "execution" : "page table", state->guest_physical);
        return;
    }
    count = vcpu_fetch(vcpu, bytes);
    if (decode_instruction(bytes, count, vcpu_mode(state), &instruction) != OK) {
        decode_bytes_text(bytes, count, text);
        vcpu_fail(vcpu, "cannot emulate %s for guest-physical %lx", text, state->guest_physical);
        return;
    }
    emulate(vcpu, &instruction);
}
