/* SPDX-License-Identifier: MIT */
#ifndef VMM_VCPU_INTERRUPT_H
#define VMM_VCPU_INTERRUPT_H

#include "vmm/vcpu/vcpu.h"

/* Chooses what to inject at the next entry and whether to ask for a window; edits `state`, adding to its groups. The
   state must have rflags, interruptibility and the interrupted event of the exit. */
void interrupt_before_entry(struct vcpu *vcpu, struct vcpu_state *state);

#endif
