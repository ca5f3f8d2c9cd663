/* SPDX-License-Identifier: MIT */
/*
 * The loop of an entry point.
 *
 * One hypercall answers the last call and waits for whatever comes next. While an answer is still to be given, the message
 * area holds it, so nothing else may run: work that is due makes the wait's deadline 0, which answers and returns at once.
 */
#include "lib/base/entrypoint.h"

#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/kmem.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/panic.h"
#include "lib/base/resource.h"
#include "lib/base/thread.h"

#define WAKE_BIT ENTRYPOINT_SIGNALS /* bit 63 */

/* What the next hypercall answers. */
struct answer {
    message_tag tag;
    unsigned flags; /* enum reply_flag; 0: nobody waits for an answer */
    bool raw;
    bool refused;
};

uint64_t *message_words(void)
{
    return thread_self()->message_area->words;
}

static void stop(struct deferred *stopping)
{
    struct entrypoint *entrypoint =
        (struct entrypoint *)((char *)stopping - offsetof(struct entrypoint, stopping));

    entrypoint->stopped = true;
}

enum status entrypoint_init(struct entrypoint *entrypoint)
{
    enum status status;

    *entrypoint = (struct entrypoint){.thread = thread_self(), .stopping.run = stop};
    status = notification_create(&entrypoint->notification);
    if (status != OK)
        return status;
    status = cap_copy(entrypoint->notification, RIGHT_NOTIFICATION_SIGNAL, (uint64_t)1 << WAKE_BIT,
                      &entrypoint->wake_slot);
    if (status != OK)
        goto destroy_notification;
    status = cap_alloc_range(ENTRYPOINT_CAPS_MAX, &entrypoint->receive_base);
    if (status != OK)
        goto free_wake_slot;
    return OK;

free_wake_slot:
    cap_free(entrypoint->wake_slot);
destroy_notification:
    notification_destroy(entrypoint->notification);
    return status;
}

/* ---- calls ---- */

static void serve(struct entrypoint *entrypoint, const struct kernel_wake *wake, struct answer *answer)
{
    struct message_area *area = entrypoint->thread->message_area;
    struct portal *portal = (struct portal *)wake->value;

    *answer = (struct answer){.flags = REPLY_SEND, .raw = portal->raw};
    if (portal->raw) {
        bool park = false;

        answer->tag = portal->raw(portal, wake->tag, &park);
        if (park)
            answer->flags = REPLY_PARK;
        return;
    }

    struct dispatch d;

    dispatch_begin(&d, wake->tag, area);
    answer->tag = dispatch_finish(&d, portal->dispatch(portal, &d), area);
    for (unsigned i = 0; i < d.cap_count; i++)
        cap_empty(d.cap_base + i);
}

/*
 * The kernel refused the answer: a capability in it has died, or a context's new state is not allowed. Then the answer
 * says no more than that: ERR_PEER_GONE, which is what the session of a dead server is for its client. A caller who
 * cannot take even that (an event that its owner sends to a session) stays stopped.
 */
static __attribute__((noinline)) void answer_refused(struct answer *answer, enum status status,
                                                     struct message_area *area)
{
    if (!answer->flags || (answer->flags & REPLY_PARK))
        component_panic("entrypoint: waiting failed with status %u", status);
    if (answer->raw) {
        log_error("the new state of a thread or virtual CPU is not valid (status %u): it stays stopped",
                  status);
        answer->flags = REPLY_PARK;
        return;
    }
    if (answer->refused)
        answer->flags = REPLY_PARK;
    area->words[0] = 0;
    answer->tag = tag_make(status == ERR_CAP ? ERR_PEER_GONE : status, 0, 0);
    answer->refused = true;
}

/* ---- everything else ---- */

/* Runs the handler of the lowest of `due`, which are `pending`. A handler may wait for another signal (entrypoint_wait), so each leaves
   entrypoint->pending only when it is its turn. */
static void signal_run(struct entrypoint *entrypoint, uint64_t pending, uint64_t due)
{
    struct signal *signal_opt = entrypoint->signals[(uint64_t)__builtin_ctzll(due)];

    entrypoint->pending = pending ^ (due & -due);
    if (signal_opt)
        signal_opt->received(signal_opt);
}

static void signals_run(struct entrypoint *entrypoint, uint64_t arrived)
{
    for (uint64_t due = entrypoint->pending | arrived; due; due = entrypoint->pending)
        signal_run(entrypoint, due, due);
}

enum status entrypoint_wait(struct entrypoint *entrypoint, uint64_t bits, uint64_t deadline)
{
    uint64_t arrived, due;

    BUG_IF(thread_self() != entrypoint->thread);
    while (!(entrypoint->pending & bits)) {
        enum status status = notification_wait(entrypoint->notification, deadline, &arrived);

        if (status != OK)
            return status;
        entrypoint->pending |= arrived;
    }
    while ((due = entrypoint->pending & bits))
        signal_run(entrypoint, entrypoint->pending, due);
    return OK;
}

static void timeouts_run(struct entrypoint *entrypoint)
{
    if (!entrypoint->timeouts.first_opt)
        return; /* the usual case, without a look at the clock */

    uint64_t now = kernel_tsc(); /* taken once, so that timeouts set anew do not keep us here */
    struct timeout *timeout;

    while ((timeout = timeout_queue_pop(&entrypoint->timeouts, now)))
        timeout->expired(timeout);
}

static void deferred_run(struct entrypoint *entrypoint)
{
    struct deferred *newest = __atomic_exchange_n(&entrypoint->deferred, NULL, __ATOMIC_ACQUIRE);
    struct deferred *oldest = NULL;

    while (newest) {
        struct deferred *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct deferred *deferred = oldest;

        oldest = deferred->next;
        __atomic_store_n(&deferred->queued, false, __ATOMIC_RELEASE);
        deferred->run(deferred);
    }
}

static bool deferred_due(struct entrypoint *entrypoint)
{
    return __atomic_load_n(&entrypoint->deferred, __ATOMIC_RELAXED);
}

static uint64_t wait_deadline(struct entrypoint *entrypoint)
{
    bool due = deferred_due(entrypoint) || entrypoint->pending;

    return due ? 0 : timeout_queue_next(&entrypoint->timeouts);
}

void entrypoint_run(struct entrypoint *entrypoint)
{
    struct message_area *area = entrypoint->thread->message_area;
    struct answer answer = {0};
    struct kernel_wake wake;

    BUG_IF(thread_self() != entrypoint->thread);
    if (entrypoint == &env.entrypoint)
        resource_watch(entrypoint);
    for (;;) {
        area->receive_base = entrypoint->receive_base;
        area->receive_count = ENTRYPOINT_CAPS_MAX;
        enum status status = kernel_reply_wait(answer.tag, answer.flags, entrypoint->notification,
                                               wait_deadline(entrypoint), &wake);

        if (status != OK) {
            answer_refused(&answer, status, area);
            continue;
        }
        if (wake.kind == WAKE_CALL) {
            serve(entrypoint, &wake, &answer);
            continue;
        }
        answer.flags = 0;
        signals_run(entrypoint, wake.kind == WAKE_NOTIFICATION ? wake.value : 0);
        timeouts_run(entrypoint);
        if (!deferred_due(entrypoint))
            continue; /* the usual case, without a locked access. What comes now sets the deadline to 0 */
        deferred_run(entrypoint);
        if (entrypoint->stopped)
            break;
    }
    area->receive_count = 0;
    entrypoint->stopped = false;
}

static void wake_up(struct entrypoint *entrypoint)
{
    if (thread_self() != entrypoint->thread)
        notification_signal(entrypoint->wake_slot);
}

void entrypoint_defer(struct entrypoint *entrypoint, struct deferred *deferred)
{
    if (__atomic_exchange_n(&deferred->queued, true, __ATOMIC_ACQ_REL))
        return;
    deferred->next = __atomic_load_n(&entrypoint->deferred, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&entrypoint->deferred, &deferred->next, deferred, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
    wake_up(entrypoint);
}

void entrypoint_stop(struct entrypoint *entrypoint)
{
    entrypoint_defer(entrypoint, &entrypoint->stopping);
}

void entrypoint_timeout_set(struct entrypoint *entrypoint, struct timeout *timeout, uint64_t deadline)
{
    timeout_queue_set(&entrypoint->timeouts, timeout, deadline);
}

void entrypoint_timeout_cancel(struct entrypoint *entrypoint, struct timeout *timeout)
{
    timeout_queue_cancel(&entrypoint->timeouts, timeout);
}

/* ---- portals and signals ---- */

enum status portal_create(struct entrypoint *entrypoint, struct portal *portal)
{
    uint32_t slot;
    enum status status = cap_alloc(&slot);

    if (status != OK)
        return status;
    status = kmem_create_portal(slot, entrypoint->thread->slot, (uint64_t)portal);
    if (status != OK) {
        cap_free(slot);
        return status;
    }
    portal->slot = slot;
    return OK;
}

void portal_destroy(struct portal *portal)
{
    BUG_IF(kernel_destroy(portal->slot) != OK);
    cap_free(portal->slot);
    portal->slot = CAP_NONE;
}

enum status portal_identify(uint32_t slot, struct portal **out)
{
    uint64_t id;
    enum status status = kernel_cap_identify(ENV_SLOT_PD, slot, &id);

    if (status == OK)
        *out = (struct portal *)id;
    return status;
}

enum status signal_create(struct entrypoint *entrypoint, struct signal *signal,
                          void (*received)(struct signal *signal))
{
    uint64_t used = entrypoint->signals_used | (uint64_t)1 << WAKE_BIT;

    if (used == UINT64_MAX)
        return ERR_NO_CAPS;

    unsigned bit = (unsigned)__builtin_ctzll(~used);
    enum status status =
        cap_copy(entrypoint->notification, RIGHT_NOTIFICATION_SIGNAL, (uint64_t)1 << bit, &signal->slot);

    if (status != OK)
        return status;
    signal->received = received;
    signal->bit = bit;
    entrypoint->signals[bit] = signal;
    entrypoint->signals_used |= (uint64_t)1 << bit;
    return OK;
}

void signal_destroy(struct entrypoint *entrypoint, struct signal *signal)
{
    entrypoint->signals[signal->bit] = NULL;
    entrypoint->signals_used &= ~((uint64_t)1 << signal->bit);
    cap_free(signal->slot);
    signal->slot = CAP_NONE;
}
