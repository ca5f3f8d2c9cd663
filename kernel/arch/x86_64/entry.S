/* SPDX-License-Identifier: MIT */
/*
 * Ways into the kernel and out of it.
 *
 * Every entry from user mode stores all registers in the current context (struct cpu.ec), takes the CPU's stack from
 * its top and calls a C function that does not return. The kernel runs with interrupts off; an interrupt can arrive in
 * kernel mode only in entry_idle and svm_interrupt_window, whose frames nobody needs. Any exception in kernel mode is a
 * bug. NMI, #DF and #MC use stacks of their own and end in a panic wherever they arrive, so that they depend on nothing.
 */
#include "kernel/arch/x86_64/cpu_arch.h"

/* struct registers inside struct ec, from the context's address */
#define RAX (EC_REGS + 0)
#define RCX (EC_REGS + 8)
#define RDX (EC_REGS + 16)
#define RBX (EC_REGS + 24)
#define RBP (EC_REGS + 32)
#define RSI (EC_REGS + 40)
#define RDI (EC_REGS + 48)
#define R8  (EC_REGS + 56)
#define R9  (EC_REGS + 64)
#define R10 (EC_REGS + 72)
#define R11 (EC_REGS + 80)
#define R12 (EC_REGS + 88)
#define R13 (EC_REGS + 96)
#define R14 (EC_REGS + 104)
#define R15 (EC_REGS + 112)
#define RIP (EC_REGS + 120)
#define RSP (EC_REGS + 128)
#define RFLAGS (EC_REGS + 136)

/* enum hypercall: CALL, REPLY_WAIT, NOTIFICATION_WAIT, NOTIFICATION_SIGNAL are 0 to 3 */
#define HYPERCALL_REPLY_WAIT_NUMBER 1
#define HYPERCALL_SIGNAL_NUMBER 3

#define USER_CODE 0x2b
#define USER_DATA 0x23

/* What a C function keeps. */
.macro SAVE_KEPT base
    mov %rbx, RBX(\base)
    mov %rbp, RBP(\base)
    mov %r12, R12(\base)
    mov %r13, R13(\base)
    mov %r14, R14(\base)
    mov %r15, R15(\base)
.endm

/* The user's rsp, which is in the scratch word since the entry; r11 is lost. */
.macro SAVE_STACK base
    mov %gs:CPU_SCRATCH, %r11
    mov %r11, RSP(\base)
.endm

.macro RESTORE_KEPT base
    mov RBX(\base), %rbx
    mov RBP(\base), %rbp
    mov R12(\base), %r12
    mov R13(\base), %r13
    mov R14(\base), %r14
    mov R15(\base), %r15
.endm

/* All but rax, rcx, rdx, rdi, r11, to or from the context in `base`; rdi last when restoring. */
.macro SAVE_COMMON base
    SAVE_KEPT \base
    mov %rsi, RSI(\base)
    mov %r8, R8(\base)
    mov %r9, R9(\base)
    mov %r10, R10(\base)
.endm

.macro RESTORE_COMMON base
    RESTORE_KEPT \base
    mov RSI(\base), %rsi
    mov R8(\base), %r8
    mov R9(\base), %r9
    mov R10(\base), %r10
.endm

    .text

/*
 * `syscall`: rcx = user rip, r11 = user rflags, rsp still the user's. Calls and replies, which have the lowest numbers, go
 * to their functions at once, with the arguments a1, a2, a0, a3 in rsi, rdx, rcx, r8; r8 and r9 are not saved for
 * them. Signals and waits, which have the next ones, are tried with the registers that a C function keeps left where they
 * are; if they turn out to be more than that, the rest is saved and they go the way of all others.
 */
    .global entry_syscall
    .balign 64
    .type entry_syscall, @function
entry_syscall:
    swapgs
    mov %rsp, %gs:CPU_SCRATCH
    mov %gs:CPU_EC, %rsp
    mov %rdi, RDI(%rsp)
    mov %rsi, RSI(%rsp)
    mov %rdx, RDX(%rsp)
    mov %r10, R10(%rsp)
    mov %rcx, RIP(%rsp)
    mov %r11, RFLAGS(%rsp)
    mov %rdi, %rcx
    mov %rsp, %rdi
    mov %gs:CPU_STACK_TOP, %rsp
    cmpb $0, EC_FOREIGN(%rdi)
    jne syscall_foreign
    cmp $HYPERCALL_REPLY_WAIT_NUMBER, %rax
    ja syscall_other
    SAVE_KEPT %rdi
    SAVE_STACK %rdi
    mov %r10, %r8
    je 1f
    call ipc_call
1:  call ipc_reply_wait

syscall_other:
    mov %r8, R8(%rdi)
    mov %r9, R9(%rdi)
    cmp $HYPERCALL_SIGNAL_NUMBER, %rax
    je 1f
    ja 4f
    call notification_wait_light
    jmp 2f
1:  call notification_signal_light
2:  mov %gs:CPU_EC, %rdi
    test %eax, %eax
    js 3f
    mov RIP(%rdi), %rcx
    mov RFLAGS(%rdi), %r11
    mov RSI(%rdi), %rsi
    mov RDX(%rdi), %rdx
    mov R8(%rdi), %r8
    mov R9(%rdi), %r9
    mov R10(%rdi), %r10
    mov RDI(%rdi), %rdi
    mov %gs:CPU_SCRATCH, %rsp
    swapgs
    sysretq

3:  neg %eax
4:  mov %rax, RAX(%rdi)
    SAVE_KEPT %rdi
    SAVE_STACK %rdi
    xor %ebp, %ebp
    call hypercall_entry

syscall_foreign:
    mov %rax, RAX(%rdi)
    SAVE_KEPT %rdi
    SAVE_STACK %rdi
    mov %r8, R8(%rdi)
    mov %r9, R9(%rdi)
    mov RIP(%rdi), %rax
    mov %rax, RCX(%rdi)
    mov RFLAGS(%rdi), %rax
    mov %rax, R11(%rdi)
    movb $1, EC_FULL_RESTORE(%rdi)
    xor %ebp, %ebp
    call foreign_syscall_entry
    .size entry_syscall, . - entry_syscall

/* Of a call that has come: rdi = handler, rsi = tag, rdx = portal's id. Its rip is behind a `syscall`, so it is canonical: the
   last page below 2^47 is nobody's. */
    .global entry_return_received
    .balign 64
    .type entry_return_received, @function
entry_return_received:
    mov RIP(%rdi), %rcx
    mov RFLAGS(%rdi), %r11
    RESTORE_KEPT %rdi
    mov R8(%rdi), %r8
    mov R9(%rdi), %r9
    mov R10(%rdi), %r10
    mov RSP(%rdi), %rsp
    mov %rdx, %rdi
    xor %edx, %edx                  /* WAKE_CALL */
    xor %eax, %eax                  /* OK */
    swapgs
    sysretq
    .size entry_return_received, . - entry_return_received

/* Of a call that is answered: rdi = caller, rsi = tag. */
    .global entry_return_answered
    .balign 64
    .type entry_return_answered, @function
entry_return_answered:
    mov %rsi, %rax
    mov RIP(%rdi), %rcx
    mov RFLAGS(%rdi), %r11
    RESTORE_KEPT %rdi
    mov RSI(%rdi), %rsi
    mov RDX(%rdi), %rdx
    mov R8(%rdi), %r8
    mov R9(%rdi), %r9
    mov R10(%rdi), %r10
    mov RSP(%rdi), %rsp
    mov %rax, %rdi
    xor %eax, %eax                  /* OK */
    swapgs
    sysretq
    .size entry_return_answered, . - entry_return_answered

/* `syscall` from 32-bit code: there is no such code segment, so this cannot be reached; the MSR wants an address. */
    .global entry_syscall_compatibility
    .type entry_syscall_compatibility, @function
entry_syscall_compatibility:
    ud2
    .size entry_syscall_compatibility, . - entry_syscall_compatibility

/* The stack is [rsp] vector, error code, rip, cs, rflags, rsp, ss. */
    .balign 64
    .type entry_common, @function
entry_common:
    testb $3, 24(%rsp)
    jz entry_from_kernel
    swapgs
    push %rdi
    mov %gs:CPU_EC, %rdi
    mov %rax, RAX(%rdi)
    mov %rcx, RCX(%rdi)
    mov %rdx, RDX(%rdi)
    mov %r11, R11(%rdi)
    SAVE_COMMON %rdi
    pop %rax
    mov %rax, RDI(%rdi)
    mov 16(%rsp), %rax
    mov %rax, RIP(%rdi)
    mov 32(%rsp), %rax
    mov %rax, RFLAGS(%rdi)
    mov 40(%rsp), %rax
    mov %rax, RSP(%rdi)
    movb $1, EC_FULL_RESTORE(%rdi)
    mov (%rsp), %rsi
    mov 8(%rsp), %rdx
    mov %gs:CPU_STACK_TOP, %rsp
    push $2                         /* rflags of the user: direction and alignment check must not stay */
    popf
    xor %ebp, %ebp
    xor %ecx, %ecx
    cmp $32, %esi
    jae 2f
    cmp $14, %esi
    jne 1f
    mov %cr2, %rcx
1:  call exception_entry
2:  mov %esi, %edi
    call interrupt_entry
    .size entry_common, . - entry_common

    .type entry_from_kernel, @function
entry_from_kernel:
    cmpl $32, (%rsp)
    jb entry_panic
    mov (%rsp), %edi
    mov %gs:CPU_STACK_TOP, %rsp
    xor %ebp, %ebp
    call interrupt_entry
    .size entry_from_kernel, . - entry_from_kernel

    .type entry_panic, @function
entry_panic:
    cld
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi
    call panic_exception
    .size entry_panic, . - entry_panic

/*
 * rdi = context to run. rcx and r11 are lost to the instruction. SYSRET to a non-canonical address would fault in the kernel;
 * `syscall` or a corrected write put it there, so it is at most 2^47, where a page fault awaits the thread.
 */
    .global entry_return_fast
    .balign 64
    .type entry_return_fast, @function
entry_return_fast:
    mov RIP(%rdi), %rcx
    bt $47, %rcx
    jc entry_return_full
    mov RFLAGS(%rdi), %r11
    mov RAX(%rdi), %rax
    mov RDX(%rdi), %rdx
    RESTORE_COMMON %rdi
    mov RSP(%rdi), %rsp
    mov RDI(%rdi), %rdi
    swapgs
    sysretq
    .size entry_return_fast, . - entry_return_fast

/* The same with every register as it was. */
    .global entry_return_full
    .balign 64
    .type entry_return_full, @function
entry_return_full:
    push $USER_DATA
    push RSP(%rdi)
    push RFLAGS(%rdi)
    push $USER_CODE
    push RIP(%rdi)
    mov RAX(%rdi), %rax
    mov RCX(%rdi), %rcx
    mov RDX(%rdi), %rdx
    mov R11(%rdi), %r11
    RESTORE_COMMON %rdi
    mov RDI(%rdi), %rdi
    swapgs
    iretq
    .size entry_return_full, . - entry_return_full

/* rdi = top of stack. The first interrupt ends this. */
    .global entry_idle
    .type entry_idle, @function
entry_idle:
    mov %rdi, %rsp
    xor %ebp, %ebp
    sti
1:  hlt
    jmp 1b
    .size entry_idle, . - entry_idle

/* arch_restart(function, context): what the stack holds is forgotten. */
    .global arch_restart
    .type arch_restart, @function
arch_restart:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %gs:CPU_STACK_TOP, %rsp
    xor %ebp, %ebp
    call *%rax
    .size arch_restart, . - arch_restart

/* One stub a vector. Exceptions 8, 10-14, 17, 21, 29, 30 push an error code themselves. */
    .balign 16
    .type entry_stubs, @function
entry_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    push $vector
    .if vector == 2 || vector == 8 || vector == 18
    jmp entry_panic
    .else
    jmp entry_common
    .endif
    .set vector, vector + 1
    .endr
    .size entry_stubs, . - entry_stubs

    .section .rodata
    .balign 8
    .global entry_vectors
entry_vectors:
    .set vector, 0
    .rept 256
    .quad entry_stubs + vector * 16
    .set vector, vector + 1
    .endr

    .section .note.GNU-stack, "", @progbits
