/* SPDX-License-Identifier: MIT */
/*
 * Hypercall implementations: each decodes its arguments (all checks, no effect), then does the work.
 */
#ifndef KERNEL_HYPERCALL_HYPERCALL_H
#define KERNEL_HYPERCALL_HYPERCALL_H

#include "abi/hypercall.h"
#include "kernel/object/cap_space.h"
#include "kernel/object/ec.h"
#include "kernel/object/pd.h"

/* Named view of the argument registers (abi/hypercall.h). */
static inline uint64_t argument(const struct ec *caller, unsigned index)
{
    const struct registers *regs = &caller->regs;

    switch (index) {
    case 0: return regs->rdi;
    case 1: return regs->rsi;
    case 2: return regs->rdx;
    case 3: return regs->r10;
    case 4: return regs->r8;
    default: return regs->r9;
    }
}

/* The caller's capability in the slot that argument `index` names. */
static inline enum status argument_object(const struct ec *caller, unsigned index, enum object_type type,
                                          uint32_t rights, void *out)
{
    return cap_lookup(caller->cap_space, argument(caller, index), type, rights, out);
}

/* A thread or a virtual CPU. */
[[nodiscard]] enum status argument_context(const struct ec *caller, unsigned index, uint32_t rights,
                                           struct ec **out);

enum status hypercall_create(struct ec *caller);
enum status hypercall_cap_copy(struct ec *caller);
enum status hypercall_cap_drop(struct ec *caller);
enum status hypercall_cap_identify(struct ec *caller);
enum status hypercall_cap_space_grow(struct ec *caller);
enum status hypercall_destroy(struct ec *caller);
enum status hypercall_pd_give_frames(struct ec *caller);
enum status hypercall_pd_take_frames(struct ec *caller);
enum status hypercall_pd_info(struct ec *caller);
enum status hypercall_space_update(struct ec *caller);
enum status hypercall_port_update(struct ec *caller);
enum status hypercall_ec_bind(struct ec *caller);
enum status hypercall_ec_control(struct ec *caller);
enum status hypercall_state_read(struct ec *caller);
enum status hypercall_state_write(struct ec *caller);
enum status hypercall_interrupt_ack(struct ec *caller);
enum status hypercall_sc_control(struct ec *caller);
enum status hypercall_machine_control(struct ec *caller);
enum status hypercall_iommu_control(struct ec *caller);

#endif
