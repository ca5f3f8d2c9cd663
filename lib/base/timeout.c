/* SPDX-License-Identifier: MIT */
/*
 * Timeouts in a sorted list: an entry point has a handful, so walking is cheaper than a heap.
 */
#include "lib/base/timeout.h"

#include <stddef.h>

void timeout_queue_cancel(struct timeout_queue *queue, struct timeout *timeout)
{
    if (!timeout->queued)
        return;
    if (timeout->previous)
        timeout->previous->next = timeout->next;
    else
        queue->first_opt = timeout->next;
    if (timeout->next)
        timeout->next->previous = timeout->previous;
    timeout->queued = false;
}

void timeout_queue_set(struct timeout_queue *queue, struct timeout *timeout, uint64_t deadline)
{
    struct timeout *previous = NULL, *next;

    timeout_queue_cancel(queue, timeout);
    for (next = queue->first_opt; next && next->deadline <= deadline; next = next->next)
        previous = next;
    timeout->deadline = deadline;
    timeout->previous = previous;
    timeout->next = next;
    timeout->queued = true;
    if (previous)
        previous->next = timeout;
    else
        queue->first_opt = timeout;
    if (next)
        next->previous = timeout;
}

struct timeout *timeout_queue_pop(struct timeout_queue *queue, uint64_t now)
{
    struct timeout *first = queue->first_opt;

    if (!first || first->deadline > now)
        return NULL;
    timeout_queue_cancel(queue, first);
    return first;
}
