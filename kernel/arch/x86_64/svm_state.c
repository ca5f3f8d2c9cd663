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
#include "kernel/cpu.h"
#include "kernel/mem/memory.h"
#include "kernel/object/ec.h"

#define SEGMENT_PRESENT      0x80u
#define SEGMENT_CODE_OR_DATA 0x10u
#define SEGMENT_ACCESSED     0x01u
#define SEGMENT_TSS_BUSY     0x02u
#define SEGMENT_BITS         0xfffu

_Static_assert(offsetof(struct vcpu_state, instruction_length) % 8 == 0 &&
                   offsetof(struct vcpu_state, inject_info) % 8 == 0 &&
                   offsetof(struct vcpu_state, event_info) % 8 == 0 &&
                   offsetof(struct vcpu_state, interrupted_info) % 8 == 0,
               "pairs");
_Static_assert(sizeof(struct vmcb_segment) == sizeof(struct vcpu_segment), "same layout");
_Static_assert(offsetof(struct vcpu_state, r15) - offsetof(struct vcpu_state, rax) ==
                   offsetof(struct registers, r15) - offsetof(struct registers, rax),
               "same order");

/* The general registers that are kept in ec.regs, as one block to copy: from rcx on. */
struct general {
    uint64_t value[14];
};

/* What nearly all exits are bound with. */
#define GROUPS_FREQUENT \
    (VCPU_GROUP_GPR | VCPU_GROUP_IP | VCPU_GROUP_EXIT | VCPU_GROUP_EVENT | VCPU_GROUP_INTERRUPT)

OBJECT_FAST void general_read(const struct ec *vcpu, const struct vmcb *vmcb, struct vcpu_state *out)
{
    out->rax = vmcb->rax;
    *(struct general *)&out->rcx = *(const struct general *)&vcpu->regs.rcx;
}

OBJECT_FAST void general_write(struct ec *vcpu, struct vmcb *vmcb, const struct vcpu_state *in)
{
    vmcb->rax = in->rax;
    *(struct general *)&vcpu->regs.rcx = *(const struct general *)&in->rcx;
}

OBJECT_FAST void pointers_read(const struct vmcb *vmcb, struct vcpu_state *out)
{
    out->rip = vmcb->rip;
    out->rsp = vmcb->rsp;
    out->rflags = vmcb->rflags;
}

OBJECT_FAST void pointers_write(struct vmcb *vmcb, const struct vcpu_state *in)
{
    vmcb->rip = in->rip;
    vmcb->rsp = in->rsp;
    vmcb->rflags = in->rflags;
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

OBJECT_FAST void exit_read(const struct vcpu_arch *arch, struct vcpu_state *out)
{
    out->qualification = arch->qualification;
    out->guest_physical = arch->guest_physical;
    *(struct instruction_bytes *)&out->instruction_length = arch->instruction;
    for (unsigned i = 0; i < arch->instruction.valid; i++)
        out->instruction[i] = arch->vmcb->instruction[i];
}

/* An event that waits for an entry that did not happen is an interrupted one for the monitor: it injects it again. */
OBJECT_FAST void event_read(const struct vcpu_arch *arch, struct vcpu_state *out)
{
    struct event *event = (struct event *)&out->event_info;
    struct event *interrupted = (struct event *)&out->interrupted_info;

    *(struct event *)&out->inject_info = (struct event){0};
    out->inject_length = 0;
    *event = arch->event;
    *interrupted = arch->interrupted;
    if (__builtin_expect((arch->inject.info & VCPU_EVENT_VALID) != 0, 0)) {
        *event = arch->inject;
        *interrupted = (struct event){0};
    }
}

/* The VMCB has one bit for both shadows. STI leaves IF = 1, so with IF = 0 it was MOV SS. */
static uint32_t shadow_read(const struct vmcb *vmcb)
{
    return vmcb->rflags & RFLAGS_IF ? VCPU_BLOCKED_BY_STI : VCPU_BLOCKED_BY_MOV_SS;
}

OBJECT_FAST void interrupt_read(const struct vcpu_arch *arch, struct vcpu_state *out)
{
    uint32_t blocked = arch->nmi_blocked ? VCPU_BLOCKED_BY_NMI : 0u;

    if (__builtin_expect((arch->vmcb->interrupt_shadow & VMCB_SHADOW) != 0, 0))
        blocked |= shadow_read(arch->vmcb);
    out->interruptibility = blocked;
    out->activity = arch->activity;
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

/* XCR0 of a guest whose state is loaded is what the register says. */
static uint64_t xcr0_current(const struct ec *vcpu)
{
    return fpu_xcr0 && cpu_self()->arch.guest == vcpu ? xcr0_read() : vcpu->vcpu_arch->xcr0;
}

static void system_read(const struct ec *vcpu, uint64_t groups, struct vcpu_state *out)
{
    const struct vcpu_arch *arch = vcpu->vcpu_arch;
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
        out->xcr0 = xcr0_current(vcpu);
}

/* Groups that few exits are bound with. */
static __attribute__((noinline)) void rare_read(struct ec *vcpu, uint64_t groups, struct vcpu_state *out)
{
    const struct vcpu_arch *arch = vcpu->vcpu_arch;

    if (groups & VCPU_GROUP_GPR)
        general_read(vcpu, arch->vmcb, out);
    if (groups & VCPU_GROUP_IP)
        pointers_read(arch->vmcb, out);
    if (groups & VCPU_GROUP_EXIT)
        exit_read(arch, out);
    if (groups & VCPU_GROUP_EVENT)
        event_read(arch, out);
    if (groups & VCPU_GROUP_INTERRUPT)
        interrupt_read(arch, out);
    if (groups & VCPU_GROUP_CONTROL) {
        out->controls = arch->controls;
        out->exception_bitmap = arch->exception_bitmap;
    }
    if (groups & VCPU_GROUP_SEGMENT)
        segments_read(arch->vmcb, out);
    if (groups & (VCPU_GROUP_DR | VCPU_GROUP_MSR | VCPU_GROUP_TSC | VCPU_GROUP_XCR))
        system_read(vcpu, groups, out);
    if (groups & VCPU_GROUP_FPU) {
        arch_fpu_flush(vcpu);
        memcpy(out->fpu, vcpu->fpu->state, arch_fpu_size());
    }
}

void arch_vcpu_read(struct ec *vcpu, uint64_t groups, struct vcpu_state *out)
{
    const struct vcpu_arch *arch = vcpu->vcpu_arch;
    const struct vmcb *vmcb = arch->vmcb;

    if ((groups & GROUPS_FREQUENT) == GROUPS_FREQUENT) {
        general_read(vcpu, vmcb, out);
        pointers_read(vmcb, out);
        exit_read(arch, out);
        event_read(arch, out);
        interrupt_read(arch, out);
        groups &= ~(uint64_t)GROUPS_FREQUENT;
        if (!groups)
            return;
    }
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
    if (groups & ~(uint64_t)(VCPU_GROUP_CR | VCPU_GROUP_CODE))
        rare_read(vcpu, groups, out);
}

/* What could harm the host is taken from the message once, checked, and used then: others may write there meanwhile. */
struct checked {
    uint64_t xcr0, tsc_aux;
    uint64_t cr0, cr4, efer;
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
    if (groups & VCPU_GROUP_TSC) {
        out->tsc_aux = word_read(&in->tsc_aux);
        if (out->tsc_aux >> 32)
            return false;
    }
    if (groups & VCPU_GROUP_CR) {
        out->cr0 = word_read(&in->cr0);
        out->cr4 = word_read(&in->cr4);
        out->efer = word_read(&in->efer) | EFER_SVME;
        if (svm_features.loses_cr0 && out->efer & EFER_LME && !(out->cr4 & CR4_PAE) && !(out->cr0 & CR0_PG))
            return false;
    }
    return true;
}

static void event_write(struct vcpu_arch *arch, uint64_t groups, const struct vcpu_state *in)
{
    if (groups & VCPU_GROUP_EVENT) {
        arch->inject.info = in->inject_info;
        arch->inject.error = in->inject_error;
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

static void control_registers_write(struct vcpu_arch *arch, const struct vcpu_state *in,
                                    const struct checked *checked)
{
    struct vmcb *vmcb = arch->vmcb;
    uint64_t cr3 = word_read(&in->cr3);

    /* The guest's translations may depend on any of these. */
    if (vmcb->cr0 != checked->cr0 || vmcb->cr3 != cr3 || vmcb->cr4 != checked->cr4 ||
        vmcb->efer != checked->efer)
        arch->new_asid = true;
    vmcb->cr0 = checked->cr0;
    vmcb->cr2 = in->cr2;
    vmcb->cr3 = cr3;
    vmcb->cr4 = checked->cr4;
    vmcb->efer = checked->efer;
    vmcb->clean &= ~(uint32_t)(CLEAN_CR | CLEAN_CR2);
}

static void segments_write(struct vcpu_arch *arch, uint64_t groups, const struct vcpu_state *in)
{
    struct vmcb *vmcb = arch->vmcb;

    vmcb->clean &= ~(uint32_t)(CLEAN_SEGMENT | CLEAN_DESCRIPTOR);
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

static void system_write(struct ec *vcpu, uint64_t groups, const struct vcpu_state *in,
                         const struct checked *checked)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct vmcb *vmcb = arch->vmcb;

    if (groups & VCPU_GROUP_DR) {
        vmcb->dr6 = in->dr6;
        vmcb->dr7 = in->dr7;
        vmcb->clean &= ~(uint32_t)CLEAN_DR;
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
        vmcb->clean &= ~(uint32_t)CLEAN_NESTED;
    }
    if (groups & VCPU_GROUP_TSC) {
        vmcb->tsc_offset = in->tsc_offset;
        arch->tsc_aux = checked->tsc_aux;
        vmcb->clean &= ~(uint32_t)CLEAN_INTERCEPTS;
    }
    if (groups & (VCPU_GROUP_TSC | VCPU_GROUP_XCR) && cpu_self()->arch.guest == vcpu)
        svm_guest_release(cpu_self()); /* other values must be loaded */
    if (groups & VCPU_GROUP_XCR)
        arch->xcr0 = checked->xcr0;
}

/* Groups that few replies carry. False: values that could harm the host; nothing has changed. */
static __attribute__((noinline)) bool rare_write(struct ec *vcpu, uint64_t groups,
                                                 const struct vcpu_state *in)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;
    struct checked checked = {0};

    if (!checked_read(groups, in, &checked))
        return false;
    if (groups & (VCPU_GROUP_EVENT | VCPU_GROUP_INTERRUPT | VCPU_GROUP_CONTROL))
        event_write(arch, groups, in);
    if (groups & VCPU_GROUP_CR)
        control_registers_write(arch, in, &checked);
    if (groups & (VCPU_GROUP_CODE | VCPU_GROUP_SEGMENT))
        segments_write(arch, groups, in);
    if (groups & (VCPU_GROUP_DR | VCPU_GROUP_MSR | VCPU_GROUP_TSC | VCPU_GROUP_XCR))
        system_write(vcpu, groups, in, &checked);
    if (groups & VCPU_GROUP_FPU)
        arch_fpu_write(vcpu, in->fpu);
    arch->slow_entry = true;
    return true;
}

bool arch_vcpu_write(struct ec *vcpu, uint64_t groups, const struct vcpu_state *in)
{
    struct vcpu_arch *arch = vcpu->vcpu_arch;

    if (__builtin_expect((groups & ~(uint64_t)(VCPU_GROUP_GPR | VCPU_GROUP_IP)) != 0, 0) &&
        !rare_write(vcpu, groups, in))
        return false;
    arch->event = arch->interrupted = (struct event){0};
    if (SVM_CHECKS)
        arch->written |= groups;
    if (groups & VCPU_GROUP_GPR)
        general_write(vcpu, arch->vmcb, in);
    if (groups & VCPU_GROUP_IP)
        pointers_write(arch->vmcb, in);
    return true;
}
