/* SPDX-License-Identifier: MIT */
/*
 * How a further CPU gets from its start-up interrupt to ap_main(): start.c copies the first part to TRAMPOLINE, a page
 * below 1 MiB, where the CPU begins in real mode. The page table beside it maps the first 2 MiB in place, and the kernel's half.
 *
 * The CPU then asks for its ticket: whoever was given up, and comes late, finds another's number there and stops.
 */
#include "kernel/arch/x86_64/start.h"

#define PLACE(symbol) (TRAMPOLINE + (symbol) - trampoline_begin)
#define CODE32 0x08
#define DATA32 0x10
#define CODE64 0x18

    .section .rodata
    .balign 16
    .global trampoline_begin, trampoline_end
    .code16
trampoline_begin:
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    lgdtl (trampoline_gdt_pointer - trampoline_begin)
    mov $0x11, %eax                 /* CR0: ET, PE */
    mov %eax, %cr0
    ljmpl $CODE32, $PLACE(trampoline_protected)

    .code32
trampoline_protected:
    mov $DATA32, %eax
    mov %eax, %ds
    mov %eax, %ss
    mov $0xa0, %eax                 /* CR4: PAE, PGE */
    mov %eax, %cr4
    mov $TRAMPOLINE_ROOT, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx           /* EFER: LME, NXE */
    rdmsr
    or $0x900, %eax
    wrmsr
    mov $0x80010033, %eax           /* CR0: PG, WP, NE, ET, MP, PE */
    mov %eax, %cr0
    ljmpl $CODE64, $PLACE(trampoline_long)

    .code64
trampoline_long:
    mov $ap_entry, %rax
    jmp *%rax

    .balign 8
trampoline_gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00209b0000000000
trampoline_gdt_pointer:
    .word trampoline_gdt_pointer - trampoline_gdt - 1
    .long PLACE(trampoline_gdt)
trampoline_end:

    .text
    .type ap_entry, @function
ap_entry:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs
    cpuid                           /* its APIC id: 32 bits in leaf 0Bh, if there is one */
    cmp $0xb, %eax
    jb 1f
    mov $0xb, %eax
    xor %ecx, %ecx
    cpuid
    mov %edx, %eax
    test %ebx, %ebx
    jnz 2f
1:  mov $1, %eax
    cpuid
    shr $24, %ebx
    mov %ebx, %eax
2:  mov $TICKET_TAKEN, %rcx
    lock cmpxchg %rcx, start_ticket
    jne 3f
    mov start_page_table, %rax
    mov %rax, %cr3
    mov start_stack, %rsp
    mov start_cpu, %rdi
    xor %ebp, %ebp
    call ap_main
3:  cli
    hlt
    jmp 3b
    .size ap_entry, . - ap_entry

    .section .note.GNU-stack, "", @progbits
