/* SPDX-License-Identifier: MIT */
/*
 * Ends of interrupts without an exit: KVM's paravirtual EOI (Linux, Documentation/virt/kvm/x86/msr.rst, MSR_KVM_PV_EOI_EN).
 *
 * The guest names a word of its memory. While bit 0 is set there, it ends the interrupt in service by clearing that bit instead of
 * writing the EOI register. The bit is lent before an entry, if nobody would notice the moment of the end; and taken back
 * before anybody looks at the local APIC for this virtual CPU again: at the next exit, and in vcpu_kick() if another interrupt has
 * come in. Taking it back clears it in any case, so an interrupt is ended in one of the two ways, never in both.
 *
 * The guest's test-and-clear is one instruction without a bus lock. So the bit changes only on the entry point's thread, which is on
 * the virtual CPU's processor: the guest does not run meanwhile.
 */
#include "vmm/vcpu/vcpu.h"

#define EOI_ENABLE UINT64_C(1) /* of the MSR, whose upper bits are the address, aligned to 4 */
#define EOI_LENT   1u          /* of the flag */

bool vcpu_eoi_write(struct vcpu *vcpu, uint64_t value)
{
    uint64_t address = value & ~EOI_ENABLE;
    uint32_t *flag = NULL;

    if (address % sizeof(*flag))
        return false;
    if (value & EOI_ENABLE) {
        flag = guest_ram_at(vcpu->ram, address, sizeof(*flag));
        if (!flag)
            return false;
    }
    vcpu->eoi.msr = value;
    vcpu->eoi.flag = flag;
    return true;
}

void vcpu_eoi_lend(struct vcpu *vcpu)
{
    if (!vcpu->eoi.flag || !lapic_end_unobserved(vcpu->lapic))
        return;
    __atomic_fetch_or(vcpu->eoi.flag, EOI_LENT, __ATOMIC_RELEASE);
    vcpu->eoi.lent = true;
}

void vcpu_eoi_take_back(struct vcpu *vcpu)
{
    vcpu->eoi.lent = false;
    if (!(__atomic_fetch_and(vcpu->eoi.flag, ~EOI_LENT, __ATOMIC_ACQUIRE) & EOI_LENT))
        lapic_end(vcpu->lapic);
}
