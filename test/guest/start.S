/* SPDX-License-Identifier: MIT */
/*
 * Entry of the test guest, its static page tables and segments, and the trap entries.
 *
 * A PVH loader finds the 32-bit entry through the Xen note PHYS32_ENTRY, loads the segments and jumps with paging off,
 * flat segments, interrupts disabled, no stack, and the physical address of struct hvm_start_info in EBX. The first
 * 4 GiB are mapped one to one with 2 MiB pages, so that addresses mean the same in every processor mode.
 *
 * All 256 vectors enter through stubs of 16 bytes each, which build one struct trap_frame (guest.h).
 */
#define SELECTOR_CODE64 0x08
#define SELECTOR_DATA 0x10

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18               /* name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long guest_entry

    .section .text
    .code32
    .global guest_entry
guest_entry:
    cld
    movl %ebx, start_info_address
    movl $stack_top, %esp
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
    lgdt segment_pointer
    ljmp $SELECTOR_CODE64, $long_mode

    .code64
long_mode:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    leaq stack_top(%rip), %rsp
    xorl %ebp, %ebp
    call guest_main
1:  cli
    hlt
    jmp 1b

    .balign 16
    .global trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

trap_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call trap_dispatch
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

/*
 * int case_call(function): calls function and returns its result, or returns through case_abort, which may run from
 * anywhere deeper on the stack: a trap handler makes it the interrupted code's next instruction.
 */
    .global case_call
case_call:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rax                   /* keeps the stack aligned */
    movq %rsp, case_stack(%rip)
    call *%rdi
case_return:
    popq %rcx
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret
    .global case_abort
case_abort:
    movq case_stack(%rip), %rsp
    movl $1, %eax                /* OUTCOME_FAIL */
    jmp case_return

    .section .rodata
    .balign 8
    .global segment_table
segment_table:
    .quad 0
    .quad 0x00af9b000000ffff     /* 0x08 code, 64 bits */
    .quad 0x00cf93000000ffff     /* 0x10 data, flat */
    .quad 0x00cf9b000000ffff     /* 0x18 code, 32 bits, flat */
    .quad 0x00009b000000ffff     /* 0x20 code, 16 bits, 64 KiB */
    .quad 0x000093000000ffff     /* 0x28 data, 16 bits, 64 KiB */
segment_table_end:
    .global segment_pointer
segment_pointer:
    .word segment_table_end - segment_table - 1
    .quad segment_table

    .section .data
    .global start_info_address
start_info_address:
    .quad 0
case_stack:
    .quad 0

    .balign 4096
    .global page_map
page_map:
    .quad page_directory_pointers + 3
    .fill 511, 8, 0
page_directory_pointers:
    .quad page_directories + 0x0003, page_directories + 0x1003
    .quad page_directories + 0x2003, page_directories + 0x3003
    .fill 508, 8, 0
page_directories:                /* present, writable, 2 MiB */
    .set frame, 0
    .rept 2048
    .quad frame + 0x83
    .set frame, frame + 0x200000
    .endr

    .section .bss
    .balign 16
    .skip 32768
stack_top:

    .section .note.GNU-stack, "", @progbits
