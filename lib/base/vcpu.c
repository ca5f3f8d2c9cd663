/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs and interrupts: kernel operations in this library's terms.
 */
#include "lib/base/vcpu.h"

#include "lib/base/interrupt.h"
#include "lib/base/kernel.h"
#include "lib/string/string.h"

enum status vcpu_bind(uint32_t vcpu, enum vcpu_exit exit, const struct portal *portal, uint64_t groups)
{
    return kernel_ec_bind(vcpu, exit, portal->slot, groups);
}

enum status vcpu_recall(uint32_t vcpu)
{
    return kernel_ec_control(vcpu, EC_RECALL);
}

enum status vcpu_resume(uint32_t vcpu)
{
    return kernel_ec_control(vcpu, EC_RESUME);
}

enum status vcpu_state_read(uint32_t vcpu, uint64_t groups, struct vcpu_state *out)
{
    enum status status = kernel_state_read(vcpu, groups);

    if (status == OK)
        memcpy(out, vcpu_message(), sizeof(*out));
    return status;
}

enum status vcpu_state_write(uint32_t vcpu, const struct vcpu_state *in)
{
    memcpy(vcpu_message(), in, sizeof(*in));
    return kernel_state_write(vcpu, in->groups);
}

enum status interrupt_ack(uint32_t interrupt)
{
    return kernel_interrupt_ack(interrupt);
}
