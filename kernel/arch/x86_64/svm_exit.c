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
    EXIT_CPUID = 0x72,
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

/* Tells the monitor. */
static inline _Noreturn __attribute__((always_inline)) void leave(struct ec *vcpu, enum vcpu_exit reason,
                                                                  uint64_t qualification)
{
    vcpu->vcpu_arch->qualification = qualification;
    vcpu_exit(vcpu, reason);
}

/* The event whose delivery was interrupted, unless its instruction will simply run again. */
static __attribute__((noinline, cold)) void exit_event(struct vcpu_arch *arch, uint64_t info)
{
    uint32_t type = info >> 8 & 7, vector = info & 0xff;

    if (type == 4 || (type == 3 && (vector == 3 || vector == 4)))
        return;
    arch->event.info = (uint32_t)info & (0xfffu | VCPU_EVENT_VALID);
    arch->event.error = (uint32_t)(info >> 32);
}

static void event_again(struct vcpu_arch *arch)
{
    if (!arch->event.info)
        return;
    arch->inject = arch->event;
    arch->slow_entry = true;
}

/* Enters again without telling anybody: the interrupted event first. */
static _Noreturn void exit_ignore(struct ec *vcpu)
{
    event_again(vcpu->vcpu_arch);
    sched_dispatch();
}

static _Noreturn void exit_exception(struct ec *vcpu, unsigned vector)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct vmcb *vmcb = arch->vmcb;
    bool has_error = 1u << vector & (1u << 8 | 0x1fu << 10 | 1u << 17 | 1u << 21);

    if (vector == VECTOR_MC)
        panic("machine check while a guest was running");
    arch->interrupted = arch->event;
    /* #BP and #OF come from INT3 and INTO: injected again, they return behind it. */
    arch->event.info = VCPU_EVENT_VALID | vector | (has_error ? VCPU_EVENT_ERROR_CODE : 0u) |
                       (vector == 3 || vector == 4 ? VCPU_EVENT_SOFTWARE_EXCEPTION : VCPU_EVENT_EXCEPTION);
    arch->event.error = has_error ? (uint32_t)vmcb->exit_info1 : 0;
    if (!(arch->exception_bitmap & 1u << vector))
        exit_ignore(vcpu);
    leave(vcpu, VCPU_EXIT_EXCEPTION, vmcb->exit_info2);
}

/* Bits of EXITINFO1 for IN and OUT (15.10.2) that the ABI has in the same order, at another place. */
#define IO_IN_WIDTH        0x0071u /* to VCPU_IO_IN, VCPU_IO_WIDTH_SHIFT */
#define IO_STRING_REP      0x000cu /* to VCPU_IO_STRING, VCPU_IO_REP */
#define IO_ADDRESS         0x0380u /* 16, 32, 64 bits: to 2, 4, 8 in VCPU_IO_ADDRESS_SHIFT */
#define IO_SEGMENT         0x1c00u /* to VCPU_IO_SEGMENT_SHIFT */
#define IO_SEGMENT_UNKNOWN (7u << VCPU_IO_SEGMENT_SHIFT)

OBJECT_FAST _Noreturn void exit_io(struct ec *vcpu, struct vcpu_arch *arch, const struct vmcb *vmcb)
{
    uint32_t info = (uint32_t)vmcb->exit_info1;
    uint32_t qualification = info >> 16 | (info & IO_IN_WIDTH) << 16 | (info & IO_STRING_REP) << 15 |
                             (info & (IO_ADDRESS | IO_SEGMENT)) << 18;

    if (!svm_features.decode_assists)
        qualification |= IO_SEGMENT_UNKNOWN;
    arch->instruction.length = (uint32_t)(vmcb->exit_info2 - vmcb->rip);
    leave(vcpu, VCPU_EXIT_IO, qualification);
}

OBJECT_FAST _Noreturn void exit_memory(struct ec *vcpu, struct vcpu_arch *arch, const struct vmcb *vmcb)
{
    uint64_t error = vmcb->exit_info1;
    uint64_t qualification = (error & 1 ? VCPU_MEMORY_PRESENT : 0u) | (error & 2 ? VCPU_MEMORY_WRITE : 0u) |
                             (error & 0x10 ? VCPU_MEMORY_EXECUTE : 0u) |
                             (error >> 33 & 1 ? VCPU_MEMORY_TABLE_WALK : 0u);

    arch->guest_physical = vmcb->exit_info2;
    if (svm_features.decode_assists)
        arch->instruction.valid = vmcb->fetched & 15u;
    leave(vcpu, VCPU_EXIT_MEMORY, qualification);
}

/* The guest is about to end its NMI handler; from its next instruction on another NMI may come. */
static _Noreturn void exit_iret(struct ec *vcpu)
{
    vcpu->vcpu_arch->nmi_blocked = false;
    vcpu->vcpu_arch->iret_rip = vcpu->vcpu_arch->vmcb->rip;
    svm_controls_apply(vcpu->vcpu_arch);
    exit_ignore(vcpu);
}

static _Noreturn __attribute__((noinline)) void exit_other(struct ec *vcpu, uint64_t code)
{
    if (code == EXIT_INTR || code == EXIT_NMI) {
        event_again(vcpu->vcpu_arch);
        svm_interrupt_window();
        sched_dispatch();
    }
    if (code == EXIT_MSR)
        leave(vcpu, vcpu->vcpu_arch->vmcb->exit_info1 & 1 ? VCPU_EXIT_WRMSR : VCPU_EXIT_RDMSR, 0);
    if (code == EXIT_IRET)
        exit_iret(vcpu);

    uint8_t reason = code >= EXIT_INTR && code <= EXIT_LAST ? plain_reason[code - EXIT_INTR] : 0;

    if (reason)
        leave(vcpu, reason, 0);
    if (code < EXIT_DR_READ) /* in VT-x's format: number, 1 for reads from bit 4 (SDM vol. 3, table 28-3) */
        leave(vcpu, VCPU_EXIT_CR, (code & 15) | (code < EXIT_CR_WRITE ? 0x10u : 0u));
    if (code < EXIT_EXCEPTION)
        leave(vcpu, VCPU_EXIT_DR, (code & 15) | (code & 0x10 ? 0u : 0x10u));
    if (code < EXIT_INTR)
        exit_exception(vcpu, (unsigned)code - EXIT_EXCEPTION);
    leave(vcpu, VCPU_EXIT_OTHER, code);
}

/* The processor did not enter. Where the guest is stays as it was: an emulator may have written the host's into the VMCB. What
   could be refused was written by the monitor, so the entry was a slow one. */
static _Noreturn __attribute__((noinline, cold)) void exit_invalid(struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct vmcb *vmcb = arch->vmcb;

    vmcb->rax = arch->rax, vmcb->rip = arch->rip, vmcb->rsp = arch->rsp, vmcb->rflags = arch->rflags;
    arch->slow_entry = true;
    cpu_self()->arch.asid_next = svm_features.asids; /* a flush that was due may not have taken place */
    vmcb->clean = 0;
    arch->event = arch->interrupted = (struct event){0};
    leave(vcpu, VCPU_EXIT_INVALID_STATE, VCPU_RULE_PROCESSOR);
}

void svm_exit(struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct vmcb *vmcb = arch->vmcb;
    uint64_t code = vmcb->exit_code, event = vmcb->exit_interrupt_info;

    vmcb->event_inject = 0;
    vmcb->clean = svm_features.clean;
    arch->instruction = (struct instruction_bytes){0};
    if (__builtin_expect((uint32_t)code == EXIT_INVALID, 0))
        exit_invalid(vcpu);
    if (svm_features.next_rip && vmcb->next_rip)
        arch->instruction.length = (uint32_t)(vmcb->next_rip - vmcb->rip);
    arch->event = arch->interrupted = (struct event){0};
    if (__builtin_expect((event & VCPU_EVENT_VALID) != 0, 0))
        exit_event(arch, event);
    if (__builtin_expect(arch->iret_rip != 0, 0) && vmcb->rip != arch->iret_rip)
        arch->iret_rip = 0;
    /* The frequent ones in order, each a jump. */
    if (code == EXIT_IO)
        exit_io(vcpu, arch, vmcb);
    if (code == EXIT_NESTED_FAULT)
        exit_memory(vcpu, arch, vmcb);
    if (code == EXIT_CPUID)
        leave(vcpu, VCPU_EXIT_CPUID, 0);
    exit_other(vcpu, code);
}
