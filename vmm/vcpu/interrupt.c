/* SPDX-License-Identifier: MIT */
/*
 * Events into the guest: interrupted deliveries first, then exceptions raised by an emulation, then interrupts.
 *
 * VT-x's entry rules hold on both architectures: an external interrupt goes in only with RFLAGS.IF = 1 and without
 * blocking by STI or MOV SS; otherwise the next opportunity is asked for (interrupt window).
 */
#include "vmm/vcpu/interrupt.h"

#define RFLAGS_IF  (1u << 9)
#define VECTOR_NMI 2u

/* Vectors whose delivery pushes the address of the instruction itself must not be lost when an exit interrupts it. */
static bool reinject_interrupted(struct vcpu_state *state)
{
    if (!(state->event_info & VCPU_EVENT_VALID))
        return false;
    state->inject_info = state->event_info;
    state->inject_error = state->event_error;
    state->inject_length = state->instruction_length;
    state->groups |= VCPU_GROUP_EVENT;
    return true;
}

static bool can_take_interrupt(const struct vcpu_state *state)
{
    return state->rflags & RFLAGS_IF &&
           !(state->interruptibility & (VCPU_BLOCKED_BY_STI | VCPU_BLOCKED_BY_MOV_SS));
}

static void set_controls(struct vcpu *vcpu, struct vcpu_state *state, uint32_t controls)
{
    if (vcpu->controls == controls)
        return;
    vcpu->controls = controls;
    state->controls = controls;
    state->exception_bitmap = 0;
    state->groups |= VCPU_GROUP_CONTROL;
}

static void inject(struct vcpu_state *state, uint32_t event)
{
    state->inject_info = VCPU_EVENT_VALID | event;
    state->inject_error = 0;
    state->groups |= VCPU_GROUP_EVENT;
}

/*
 * An NMI goes in ahead of interrupts. What to wait for if it cannot: the end of the handler of the one before, or else
 * the next opportunity for an interrupt (an NMI window would open at once, before the event that is in the way).
 */
static uint32_t non_maskable(struct vcpu *vcpu, struct vcpu_state *state, bool *busy)
{
    if (!vcpu->nmi)
        return 0;
    if (state->interruptibility & VCPU_BLOCKED_BY_NMI)
        return VCPU_CONTROL_NMI_WINDOW;
    if (*busy || state->interruptibility & (VCPU_BLOCKED_BY_STI | VCPU_BLOCKED_BY_MOV_SS))
        return VCPU_CONTROL_INTERRUPT_WINDOW;
    inject(state, VCPU_EVENT_NMI | VECTOR_NMI);
    vcpu->nmi = false;
    *busy = true;
    return 0;
}

void interrupt_before_entry(struct vcpu *vcpu, struct vcpu_state *state)
{
    struct machine *machine = vcpu->machine;
    bool busy = state->groups & VCPU_GROUP_EVENT && state->inject_info & VCPU_EVENT_VALID;
    bool pending = irq_pending(vcpu->lapic);

    if (!busy)
        busy = reinject_interrupted(state);
    uint32_t controls = non_maskable(vcpu, state, &busy);
    if (pending && !busy && can_take_interrupt(state)) {
        inject(state, VCPU_EVENT_EXTERNAL | irq_acknowledge(&machine->irq, vcpu->lapic));
        pending = irq_pending(vcpu->lapic);
    }
    if (pending)
        controls |= VCPU_CONTROL_INTERRUPT_WINDOW;
    vcpu_eoi_lend(vcpu);
    set_controls(vcpu, state, controls);
}

void vcpu_raise(struct vcpu *vcpu, unsigned vector, bool has_error, uint32_t error)
{
    struct vcpu_state *state = vcpu->state;

    state->inject_info =
        VCPU_EVENT_VALID | VCPU_EVENT_EXCEPTION | vector | (has_error ? VCPU_EVENT_ERROR_CODE : 0u);
    state->inject_error = error;
    state->groups |= VCPU_GROUP_EVENT;
}
