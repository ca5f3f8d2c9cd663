/* SPDX-License-Identifier: MIT */
/*
 * Messages between CPUs; see ipc.h and doc/decision/0010-smp.md.
 *
 * On the handler's CPU the send is carried out anew from the sender's registers, as after helping. A handler that is busy
 * keeps senders in a queue and takes the first one when it next waits. Whatever ends a send sends its context home.
 */
#include "kernel/ipc/ipc.h"
#include "kernel/object/pd.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"

/* The send has failed: a call returns the status on its own CPU, an event leaves its context parked. */
static void send_home(struct ec *sender, enum status status)
{
    sender->callee = 0;
    if (sender->send == EC_SEND_EVENT) {
        sender->state = EC_PARKED;
        return;
    }
    sender->regs.rax = status;
    if (sender->state == EC_REMOTE)
        cpu_post_context(cpus[sender->cpu], sender);
    else
        sched_wake(sender);
}

/* Where the sender's registers, or its event's binding, lead to now. */
static enum status send_target(struct ec *sender, struct portal **portal, struct ec **handler)
{
    if (sender->send == EC_SEND_CALL)
        return ipc_call_target(sender, portal, handler);
    *portal = (struct portal *)reference_get(&sender->events[sender->event].portal);
    *handler = *portal ? (struct ec *)reference_get(&(*portal)->handler) : 0;
    return *handler ? OK : ERR_PEER_GONE;
}

/* Gives the message to a handler that accepts. */
static enum status deliver(struct ec *sender, struct portal *portal, struct ec *handler)
{
    message_tag tag = ipc_tag(sender->regs.rsi);

    if (sender->send == EC_SEND_EVENT) {
        unsigned words = ipc_event_message(sender, sender->events[sender->event].groups, handler->area);

        tag = tag_make(sender->event, words, 0);
    } else {
        enum status status = tag_caps(tag) ? ipc_transfer_caps(sender, handler, tag_caps(tag)) : OK;

        if (status != OK)
            return status;
        ipc_copy_words(handler->area, sender->area, tag_words(tag));
    }
    ipc_hand_over(sender, handler, portal->id, tag);
    sched_wake(handler);
    return OK;
}

/* A send that waited, here or elsewhere, is made anew to `expected`, unless the sender's slot leads elsewhere now. */
static void send_anew(struct ec *sender, struct ec *expected)
{
    struct portal *portal;
    struct ec *handler;
    enum status status = send_target(sender, &portal, &handler);

    if (status == OK && handler != expected)
        status = ERR_CAP;
    if (status == OK)
        status = deliver(sender, portal, handler);
    if (status != OK)
        send_home(sender, status);
}

/* Of those of this CPU who help, the one with the highest priority of its own. */
static struct ec *most_urgent(struct ec *sender)
{
    struct ec *best = sender;

    for (; sender; sender = sender->sender_next)
        if (sender->sc && (!best->sc || sender->sc->priority > best->sc->priority))
            best = sender;
    return best;
}

void ipc_serve_next(struct ec *handler)
{
    while (ipc_accepts(handler) && handler->remote_first) {
        bool local = handler->local_turn && handler->senders;
        struct ec *sender = local ? most_urgent(handler->senders) : handler->remote_first;

        handler->local_turn = !local;
        if (local) {
            ec_unlink_callee(sender);
            sender->state = EC_CALLING;
        } else {
            ec_remote_remove(handler, sender);
        }
        send_anew(sender, handler);
    }
}

void ipc_remote_arrived(struct ec *context)
{
    struct ec *handler = context->callee;

    if (!handler) {
        sched_wake(context);
        return;
    }
    ec_remote_append(handler, context);
    ipc_serve_next(handler);
}

void ipc_resume(struct ec *context)
{
    if (context->cpu == cpu_self()->id) {
        sched_wake(context);
        return;
    }
    context->state = EC_REMOTE;
    cpu_post_context(cpus[context->cpu], context);
}

void ipc_lock_check(struct ec *context, uint64_t serial)
{
    if (object_valid(&context->object, serial))
        return;
    kernel_unlock();
    sched_restart();
}
