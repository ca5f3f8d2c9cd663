/* SPDX-License-Identifier: MIT */
/*
 * What tool/run boots to learn whether KVM can run Tessera: does a guest of this guest execute an instruction and come back?
 *
 * A multiboot image that runs where it is loaded, in 32-bit protected mode without paging. It enters a real-mode guest by
 * VMRUN (AMD APM volume 2, 15.5), whose only instruction, HLT, is intercepted. Exit by the debug-exit device: 16 if the
 * exit code says HLT, else 1. A machine without AMD-V faults, and is not waited for.
 */
#define LOAD     0x100000
#define CONTROL  0x102000 /* the virtual machine's control block */
#define SAVE     0x103000 /* where the processor keeps the host's state */
#define GUEST    0x1000   /* the guest's code, below 1 MiB */

#define EXIT_HLT 0x78

    .code32
    .text
    .global start
header:
    .long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    .long LOAD, LOAD, LOAD + end - header, 0x104000, LOAD + start - header

.macro segment at, attributes
    movl $\attributes << 16, CONTROL + 0x400 + \at
    movl $0xffff, CONTROL + 0x404 + \at
.endm

start:
    cld
    mov $CONTROL, %edi
    xor %eax, %eax
    mov $0x2000 / 4, %ecx
    rep stosl
    movb $0xf4, GUEST                       /* HLT */

    mov $0xc0000080, %ecx                   /* EFER.SVME */
    rdmsr
    or $0x1000, %eax
    wrmsr
    mov %eax, CONTROL + 0x4d0
    mov $0xc0010117, %ecx                   /* VM_HSAVE_PA */
    mov $SAVE, %eax
    xor %edx, %edx
    wrmsr

    movl $1 << 24, CONTROL + 0x00c          /* intercept HLT */
    movl $1, CONTROL + 0x010                /* and VMRUN, which is not optional */
    movl $1, CONTROL + 0x058                /* ASID */
    segment 0x00, 0x093                     /* ES, CS, SS, DS */
    segment 0x10, 0x09b
    segment 0x20, 0x093
    segment 0x30, 0x093
    segment 0x90, 0x08b                     /* TR */
    movl $0x10, CONTROL + 0x558             /* CR0.ET */
    movl $0x400, CONTROL + 0x560            /* DR7 */
    movl $0xffff0ff0, CONTROL + 0x568       /* DR6 */
    movl $2, CONTROL + 0x570                /* RFLAGS */
    movl $GUEST, CONTROL + 0x578            /* RIP */

    mov $CONTROL, %eax
    vmrun
    mov $1, %al
    cmpl $EXIT_HLT, CONTROL + 0x070
    jne 1f
    mov $16, %al
1:  mov $0xf4, %dx
    out %al, %dx
2:  hlt
    jmp 2b
end:
    .section .note.GNU-stack, "", @progbits
