/* SPDX-License-Identifier: MIT */
/*
 * Groups of struct vcpu_state to and from a VMCB (doc/decision/0004-vcpu-state.md).
 *
 * Whatever a monitor writes can hurt only its guest: VMRUN refuses nonsense. The exceptions are checked or corrected
 * here: EFER.SVME stays set, XCR0 and TSC_AUX must be values that the processor takes, FPU images are sanitised.
 */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/svm.h"
#include "kernel/mem/memory.h"
#include "kernel/object/ec.h"

#define SEGMENT_PRESENT      0x80u
#define SEGMENT_CODE_OR_DATA 0x10u
#define SEGMENT_ACCESSED     0x01u
#define SEGMENT_TSS_BUSY     0x02u
#define SEGMENT_BITS         0xfffu

_Static_assert(sizeof(struct vmcb_segment) == sizeof(struct vcpu_segment), "same layout");
_Static_assert(offsetof(struct vcpu_state, rflags) - offsetof(struct vcpu_state, rax) ==
                   offsetof(struct registers, rflags) - offsetof(struct registers, rax),
               "same order");

#define GROUPS_REGISTERS (VCPU_GROUP_GPR | VCPU_GROUP_IP)

/* The groups GPR and IP, each and both as one block to copy. */
struct general {
    uint64_t value[15];
};

struct pointers {
    uint64_t rip, rsp, rflags;
};

static inline __attribute__((always_inline)) void registers_copy(uint64_t groups, const uint64_t *from,
                                                                 uint64_t *to)
{
    if ((groups & GROUPS_REGISTERS) == GROUPS_REGISTERS)
        *(struct registers *)to = *(const struct registers *)from;
    else if (groups & VCPU_GROUP_GPR)
        *(struct general *)to = *(const struct general *)from;
    else if (groups & VCPU_GROUP_IP)
        *(struct pointers *)(to + 15) = *(const struct pointers *)(from + 15);
}

static void segment_read(const struct vmcb_segment *from, struct vcpu_segment *to)
{
    uint16_t attributes = from->attributes & SEGMENT_BITS;

    if (attributes &
        SEGMENT_CODE_OR_DATA) /* a loaded one was accessed, though not every processor keeps the bit here */
        attributes |= SEGMENT_ACCESSED;
    to->selector = from->selector;
    to->attributes = attributes & SEGMENT_PRESENT ? attributes : attributes | VCPU_SEGMENT_UNUSABLE;
    to->limit = from->limit;
    to->base = from->base;
}

static void segment_write(struct vmcb_segment *to, const struct vcpu_segment *from)
{
    uint16_t attributes = from->attributes & SEGMENT_BITS;

    to->selector = from->selector;
    to->attributes =
        from->attributes & VCPU_SEGMENT_UNUSABLE ? attributes & (uint16_t)~SEGMENT_PRESENT : attributes;
    to->limit = from->limit;
    to->base = from->base;
}

static void exit_read(const struct vcpu_arch *arch, struct vcpu_state *out)
{
    out->qualification = arch->qualification;
    out->guest_physical = arch->guest_physical;
    out->instruction_length = arch->instruction_length;
    out->instruction_valid = arch->instruction_valid;
    for (unsigned i = 0; i < arch->instruction_valid; i++)
        out->instruction[i] = arch->vmcb->instruction[i];
}

/* An event that waits for an entry that did not happen is an interrupted one for the monitor: it injects it again. */
static void event_read(const struct vcpu_arch *arch, struct vcpu_state *out)
{
    bool waiting = arch->inject_info & VCPU_EVENT_VALID;

    out->inject_info = out->inject_error = out->inject_length = 0;
    out->event_info = waiting ? arch->inject_info : arch->event_info;
    out->event_error = waiting ? arch->inject_error : arch->event_error;
    out->interrupted_info = waiting ? 0 : arch->interrupted_info;
    out->interrupted_error = out->interrupted_info ? arch->interrupted_error : 0;
}

/* The VMCB has one bit for both shadows. STI leaves IF = 1, so with IF = 0 it was MOV SS. */
static uint32_t shadow_read(const struct ec *vcpu)
{
    if (!(vcpu->vcpu_arch->vmcb->interrupt_shadow & VMCB_SHADOW))
        return 0;
    return vcpu->regs.rflags & RFLAGS_IF ? VCPU_BLOCKED_BY_STI : VCPU_BLOCKED_BY_MOV_SS;
}

static void control_read(const struct ec *vcpu, uint64_t groups, struct vcpu_state *out)
{
    const struct vcpu_arch *arch = vcpu->vcpu_arch;

    if (groups & VCPU_GROUP_INTERRUPT) {
        out->interruptibility = shadow_read(vcpu) | (arch->nmi_blocked ? VCPU_BLOCKED_BY_NMI : 0u);
        out->activity = arch->activity;
    }
    if (groups & VCPU_GROUP_CONTROL) {
        out->controls = arch->controls;
        out->exception_bitmap = arch->exception_bitmap;
    }
}

static void segments_read(const struct vmcb *vmcb, struct vcpu_state *out)
{
    segment_read(&vmcb->ds, &out->ds);
    segment_read(&vmcb->es, &out->es);
    segment_read(&vmcb->fs, &out->fs);
    segment_read(&vmcb->gs, &out->gs);
    segment_read(&vmcb->tr, &out->tr);
    segment_read(&vmcb->ldtr, &out->ldtr);
    segment_read(&vmcb->gdtr, &out->gdtr);
    segment_read(&vmcb->idtr, &out->idtr);
    out->gdtr.attributes = out->idtr.attributes = 0;
    out->tr.attributes |=
        SEGMENT_TSS_BUSY; /* a loaded one is, though not every processor keeps the bit here */
}

static void system_read(const struct vcpu_arch *arch, uint64_t groups, struct vcpu_state *out)
{
    const struct vmcb *vmcb = arch->vmcb;

    if (groups & VCPU_GROUP_DR) {
        out->dr6 = vmcb->dr6;
        out->dr7 = vmcb->dr7;
    }
    if (groups & VCPU_GROUP_MSR) {
        out->star = vmcb->star;
        out->lstar = vmcb->lstar;
        out->cstar = vmcb->cstar;
        out->sfmask = vmcb->sfmask;
        out->kernel_gs_base = vmcb->kernel_gs_base;
        out->sysenter_cs = vmcb->sysenter_cs;
        out->sysenter_esp = vmcb->sysenter_esp;
        out->sysenter_eip = vmcb->sysenter_eip;
        out->pat = vmcb->pat;
    }
    if (groups & VCPU_GROUP_TSC) {
        out->tsc_offset = vmcb->tsc_offset;
        out->tsc_aux = arch->tsc_aux;
    }
    if (groups & VCPU_GROUP_XCR)
        out->xcr0 = arch->xcr0;
}

void arch_vcpu_read(struct ec *vcpu, uint64_t groups, struct vcpu_state *out)
{
    const struct vcpu_arch *arch = vcpu->vcpu_arch;
    const struct vmcb *vmcb = arch->vmcb;

    registers_copy(groups, &vcpu->regs.rax, &out->rax);
    if (groups & VCPU_GROUP_EXIT)
        exit_read(arch, out);
    if (groups & VCPU_GROUP_EVENT)
        event_read(arch, out);
    if (groups & (VCPU_GROUP_INTERRUPT | VCPU_GROUP_CONTROL))
        control_read(vcpu, groups, out);
    if (groups & VCPU_GROUP_CR) {
        out->cr0 = vmcb->cr0;
        out->cr2 = vmcb->cr2;
        out->cr3 = vmcb->cr3;
        out->cr4 = vmcb->cr4;
        out->efer = vmcb->efer & ~EFER_SVME;
    }
    if (groups & VCPU_GROUP_CODE) {
        segment_read(&vmcb->cs, &out->cs);
        segment_read(&vmcb->ss, &out->ss);
    }
    if (groups & VCPU_GROUP_SEGMENT)
        segments_read(vmcb, out);
    if (groups & (VCPU_GROUP_DR | VCPU_GROUP_MSR | VCPU_GROUP_TSC | VCPU_GROUP_XCR))
        system_read(arch, groups, out);
    if (groups & VCPU_GROUP_FPU) {
        arch_fpu_flush(vcpu);
        memcpy(out->fpu, vcpu->fpu->state, arch_fpu_size());
    }
}

/* What could harm the host is taken from the message once, checked, and used then: others may write there meanwhile. */
struct checked {
    uint64_t xcr0, tsc_aux;
};

/* One read, that the compiler does not repeat. */
static uint64_t word_read(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static bool checked_read(uint64_t groups, const struct vcpu_state *in, struct checked *out)
{
    if (groups & VCPU_GROUP_XCR) {
        uint64_t xcr0 = word_read(&in->xcr0);

        if (!(xcr0 & 1) || (xcr0 & ~fpu_xcr0 && xcr0 != 1) || (xcr0 & 6) == 4)
            return false;
        out->xcr0 = xcr0;
    }
    if (groups & VCPU_GROUP_TSC)
        out->tsc_aux = word_read(&in->tsc_aux);
    return !(groups & VCPU_GROUP_TSC && out->tsc_aux >> 32);
}

static void event_write(struct vcpu_arch *arch, uint64_t groups, const struct vcpu_state *in)
{
    if (groups & VCPU_GROUP_EVENT) {
        arch->inject_info = in->inject_info;
        arch->inject_error = in->inject_error;
        arch->inject_length = in->inject_length;
    }
    if (groups & VCPU_GROUP_INTERRUPT) {
        arch->vmcb->interrupt_shadow =
            in->interruptibility & (VCPU_BLOCKED_BY_STI | VCPU_BLOCKED_BY_MOV_SS) ? VMCB_SHADOW : 0;
        arch->nmi_blocked = in->interruptibility & VCPU_BLOCKED_BY_NMI;
        arch->activity = in->activity;
    }
    if (groups & VCPU_GROUP_CONTROL) {
        arch->controls = in->controls;
        arch->exception_bitmap = in->exception_bitmap;
    }
    if (groups & (VCPU_GROUP_INTERRUPT | VCPU_GROUP_CONTROL))
        svm_controls_apply(arch);
}

static void control_registers_write(struct vcpu_arch *arch, const struct vcpu_state *in)
{
    struct vmcb *vmcb = arch->vmcb;
    uint64_t cr0 = word_read(&in->cr0), cr3 = word_read(&in->cr3), cr4 = word_read(&in->cr4);
    uint64_t efer = word_read(&in->efer) | EFER_SVME;

    /* The guest's translations may depend on any of these. */
    if (vmcb->cr0 != cr0 || vmcb->cr3 != cr3 || vmcb->cr4 != cr4 || vmcb->efer != efer)
        arch->new_asid = true;
    vmcb->cr0 = cr0;
    vmcb->cr2 = in->cr2;
    vmcb->cr3 = cr3;
    vmcb->cr4 = cr4;
    vmcb->efer = efer;
    arch->clean &= ~(uint32_t)(CLEAN_CR | CLEAN_CR2);
}

static void segments_write(struct vcpu_arch *arch, uint64_t groups, const struct vcpu_state *in)
{
    struct vmcb *vmcb = arch->vmcb;

    arch->clean &= ~(uint32_t)(CLEAN_SEGMENT | CLEAN_DESCRIPTOR);
    if (groups & VCPU_GROUP_CODE) {
        segment_write(&vmcb->cs, &in->cs);
        segment_write(&vmcb->ss, &in->ss);
        vmcb->cpl = in->ss.attributes >> 5 & 3;
    }
    if (!(groups & VCPU_GROUP_SEGMENT))
        return;
    segment_write(&vmcb->ds, &in->ds);
    segment_write(&vmcb->es, &in->es);
    segment_write(&vmcb->fs, &in->fs);
    segment_write(&vmcb->gs, &in->gs);
    segment_write(&vmcb->tr, &in->tr);
    segment_write(&vmcb->ldtr, &in->ldtr);
    segment_write(&vmcb->gdtr, &in->gdtr);
    segment_write(&vmcb->idtr, &in->idtr);
}

static void system_write(struct vcpu_arch *arch, uint64_t groups, const struct vcpu_state *in,
                         const struct checked *checked)
{
    struct vmcb *vmcb = arch->vmcb;

    if (groups & VCPU_GROUP_DR) {
        vmcb->dr6 = in->dr6;
        vmcb->dr7 = in->dr7;
        arch->clean &= ~(uint32_t)CLEAN_DR;
    }
    if (groups & VCPU_GROUP_MSR) {
        vmcb->star = in->star;
        vmcb->lstar = in->lstar;
        vmcb->cstar = in->cstar;
        vmcb->sfmask = in->sfmask;
        vmcb->kernel_gs_base = in->kernel_gs_base;
        vmcb->sysenter_cs = in->sysenter_cs;
        vmcb->sysenter_esp = in->sysenter_esp;
        vmcb->sysenter_eip = in->sysenter_eip;
        vmcb->pat = in->pat;
        arch->clean &= ~(uint32_t)CLEAN_NESTED;
    }
    if (groups & VCPU_GROUP_TSC) {
        vmcb->tsc_offset = in->tsc_offset;
        arch->tsc_aux = checked->tsc_aux;
        arch->clean &= ~(uint32_t)CLEAN_INTERCEPTS;
    }
    if (groups & VCPU_GROUP_XCR)
        arch->xcr0 = checked->xcr0;
}

bool arch_vcpu_write(struct ec *vcpu, uint64_t groups, const struct vcpu_state *in)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct checked checked = {0};

    if (groups & (VCPU_GROUP_XCR | VCPU_GROUP_TSC) && !checked_read(groups, in, &checked))
        return false;
    arch->event_info = arch->interrupted_info = 0;
    arch->written |= groups;
    registers_copy(groups, &in->rax, &vcpu->regs.rax);
    if (groups & (VCPU_GROUP_EVENT | VCPU_GROUP_INTERRUPT | VCPU_GROUP_CONTROL))
        event_write(arch, groups, in);
    if (groups & VCPU_GROUP_CR)
        control_registers_write(arch, in);
    if (groups & (VCPU_GROUP_CODE | VCPU_GROUP_SEGMENT))
        segments_write(arch, groups, in);
    if (groups & (VCPU_GROUP_DR | VCPU_GROUP_MSR | VCPU_GROUP_TSC | VCPU_GROUP_XCR))
        system_write(arch, groups, in, &checked);
    if (groups & VCPU_GROUP_FPU)
        arch_fpu_write(vcpu, in->fpu);
    return true;
}
