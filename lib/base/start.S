/* SPDX-License-Identifier: MIT */
/*
 * First instructions of a component and of each further thread. rsp is the address of the thread's control block, and the
 * thread-local variables lie right below it: the stack begins under these. A zero frame pointer ends stack traces.
 */
    .text
    .global _start, thread_entry
    .type _start, @function
    .type thread_entry, @function

/* rdi: environment page */
_start:
    mov %rsp, %rsi
    sub $tls_block_size, %rsp
    xor %ebp, %ebp
    call base_start
    ud2
    .size _start, . - _start

/* rdi: thread */
thread_entry:
    sub $tls_block_size, %rsp
    xor %ebp, %ebp
    call base_thread_start
    ud2
    .size thread_entry, . - thread_entry

    .section .note.GNU-stack, "", @progbits
