/* SPDX-License-Identifier: MIT */
/*
 * CPUID, model-specific registers, XCR0 and control registers: what the processor is for the guest.
 */
#include "vmm/vcpu/vcpu.h"

#include "lib/base/time.h"

#define VECTOR_INVALID_OPCODE     6u
#define VECTOR_GENERAL_PROTECTION 13u

static struct cpuid_registers host_cpuid(void *, uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_registers r;

    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static const struct cpuid_host host = {.query = host_cpuid};

#define LEAF_XSAVE 0xdu

static uint64_t leaf_of(const struct vcpu_state *state)
{
    return (uint32_t)state->rax | state->rcx << 32;
}

static struct vcpu_cpuid *kept_of(struct vcpu *vcpu, uint64_t leaf)
{
    return &vcpu->cpuid_kept[leaf % VCPU_CPUID_KEPT];
}

static bool is_kept(const struct vcpu_cpuid *kept, const struct vcpu_state *state, uint64_t leaf)
{
    return kept->valid && kept->leaf == leaf && kept->cr4 == state->cr4;
}

static void answer(struct vcpu_state *state, const struct cpuid_registers *with)
{
    state->rax = with->eax;
    state->rbx = with->ebx;
    state->rcx = with->ecx;
    state->rdx = with->edx;
    state->groups |= VCPU_GROUP_GPR;
}

void vcpu_exit_cpuid(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    uint64_t leaf = leaf_of(state);
    struct vcpu_cpuid *kept = kept_of(vcpu, leaf);

    if ((uint32_t)leaf == LEAF_XSAVE && !vcpu_need(vcpu, VCPU_GROUP_XCR))
        return;
    unsigned length = vcpu_length(vcpu, DECODE_INTERCEPT_CPUID);
    if (!length)
        return;
    if (!is_kept(kept, state, leaf)) {
        struct cpuid_state now = {.cpu_index = vcpu->index,
                                  .cr4 = state->cr4,
                                  .xcr0 = (uint32_t)leaf == LEAF_XSAVE ? state->xcr0 : 0};

        *kept = (struct vcpu_cpuid){
            .leaf = leaf,
            .cr4 = now.cr4,
            .answer = cpuid_answer(&vcpu->cpuid, &now, (uint32_t)leaf, (uint32_t)(leaf >> 32), &host),
            .valid = (uint32_t)leaf != LEAF_XSAVE,
        };
    }
    answer(state, &kept->answer);
    vcpu_advance(vcpu, length);
}

bool vcpu_quick_cpuid(struct vcpu *vcpu, struct vcpu_state *state)
{
    uint64_t leaf = leaf_of(state);
    const struct vcpu_cpuid *kept = kept_of(vcpu, leaf);
    unsigned length = state->instruction_length;

    if (!is_kept(kept, state, leaf) || !vcpu_usual(state) || state->interruptibility || vcpu->controls ||
        __atomic_load_n(&vcpu->attention, __ATOMIC_ACQUIRE) || state->event_info & VCPU_EVENT_VALID)
        return false;
    if (!length) {
        const uint8_t *code = vcpu_code_opt(vcpu, state);

        if (!code || code[0] != 0x0f || code[1] != 0xa2)
            return false;
        length = 2;
    }
    state->groups = VCPU_GROUP_IP;
    answer(state, &kept->answer);
    state->rip += length;
    state->rflags &= ~(uint64_t)VCPU_RFLAGS_RF;
    return true;
}

static void raise_gp(struct vcpu *vcpu)
{
    vcpu_raise(vcpu, VECTOR_GENERAL_PROTECTION, true, 0);
}

/* Registers that are part of the virtual CPU's state and reached the monitor because the processor does not keep them
   for the guest by itself. NULL: not one of them. */
static uint64_t *state_register(struct vcpu_state *state, uint32_t index, uint64_t *group)
{
    *group = VCPU_GROUP_MSR;
    switch (index) {
    case 0x174: return &state->sysenter_cs;
    case 0x175: return &state->sysenter_esp;
    case 0x176: return &state->sysenter_eip;
    case MSR_IA32_PAT: return &state->pat;
    case 0xc0000081: return &state->star;
    case 0xc0000082: return &state->lstar;
    case 0xc0000083: return &state->cstar;
    case 0xc0000084: return &state->sfmask;
    case 0xc0000102: return &state->kernel_gs_base;
    case 0xc0000100: *group = VCPU_GROUP_SEGMENT; return &state->fs.base;
    case 0xc0000101: *group = VCPU_GROUP_SEGMENT; return &state->gs.base;
    case 0xc0000103: *group = VCPU_GROUP_TSC; return &state->tsc_aux;
    default: return NULL;
    }
}

#define MSR_EFER        0xc0000080u
#define MSR_TSC_AUX     0xc0000103u
#define APIC_BASE_FLAGS UINT64_C(0xfff)
#define EFER_SCE        (1u << 0)
#define EFER_LME        (1u << 8)
#define EFER_LMA        (1u << 10)
#define EFER_NXE        (1u << 11)
#define CR0_PG          (1u << 31)

/* LMA is the processor's; LME must not change while paging is on (SDM vol. 3, 2.2.1). */
static bool efer_write(struct vcpu_state *state, uint64_t value)
{
    if (value & ~(uint64_t)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE))
        return false;
    if (state->cr0 & CR0_PG && (value ^ state->efer) & EFER_LME)
        return false;
    state->efer = (value & ~(uint64_t)EFER_LMA) | (state->efer & EFER_LMA);
    state->groups |= VCPU_GROUP_CR;
    return true;
}

static uint64_t guest_tsc(const struct vcpu *vcpu)
{
    return time_now() + vcpu->tsc_offset;
}

static bool state_msr_write(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    uint64_t group;

    if (index == MSR_EFER)
        return efer_write(vcpu->state, value);
    if (index == MSR_IA32_PAT && !msr_pat_valid(value))
        return false;
    if (index == MSR_TSC_AUX && value >> 32)
        return false;
    uint64_t *target = state_register(vcpu->state, index, &group);
    if (!target)
        return false;
    *target = value;
    vcpu->state->groups |= group;
    return true;
}

/* The time record, if the guest asked for one and it is in RAM. */
static bool clock_publish(struct vcpu *vcpu)
{
    const struct vcpu_clock *clock = &vcpu->clock;
    uint64_t address = clock->system_time & ~(uint64_t)KVMCLOCK_ENABLE;

    if (!(clock->system_time & KVMCLOCK_ENABLE))
        return true;
    return kvmclock_write_time(vcpu->ram, address, &clock->scale, guest_tsc(vcpu),
                               device_now(&vcpu->machine->clock), true) == OK;
}

static void tsc_offset_set(struct vcpu *vcpu, uint64_t offset)
{
    vcpu_devices(vcpu);
    vcpu->tsc_offset = offset;
    vcpu->state->tsc_offset = offset;
    vcpu->state->groups |= VCPU_GROUP_TSC;
    lapic_tsc_changed(vcpu->lapic);
    clock_publish(vcpu); /* the record tells what the TSC was */
}

/* TSC_ADJUST changes by what the counter is moved (SDM vol. 3, 18.17.3). */
static void tsc_write(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    uint64_t offset =
        index == MSR_IA32_TSC ? value - time_now() : vcpu->tsc_offset + value - vcpu->tsc_adjust;

    vcpu->tsc_adjust += offset - vcpu->tsc_offset;
    tsc_offset_set(vcpu, offset);
}

/* An address outside RAM is a #GP, which changes nothing. */
static bool clock_write(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    struct vcpu_clock *clock = &vcpu->clock;
    bool wall = index == MSR_KVM_WALL_CLOCK || index == MSR_KVM_WALL_CLOCK_NEW;
    uint64_t *target = wall ? &clock->wall_clock : &clock->system_time;
    uint64_t before = *target;

    *target = value;
    if (wall ? kvmclock_write_wall(vcpu->ram, value, clock->boot_seconds, 0) == OK : clock_publish(vcpu))
        return true;
    *target = before;
    return false;
}

static bool read_owned(struct vcpu *vcpu, enum msr_answer answer, uint32_t index, uint64_t *value)
{
    uint64_t group;
    const uint64_t *source;

    switch (answer) {
    case MSR_DONE: return true;
    case MSR_VCPU:
        source = index == MSR_EFER ? &vcpu->state->efer : state_register(vcpu->state, index, &group);
        if (source)
            *value = *source;
        return source;
    case MSR_APIC: vcpu_devices(vcpu); return lapic_read_msr(vcpu->lapic, index, value) == OK;
    case MSR_TSC: *value = index == MSR_IA32_TSC ? guest_tsc(vcpu) : vcpu->tsc_adjust; return true;
    case MSR_CLOCK:
        *value = index == MSR_KVM_WALL_CLOCK || index == MSR_KVM_WALL_CLOCK_NEW ? vcpu->clock.wall_clock
                                                                                : vcpu->clock.system_time;
        return true;
    case MSR_PV_EOI: *value = vcpu->eoi.msr; return true;
    default: return false;
    }
}

/* The registers stay at their place: no guest that we know of moves them. */
static bool apic_write(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    if (index == MSR_IA32_APIC_BASE && (value & ~APIC_BASE_FLAGS) != LAPIC_BASE) {
        vcpu_note(vcpu, "guest: local APIC cannot be moved to %lx, #GP", value & ~APIC_BASE_FLAGS);
        return false;
    }
    vcpu_devices(vcpu);
    if (index == MSR_IA32_APIC_BASE)
        vcpu->attention = true; /* on or off, what is pending changes */
    return lapic_write_msr(vcpu->lapic, index, value) == OK;
}

static bool write_owned(struct vcpu *vcpu, enum msr_answer answer, uint32_t index, uint64_t value)
{
    switch (answer) {
    case MSR_DONE: return true;
    case MSR_VCPU: return state_msr_write(vcpu, index, value);
    case MSR_APIC: return apic_write(vcpu, index, value);
    case MSR_TSC: tsc_write(vcpu, index, value); return true;
    case MSR_CLOCK: return clock_write(vcpu, index, value);
    case MSR_PV_EOI: return vcpu_eoi_write(vcpu, value);
    default: return false;
    }
}

static void note_unknown(struct vcpu *vcpu, enum msr_answer answer, const char *access, uint32_t index)
{
    if (answer == MSR_UNKNOWN)
        vcpu_note(vcpu, "guest: %s of unknown MSR %x, #GP", access, index);
}

/* Groups beyond the usual ones that the registers of an owner lie in. */
static uint64_t msr_groups(enum msr_answer answer, uint32_t index)
{
    if (answer == MSR_TSC)
        return VCPU_GROUP_TSC;
    return answer == MSR_VCPU && index != MSR_EFER ? VCPU_GROUP_MSR | VCPU_GROUP_SEGMENT | VCPU_GROUP_TSC : 0;
}

void vcpu_exit_rdmsr(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    uint32_t index = (uint32_t)state->rcx;
    uint64_t value = 0;
    enum msr_answer answer = msr_read(&vcpu->cpuid, &vcpu->msr, index, &value);

    if (answer == MSR_VCPU && !vcpu_need(vcpu, msr_groups(answer, index)))
        return;
    unsigned length = vcpu_length_short(vcpu, state, 0x32, DECODE_INTERCEPT_RDMSR);
    if (!length)
        return;
    if (!read_owned(vcpu, answer, index, &value)) {
        note_unknown(vcpu, answer, "read", index);
        raise_gp(vcpu);
        return;
    }
    state->rax = (uint32_t)value;
    state->rdx = value >> 32;
    state->groups |= VCPU_GROUP_GPR;
    vcpu_advance(vcpu, length);
}

void vcpu_exit_wrmsr(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    uint32_t index = (uint32_t)state->rcx;
    uint64_t value = (uint32_t)state->rax | state->rdx << 32;
    enum msr_answer answer = msr_write(&vcpu->cpuid, &vcpu->msr, index, value);

    if (!vcpu_need(vcpu, msr_groups(answer, index)))
        return;
    unsigned length = vcpu_length_short(vcpu, state, 0x30, DECODE_INTERCEPT_WRMSR);
    if (!length)
        return;
    if (!write_owned(vcpu, answer, index, value)) {
        note_unknown(vcpu, answer, "write", index);
        raise_gp(vcpu);
        return;
    }
    vcpu_advance(vcpu, length);
}

void vcpu_exit_xsetbv(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    uint64_t value = (uint32_t)state->rax | state->rdx << 32;
    unsigned length = vcpu_length(vcpu, DECODE_INTERCEPT_XSETBV);

    if (!length)
        return;
    if ((uint32_t)state->rcx != 0 || vcpu_privilege(state) || !cpuid_xcr0_valid(&vcpu->cpuid, &host, value)) {
        raise_gp(vcpu);
        return;
    }
    state->xcr0 = value;
    state->groups |= VCPU_GROUP_XCR;
    vcpu_advance(vcpu, length);
}

/* Only CR8 is intercepted: it is the local APIC's task priority. */
void vcpu_exit_cr(struct vcpu *vcpu)
{
    struct vcpu_state *state = vcpu->state;
    struct decoded_intercept move;
    uint8_t bytes[DECODE_BYTES_MAX];
    size_t count = vcpu_fetch(vcpu, bytes);

    if (decode_intercepted(bytes, count, vcpu_mode(state), DECODE_INTERCEPT_MOV_CR, &move) != OK ||
        move.special_register != 8) {
        vcpu_fail(vcpu, "unexpected control register access");
        return;
    }
    uint64_t *general = vcpu_general(state, move.general_register & 15);
    vcpu_devices(vcpu);
    if (!move.write) {
        *general = lapic_cr8(vcpu->lapic);
        state->groups |= VCPU_GROUP_GPR;
    } else if (*general > 15) {
        raise_gp(vcpu);
        return;
    } else {
        lapic_set_cr8(vcpu->lapic, (uint8_t)*general);
    }
    vcpu_advance(vcpu, move.length);
}
