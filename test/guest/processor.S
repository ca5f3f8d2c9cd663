/* SPDX-License-Identifier: MIT */
/*
 * Where another processor begins: in real mode, at the page that STARTUP named, to which this code is copied. It notes what
 * it found and goes the way of guest_entry (start.S) to 64-bit mode, on a stack of its own.
 */
#define PROCESSOR_LOW_CODE 0x9000
#define LOW(label) (label - processor_low_start + PROCESSOR_LOW_CODE)

    .section .text
    .code16
    .global processor_low_start, processor_low_end
processor_low_start:
    cli
    movw %cs, %bx
    xorw %ax, %ax
    movw %ax, %ds
    movl %cr0, %esi
    lgdtl LOW(processor_segments)
    movl $0x33, %eax             /* NE, ET, MP, PE */
    movl %eax, %cr0
    ljmpl $0x18, $processor_protected
    .balign 8
processor_segments:
    .word 47                     /* the six descriptors of segment_table */
    .long segment_table
processor_low_end:

    .code32
processor_protected:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movw %bx, processor_first_cs
    movl %esi, processor_first_cr0
    movl $page_map, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x620, %eax             /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0xc0000080, %ecx       /* EFER: SCE, LME, NXE */
    rdmsr
    orl $0x901, %eax
    wrmsr
    movl $0x80010033, %eax       /* PG, WP, NE, ET, MP, PE */
    movl %eax, %cr0
    ljmp $0x08, $processor_long

    .code64
processor_long:
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    leaq processor_stack_top(%rip), %rsp
    xorl %ebp, %ebp
    call processor_main
1:  cli
    hlt
    jmp 1b

    .section .data
    .balign 8
    .global processor_first_cr0, processor_first_cs
processor_first_cr0:
    .long 0
processor_first_cs:
    .word 0

    .section .bss
    .balign 16
    .skip 16384
processor_stack_top:

    .section .note.GNU-stack, "", @progbits
