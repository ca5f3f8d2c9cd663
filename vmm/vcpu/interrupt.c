/* SPDX-License-Identifier: MIT */
/*
 * Events into the guest: interrupted deliveries first, then exceptions raised by an emulation, then interrupts.
 *
 * VT-x's entry rules hold on both architectures: an external interrupt goes in only with RFLAGS.IF = 1 and without
 * blocking by STI or MOV SS; otherwise the next opportunity is asked for (interrupt window).
 */
#include "vmm/vcpu/interrupt.h"

#define RFLAGS_IF (1u << 9)

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
    return state->rflags & RFLAGS_IF && !(state->interruptibility & (VCPU_BLOCKED_BY_STI | VCPU_BLOCKED_BY_MOV_SS));
}

static void set_window(struct vcpu *vcpu, struct vcpu_state *state, bool wanted)
{
    if (vcpu->window == wanted)
        return;
    vcpu->window = wanted;
    state->controls = wanted ? VCPU_CONTROL_INTERRUPT_WINDOW : 0;
    state->exception_bitmap = 0;
    state->groups |= VCPU_GROUP_CONTROL;
}

void interrupt_before_entry(struct vcpu *vcpu, struct vcpu_state *state)
{
    struct machine *machine = vcpu->machine;
    bool busy = state->groups & VCPU_GROUP_EVENT && state->inject_info & VCPU_EVENT_VALID;

    if (!busy)
        busy = reinject_interrupted(state);
    if (!irq_pending(&machine->lapic)) {
        set_window(vcpu, state, false);
        return;
    }
    if (busy || !can_take_interrupt(state)) {
        set_window(vcpu, state, true);
        return;
    }
    state->inject_info = VCPU_EVENT_VALID | VCPU_EVENT_EXTERNAL | irq_acknowledge(&machine->irq, &machine->lapic);
    state->inject_error = 0;
    state->groups |= VCPU_GROUP_EVENT;
    set_window(vcpu, state, irq_pending(&machine->lapic));
}

void vcpu_raise(struct vcpu *vcpu, unsigned vector, bool has_error, uint32_t error)
{
    struct vcpu_state *state = vcpu->state;

    state->inject_info = VCPU_EVENT_VALID | VCPU_EVENT_EXCEPTION | vector | (has_error ? VCPU_EVENT_ERROR_CODE : 0u);
    state->inject_error = error;
    state->groups |= VCPU_GROUP_EVENT;
}
