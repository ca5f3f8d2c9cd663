/* SPDX-License-Identifier: MIT */
/*
 * Sending: portal calls and events.
 */
#include "kernel/ipc/ipc.h"

#include "kernel/arch/thread_switch.h"
#include "kernel/object/cap_space.h"
#include "kernel/object/pd.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"

/* The sender's message is with the handler now, and so is the current scheduling context. */
OBJECT_FAST void pass_over(struct ec *sender, struct ec *handler, uint64_t portal_id, message_tag tag)
{
    sender->state = EC_CALLING;
    handler->state = EC_READY;
    ipc_hand_over(sender, handler, portal_id, tag);
}

/* The handler is busy: help it, unless it waits for the sender. */
static bool help(struct ec *sender, struct ec *handler, enum ec_send send)
{
    if (ec_reaches(handler, sender))
        return false;
    sender->send = send;
    sender->state = EC_RETRY;
    ec_link_callee(sender, handler);
    return true;
}

_Noreturn static __attribute__((noinline)) void call_failed(struct ec *caller, enum status status)
{
    caller->regs.rax = status;
    sched_continue(caller);
}

enum status ipc_call_target(const struct ec *caller, struct portal **portal, struct ec **handler)
{
    const struct slot *place = cap_space_slot(caller->cap_space, caller->regs.rdi);
    struct slot slot;

    if (!place)
        return ERR_CAP;
    slot = slot_read(place);
    if (!slot.target.object_opt)
        return ERR_CAP;
    *portal = (struct portal *)reference_get(&slot.target);
    if (!*portal)
        return ERR_PEER_GONE;
    if ((*portal)->object.type != OBJECT_PORTAL)
        return ERR_CAP;
    if (!(slot.rights & RIGHT_PORTAL_CALL))
        return ERR_DENIED;
    *handler = (struct ec *)reference_get(&(*portal)->handler);
    return *handler ? OK : ERR_PEER_GONE;
}

/* To a handler on another CPU: the sender goes there. What drove it is blocked at it from now on. */
static enum status send_away(struct ec *sender, struct ec *handler, enum ec_send send)
{
    if (!__atomic_load_n(&handler->sc, __ATOMIC_RELAXED))
        return ERR_UNSUPPORTED;
    if (ec_reaches(handler, sender))
        return ERR_DEADLOCK;
    sender->send = send;
    sender->callee = handler;
    sender->state = EC_REMOTE;
    cpu_post_context(cpus[handler->cpu], sender);
    return OK;
}

/* With capabilities, the kernel lock is held. Tells whether the handler has the message; else the caller waits. */
static enum status call(struct ec *caller, message_tag tag, struct ec **receiver)
{
    struct portal *portal;
    struct ec *handler;
    enum status status = ipc_call_target(caller, &portal, &handler);

    *receiver = 0;
    if (status != OK)
        return status;
    if (tag_words(tag) > MESSAGE_WORDS || tag_caps(tag) > MESSAGE_CAPS)
        return ERR_INVALID;
    if (handler->cpu != caller->cpu)
        return send_away(caller, handler, EC_SEND_CALL);
    if (!ipc_accepts(handler))
        return handler != caller && help(caller, handler, EC_SEND_CALL) ? OK : ERR_DEADLOCK;
    if (tag_caps(tag)) {
        status = ipc_transfer_caps(caller, handler, tag_caps(tag));
        if (status != OK)
            return status;
    }
    ipc_copy_words(handler->area, caller->area, tag_words(tag));
    caller->send = EC_SEND_CALL;
    pass_over(caller, handler, portal->id, tag);
    sched_release(handler); /* while the lock was waited for, what drove the caller may have gone */
    *receiver = handler;
    return OK;
}

/* Calls with capabilities, to busy handlers, to other CPUs, and those that fail. */
static _Noreturn __attribute__((noinline)) void call_rest(struct ec *caller)
{
    message_tag tag = ipc_tag(caller->regs.rsi);
    struct ec *receiver;
    enum status status;

    if (tag_caps(tag))
        ipc_lock(caller);
    status = call(caller, tag, &receiver);
    if (tag_caps(tag))
        kernel_unlock();
    if (status != OK)
        call_failed(caller, status);
    if (!receiver)
        sched_restart();
    sched_continue(receiver);
}

/*
 * The frequent case: words only, to a handler that waits. It decides without an effect whether it is that case, and needs
 * no stack, because whatever else there is to do is a jump. Nobody asks for rescheduling on the way (false in user mode,
 * see struct cpu).
 */
FAST_PATH void ipc_call(struct ec *caller, uint64_t tag, uint64_t unused, uint64_t index)
{
    struct cpu *cpu = cpu_self();
    const struct slot *slot;
    const struct portal *portal;
    struct ec *handler;
    uint64_t version;

    (void)unused;
    if (!cap_space_has(caller->cap_space, index) || (uint32_t)tag > MESSAGE_WORDS)
        call_rest(caller);
    slot = cap_space_look(caller->cap_space, index);
    version = slot_version(slot);
    portal = (struct portal *)reference_get_kind(&slot->target, PORTAL_KIND);
    if (!portal || portal->object.type != OBJECT_PORTAL || !(version & RIGHT_PORTAL_CALL))
        call_rest(caller);
    if (!slot_unchanged(slot, version))
        call_rest(caller);
    handler = (struct ec *)reference_get_kind(&portal->handler, EC_KIND);
    if (!handler || !ec_accepts_here(handler, cpu))
        call_rest(caller);
    ipc_copy_few(handler->area, caller->area, (uint32_t)tag);
    caller->send = EC_SEND_CALL;
    caller->state = EC_CALLING;
    caller->callee = handler;
    handler->caller = caller;
    handler->state = EC_READY;
    cpu->ec = handler;
    arch_thread_received(handler, cpu, portal->id, tag);
}

unsigned ipc_event_message(struct ec *context, uint64_t groups, struct message_area *area)
{
    ec_state_read(context, groups, area->words);
    if (context->is_vcpu)
        return groups & VCPU_GROUP_FPU ? sizeof(struct vcpu_state) / 8 : VCPU_STATE_WORDS;
    return groups & THREAD_GROUP_FPU ? sizeof(struct thread_state) / 8 : THREAD_STATE_WORDS;
}

_Noreturn static void park(struct ec *context)
{
    context->state = EC_PARKED;
    sched_restart();
}

/* Events to busy handlers, to nobody, and of contexts that a bound portal no longer helps. */
static _Noreturn __attribute__((noinline)) void send_event_rest(struct ec *context, unsigned event)
{
    struct event_binding *binding = &context->events[event];
    struct portal *portal = (struct portal *)reference_get(&binding->portal);
    struct ec *handler = portal ? (struct ec *)reference_get(&portal->handler) : 0;
    unsigned words;

    if (!handler || handler == context)
        park(context);
    context->event = event;
    if (handler->cpu != context->cpu) {
        arch_ec_release(context);
        if (send_away(context, handler, EC_SEND_EVENT) != OK)
            park(context);
        sched_restart();
    }
    if (__builtin_expect(!ipc_accepts(handler), 0)) {
        if (!help(context, handler, EC_SEND_EVENT))
            park(context);
        sched_restart();
    }
    words = ipc_event_message(context, binding->groups, handler->area);
    context->send = EC_SEND_EVENT;
    pass_over(context, handler, portal->id, tag_make(event, words, 0));
    sched_continue(handler);
}

/* The frequent case, to a handler that waits: decided without an effect, like ipc_call(). */
void ipc_send_event(struct ec *context, unsigned event)
{
    const struct event_binding *binding = &context->events[event];
    const struct portal *portal = (struct portal *)reference_get_kind(&binding->portal, PORTAL_KIND);
    struct ec *handler = portal ? (struct ec *)reference_get_kind(&portal->handler, EC_KIND) : 0;
    unsigned words;

    if (!handler || handler->cpu != context->cpu || !ipc_accepts(handler))
        send_event_rest(context, event);
    context->event = event;
    words = ipc_event_message(context, binding->groups, handler->area);
    context->send = EC_SEND_EVENT;
    pass_over(context, handler, portal->id, tag_make(event, words, 0));
    sched_continue_thread(handler);
}

void ipc_retry(struct ec *context)
{
    ec_unlink_callee(context);
    context->state = EC_READY;
    if (context->send == EC_SEND_EVENT)
        ipc_send_event(context, context->event);
    ipc_call(context, context->regs.rsi, 0, context->regs.rdi);
}

/* The edge from a context to whom it sends to. REMOTE ones are in no inbox here (S4 in kernel/smp.h). */
static void edge_remove(struct ec *context)
{
    struct ec *callee = context->callee;

    if (context->state == EC_RETRY) {
        ec_unlink_callee(context);
        return;
    }
    if (callee->caller == context)
        callee->caller = 0;
    else
        ec_remote_remove(callee, context);
    context->callee = 0;
}

/* An aborted or orphaned call returns a status; an event has nobody to tell, so its context stays parked. */
void ipc_end_send(struct ec *context, enum status status)
{
    struct ec *callee = context->callee;

    edge_remove(context);
    sched_release_chain(callee);
    if (context->send == EC_SEND_EVENT) {
        context->state = EC_PARKED;
        return;
    }
    context->regs.rax = status;
    sched_wake(context);
}
