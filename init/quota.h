/* SPDX-License-Identifier: MIT */
/*
 * Whether a child's quota can be paid. Hardware-free.
 *
 * Init keeps a reserve for itself, and each child costs it portals and notes. A child whose quota is larger than what is
 * left then is not started at all: half a quota would only make it fail later and less clearly.
 */
#ifndef INIT_QUOTA_H
#define INIT_QUOTA_H

#include "init/config.h"

#define QUOTA_RESERVE_RAM  (256ull << 10)
#define QUOTA_RESERVE_CAPS 32u

/* What init needs itself for each child. */
#define QUOTA_CHILD_RAM  (16ull << 10)
#define QUOTA_CHILD_CAPS 12u

/* What a child pays init for each of its sessions while it exists: notes, slots and kernel memory. */
#define QUOTA_SESSION_RAM  4096ull
#define QUOTA_SESSION_CAPS 1u

struct quota {
    uint64_t ram, caps;
};

/* What may be given to a child out of what init has; 0 if the reserve is touched. */
struct quota quota_for_child(struct quota available);

/* ERR_NO_RAM, ERR_NO_CAPS: `reason` says how much is missing. */
[[nodiscard]] enum status quota_check(struct quota left, const struct config_child *child, char *reason,
                                      size_t size);

#endif
