/* SPDX-License-Identifier: MIT */
/*
 * Entering a guest: registers that VMRUN does not switch, the address space identifier, the event to inject.
 *
 * Each virtual CPU runs under an address space identifier (ASID). Whatever outdates its translations gives it a fresh one;
 * when all are used up, the TLB is flushed and they are given out anew.
 */
#include "kernel/arch/x86_64/svm.h"

#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/speculation.h"
#include "kernel/arch/x86_64/vcpu_check.h"
#include "kernel/cpu.h"
#include "kernel/mem/memory.h"
#include "kernel/object/ec.h"
#include "kernel/object/space.h"

#define TLB_FLUSH_ALL 1u

/* Gives a fresh ASID if the guest must not use the translations of its old one. */
static void asid_update(struct cpu *cpu, struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct vmcb *vmcb = arch->vmcb;

    vmcb->tlb_control = 0;
    if (!arch->new_asid && arch->asid_epoch == cpu->arch.asid_epoch &&
        arch->flush_generation == vcpu->guest_space->flush_generation)
        return;
    if (cpu->arch.asid_next == svm_features.asids) {
        cpu->arch.asid_next = 1;
        cpu->arch.asid_epoch++;
        vmcb->tlb_control = TLB_FLUSH_ALL;
    }
    vmcb->asid = cpu->arch.asid_next++;
    arch->asid_epoch = cpu->arch.asid_epoch;
    arch->flush_generation = vcpu->guest_space->flush_generation;
    arch->new_asid = false;
    vmcb->clean &= ~(uint32_t)CLEAN_ASID;
}

/*
 * QEMU's TCG (7.2: helper_vmrun, cpu_handle_exception) delivers an injected interrupt, but keeps it as an exception to come, until
 * the guest is left or faults. When it stops the processor before that, at the end of any timer with -icount, it delivers it once more,
 * interrupts off or not. So there an interrupt of our own waits behind the delivery, and the guest is left before its first instruction.
 */
static void exit_at_once(void)
{
    if (svm_features.repeats_interrupt)
        arch_ipi(cpu_self());
}

/* The VMCB has its event in almost the same format; software events come from instructions that the monitor skipped. */
static void event_inject(struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    uint32_t info = arch->inject.info, type = info >> 8 & 7;

    arch->inject.info = 0;
    if (type >= 4) {
        arch->vmcb->rip += arch->inject_length;
        arch->vmcb->next_rip = arch->vmcb->rip;
    }
    if (type >= 5)
        info = (info & ~0x700u) | VCPU_EVENT_EXCEPTION;
    if (type == 2) {
        arch->nmi_blocked = true;
        svm_controls_apply(arch);
    }
    if (type == 0)
        exit_at_once();
    arch->vmcb->event_inject = info | (info & VCPU_EVENT_ERROR_CODE ? (uint64_t)arch->inject.error << 32 : 0);
}

void svm_guest_release(struct cpu *cpu)
{
    if (cpu->arch.guest) {
        struct vcpu_arch *arch = cpu->arch.guest->vcpu_arch;
        uint64_t *dr = arch->dr;

        dr[0] = dr0_read(), dr[1] = dr1_read(), dr[2] = dr2_read(), dr[3] = dr3_read();
        if (fpu_xcr0) /* QEMU's TCG ignores the intercept of XSETBV */
            cpu->arch.xcr0 = arch->xcr0 = xcr0_read();
    }
    cpu->arch.guest = NULL;
}

/* What belongs to a guest but neither VMRUN nor VMLOAD switches: FPU, XCR0, TSC_AUX, dr0-dr3. */
static void guest_load(struct cpu *cpu, struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;

    if (cpu->arch.guest == vcpu)
        return;
    svm_guest_release(cpu);
    speculation_guest_change(cpu, vcpu);
    fpu_own(cpu, vcpu);
    if (arch->xcr0 != cpu->arch.xcr0 && fpu_xcr0) {
        xcr0_write(arch->xcr0);
        cpu->arch.xcr0 = arch->xcr0;
    }
    if (arch->tsc_aux != cpu->arch.tsc_aux && svm_features.tsc_aux) {
        msr_write(MSR_TSC_AUX, arch->tsc_aux);
        cpu->arch.tsc_aux = arch->tsc_aux;
    }
    dr0_write(arch->dr[0]), dr1_write(arch->dr[1]), dr2_write(arch->dr[2]), dr3_write(arch->dr[3]);
    cpu->arch.guest = vcpu;
}

/* Tells the monitor, as if the guest had been left. */
static _Noreturn void leave(struct ec *vcpu, enum vcpu_exit reason, uint64_t qualification)
{
    vcpu->vcpu_arch->qualification = qualification;
    vcpu_exit(vcpu, reason);
}

/* Things for which the guest need not be entered at all. */
static void entry_check(struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    unsigned rule = arch->activity == VCPU_ACTIVE ? 0 : VCPU_RULE_ACTIVITY;

    if (SVM_CHECKS && !rule) {
        struct vcpu_state state = {0};

        arch_vcpu_read(vcpu, VCPU_GROUP_ALL & ~VCPU_GROUP_FPU, &state);
        state.inject_info = arch->inject.info;
        state.inject_error = arch->inject.error;
        state.inject_length = arch->inject_length;
        rule = vcpu_check(&state, arch->written);
    }
    if (rule) {
        arch->inject.info = 0;
        arch->instruction.length = 0;
        arch->event = arch->interrupted = (struct event){0};
        leave(vcpu, VCPU_EXIT_INVALID_STATE, rule);
    }
    arch->written = 0;
    if (arch->controls & VCPU_CONTROL_NMI_WINDOW && !arch->nmi_blocked && arch->vmcb->rip != arch->iret_rip &&
        !(arch->vmcb->interrupt_shadow & VMCB_SHADOW))
        leave(vcpu, VCPU_EXIT_NMI_WINDOW, 0);
}

/* Whatever must be looked at only when something has changed. A window is waited for at each entry. */
static __attribute__((noinline)) void enter_slow(struct cpu *cpu, struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct vmcb *vmcb = arch->vmcb;

    entry_check(vcpu);
    guest_load(cpu, vcpu);
    asid_update(cpu, vcpu);
    if (arch->inject.info & VCPU_EVENT_VALID)
        event_inject(vcpu);
    arch->rax = vmcb->rax, arch->rip = vmcb->rip, arch->rsp = vmcb->rsp, arch->rflags = vmcb->rflags;
    vmcb->virtual_interrupt = arch->virtual_interrupt; /* the processor may have taken V_IRQ back */
    arch->slow_entry = SVM_CHECKS || vmcb->tlb_control ||
                       arch->controls & (VCPU_CONTROL_INTERRUPT_WINDOW | VCPU_CONTROL_NMI_WINDOW);
}

void arch_vcpu_enter(struct ec *vcpu)
{
    struct cpu *cpu = cpu_self();
    struct vcpu_arch *arch = vcpu->vcpu_arch;

    if (__builtin_expect(arch->slow_entry || cpu->arch.guest != vcpu ||
                             arch->flush_generation != vcpu->guest_space->flush_generation,
                         0))
        enter_slow(cpu, vcpu);
    /* VMLOAD of the host's area afterwards leaves these. */
    cpu->arch.loaded = NULL;
    cpu->arch.fs_base = cpu->arch.gs_base = 0;
    svm_run(vcpu, virt_to_phys(arch->vmcb), cpu->arch.host_vmcb);
}
