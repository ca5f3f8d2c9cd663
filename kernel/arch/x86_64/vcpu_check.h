/* SPDX-License-Identifier: MIT */
/*
 * VT-x's checks on entering a guest (SDM vol. 3, 27.3.1 and 27.2.1.3), for every processor: a monitor that passes them
 * on AMD-V works on VT-x. Hardware-free. A debug build of the kernel applies them; the number of the broken rule is
 * the qualification of VCPU_EXIT_INVALID_STATE. Numbers are part of the interface and never change.
 */
#ifndef KERNEL_ARCH_X86_64_VCPU_CHECK_H
#define KERNEL_ARCH_X86_64_VCPU_CHECK_H

#include "abi/vcpu.h"

enum vcpu_rule {
    VCPU_RULE_NONE = 0,
    VCPU_RULE_PROCESSOR = 1, /* the processor refused the state and does not say why */
    VCPU_RULE_ACTIVITY = 2,  /* only VCPU_ACTIVE is entered */

    VCPU_RULE_CR0 = 10,           /* PG needs PE; NW needs CD; bits 63:32 are 0 */
    VCPU_RULE_LMA = 11,           /* EFER.LMA = EFER.LME and CR0.PG */
    VCPU_RULE_LONG_PAE = 12,      /* long mode needs CR4.PAE */
    VCPU_RULE_CR3 = 13,           /* no bits beyond the physical-address width of 52 */
    VCPU_RULE_CR4 = 14,           /* PCIDE needs long mode; bits 63:32 are 0 */
    VCPU_RULE_EFER = 15,          /* only SCE, LME, LMA, NXE and what AMD adds (FFXSR, LMSLE, TCE) */
    VCPU_RULE_DR7 = 16,           /* bits 63:32 are 0 */
    VCPU_RULE_CANONICAL_MSR = 17, /* lstar, kernel_gs_base, sysenter_esp, sysenter_eip */
    VCPU_RULE_PAT = 18,           /* every byte is a memory type */

    VCPU_RULE_CS = 20,          /* present code segment, or read/write data where that is unrestricted */
    VCPU_RULE_CS_DB = 21,       /* D must be 0 in a 64-bit code segment */
    VCPU_RULE_SS = 22,          /* read/write data, if usable */
    VCPU_RULE_CPL = 23,         /* SS.DPL is RPL of SS; CS.DPL fits it */
    VCPU_RULE_DATA = 24,        /* DS, ES, FS, GS: accessed, readable, present, if usable */
    VCPU_RULE_GRANULARITY = 25, /* limit and G fit together */
    VCPU_RULE_BASE = 26,        /* bases canonical; those of CS, SS, DS, ES below 4 GiB */
    VCPU_RULE_TR = 27,          /* usable, busy TSS, GDT selector */
    VCPU_RULE_LDTR = 28,        /* present LDT with GDT selector, if usable */
    VCPU_RULE_V86 = 29,         /* virtual-8086 segments: base = selector * 16, limit ffff, attributes f3 */
    VCPU_RULE_TABLE = 30,       /* GDTR, IDTR: canonical base, 16-bit limit */

    VCPU_RULE_RIP = 40,    /* canonical in 64-bit code, else 32 bits */
    VCPU_RULE_RFLAGS = 41, /* bit 1 set; 3, 5, 15, 63:22 clear; no VM in long mode or without PE */

    VCPU_RULE_BLOCKING = 50,   /* not by STI and MOV SS at once; by STI only with IF = 1 */
    VCPU_RULE_EVENT_TYPE = 51, /* type is one of enum vcpu_event; NMI has vector 2, exceptions are below 32 */
    VCPU_RULE_EVENT_ERROR = 52,  /* 16-bit code exactly for #DF #TS #NP #SS #GP #PF #AC in protected mode */
    VCPU_RULE_EVENT_IF = 53,     /* external interrupt: IF = 1 and no blocking by STI or MOV SS */
    VCPU_RULE_EVENT_NMI = 54,    /* NMI: no blocking by STI, MOV SS or NMI */
    VCPU_RULE_EVENT_LENGTH = 55, /* software events: instruction length 1-15 */
};

/*
 * The first rule that `state` breaks, VCPU_RULE_NONE if it may be entered. Only rules that concern one of the groups in
 * `written` are applied, and those on injection: the rest is as a processor left it. All groups but FPU are read.
 */
unsigned vcpu_check(const struct vcpu_state *state, uint64_t written);

#endif
