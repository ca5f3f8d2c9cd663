/* SPDX-License-Identifier: MIT */
/*
 * Locks between threads of one component.
 *
 * Taking and leaving a free lock is one atomic instruction each. Who finds it taken queues up and sleeps on its own
 * thread's notification; who leaves hands the lock to the first in the queue. So a lock needs no kernel object, nothing
 * can fail, and no thread spins (which would hang for ever on a lower priority). Zeroed memory is a free lock. Not
 * recursive.
 */
#ifndef LIB_BASE_LOCK_H
#define LIB_BASE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct lock {
    uint64_t state; /* 0: free; else 1 + address of the newest waiter (lock.c) */
};

void lock_take(struct lock *lock);
bool lock_try(struct lock *lock);
void lock_leave(struct lock *lock);

#endif
