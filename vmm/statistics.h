/* SPDX-License-Identifier: MIT */
/* Exits by reason and accesses by device, printed when a virtual machine ends. */
#ifndef VMM_STATISTICS_H
#define VMM_STATISTICS_H

#include "vmm/machine/machine.h"
#include "vmm/vcpu/vcpu.h"

/* Lines `exits REASON N`, `exits total N`, `device NAME reads N writes N` to the log. */
void statistics_print(const struct vcpu *vcpu, struct machine *machine);

#endif
