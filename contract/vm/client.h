/* SPDX-License-Identifier: MIT */
/*
 * VM, the client's half: guest memory and virtual CPUs.
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE.
 */
#ifndef CONTRACT_VM_CLIENT_H
#define CONTRACT_VM_CLIENT_H

#include "contract/vm/wire.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

[[nodiscard]] enum status vm_attach(uint32_t session, uint32_t dataspace, const struct vm_attach *in);
[[nodiscard]] enum status vm_detach(uint32_t session, uint64_t guest_physical, uint64_t size);

/* On CPU `cpu` of the session's range. *vcpu is *given*. */
[[nodiscard]] enum status vm_vcpu_create_on(uint32_t session, uint32_t priority, uint32_t cpu,
                                            uint32_t *vcpu);

[[nodiscard]] static inline enum status vm_vcpu_create(uint32_t session, uint32_t priority, uint32_t *vcpu)
{
    return vm_vcpu_create_on(session, priority, 0, vcpu);
}

#endif
