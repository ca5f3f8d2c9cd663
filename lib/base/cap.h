/* SPDX-License-Identifier: MIT */
/*
 * Capability slots of this component: an allocator of slot numbers, and copies.
 *
 * A slot number is allocated first, then filled by a call or a copy, and freed (emptied) when no longer needed. The
 * allocator is lock-free and may be used by every thread. ERR_NO_CAPS: all slots of the component are in use.
 */
#ifndef LIB_BASE_CAP_H
#define LIB_BASE_CAP_H

#include "abi/capability.h"
#include "lib/base/status.h"

#include <stdint.h>

[[nodiscard]] enum status cap_alloc(uint32_t *slot);

/* `count` adjacent slots, at most 16. */
[[nodiscard]] enum status cap_alloc_range(unsigned count, uint32_t *first);

/* Empties the slot and gives its number back. CAP_NONE is no error. */
void cap_free(uint32_t slot);
void cap_free_range(uint32_t first, unsigned count);

/* Empties the slot and keeps its number. */
void cap_empty(uint32_t slot);

/* A copy in a slot of its own: how a handler keeps a capability that came with a request. */
[[nodiscard]] enum status cap_keep(uint32_t lent, uint32_t *slot);

/* The same with fewer rights and, if badge is not 0, a badge. */
[[nodiscard]] enum status cap_copy(uint32_t source, unsigned rights, uint64_t badge, uint32_t *slot);

#endif
