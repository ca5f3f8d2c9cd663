/* SPDX-License-Identifier: MIT */
/*
 * The waiters of a lock form a chain from the newest to the oldest, whose head is in the lock's word.
 *
 * Anybody may put itself at the head by compare-and-swap. Only the holder walks the chain and takes off its oldest member,
 * to which it hands the lock: the word stays non-zero meanwhile, so there is always exactly one holder. A waiter lives on
 * its thread's stack and is not touched after `granted` is set; only its notification, read before, is signalled.
 */
#include "lib/base/lock.h"

#include "lib/base/notification.h"
#include "lib/base/thread.h"

#include <stddef.h>

#define HELD 1u /* lowest bit of the word; the rest is the newest waiter's address */

struct waiter {
    struct waiter *older_opt;
    uint32_t notification;
    bool granted;
};

static struct waiter *newest(uint64_t state)
{
    return (struct waiter *)(state & ~(uint64_t)HELD);
}

bool lock_try(struct lock *lock)
{
    uint64_t expected = 0;

    return __atomic_compare_exchange_n(&lock->state, &expected, HELD, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/* True: the lock was free after all and is taken. False: queued. */
static bool enqueue(struct lock *lock, struct waiter *waiter)
{
    uint64_t state = __atomic_load_n(&lock->state, __ATOMIC_RELAXED), next;

    do {
        waiter->older_opt = newest(state);
        next = state == 0 ? HELD : (uint64_t)waiter | HELD;
    } while (
        !__atomic_compare_exchange_n(&lock->state, &state, next, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return next == HELD;
}

void lock_take(struct lock *lock)
{
    if (lock_try(lock))
        return;

    struct waiter self = {.notification = thread_self()->notification};
    uint64_t bits;

    if (enqueue(lock, &self))
        return;
    /* Other signals may come to the thread's notification: only `granted` counts. */
    while (!__atomic_load_n(&self.granted, __ATOMIC_ACQUIRE))
        (void)notification_wait(self.notification, UINT64_MAX, &bits);
}

static void hand_over(struct waiter *waiter)
{
    uint32_t notification = waiter->notification;

    __atomic_store_n(&waiter->granted, true, __ATOMIC_RELEASE);
    notification_signal(notification);
}

void lock_leave(struct lock *lock)
{
    uint64_t state = HELD;

    while (!__atomic_compare_exchange_n(&lock->state, &state, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        struct waiter *younger = NULL, *oldest = newest(state);

        while (oldest->older_opt) {
            younger = oldest;
            oldest = oldest->older_opt;
        }
        if (younger) {
            younger->older_opt = NULL;
            hand_over(oldest);
            return;
        }
        /* The only one: the chain becomes empty, unless somebody has come meanwhile. */
        if (__atomic_compare_exchange_n(&lock->state, &state, HELD, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            hand_over(oldest);
            return;
        }
        state = HELD;
    }
}
