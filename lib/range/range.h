/* SPDX-License-Identifier: MIT */
/*
 * The bounds test.
 *
 * Every offset and length that a peer, a device, a guest or a disk hands us passes through range_ok() before it is
 * used. Writing `offset + length <= limit` by hand is forbidden, because the sum wraps; here nothing is added.
 */
#ifndef LIB_RANGE_RANGE_H
#define LIB_RANGE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * True if [offset, offset + length) lies inside [0, limit). An empty range is inside as long as its offset does
 * not exceed the limit, so `offset == limit` with length 0 is allowed.
 */
static inline bool range_ok(uint64_t offset, uint64_t length, uint64_t limit)
{
    return offset <= limit && length <= limit - offset;
}

#endif
