/* SPDX-License-Identifier: MIT */
/* Entry of the root task: the kernel sets rsp and rdi (abi/boot.h). */
    .text
    .global _start
_start:
    xor %ebp, %ebp
    call root_main
    ud2
/* First instruction of a thread: rdi is its actor, rsi its function. */
    .global root_thread
root_thread:
    xor %ebp, %ebp
    call *%rsi
    ud2
    .section .note.GNU-stack, "", @progbits
