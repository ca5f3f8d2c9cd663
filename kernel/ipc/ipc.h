/* SPDX-License-Identifier: MIT */
/*
 * Portal calls, replies, events and waiting (doc/decision/0003-ipc.md).
 *
 * A send goes from a context to the handler thread of a portal. If the handler accepts, message and scheduling context
 * pass over at once; if it is busy, the sender becomes RETRY and helps. Nothing is allocated on the way, and every
 * check is made before the first effect.
 */
#ifndef KERNEL_IPC_IPC_H
#define KERNEL_IPC_IPC_H

#include "abi/hypercall.h"
#include "kernel/object/ec.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/smp.h"

static inline bool ipc_accepts(const struct ec *handler)
{
    return handler->state == EC_WAIT && handler->accepts;
}

/* The hypercalls; each ends in user or guest mode, or in the dispatcher. Arguments are in the registers of the context; the
   two on the path of every call take them in the processor's as well, in the order in which entry.S finds them there. */
_Noreturn void ipc_call(struct ec *caller, uint64_t tag, uint64_t unused, uint64_t portal);
_Noreturn void ipc_reply_wait(struct ec *thread, uint64_t flags, uint64_t notification, uint64_t tag,
                              uint64_t deadline);
_Noreturn void ipc_notification_wait(struct ec *thread);

/* What nearly every signal and wait is: nobody is to be woken, or bits are there. A status; or -HYPERCALL_..., and nothing was
   done: then it must go the long way. Called by entry.S, with most registers still the user's. */
int notification_signal_light(struct ec *caller, uint64_t unused1, uint64_t unused2, uint64_t slot);
int notification_wait_light(struct ec *caller, uint64_t unused1, uint64_t unused2, uint64_t slot);

/* Sends an event of `context` to its bound portal; without one the context is parked. */
_Noreturn void ipc_send_event(struct ec *context, unsigned event);

/* A RETRY context whose handler accepts now, or vanished, sends again. */
_Noreturn void ipc_retry(struct ec *context);

/*
 * Messages between CPUs (doc/decision/0010-smp.md), all with the kernel lock. The sender is REMOTE. It is carried to the
 * handler's CPU, where its send is carried out anew from its registers; the handler runs on its own scheduling context.
 */

/* A context came out of an inbox: it sends, or (without callee) goes on here. */
void ipc_remote_arrived(struct ec *context);

/* A handler that accepts takes what waits for it, of other CPUs and of this one in turn (E5). */
void ipc_serve_next(struct ec *handler);

/* PARKED -> READY, on its own CPU. */
void ipc_resume(struct ec *context);

/* After waiting for the kernel lock: goes to the dispatcher instead of returning, if the context died meanwhile. */
void ipc_lock_check(struct ec *context, uint64_t serial);

/* Takes the kernel lock for a context that runs here, and must be alive. */
static inline void ipc_lock(struct ec *context)
{
    uint64_t serial = context->object.serial;

    if (__builtin_expect(kernel_lock(), 0))
        ipc_lock_check(context, serial);
}

/* Portal and handler of a call that is in the caller's registers. ERR_CAP, ERR_DENIED, ERR_PEER_GONE. */
[[nodiscard]] enum status ipc_call_target(const struct ec *caller, struct portal **portal,
                                          struct ec **handler);

/* The sender's message is with the handler, whose registers tell of it. */
OBJECT_FAST void ipc_hand_over(struct ec *sender, struct ec *handler, uint64_t portal_id, message_tag tag)
{
    sender->callee = handler;
    handler->caller = sender;
    handler->regs.rax = OK;
    handler->regs.rdi = portal_id;
    handler->regs.rsi = tag;
    handler->regs.rdx = WAKE_CALL;
}

/* Puts the state of an event into the handler's message words; returns how many words. */
unsigned ipc_event_message(struct ec *context, uint64_t groups, struct message_area *area);

/* Finishes the wait of a thread (state WAIT -> READY) with results for whichever hypercall it is in. */
void ipc_wake_notification(struct ec *thread, uint64_t bits);
void ipc_timeout(struct ec *thread);

/* Ends a CALLING or RETRY state: calls return `status`, events leave the context parked. */
void ipc_end_send(struct ec *context, enum status status);

/*
 * Copies at most MESSAGE_CAPS capabilities from the sender's list to the receiver's window. ERR_CAP: one of
 * the sender's is bad; ERR_OVERFLOW: the receiver does not take that many. Nothing changed then.
 */
[[nodiscard]] enum status ipc_transfer_caps(const struct ec *sender, const struct ec *receiver,
                                            unsigned count);

/* A tag as the other side gets it: bits 24 to 31 mean nothing and are not carried over. */
static inline message_tag ipc_tag(uint64_t tag)
{
    return tag & 0xffffffff00ffffffull;
}

/* Copies `count` 64-bit words between message areas. */
static inline void ipc_copy_words(struct message_area *to, const struct message_area *from, uint64_t count)
{
    const uint64_t *source = from->words;
    uint64_t *target = to->words;

    __asm__ volatile("rep movsq" : "+D"(target), "+S"(source), "+c"(count) : : "memory");
}

/* The same, nearly always for one. */
OBJECT_FAST void ipc_copy_few(struct message_area *to, const struct message_area *from, uint64_t count)
{
    if (__builtin_expect(count == 1, 1))
        to->words[0] = from->words[0];
    else
        ipc_copy_words(to, from, count);
}

#endif
