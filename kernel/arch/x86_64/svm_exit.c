/* SPDX-License-Identifier: MIT */
/*
 * Why a guest was left: the processor's exit codes become the neutral ones of abi/vcpu.h. What concerns the kernel alone
 * (host interrupts, #DB and #AC that no monitor asked for, the end of an NMI handler) is settled here.
 *
 * An event whose delivery the exit interrupted is told, or injected again if nobody is told. Software interrupts and INT3 are
 * not: their instruction simply runs again.
 */
#include "kernel/arch/x86_64/svm.h"

#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/vcpu_check.h"
#include "kernel/cpu.h"
#include "kernel/object/ec.h"

/* Exit codes (APM vol. 2, appendix C). */
enum svm_exit_code {
    EXIT_CR_READ = 0x00,
    EXIT_CR_WRITE = 0x10,
    EXIT_DR_READ = 0x20,
    EXIT_EXCEPTION = 0x40,
    EXIT_INTR = 0x60,
    EXIT_NMI = 0x61,
    EXIT_VINTR = 0x64,
    EXIT_IRET = 0x74,
    EXIT_IO = 0x7b,
    EXIT_MSR = 0x7c,
    EXIT_LAST = 0x8f,
    EXIT_NESTED_FAULT = 0x400,
};
#define EXIT_INVALID UINT32_MAX /* of the low half; QEMU leaves the high one 0 */

/* Exits with a reason of their own and nothing to add. 0: none. */
static const uint8_t plain_reason[EXIT_LAST + 1 - EXIT_INTR] = {
    [0x63 - EXIT_INTR] = VCPU_EXIT_INIT,
    [0x64 - EXIT_INTR] = VCPU_EXIT_INTERRUPT_WINDOW,
    [0x6f - EXIT_INTR] = VCPU_EXIT_RDPMC,
    [0x72 - EXIT_INTR] = VCPU_EXIT_CPUID,
    [0x76 - EXIT_INTR] = VCPU_EXIT_INVD,
    [0x77 - EXIT_INTR] = VCPU_EXIT_PAUSE,
    [0x78 - EXIT_INTR] = VCPU_EXIT_HLT,
    [0x7a - EXIT_INTR] = VCPU_EXIT_VIRTUALIZATION, /* INVLPGA */
    [0x7d - EXIT_INTR] = VCPU_EXIT_TASK_SWITCH,
    [0x7f - EXIT_INTR] = VCPU_EXIT_TRIPLE_FAULT,
    [0x80 - EXIT_INTR] = VCPU_EXIT_VIRTUALIZATION, /* VMRUN */
    [0x81 - EXIT_INTR] = VCPU_EXIT_HYPERCALL,
    [0x82 - EXIT_INTR] = VCPU_EXIT_VIRTUALIZATION, /* VMLOAD, VMSAVE, STGI, CLGI, SKINIT */
    [0x83 - EXIT_INTR] = VCPU_EXIT_VIRTUALIZATION,
    [0x84 - EXIT_INTR] = VCPU_EXIT_VIRTUALIZATION,
    [0x85 - EXIT_INTR] = VCPU_EXIT_VIRTUALIZATION,
    [0x86 - EXIT_INTR] = VCPU_EXIT_VIRTUALIZATION,
    [0x89 - EXIT_INTR] = VCPU_EXIT_INVD, /* WBINVD */
    [0x8a - EXIT_INTR] = VCPU_EXIT_MONITOR,
    [0x8b - EXIT_INTR] = VCPU_EXIT_MONITOR, /* MWAIT */
    [0x8c - EXIT_INTR] = VCPU_EXIT_MONITOR,
    [0x8d - EXIT_INTR] = VCPU_EXIT_XSETBV,
};

void svm_leave(struct ec *vcpu, enum vcpu_exit reason, uint64_t qualification)
{
    vcpu->vcpu_arch->qualification = qualification;
    vcpu_exit(vcpu, reason);
}

/* The event whose delivery was interrupted, unless its instruction will simply run again. */
static void exit_event(struct vcpu_arch *arch)
{
    uint64_t info = arch->vmcb->exit_interrupt_info;
    uint32_t type = info >> 8 & 7, vector = info & 0xff;

    arch->event_info = arch->interrupted_info = 0;
    if (!(info & VCPU_EVENT_VALID) || type == 4 || (type == 3 && (vector == 3 || vector == 4)))
        return;
    arch->event_info = (uint32_t)info & (0xfffu | VCPU_EVENT_VALID);
    arch->event_error = (uint32_t)(info >> 32);
}

/* Enters again without telling anybody: the interrupted event first. */
static _Noreturn void exit_ignore(struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;

    if (arch->event_info) {
        arch->inject_info = arch->event_info;
        arch->inject_error = arch->event_error;
    }
    sched_dispatch();
}

static _Noreturn void exit_exception(struct ec *vcpu, unsigned vector)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct vmcb *vmcb = arch->vmcb;
    bool has_error = 1u << vector & (1u << 8 | 0x1fu << 10 | 1u << 17 | 1u << 21);

    if (vector == VECTOR_MC)
        panic("machine check while a guest was running");
    arch->interrupted_info = arch->event_info;
    arch->interrupted_error = arch->event_error;
    /* #BP and #OF come from INT3 and INTO: injected again, they return behind it. */
    arch->event_info = VCPU_EVENT_VALID | vector | (has_error ? VCPU_EVENT_ERROR_CODE : 0u) |
                       (vector == 3 || vector == 4 ? VCPU_EVENT_SOFTWARE_EXCEPTION : VCPU_EVENT_EXCEPTION);
    arch->event_error = has_error ? (uint32_t)vmcb->exit_info1 : 0;
    if (!(arch->exception_bitmap & 1u << vector))
        exit_ignore(vcpu);
    svm_leave(vcpu, VCPU_EXIT_EXCEPTION, vmcb->exit_info2);
}

static _Noreturn void exit_io(struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    uint64_t info = arch->vmcb->exit_info1, qualification = info >> 16 & 0xffff;
    uint64_t segment = svm_features.decode_assists ? info >> 10 & 7 : 7;

    qualification |= info & 1 ? VCPU_IO_IN : 0;
    qualification |= info & 4 ? VCPU_IO_STRING : 0;
    qualification |= info & 8 ? VCPU_IO_REP : 0;
    qualification |= (info >> 4 & 7) << VCPU_IO_WIDTH_SHIFT;
    qualification |= (info >> 7 & 7) << (VCPU_IO_ADDRESS_SHIFT + 1); /* 16, 32, 64 bits: 1, 2, 4 */
    qualification |= segment << VCPU_IO_SEGMENT_SHIFT;
    arch->instruction_length = (uint32_t)(arch->vmcb->exit_info2 - vcpu->regs.rip);
    svm_leave(vcpu, VCPU_EXIT_IO, qualification);
}

static _Noreturn void exit_memory(struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    uint64_t error = arch->vmcb->exit_info1;
    uint64_t qualification = (error & 1 ? VCPU_MEMORY_PRESENT : 0u) | (error & 2 ? VCPU_MEMORY_WRITE : 0u) |
                             (error & 0x10 ? VCPU_MEMORY_EXECUTE : 0u) |
                             (error >> 33 & 1 ? VCPU_MEMORY_TABLE_WALK : 0u);

    arch->guest_physical = arch->vmcb->exit_info2;
    arch->instruction_valid = svm_features.decode_assists ? arch->vmcb->fetched & 15u : 0;
    svm_leave(vcpu, VCPU_EXIT_MEMORY, qualification);
}

/* The guest is about to end its NMI handler; from its next instruction on another NMI may come. */
static _Noreturn void exit_iret(struct ec *vcpu)
{
    vcpu->vcpu_arch->nmi_blocked = false;
    vcpu->vcpu_arch->iret_rip = vcpu->regs.rip;
    svm_controls_apply(vcpu->vcpu_arch);
    exit_ignore(vcpu);
}

static _Noreturn void exit_other(struct ec *vcpu, uint64_t code)
{
    uint8_t reason = code >= EXIT_INTR && code <= EXIT_LAST ? plain_reason[code - EXIT_INTR] : 0;

    if (reason)
        svm_leave(vcpu, reason, 0);
    if (code < EXIT_DR_READ) /* in VT-x's format: number, 1 for reads from bit 4 (SDM vol. 3, table 28-3) */
        svm_leave(vcpu, VCPU_EXIT_CR, (code & 15) | (code < EXIT_CR_WRITE ? 0x10u : 0u));
    if (code < EXIT_EXCEPTION)
        svm_leave(vcpu, VCPU_EXIT_DR, (code & 15) | (code & 0x10 ? 0u : 0x10u));
    if (code < EXIT_INTR)
        exit_exception(vcpu, (unsigned)code - EXIT_EXCEPTION);
    svm_leave(vcpu, VCPU_EXIT_OTHER, code);
}

/* The processor did not enter. Where the guest is stays as it was: an emulator may have written the host's into the VMCB. */
static _Noreturn void exit_invalid(struct ec *vcpu)
{
    cpu_self()->arch.asid_next = svm_features.asids; /* a flush that was due may not have taken place */
    vcpu->vcpu_arch->event_info = vcpu->vcpu_arch->interrupted_info = 0;
    vcpu->vcpu_arch->instruction_length = 0;
    svm_leave(vcpu, VCPU_EXIT_INVALID_STATE, VCPU_RULE_PROCESSOR);
}

void svm_exit(struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct vmcb *vmcb = arch->vmcb;
    uint64_t code = vmcb->exit_code;

    vmcb->event_inject = 0;
    arch->clean = CLEAN_ALL & ~(uint32_t)CLEAN_INTERRUPT;
    arch->instruction_valid = 0;
    if ((uint32_t)code == EXIT_INVALID)
        exit_invalid(vcpu);
    vcpu->regs.rax = vmcb->rax;
    vcpu->regs.rip = vmcb->rip;
    vcpu->regs.rsp = vmcb->rsp;
    vcpu->regs.rflags = vmcb->rflags;
    arch->instruction_length =
        svm_features.next_rip && vmcb->next_rip ? (uint32_t)(vmcb->next_rip - vmcb->rip) : 0;
    if (fpu_xcr0) /* QEMU's TCG ignores the intercept of XSETBV */
        cpu_self()->arch.xcr0 = arch->xcr0 = xcr0_read();
    exit_event(arch);
    if (vcpu->regs.rip != arch->iret_rip)
        arch->iret_rip = 0;
    switch (code) {
    case EXIT_INTR:
    case EXIT_NMI:
        if (arch->event_info) {
            arch->inject_info = arch->event_info;
            arch->inject_error = arch->event_error;
        }
        svm_interrupt_window();
        sched_dispatch();
    case EXIT_IO: exit_io(vcpu);
    case EXIT_NESTED_FAULT: exit_memory(vcpu);
    case EXIT_MSR: svm_leave(vcpu, vmcb->exit_info1 & 1 ? VCPU_EXIT_WRMSR : VCPU_EXIT_RDMSR, 0);
    case EXIT_IRET: exit_iret(vcpu);
    default: exit_other(vcpu, code);
    }
}
