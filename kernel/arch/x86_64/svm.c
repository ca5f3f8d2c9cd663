/* SPDX-License-Identifier: MIT */
/* AMD-V: not here yet, every virtual CPU is refused. */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/svm.h"
void svm_init(struct cpu *cpu)
{
    (void)cpu;
}
bool arch_vcpu_supported(void)
{
    return false;
}
bool arch_vcpu_create(struct ec *vcpu, struct pd *account)
{
    (void)vcpu;
    (void)account;
    return false;
}
void arch_vcpu_destroy(struct ec *vcpu, struct pd *account)
{
    (void)vcpu;
    (void)account;
}
void arch_vcpu_read(struct ec *vcpu, uint64_t groups, struct vcpu_state *out)
{
    (void)vcpu;
    (void)groups;
    (void)out;
}
bool arch_vcpu_write(struct ec *vcpu, uint64_t groups, const struct vcpu_state *in)
{
    (void)vcpu;
    (void)groups;
    (void)in;
    return false;
}
void arch_vcpu_enter(struct ec *v)
{
    (void)v;
    for (;;)
        ;
}
