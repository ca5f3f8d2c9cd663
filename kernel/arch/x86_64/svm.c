/* SPDX-License-Identifier: MIT */
/*
 * Running virtual CPUs with AMD-V and nested paging.
 *
 * Every port access and every MSR but those that VMLOAD switches leave the guest. Host interrupts leave it, too, and then
 * take the kernel's ordinary interrupt path. #DB and #AC always leave it and are put back at once: their delivery
 * could raise them again for ever without an interrupt being seen. Software interrupts and INT3 whose delivery was
 * interrupted are simply executed again.
 *
 * Translations: each virtual CPU runs under an address space identifier (ASID). Whatever outdates its translations gives
 * it a fresh one; when all are used up, the TLB is flushed and they are given out anew.
 */
#include "kernel/arch/x86_64/svm.h"

#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/vcpu_check.h"
#include "kernel/cpu.h"
#include "kernel/mem/memory.h"
#include "kernel/object/ec.h"
#include "kernel/object/pd.h"
#include "kernel/object/space.h"

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

#define NESTED_ENABLE      1ull
#define TLB_FLUSH_ALL      1u
#define SHADOW             1ull
#define VECTOR_DB          1u
#define VECTOR_AC          17u
#define VECTOR_MC          18u
#define CPUIDX1_ECX_SVM    (1u << 2)
#define CPUIDX1_EDX_RDTSCP (1u << 27)

#define ALWAYS_EXCEPTIONS (1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC)
#define ALWAYS1                                                                                             \
    (INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_INVD | \
     INTERCEPT_HLT | INTERCEPT_INVLPGA | INTERCEPT_IO | INTERCEPT_MSR | INTERCEPT_SHUTDOWN)
#define ALWAYS2                                                                                   \
    (INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE | INTERCEPT_STGI | \
     INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_WBINVD | INTERCEPT_MONITOR | INTERCEPT_MWAIT | \
     INTERCEPT_XSETBV | INTERCEPT_RDPRU)
#define CR8_BIT (1u << 8)

struct svm_features svm_features;

/* Shared by all virtual CPUs, never changed after svm_init(): one bit a port, two bits an MSR; set bits leave the guest. */
static uint8_t io_bitmap[3 * 4096] __attribute__((aligned(4096)));
static uint8_t msr_bitmap[2 * 4096] __attribute__((aligned(4096)));
static bool has_tsc_aux;

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

/* Reads and writes of the MSR stay in the guest. */
static void msr_pass(uint32_t msr)
{
    uint32_t index = msr < 0x2000 ? msr : msr - 0xc0000000 + 0x2000; /* second range: byte 0x800 */

    msr_bitmap[index / 4] &= (uint8_t) ~(3u << index % 4 * 2);
}

static void bitmaps_init(void)
{
    static const uint32_t passed[] = {
        MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR,    MSR_LSTAR,
        MSR_CSTAR,       MSR_SFMASK,       MSR_FS_BASE,      MSR_GS_BASE, MSR_KERNEL_GS_BASE,
    };

    memset(io_bitmap, 0xff, sizeof(io_bitmap));
    memset(msr_bitmap, 0xff, sizeof(msr_bitmap));
    for (unsigned i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
        msr_pass(passed[i]);
}

static bool features_read(void)
{
    struct cpuid svm;

    if (cpuid(0x80000000, 0).eax < 0x8000000a || !(cpuid(0x80000001, 0).ecx & CPUIDX1_ECX_SVM) ||
        msr_read(MSR_VM_CR) & VM_CR_SVMDIS)
        return false;
    svm = cpuid(0x8000000a, 0);
    if (!(svm.edx & 1u << 0) || svm.ebx < 2) /* nested paging; ASID 0 is the host's */
        return false;
    svm_features = (struct svm_features){
        .supported = true,
        .next_rip = svm.edx & 1u << 3,
        .clean_bits = svm.edx & 1u << 5,
        .decode_assists = svm.edx & 1u << 7,
        .asids = svm.ebx,
    };
    has_tsc_aux = cpuid(0x80000001, 0).edx & CPUIDX1_EDX_RDTSCP;
    return true;
}

void svm_init(struct cpu *cpu)
{
    if (!features_read())
        return;
    if (cpu->id == 0)
        bitmaps_init();
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SVME);
    msr_write(MSR_VM_HSAVE_PA, virt_to_phys(boot_alloc(1, BOOT_MEMORY_KERNEL)));
    if (has_tsc_aux)
        msr_write(MSR_TSC_AUX, 0);
    cpu->arch.host_vmcb = virt_to_phys(boot_alloc(1, BOOT_MEMORY_KERNEL));
    cpu->arch.asid_next = svm_features.asids; /* the first entry flushes and begins at 1 */
    asm volatile("vmsave" : : "a"(cpu->arch.host_vmcb) : "memory");
    boot_info.features |= BOOT_FEATURE_SVM;
}

bool arch_vcpu_supported(void)
{
    return svm_features.supported;
}

static uint64_t image_to_phys(const void *pointer)
{
    return (uint64_t)pointer - KERNEL_BASE;
}

void svm_controls_apply(struct vcpu_arch *vcpu)
{
    struct vmcb *vmcb = vcpu->vmcb;

    vmcb->intercept_exceptions = vcpu->exception_bitmap | ALWAYS_EXCEPTIONS;
    vmcb->intercept1 = ALWAYS1;
    vmcb->intercept2 = ALWAYS2;
    vcpu->virtual_interrupt = VIRTUAL_INTR_MASKING;
    if (vcpu->controls & VCPU_CONTROL_INTERRUPT_WINDOW) {
        vmcb->intercept1 |= INTERCEPT_VINTR;
        vcpu->virtual_interrupt |= VIRTUAL_IRQ | VIRTUAL_PRIORITY | VIRTUAL_IGNORE_TPR;
    }
    if (vcpu->controls & VCPU_CONTROL_RDTSC) {
        vmcb->intercept1 |= INTERCEPT_RDTSC;
        vmcb->intercept2 |= INTERCEPT_RDTSCP;
    }
    vmcb->intercept1 |= vcpu->controls & VCPU_CONTROL_PAUSE ? INTERCEPT_PAUSE : 0;
    vmcb->intercept1 |= vcpu->nmi_blocked ? INTERCEPT_IRET : 0;
    vcpu->clean &= ~(uint32_t)CLEAN_INTERCEPTS;
}

/* Real mode at the reset vector, as after INIT (SDM vol. 3, table 9-1), with caches on. */
static void vmcb_reset(struct vmcb *vmcb)
{
    struct vmcb_segment data = {.attributes = 0x93, .limit = 0xffff};

    vmcb->es = vmcb->ss = vmcb->ds = vmcb->fs = vmcb->gs = data;
    vmcb->cs = (struct vmcb_segment){0xf000, 0x9b, 0xffff, 0xffff0000};
    vmcb->gdtr = vmcb->idtr = (struct vmcb_segment){.limit = 0xffff};
    vmcb->ldtr = (struct vmcb_segment){.attributes = 0x82, .limit = 0xffff};
    vmcb->tr = (struct vmcb_segment){.attributes = 0x8b, .limit = 0xffff};
    vmcb->cr0 = CR0_ET;
    vmcb->efer = EFER_SVME;
    vmcb->dr6 = 0xffff0ff0;
    vmcb->dr7 = 0x400;
    vmcb->pat = 0x0007040600070406;
}

bool arch_vcpu_create(struct ec *vcpu, struct pd *account)
{
    struct vcpu_arch *arch = account_object_alloc(account, OBJECT_NONE, sizeof(*arch));
    struct vmcb *vmcb;

    if (!arch)
        return false;
    vmcb = account_frame_alloc(account);
    if (!vmcb) {
        account_object_free(&arch->object);
        return false;
    }
    arch->vmcb = vmcb;
    arch->xcr0 = 1;
    vmcb->iopm = image_to_phys(io_bitmap);
    vmcb->msrpm = image_to_phys(msr_bitmap);
    vmcb->nested_control = NESTED_ENABLE;
    vmcb->nested_cr3 = vcpu->guest_space->table.root;
    vmcb->intercept_cr_read = vmcb->intercept_cr_write = CR8_BIT;
    vmcb_reset(vmcb);
    svm_controls_apply(arch);
    arch->clean = 0;
    arch->new_asid = true;
    vcpu->vcpu_arch = arch;
    vcpu->regs.rip = 0xfff0;
    vcpu->regs.rsp = 0;
    vcpu->regs.rflags = RFLAGS_FIXED;
    return true;
}

void arch_vcpu_destroy(struct ec *vcpu, struct pd *account)
{
    account_frame_free(account, vcpu->vcpu_arch->vmcb);
    account_object_free(&vcpu->vcpu_arch->object);
    vcpu->vcpu_arch = NULL;
}

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
    arch->clean &= ~(uint32_t)CLEAN_ASID;
}

/* The VMCB has its event in almost the same format; software events come from instructions that the monitor skipped. */
static void event_inject(struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    uint32_t info = arch->inject_info, type = info >> 8 & 7;

    arch->inject_info = 0;
    if (type >= 4) {
        vcpu->regs.rip += arch->inject_length;
        arch->vmcb->next_rip = vcpu->regs.rip;
    }
    if (type >= 5)
        info = (info & ~0x700u) | VCPU_EVENT_EXCEPTION;
    if (type == 2) {
        arch->nmi_blocked = true;
        svm_controls_apply(arch);
    }
    arch->vmcb->event_inject = info | (info & VCPU_EVENT_ERROR_CODE ? (uint64_t)arch->inject_error << 32 : 0);
}

/* What belongs to a guest but neither VMRUN nor VMLOAD switches: FPU, XCR0, TSC_AUX, dr0-dr3. */
static void guest_load(struct cpu *cpu, struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct ec *other = cpu->arch.guest;

    fpu_own(cpu, vcpu);
    if (arch->xcr0 != cpu->arch.xcr0 && fpu_xcr0) {
        xcr0_write(arch->xcr0);
        cpu->arch.xcr0 = arch->xcr0;
    }
    if (arch->tsc_aux != cpu->arch.tsc_aux && has_tsc_aux) {
        msr_write(MSR_TSC_AUX, arch->tsc_aux);
        cpu->arch.tsc_aux = arch->tsc_aux;
    }
    if (other == vcpu)
        return;
    if (other) {
        uint64_t *dr = other->vcpu_arch->dr;

        dr[0] = dr0_read(), dr[1] = dr1_read(), dr[2] = dr2_read(), dr[3] = dr3_read();
    }
    dr0_write(arch->dr[0]), dr1_write(arch->dr[1]), dr2_write(arch->dr[2]), dr3_write(arch->dr[3]);
    cpu->arch.guest = vcpu;
}

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

#ifdef DEBUG
    if (!rule) {
        struct vcpu_state state = {0};

        arch_vcpu_read(vcpu, VCPU_GROUP_ALL & ~VCPU_GROUP_FPU, &state);
        state.inject_info = arch->inject_info;
        state.inject_length = arch->inject_length;
        rule = vcpu_check(&state, arch->written);
    }
#endif
    if (rule) {
        arch->inject_info = 0;
        arch->instruction_length = arch->event_info = 0;
        leave(vcpu, VCPU_EXIT_INVALID_STATE, rule);
    }
    arch->written = 0;
    if (arch->controls & VCPU_CONTROL_NMI_WINDOW && !arch->nmi_blocked && vcpu->regs.rip != arch->iret_rip)
        leave(vcpu, VCPU_EXIT_NMI_WINDOW, 0);
}

void arch_vcpu_enter(struct ec *vcpu)
{
    struct cpu *cpu = cpu_self();
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct vmcb *vmcb = arch->vmcb;

    entry_check(vcpu);
    guest_load(cpu, vcpu);
    asid_update(cpu, vcpu);
    if (arch->inject_info & VCPU_EVENT_VALID)
        event_inject(vcpu);
    vmcb->rax = vcpu->regs.rax;
    vmcb->rip = vcpu->regs.rip;
    vmcb->rsp = vcpu->regs.rsp;
    vmcb->rflags = vcpu->regs.rflags;
    vmcb->virtual_interrupt = arch->virtual_interrupt; /* the processor may have taken V_IRQ back */
    vmcb->clean = svm_features.clean_bits ? arch->clean : 0;
    /* VMLOAD of the host's area afterwards leaves these. */
    cpu->arch.loaded = NULL;
    cpu->arch.fs_base = cpu->arch.gs_base = 0;
    svm_run(vcpu, virt_to_phys(vmcb), cpu->arch.host_vmcb);
}

/* The event whose delivery was interrupted, unless its instruction will simply run again. */
static void exit_event(struct vcpu_arch *arch)
{
    uint64_t info = arch->vmcb->exit_interrupt_info;
    uint32_t type = info >> 8 & 7, vector = info & 0xff;

    arch->event_info = 0;
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
    arch->event_info =
        VCPU_EVENT_VALID | VCPU_EVENT_EXCEPTION | vector | (has_error ? VCPU_EVENT_ERROR_CODE : 0u);
    arch->event_error = has_error ? (uint32_t)vmcb->exit_info1 : 0;
    if (!(arch->exception_bitmap & 1u << vector))
        exit_ignore(vcpu);
    leave(vcpu, VCPU_EXIT_EXCEPTION, vmcb->exit_info2);
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
    leave(vcpu, VCPU_EXIT_IO, qualification);
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
    leave(vcpu, VCPU_EXIT_MEMORY, qualification);
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
        leave(vcpu, reason, 0);
    if (code < EXIT_DR_READ) /* in VT-x's format: number, 1 for reads from bit 4 (SDM vol. 3, table 28-3) */
        leave(vcpu, VCPU_EXIT_CR, (code & 15) | (code < EXIT_CR_WRITE ? 0x10u : 0u));
    if (code < EXIT_EXCEPTION)
        leave(vcpu, VCPU_EXIT_DR, (code & 15) | (code & 0x10 ? 0u : 0x10u));
    if (code < EXIT_INTR)
        exit_exception(vcpu, (unsigned)code - EXIT_EXCEPTION);
    leave(vcpu, VCPU_EXIT_OTHER, code);
}

/* The processor did not enter. Where the guest is stays as it was: an emulator may have written the host's into the VMCB. */
static _Noreturn void exit_invalid(struct ec *vcpu)
{
    vcpu->vcpu_arch->event_info = 0;
    vcpu->vcpu_arch->instruction_length = 0;
    leave(vcpu, VCPU_EXIT_INVALID_STATE, VCPU_RULE_PROCESSOR);
}

void svm_exit(struct ec *vcpu)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct vmcb *vmcb = arch->vmcb;
    uint64_t code = vmcb->exit_code;

    vmcb->event_inject = 0;
    arch->clean = ~(uint32_t)CLEAN_INTERRUPT;
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
    case EXIT_MSR: leave(vcpu, vmcb->exit_info1 & 1 ? VCPU_EXIT_WRMSR : VCPU_EXIT_RDMSR, 0);
    case EXIT_IRET: exit_iret(vcpu);
    default: exit_other(vcpu, code);
    }
}
