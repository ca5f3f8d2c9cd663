/* SPDX-License-Identifier: MIT */
/* Entry of the root task: the kernel sets rsp and rdi (abi/boot.h). */
    .text
    .global _start
_start:
    xor %ebp, %ebp
    call root_main
    ud2
    .section .note.GNU-stack, "", @progbits
