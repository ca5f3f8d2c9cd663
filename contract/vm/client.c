/* SPDX-License-Identifier: MIT */
#include "contract/vm/client.h"

#include "lib/base/ipc.h"

enum status vm_attach(uint32_t session, uint32_t dataspace, const struct vm_attach *in)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = VM_ATTACH,
                                  .in = in,
                                  .in_size = sizeof(*in),
                                  .send = {dataspace},
                                  .send_count = 1});
}

enum status vm_detach(uint32_t session, uint64_t guest_physical, uint64_t size)
{
    struct vm_range in = {.guest_physical = guest_physical, .size = size};

    return ipc_call(&(struct ipc){.portal = session, .opcode = VM_DETACH, .in = &in, .in_size = sizeof(in)});
}

enum status vm_vcpu_create_on(uint32_t session, uint32_t priority, uint32_t cpu, uint32_t *vcpu)
{
    struct vm_vcpu_create in = {.priority = priority, .cpu = cpu};

    return ipc_call_receive(
        &(struct ipc){.portal = session, .opcode = VM_VCPU_CREATE, .in = &in, .in_size = sizeof(in)}, vcpu);
}
