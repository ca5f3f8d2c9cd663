/* SPDX-License-Identifier: MIT */
/*
 * Building a component: an ELF program in a PD session becomes a running child, by the start protocol of lib/base/env.h.
 *
 *     open a "PD" session with the child's quota, then child_load(&child, ...), grant it what it is to have,
 *     and child_start(&child). Closing the PD session destroys it all.
 *
 * The builder's dataspaces are paid by the child's own PD session; nothing of the child stays attached here. A read-only
 * segment is a copy too: a child that outlives its ROM session is no trouble.
 */
#ifndef LIB_CHILD_CHILD_H
#define LIB_CHILD_CHILD_H

#include "lib/base/env.h"
#include "lib/base/status.h"
#include "lib/child/elf.h"

#include <stdint.h>

#define CHILD_STACK_SIZE (64u << 10)

struct child_options {
    const char *name;
    const void *elf; /* lent until child_load returns */
    uint64_t elf_size;
    uint32_t pd_session;
    uint32_t parent_portal; /* granted as ENV_SLOT_PARENT, with CALL only */
    unsigned priority;
    bool fpu; /* main thread may use the FPU */
};

struct child {
    uint32_t pd_session;
    uint32_t thread_id;
    uint64_t entry, stack_pointer, env_address;
};

/* On an error close the PD session: what was built until then goes with it. */
[[nodiscard]] enum status child_load(const struct child_options *options, struct child *out);
[[nodiscard]] enum status child_start(const struct child *child);

#endif
