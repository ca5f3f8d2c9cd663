/* SPDX-License-Identifier: MIT */
/*
 * State of a host thread as events carry it and state_read/state_write move it.
 *
 * `groups` says which parts are valid (on an event, on state_read) or are to be taken (in a reply, on state_write).
 * An event's message has label enum thread_event, and the binding's groups decide what it carries. Values that a
 * thread must not have (non-canonical rip, privileged flags) are corrected by the kernel, never trusted.
 */
#ifndef ABI_THREAD_STATE_H
#define ABI_THREAD_STATE_H

#include <stddef.h>
#include <stdint.h>

enum thread_event {
    THREAD_EVENT_PAGE_FAULT = 0, /* #PF: fault_address, error_code (SDM vol. 3, 4.7) */
    THREAD_EVENT_EXCEPTION = 1,  /* any other exception: vector, error_code */
    THREAD_EVENT_SYSCALL = 2,    /* foreign thread executed `syscall`; rip is behind the instruction */
    THREAD_EVENT_RECALL = 3,
    THREAD_EVENT_COUNT = 4,
};

enum thread_group {
    THREAD_GROUP_GPR = 1u << 0,   /* rax .. r15 */
    THREAD_GROUP_IP = 1u << 1,    /* rip, rsp, rflags */
    THREAD_GROUP_BASE = 1u << 2,  /* fs_base, gs_base */
    THREAD_GROUP_EVENT = 1u << 3, /* vector, error_code, fault_address; read only */
    THREAD_GROUP_FPU = 1u << 4,   /* fpu: XSAVE area, standard format */
    THREAD_GROUP_ALL = (1u << 5) - 1,
};

#define THREAD_FPU_SIZE 1024u

struct thread_state {
    uint64_t groups;
    uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rsp, rflags;
    uint64_t fs_base, gs_base;
    uint64_t vector, error_code, fault_address;
    uint64_t reserved[7];
    uint8_t fpu[THREAD_FPU_SIZE];
};

/* Words of the state without and with the FPU part. */
#define THREAD_STATE_WORDS (offsetof(struct thread_state, fpu) / 8)

_Static_assert(offsetof(struct thread_state, rip) == 128, "ABI");
_Static_assert(offsetof(struct thread_state, vector) == 168, "ABI");
_Static_assert(offsetof(struct thread_state, fpu) == 248, "ABI");
_Static_assert(sizeof(struct thread_state) <= 3200, "fits the message words");

#endif
