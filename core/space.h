/* SPDX-License-Identifier: MIT */
/*
 * Host, guest and DMA spaces as region maps see them: a sink for mappings, batched.
 *
 * Changes are collected and go to the kernel as few space_update calls; space_commit sends the rest. Page tables are
 * paid from the space's kernel memory; when that runs out, space_apply adds frames and goes on.
 */
#ifndef CORE_SPACE_H
#define CORE_SPACE_H

#include "abi/hypercall.h"
#include "core/account.h"

struct kmem;

struct space {
    struct kmem *kmem; /* pays for the tables */
    uint32_t slot;     /* kernel capability of the space; CAP_NONE: there is none, changes have no effect */
    uint64_t scratch;  /* frame that replaces destroyed memory */
    bool small_only;   /* it takes no large pages */
    /* Called when memory is destroyed and there is no kernel space that could stop its use. */
    void (*withdraw_opt)(struct space *space);
};

/* Adds `pages` 4 KiB pages; large ones are used where the addresses allow it. `operation` is enum space_operation. */
[[nodiscard]] enum status space_change(struct space *space, unsigned operation, unsigned flags,
                                       uint64_t virtual, uint64_t physical, uint64_t pages);

/* Sends what was collected. Must follow each series of space_change, also a failed one. */
[[nodiscard]] enum status space_commit(void);

/* Back end: carries out n entries, which it may change. REPLACE_ONE may make a debt. In space_kernel.c and in the tests. */
[[nodiscard]] enum status space_apply(struct space *space, struct space_entry *entries, unsigned n);

#endif
