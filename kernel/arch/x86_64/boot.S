/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader (multiboot 1 or 2: 32-bit protected mode, no paging) to boot_main() in the higher half.
 *
 * The first page table maps the first 4 GiB three times with 2 MiB pages: in place (for the jump), at PHYSMAP_BASE,
 * and its first GiB at KERNEL_BASE. kernel_map.c replaces it.
 */
#include "kernel/arch/x86_64/cpu_arch.h"

#define MULTIBOOT_HEADER 0x1badb002
#define MULTIBOOT_FLAGS  0x00000003 /* modules page-aligned; memory information wanted */
#define MULTIBOOT2_HEADER 0xe85250d6
#define MULTIBOOT2_LENGTH (multiboot2_end - multiboot2_start)

#define PHYSICAL(symbol) ((symbol) - 0xffffffff80000000)
#define ENTRY_RIGHTS     0x003 /* present, writable */
#define LARGE_RIGHTS     0x083 /* present, writable, 2 MiB */

    .section .boot.header, "a"
    .balign 4
    .long MULTIBOOT_HEADER, MULTIBOOT_FLAGS, -(MULTIBOOT_HEADER + MULTIBOOT_FLAGS)
    .balign 8
multiboot2_start:                   /* the second version; by UEFI as well, without its boot services */
    .long MULTIBOOT2_HEADER, 0, MULTIBOOT2_LENGTH, -(MULTIBOOT2_HEADER + MULTIBOOT2_LENGTH)
    .short 6, 0                     /* modules page-aligned */
    .long 8
    .short 0, 0                     /* no more tags */
    .long 8
multiboot2_end:

    .section .boot, "ax"
    .code32
    .global boot_start
boot_start:
    cli
    cld
    mov $PHYSICAL(boot_stack_top), %esp
    mov %eax, %ebp                  /* the loader's magic; ebx: its information */
    mov %ebx, %esi

    mov $0x80000000, %eax           /* long mode and no-execute? */
    cpuid
    cmp $0x80000001, %eax
    jb boot_refuse
    mov $0x80000001, %eax
    cpuid
    and $(1 << 29 | 1 << 20), %edx
    cmp $(1 << 29 | 1 << 20), %edx
    jne boot_refuse

    mov $PHYSICAL(boot_directories), %edi   /* 2048 large pages */
    mov $LARGE_RIGHTS, %eax
1:  mov %eax, (%edi)
    movl $0, 4(%edi)
    add $8, %edi
    add $0x200000, %eax
    jnc 1b

    mov $PHYSICAL(boot_directories) + ENTRY_RIGHTS, %eax
    mov %eax, PHYSICAL(boot_table_high) + 510 * 8
    mov $PHYSICAL(boot_table_low), %edi
    mov $4, %ecx
2:  mov %eax, (%edi)
    add $0x1000, %eax
    add $8, %edi
    loop 2b

    movl $PHYSICAL(boot_table_low) + ENTRY_RIGHTS, PHYSICAL(boot_root)
    movl $PHYSICAL(boot_table_low) + ENTRY_RIGHTS, PHYSICAL(boot_root) + 256 * 8
    movl $PHYSICAL(boot_table_high) + ENTRY_RIGHTS, PHYSICAL(boot_root) + 511 * 8

    mov $0xa0, %eax                 /* CR4: PAE, PGE */
    mov %eax, %cr4
    mov $PHYSICAL(boot_root), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx           /* EFER: LME, NXE */
    rdmsr
    or $0x900, %eax
    wrmsr
    mov $0x80010033, %eax           /* CR0: PG, WP, NE, ET, MP, PE */
    mov %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $boot_long

/* Says why on COM1 and stops. */
boot_refuse:
    mov $boot_refusal, %esi
1:  mov $0x3fd, %dx
2:  inb %dx, %al
    test $0x20, %al
    jz 2b
    lodsb
    test %al, %al
    jz 3f
    mov $0x3f8, %dx
    outb %al, %dx
    jmp 1b
3:  hlt
    jmp 3b

    .code64
boot_long:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs
    mov $boot_stack_top, %rsp
    mov %ebp, %edi
    mov %esi, %esi
    xor %ebp, %ebp
    movabs $boot_main, %rax
    call *%rax
1:  hlt
    jmp 1b

    .balign 8
boot_gdt:
    .quad 0, 0x00209a0000000000     /* 8: 64-bit code */
boot_gdt_pointer:
    .word boot_gdt_pointer - boot_gdt - 1
    .long boot_gdt
boot_refusal:
    .asciz "Tessera: this processor lacks 64-bit mode or no-execute pages\r\n"

    .bss
    .balign 4096
boot_root:
    .skip 4096
boot_table_low:
    .skip 4096
boot_table_high:
    .skip 4096
boot_directories:
    .skip 4 * 4096
    .skip 8192
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
