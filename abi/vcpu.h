/* SPDX-License-Identifier: MIT */
/*
 * State of a virtual CPU, the same for AMD-V and VT-x (doc/decision/0004-vcpu-state.md maps each field to VMCB and VMCS).
 *
 * When a virtual CPU leaves guest mode for a reason that the kernel does not handle itself, the handler thread bound for
 * that reason receives a message: label = enum vcpu_exit, words = struct vcpu_state with the groups bound for that
 * reason. The reply's `groups` names what is to be taken back; then the virtual CPU goes on.
 *
 * Injection follows VT-x's entry rules on both architectures (SDM vol. 3, 27.3): an external interrupt may be injected
 * only with RFLAGS.IF = 1 and no blocking by STI or MOV SS; ask for an interrupt window otherwise.
 */
#ifndef ABI_VCPU_H
#define ABI_VCPU_H

#include <stddef.h>
#include <stdint.h>

enum vcpu_exit {
    VCPU_EXIT_RECALL = 0,           /* ec_control(recall) */
    VCPU_EXIT_INTERRUPT_WINDOW = 1, /* asked for by VCPU_CONTROL_INTERRUPT_WINDOW */
    VCPU_EXIT_NMI_WINDOW = 2,
    VCPU_EXIT_EXCEPTION = 3, /* an intercepted exception (`exception_bitmap`); event_info tells which */
    VCPU_EXIT_TRIPLE_FAULT = 4,
    VCPU_EXIT_INIT = 5,
    VCPU_EXIT_TASK_SWITCH = 6, /* qualification: selector 0-15; source 30-31: CALL, IRET, JMP, task gate */
    VCPU_EXIT_CPUID = 7,
    VCPU_EXIT_HLT = 8,
    VCPU_EXIT_INVD = 9, /* INVD, WBINVD */
    VCPU_EXIT_RDPMC = 10,
    VCPU_EXIT_HYPERCALL = 11,      /* VMCALL, VMMCALL */
    VCPU_EXIT_VIRTUALIZATION = 12, /* any other SVM or VMX instruction */
    VCPU_EXIT_CR = 13,
    VCPU_EXIT_DR = 14,
    VCPU_EXIT_IO = 15, /* qualification: enum vcpu_io */
    VCPU_EXIT_RDMSR = 16,
    VCPU_EXIT_WRMSR = 17,
    VCPU_EXIT_XSETBV = 18,
    VCPU_EXIT_MONITOR = 19, /* MONITOR, MWAIT */
    VCPU_EXIT_PAUSE = 20,
    VCPU_EXIT_MEMORY =
        21, /* nested page fault, EPT violation: guest_physical, qualification: enum vcpu_memory */
    VCPU_EXIT_INVALID_STATE = 22, /* state fails an entry check; qualification = number of the failed rule */
    VCPU_EXIT_MACHINE_CHECK = 23,
    VCPU_EXIT_OTHER = 24, /* qualification = the architecture's exit code */
    VCPU_EXIT_COUNT = 25,
};

/* Groups of struct vcpu_state. */
enum vcpu_group {
    VCPU_GROUP_GPR = 1u << 0, /* rax .. r15, without rsp */
    VCPU_GROUP_IP = 1u << 1,  /* rip, rsp, rflags */
    VCPU_GROUP_EXIT =
        1u << 2, /* qualification, guest_physical, instruction_length, instruction bytes; read only */
    VCPU_GROUP_EVENT = 1u << 3,     /* inject_ (write), event_ and interrupted_ (read) fields */
    VCPU_GROUP_INTERRUPT = 1u << 4, /* interruptibility, activity */
    VCPU_GROUP_CONTROL = 1u << 5,   /* controls, exception_bitmap */
    VCPU_GROUP_CR = 1u << 6,        /* cr0, cr2, cr3, cr4, efer */
    VCPU_GROUP_CODE = 1u << 7,      /* cs, ss: what an instruction decoder wants */
    VCPU_GROUP_SEGMENT = 1u << 8,   /* ds, es, fs, gs, tr, ldtr, gdtr, idtr */
    VCPU_GROUP_DR = 1u << 9,        /* dr6, dr7 (dr0-dr3 belong to the guest and stay loaded) */
    VCPU_GROUP_MSR = 1u << 10,      /* star .. pat */
    VCPU_GROUP_TSC = 1u << 11,      /* tsc_offset, tsc_aux */
    VCPU_GROUP_XCR = 1u << 12,      /* xcr0 */
    VCPU_GROUP_FPU = 1u << 13,      /* fpu */
    VCPU_GROUP_ALL = (1u << 14) - 1,
};

/* Attributes in the compressed form of the VMCB (APM vol. 2, 15.5.1): type 0-3, S 4, DPL 5-6, P 7, AVL 8, L 9, D/B 10,
   G 11; bit 12 set = unusable (VT-x). */
struct vcpu_segment {
    uint16_t selector;
    uint16_t attributes;
    uint32_t limit;
    uint64_t base;
};

#define VCPU_SEGMENT_UNUSABLE 0x1000u

/* Injected and interrupted events in VT-x's format (SDM vol. 3, 25.8.3): vector 0-7, type 8-10, error code valid 11,
   valid 31. */
enum vcpu_event {
    VCPU_EVENT_EXTERNAL = 0u << 8,
    VCPU_EVENT_NMI = 2u << 8,
    VCPU_EVENT_EXCEPTION = 3u << 8,
    VCPU_EVENT_SOFTWARE_INTERRUPT = 4u << 8,
    VCPU_EVENT_PRIVILEGED_EXCEPTION = 5u << 8, /* INT1 */
    VCPU_EVENT_SOFTWARE_EXCEPTION = 6u << 8,   /* INT3, INTO */
    VCPU_EVENT_ERROR_CODE = 1u << 11,
    VCPU_EVENT_VALID = 1u << 31,
};

enum vcpu_interruptibility {
    VCPU_BLOCKED_BY_STI = 1u << 0,
    VCPU_BLOCKED_BY_MOV_SS = 1u << 1,
    VCPU_BLOCKED_BY_NMI = 1u << 3,
};

enum vcpu_activity {
    VCPU_ACTIVE = 0,
    VCPU_HALTED = 1,
    VCPU_SHUTDOWN = 2,
    VCPU_WAIT_FOR_SIPI = 3, /* only ACTIVE is entered in this version */
};

enum vcpu_control {
    VCPU_CONTROL_INTERRUPT_WINDOW = 1u << 0, /* exit as soon as an external interrupt could be injected */
    VCPU_CONTROL_NMI_WINDOW = 1u << 1,
    VCPU_CONTROL_RDTSC = 1u << 2, /* intercept RDTSC (VCPU_EXIT_OTHER) */
    VCPU_CONTROL_PAUSE = 1u << 3,
};

/* Qualification of VCPU_EXIT_IO (port 0-15, then flags). */
enum vcpu_io {
    VCPU_IO_IN = 1u << 16,
    VCPU_IO_STRING = 1u << 17,
    VCPU_IO_REP = 1u << 18,
    VCPU_IO_WIDTH_SHIFT = 20,   /* 1, 2 or 4 in bits 20-22 */
    VCPU_IO_ADDRESS_SHIFT = 24, /* address size 2, 4 or 8 in bits 24-27; 0 if unknown */
    VCPU_IO_SEGMENT_SHIFT = 28, /* 0 es, 1 cs, 2 ss, 3 ds, 4 fs, 5 gs; 7 if unknown (bits 28-30) */
};

enum vcpu_memory {
    VCPU_MEMORY_WRITE = 1u << 0,
    VCPU_MEMORY_EXECUTE = 1u << 1,
    VCPU_MEMORY_PRESENT = 1u << 2,    /* a mapping exists but forbids the access */
    VCPU_MEMORY_TABLE_WALK = 1u << 3, /* the access was one to the guest's own page tables */
};

#define VCPU_INSTRUCTION_BYTES 16u
#define VCPU_FPU_SIZE          1024u

struct vcpu_state {
    uint64_t groups;
    uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rsp, rflags;

    uint64_t qualification;
    uint64_t guest_physical;
    uint32_t instruction_length; /* 0: not known, the monitor decodes */
    uint32_t instruction_valid;  /* number of valid bytes below, 0-15 */
    uint8_t instruction[VCPU_INSTRUCTION_BYTES];

    uint32_t inject_info, inject_error; /* event to inject at the next entry; consumed by it */
    uint32_t event_info,
        event_error;        /* event whose delivery the exit interrupted, or the intercepted exception */
    uint32_t inject_length; /* instruction length for software events (VT-x) */
    uint32_t interruptibility;
    uint32_t activity;
    uint32_t controls;
    uint32_t exception_bitmap;
    uint32_t reserved0;

    uint64_t cr0, cr2, cr3, cr4, efer;
    struct vcpu_segment cs, ss;
    struct vcpu_segment ds, es, fs, gs, tr, ldtr, gdtr, idtr;
    uint64_t dr6, dr7;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, pat;
    uint64_t tsc_offset, tsc_aux;
    uint64_t xcr0;
    uint32_t interrupted_info,
        interrupted_error; /* event whose delivery raised the exception in event_info */
    uint64_t reserved1[6];
    uint8_t fpu[VCPU_FPU_SIZE]; /* XSAVE area, standard format */
};

#define VCPU_STATE_WORDS (offsetof(struct vcpu_state, fpu) / 8)

_Static_assert(offsetof(struct vcpu_state, rip) == 128, "ABI");
_Static_assert(offsetof(struct vcpu_state, qualification) == 152, "ABI");
_Static_assert(offsetof(struct vcpu_state, inject_info) == 192, "ABI");
_Static_assert(offsetof(struct vcpu_state, cr0) == 232, "ABI");
_Static_assert(offsetof(struct vcpu_state, cs) == 272, "ABI");
_Static_assert(offsetof(struct vcpu_state, dr6) == 432, "ABI");
_Static_assert(offsetof(struct vcpu_state, interrupted_info) == 544, "ABI");
_Static_assert(offsetof(struct vcpu_state, fpu) == 600, "ABI");
_Static_assert(sizeof(struct vcpu_state) <= 3200, "fits the message words");

#endif
