/* SPDX-License-Identifier: MIT */
/* Entry of the root task: the kernel sets rsp and rdi (abi/boot.h); a zero frame pointer ends stack traces. */
.section .text
.global _start
_start:
    xor %ebp, %ebp
    call core_main
    ud2
.section .note.GNU-stack, "", @progbits
