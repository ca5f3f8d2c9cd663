/* SPDX-License-Identifier: MIT */
/*
 * ACCOUNTS, at core: who uses how much. For tests, benchmarks and a system monitor: it shows the labels of all sessions at
 * core, so it is routed to few. Nothing can be changed through it.
 */
#ifndef CONTRACT_ACCOUNTS_WIRE_H
#define CONTRACT_ACCOUNTS_WIRE_H

#include <stdint.h>

#define ACCOUNTS_SERVICE     "ACCOUNTS"
#define ACCOUNTS_SERVICE_MAX 32u
#define ACCOUNTS_LABEL_MAX   192u

enum accounts_opcode {
    ACCOUNTS_SYSTEM = 1, /* - -> struct accounts_system */
    ACCOUNTS_NEXT =
        2, /* struct accounts_after -> struct accounts_session; ERR_NOT_FOUND: there is no further one */
    ACCOUNTS_OPCODE_COUNT = 3,
};

/* Bytes; a kernel frame is one of 4096. */
struct accounts_system {
    uint64_t ram_total;     /* everything that was free when core started */
    uint64_t ram_free;      /* frames that nobody has */
    uint64_t core_ram;      /* core's own: reserve, kernel memory, log */
    uint64_t core_caps;     /* slots that core itself uses */
    uint64_t debts;         /* beyond limits, for memory that died in others' domains */
    uint64_t kernel_frames; /* of the kernel account behind core's portals and domains */
    uint64_t kernel_frames_used;
    uint64_t kernel_objects;
    uint64_t sessions;
};

struct accounts_after {
    uint64_t id; /* 0: the first session; sessions come in the order in which they were opened */
};

/* Limits are what was lent to the session; what it uses is all that core keeps for it, kernel memory included. */
struct accounts_session {
    uint64_t id;
    uint64_t ram_limit, ram_used;
    uint64_t caps_limit, caps_used;
    uint64_t kernel_frames, kernel_frames_used, kernel_objects; /* PD and VM: of its own kernel account */
    char service[ACCOUNTS_SERVICE_MAX];
    char label[ACCOUNTS_LABEL_MAX];
};

_Static_assert(sizeof(struct accounts_system) == 72, "wire");
_Static_assert(sizeof(struct accounts_after) == 8, "wire");
_Static_assert(sizeof(struct accounts_session) == 288, "wire");

#endif
