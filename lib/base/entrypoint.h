/* SPDX-License-Identifier: MIT */
/*
 * An entry point: one thread that serves portals, signals and timeouts, one after another. So the objects that belong to
 * one entry point need no locks.
 *
 * The thread waits in one place for calls, for one notification of 64 bits and for the earliest timeout. Bit 63 is the
 * entry point's own (work from other threads, stopping), the others belong to signal handlers. Every component has one
 * on its main thread (env.entrypoint); a further thread may make its own and run it.
 *
 * All functions but entrypoint_defer, entrypoint_stop and signalling are for the entry point's own thread, or for any
 * thread before entrypoint_run.
 */
#ifndef LIB_BASE_ENTRYPOINT_H
#define LIB_BASE_ENTRYPOINT_H

#include "abi/message.h"
#include "lib/base/dispatch.h"
#include "lib/base/status.h"
#include "lib/base/timeout.h"

#include <stdbool.h>
#include <stdint.h>

#define ENTRYPOINT_SIGNALS  63u
#define ENTRYPOINT_CAPS_MAX 4u /* capabilities that a request may carry */

struct entrypoint;
struct thread;

/*
 * A portal: its id in the kernel is this struct's address, so what a call reaches is found without a table. Embedded in
 * the object that it stands for.
 *
 * A portal with `dispatch` serves a contract. One with `raw` gets the message as it lies in the thread's message area
 * (message_words()), for messages of the kernel: thread events and virtual CPU exits. It returns the tag of the reply;
 * setting *park leaves the sender parked until thread_resume or vcpu_resume.
 */
struct portal {
    enum status (*dispatch)(struct portal *portal, struct dispatch *d);
    message_tag (*raw)(struct portal *portal, message_tag tag, bool *park);
    uint32_t slot;
};

/* A source of signals. `slot` is the notification capability to hand out; its badge is the handler's bit. */
struct signal {
    void (*received)(struct signal *signal);
    uint32_t slot;
    unsigned bit;
};

/* Work to be done soon by the entry point's thread, after what it does now. */
struct deferred {
    void (*run)(struct deferred *deferred);
    struct deferred *next;
    bool queued;
};

struct entrypoint {
    struct thread *thread;
    uint32_t notification;
    uint32_t wake_slot;    /* the same with bit 63 as badge */
    uint32_t receive_base; /* slots for capabilities of requests */
    uint64_t signals_used;
    uint64_t pending; /* signals that have arrived, and whose handlers have not been called yet */
    struct signal *signals[ENTRYPOINT_SIGNALS + 1]; /* the entry point's own bit has none */
    struct timeout_queue timeouts;
    struct deferred *deferred; /* pushed atomically, newest first */
    struct deferred stopping;  /* entrypoint_stop */
    bool stopped;
};

/* For the calling thread. */
[[nodiscard]] enum status entrypoint_init(struct entrypoint *entrypoint);

/* Serves until entrypoint_stop. */
void entrypoint_run(struct entrypoint *entrypoint);

/* From any thread, also from inside a handler: entrypoint_run returns when the present work is done. */
void entrypoint_stop(struct entrypoint *entrypoint);

/* Fills portal->slot. Clients get the capability with CALL rights only. */
[[nodiscard]] enum status portal_create(struct entrypoint *entrypoint, struct portal *portal);
void portal_destroy(struct portal *portal);

/* The object that a capability denotes, if it is one of this component's portals; ERR_NOT_FOUND if not. */
[[nodiscard]] enum status portal_identify(uint32_t slot, struct portal **out);

/* ERR_NO_CAPS: all 63 bits are taken. */
[[nodiscard]] enum status signal_create(struct entrypoint *entrypoint, struct signal *signal,
                                        void (*received)(struct signal *signal));
void signal_destroy(struct entrypoint *entrypoint, struct signal *signal);

/*
 * Waits for one of the signals whose bits are given, and calls their handlers; everything else waits meanwhile. For a program
 * that has a single thing to wait for, at start-up for instance: a server that does this is not there for its clients.
 * ERR_TIMEOUT at the deadline (TSC; UINT64_MAX: never).
 */
[[nodiscard]] enum status entrypoint_wait(struct entrypoint *entrypoint, uint64_t bits, uint64_t deadline);

static inline uint64_t signal_bits(const struct signal *signal)
{
    return (uint64_t)1 << signal->bit;
}

/* Absolute deadline in TSC ticks (lib/base/time.h). */
void entrypoint_timeout_set(struct entrypoint *entrypoint, struct timeout *timeout, uint64_t deadline);
void entrypoint_timeout_cancel(struct entrypoint *entrypoint, struct timeout *timeout);

/* From any thread. A deferred that is queued already stays queued once. */
void entrypoint_defer(struct entrypoint *entrypoint, struct deferred *deferred);

/* The calling thread's message words. */
uint64_t *message_words(void);

#endif
