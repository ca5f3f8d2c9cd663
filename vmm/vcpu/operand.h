/* SPDX-License-Identifier: MIT */
/*
 * Memory operands of emulated instructions: a linear address, RAM or device, with the rights of the guest's own tables.
 *
 * An operand may cross a page; its parts may lie in different places. Of the operand whose access made the exit, the
 * processor told the guest-physical address: that page need not be looked up again.
 */
#ifndef VMM_VCPU_OPERAND_H
#define VMM_VCPU_OPERAND_H

#include "vmm/vcpu/vcpu.h"

struct operand {
    struct vcpu *vcpu;
    bool known; /* the page of the exit */
    uint64_t linear_page, physical_page;
    uint64_t fault; /* after a failure: address and error code of the guest's #PF */
    uint32_t fault_error;
};

/* Remembers that `linear` is at `physical`, if that can be true. */
void operand_known(struct operand *operand, uint64_t linear, uint64_t physical);

/* As struct execute_memory wants them. Little-endian, width 1, 2, 4 or 8. ERR_NOT_FOUND, ERR_DENIED: nothing was accessed. */
[[nodiscard]] enum status operand_read(void *operand, uint64_t linear, unsigned width, uint64_t *value);
[[nodiscard]] enum status operand_write(void *operand, uint64_t linear, unsigned width, uint64_t value);

/* Would a write succeed? For reads from devices that must not happen in vain. */
[[nodiscard]] enum status operand_check(struct operand *operand, uint64_t linear, unsigned width);

/* Injects the #PF of the failure. */
void operand_fault(const struct operand *operand);

#endif
