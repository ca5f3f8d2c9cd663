/* SPDX-License-Identifier: MIT */
/*
 * A round trip through the processor's older modes: 64-bit -> compatibility -> 32-bit protected without paging ->
 * 16-bit protected -> real mode, and back. Each stop does something that the caller can check. Code that runs with
 * 16-bit offsets is copied to MODE_LOW_CODE first; its labels are therefore used relative to mode_low_start.
 */
#define MODE_LOW_CODE 0x8000
#define LOW(label) (label - mode_low_start + MODE_LOW_CODE)

    .section .text
    .code64
    .global mode_round_trip
mode_round_trip:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, mode_saved_stack
    sidt mode_saved_vectors
    pushq $0x18
    pushq $mode_compatibility
    lretq

    .code32
mode_compatibility:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %cr0, %eax
    andl $0x7fffffff, %eax       /* PG off leaves long mode */
    movl %eax, %cr0
    movl $0xc0000080, %ecx
    rdmsr
    andl $~0x100, %eax           /* LME off */
    wrmsr
    movl 0xfee00030, %eax        /* local APIC version: a device access from 32-bit code */
    movl %eax, mode_result_apic
    xorl %eax, %eax
    cpuid
    movl %ebx, mode_result_cpuid
    lidt mode_real_vectors
    ljmp $0x20, $MODE_LOW_CODE

    .global mode_back
mode_back:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    ljmp $0x08, $mode_long

    .code64
mode_long:
    lidt mode_saved_vectors
    movq mode_saved_stack, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .code16
    .global mode_low_start, mode_low_interrupt, mode_low_end
mode_low_start:
    movw $0x28, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl %cr0, %eax
    andb $0xfe, %al
    movl %eax, %cr0
    ljmp $0, $LOW(mode_low_real)
mode_low_real:
    movw $(MODE_LOW_CODE >> 4), %ax
    movw %ax, %ds                /* data through a segment base that only real mode gives */
    xorw %ax, %ax
    movw %ax, %es
    movw %ax, %ss
    movw $0x7000, %sp
    movw $0x1234, (mode_low_mark - mode_low_start)
    int $0x81
    movb $0x5a, %al
    outb %al, $0x80
    xorw %ax, %ax
    movw %ax, %ds
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $0x18, $mode_back
mode_low_interrupt:
    addw $0x1111, (mode_low_mark - mode_low_start)
    iretw
    .global mode_low_mark
mode_low_mark:
    .word 0
mode_low_end:

    .section .data
    .balign 8
mode_saved_stack:
    .quad 0
mode_saved_vectors:
    .word 0
    .quad 0
mode_real_vectors:
    .word 0x3ff
    .quad 0
    .balign 4
    .global mode_result_apic, mode_result_cpuid
mode_result_apic:
    .long 0
mode_result_cpuid:
    .long 0

    .section .note.GNU-stack, "", @progbits
