/* SPDX-License-Identifier: MIT */
/*
 * Start of the slot allocator; for the start-up code only.
 */
#ifndef LIB_BASE_CAP_PRIVATE_H
#define LIB_BASE_CAP_PRIVATE_H

#include <stdint.h>

/* `limit`: number of slots that the capability space has. */
void cap_init(uint32_t limit);

#endif
