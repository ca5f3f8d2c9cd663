/* SPDX-License-Identifier: MIT */
/*
 * AMD-V (APM vol. 2, chapter 15): the virtual machine control block and what the kernel keeps beside it.
 *
 * svm.c creates, svm_enter.c and svm_exit.c enter and leave guest mode around svm_entry.S, svm_state.c moves the groups of
 * struct vcpu_state.
 * While a guest does not run, its general registers are in ec.regs and all other state, with rax, rip, rsp and rflags, is in its VMCB.
 */
#ifndef KERNEL_ARCH_X86_64_SVM_H
#define KERNEL_ARCH_X86_64_SVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/vcpu.h"
#include "kernel/object/object.h"

struct cpu;
struct ec;

/* APM vol. 2, appendix B. */
struct vmcb_segment {
    uint16_t selector, attributes;
    uint32_t limit;
    uint64_t base;
};

struct vmcb {
    uint16_t intercept_cr_read, intercept_cr_write;
    uint16_t intercept_dr_read, intercept_dr_write;
    uint32_t intercept_exceptions;
    uint32_t intercept1, intercept2, intercept3;
    uint8_t reserved0[0x3c - 0x18];
    uint16_t pause_threshold, pause_count;
    uint64_t iopm, msrpm, tsc_offset;
    uint32_t asid, tlb_control;
    uint64_t virtual_interrupt;
    uint64_t interrupt_shadow;
    uint64_t exit_code, exit_info1, exit_info2, exit_interrupt_info;
    uint64_t nested_control;
    uint8_t reserved1[0xa8 - 0x98];
    uint64_t event_inject, nested_cr3, lbr_control;
    uint32_t clean, reserved2;
    uint64_t next_rip;
    uint8_t fetched, instruction[15];
    uint8_t reserved3[0x400 - 0xe0];

    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved4[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t reserved5;
    uint64_t efer;
    uint8_t reserved6[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved7[0x5d8 - 0x580];
    uint64_t rsp;
    uint8_t reserved8[0x5f8 - 0x5e0];
    uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    uint8_t reserved9[0x668 - 0x648];
    uint64_t pat, debug_control;
    uint8_t reserved10[0x1000 - 0x678];
};

_Static_assert(offsetof(struct vmcb, pause_threshold) == 0x3c, "APM");
_Static_assert(offsetof(struct vmcb, iopm) == 0x40, "APM");
_Static_assert(offsetof(struct vmcb, asid) == 0x58, "APM");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "APM");
_Static_assert(offsetof(struct vmcb, nested_control) == 0x90, "APM");
_Static_assert(offsetof(struct vmcb, event_inject) == 0xa8, "APM");
_Static_assert(offsetof(struct vmcb, clean) == 0xc0, "APM");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "APM");
_Static_assert(offsetof(struct vmcb, fetched) == 0xd0, "APM");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "APM");
_Static_assert(offsetof(struct vmcb, tr) == 0x490, "APM");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "APM");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "APM");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "APM");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "APM");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "APM");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "APM");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "APM");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "APM");
_Static_assert(sizeof(struct vmcb) == 4096, "one frame");

/* intercept1 */
enum {
    INTERCEPT_INTR = 1u << 0,
    INTERCEPT_NMI = 1u << 1,
    INTERCEPT_INIT = 1u << 3,
    INTERCEPT_VINTR = 1u << 4,
    INTERCEPT_RDTSC = 1u << 14,
    INTERCEPT_RDPMC = 1u << 15,
    INTERCEPT_CPUID = 1u << 18,
    INTERCEPT_IRET = 1u << 20,
    INTERCEPT_INVD = 1u << 22,
    INTERCEPT_PAUSE = 1u << 23,
    INTERCEPT_HLT = 1u << 24,
    INTERCEPT_INVLPGA = 1u << 26,
    INTERCEPT_IO = 1u << 27,
    INTERCEPT_MSR = 1u << 28,
    INTERCEPT_SHUTDOWN = 1u << 31,
};

/* intercept2 */
enum {
    INTERCEPT_VMRUN = 1u << 0,
    INTERCEPT_VMMCALL = 1u << 1,
    INTERCEPT_VMLOAD = 1u << 2,
    INTERCEPT_VMSAVE = 1u << 3,
    INTERCEPT_STGI = 1u << 4,
    INTERCEPT_CLGI = 1u << 5,
    INTERCEPT_SKINIT = 1u << 6,
    INTERCEPT_RDTSCP = 1u << 7,
    INTERCEPT_WBINVD = 1u << 9,
    INTERCEPT_MONITOR = 1u << 10,
    INTERCEPT_MWAIT = 1u << 11,
    INTERCEPT_XSETBV = 1u << 13,
    INTERCEPT_RDPRU = 1u << 14,
};

/* Groups of VMCB fields that the processor may keep (15.15.1); bit set: unchanged since the last run. */
enum {
    CLEAN_INTERCEPTS = 1u << 0, /* with TSC offset */
    CLEAN_ASID = 1u << 2,
    CLEAN_INTERRUPT = 1u << 3, /* virtual_interrupt */
    CLEAN_NESTED = 1u << 4,    /* with pat */
    CLEAN_CR = 1u << 5,        /* with EFER */
    CLEAN_DR = 1u << 6,
    CLEAN_DESCRIPTOR = 1u << 7,
    CLEAN_SEGMENT = 1u << 8, /* es, cs, ss, ds, cpl */
    CLEAN_CR2 = 1u << 9,
    CLEAN_ALL = 0xfffu,
};

/* Exceptions that always leave a guest. */
#define VECTOR_DB 1u
#define VECTOR_AC 17u
#define VECTOR_MC 18u

/* interrupt_shadow */
#define VMCB_SHADOW 1u

/* virtual_interrupt */
#define VIRTUAL_IRQ          (1ull << 8)
#define VIRTUAL_PRIORITY     (0xfull << 16)
#define VIRTUAL_IGNORE_TPR   (1ull << 20)
#define VIRTUAL_INTR_MASKING (1ull << 24)

/* As in struct vcpu_state; both at once in one register. */
struct event {
    uint32_t info, error;
} __attribute__((aligned(8)));

struct vcpu_arch {
    struct object object; /* without identity */
    struct vmcb *vmcb;
    uint64_t asid_epoch;       /* the CPU's when the ASID was given */
    uint64_t flush_generation; /* the guest space's when the ASID was given */
    uint64_t xcr0;
    uint64_t tsc_aux;
    uint64_t dr[4];         /* dr0-dr3 while another guest's are loaded */
    uint64_t qualification; /* of the last exit, in the ABI's terms */
    uint64_t guest_physical;
    uint64_t written;               /* groups that the monitor wrote since the last entry; debug builds */
    uint64_t rax, rip, rsp, rflags; /* the VMCB's, before an entry that may be refused */
    uint64_t virtual_interrupt;
    uint64_t iret_rip; /* where the guest will end its NMI handler, 0 if nowhere */
    struct instruction_bytes {
        uint32_t length, valid;
    } instruction __attribute__((aligned(8)));
    struct event event,
        interrupted;     /* what the last exit interrupted, and what the exception there had interrupted */
    struct event inject; /* for the next entry */
    uint32_t inject_length;
    uint32_t controls;
    uint32_t exception_bitmap;
    uint32_t activity;
    bool nmi_blocked;
    bool new_asid;   /* the guest's translations must not be used any more */
    bool slow_entry; /* the next entry has more to do than to load registers */
};

struct svm_features {
    bool supported;         /* AMD-V with nested paging, not disabled by the firmware */
    bool next_rip;          /* VMCB field of the same name is valid */
    bool decode_assists;    /* instruction bytes, segment of string I/O */
    bool tsc_aux;           /* the MSR exists */
    bool loses_cr0;         /* QEMU's TCG: see svm.c */
    bool repeats_interrupt; /* the same: see svm_enter.c */
    uint32_t asids;
    uint32_t clean; /* what is unchanged after an exit, CLEAN_...; 0 if the processor keeps nothing */
};

extern struct svm_features svm_features;

/* Does every entry apply VT-x's rules? */
#ifdef DEBUG
#define SVM_CHECKS true
#else
#define SVM_CHECKS false
#endif

/* Once; then memory for each CPU; then each CPU for itself. */
void svm_init(void);
void svm_allocate(struct cpu *cpu);
void svm_cpu_init(struct cpu *cpu);
/* Writes back what the registers hold of the guest in cpu->arch.guest, and forgets it. */
void svm_guest_release(struct cpu *cpu);

/* Intercepts, interrupt window: what follows from `controls`, `exception_bitmap` and NMI blocking. */
void svm_controls_apply(struct vcpu_arch *vcpu);

/* svm_entry.S: runs the guest; comes back in svm_exit(). */
_Noreturn void svm_run(struct ec *vcpu, uint64_t vmcb, uint64_t host_vmcb);
_Noreturn void svm_exit(struct ec *vcpu);
/* Lets pending interrupts in; returns if there was none. */
void svm_interrupt_window(void);

#endif
