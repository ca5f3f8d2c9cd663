/* SPDX-License-Identifier: MIT */
/*
 * Queue of absolute timeouts, hardware-free: an intrusive list, earliest first; equal deadlines keep their order.
 *
 * The struct belongs to whoever sets it and must stay where it is while queued. Zeroed memory is an idle timeout.
 */
#ifndef LIB_BASE_TIMEOUT_H
#define LIB_BASE_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

struct timeout {
    uint64_t deadline; /* TSC ticks */
    void (*expired)(struct timeout *timeout);
    struct timeout *next, *previous;
    bool queued;
};

struct timeout_queue {
    struct timeout *first_opt;
};

/* Sets or moves the timeout. */
void timeout_queue_set(struct timeout_queue *queue, struct timeout *timeout, uint64_t deadline);

/* Cancelling an idle timeout is no error. */
void timeout_queue_cancel(struct timeout_queue *queue, struct timeout *timeout);

/* The earliest deadline, UINT64_MAX if there is none. */
static inline uint64_t timeout_queue_next(const struct timeout_queue *queue)
{
    return queue->first_opt ? queue->first_opt->deadline : UINT64_MAX;
}

/* Takes the first timeout whose deadline is at or before now; NULL if there is none. */
struct timeout *timeout_queue_pop(struct timeout_queue *queue, uint64_t now);

#endif
