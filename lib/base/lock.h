/* SPDX-License-Identifier: MIT */
/*
 * Locks and condition-like waiting between threads of one component.
 *
 * Taking and leaving a free lock is one atomic instruction each. Who finds it taken sleeps on the lock's notification,
 * which is created at the first such meeting. Zeroed memory is a free lock. Not recursive.
 */
#ifndef LIB_BASE_LOCK_H
#define LIB_BASE_LOCK_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct lock {
    uint32_t state;        /* 0 free, 1 held, 2 held and somebody sleeps */
    uint32_t notification; /* 0 until needed */
};

void lock_take(struct lock *lock);
bool lock_try(struct lock *lock);
void lock_leave(struct lock *lock);

/* Before the lock's memory is reused: frees the notification. */
void lock_destroy(struct lock *lock);

#endif
