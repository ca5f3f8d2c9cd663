/* SPDX-License-Identifier: MIT */
/*
 * Into a guest and back. Between CLGI and STGI nothing interrupts, so that NMI and interrupts never meet the guest's FS, GS and
 * TR. RFLAGS.IF = 1 at VMRUN makes host interrupts leave the guest (V_INTR_MASKING, APM vol. 2, 15.21.1).
 */
#include "kernel/arch/x86_64/cpu_arch.h"

#define REG(n) (EC_REGS + 8 * (n))

    .text

/* svm_run(ec, VMCB, host's VMSAVE area), the latter two physical. rax, rsp, rip, rflags travel in the VMCB. */
    .global svm_run
    .type svm_run, @function
svm_run:
    clgi
    push %rdi
    push %rdx
    mov %rsi, %rax
    vmload
    mov REG(1)(%rdi), %rcx
    mov REG(2)(%rdi), %rdx
    mov REG(3)(%rdi), %rbx
    mov REG(4)(%rdi), %rbp
    mov REG(5)(%rdi), %rsi
    mov REG(7)(%rdi), %r8
    mov REG(8)(%rdi), %r9
    mov REG(9)(%rdi), %r10
    mov REG(10)(%rdi), %r11
    mov REG(11)(%rdi), %r12
    mov REG(12)(%rdi), %r13
    mov REG(13)(%rdi), %r14
    mov REG(14)(%rdi), %r15
    mov REG(6)(%rdi), %rdi
    sti
    nop                             /* QEMU carries STI's shadow into the guest */
    vmrun
    cli
    vmsave
    mov (%rsp), %rax
    vmload
    xchg %rdi, 8(%rsp)
    mov %rcx, REG(1)(%rdi)
    mov %rdx, REG(2)(%rdi)
    mov %rbx, REG(3)(%rdi)
    mov %rbp, REG(4)(%rdi)
    mov %rsi, REG(5)(%rdi)
    mov %r8, REG(7)(%rdi)
    mov %r9, REG(8)(%rdi)
    mov %r10, REG(9)(%rdi)
    mov %r11, REG(10)(%rdi)
    mov %r12, REG(11)(%rdi)
    mov %r13, REG(12)(%rdi)
    mov %r14, REG(13)(%rdi)
    mov %r15, REG(14)(%rdi)
    mov 8(%rsp), %rax
    mov %rax, REG(6)(%rdi)
    mov %gs:CPU_STACK_TOP, %rsp
    xor %ebp, %ebp
    stgi
    call svm_exit
    .size svm_run, . - svm_run

/* An interrupt that is pending arrives behind the NOP, which ends STI's shadow. */
    .global svm_interrupt_window
    .type svm_interrupt_window, @function
svm_interrupt_window:
    sti
    nop
    nop
    cli
    ret
    .size svm_interrupt_window, . - svm_interrupt_window

    .section .note.GNU-stack, "", @progbits
