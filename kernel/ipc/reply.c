/* SPDX-License-Identifier: MIT */
/*
 * Answering and waiting.
 */
#include "kernel/ipc/ipc.h"

#include "kernel/arch/thread_switch.h"
#include "kernel/object/cap_space.h"
#include "kernel/object/pd.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"

_Noreturn static __attribute__((noinline)) void finish(struct ec *thread, enum status status)
{
    thread->regs.rax = status;
    sched_continue(thread);
}

/*
 * The thread does not block after all. If it answered or parked somebody, the current scheduling context is not its own:
 * what is blocked at the thread (its own one) must drive it.
 */
_Noreturn static void finish_wake(struct ec *thread, enum wake wake, uint64_t bits, bool moved)
{
    thread->regs.rax = OK;
    thread->regs.rdi = bits;
    thread->regs.rsi = 0;
    thread->regs.rdx = wake;
    if (!moved)
        sched_continue(thread);
    sched_wake(thread);
    sched_dispatch();
}

OBJECT_FAST void release_caller(struct ec *thread, enum ec_state state)
{
    struct ec *caller = thread->caller;

    thread->caller = caller->callee = 0;
    __atomic_store_n(&caller->state, state, __ATOMIC_RELEASE); /* PARKED: another CPU may resume it at once */
}

/* The same for one that may belong to another CPU, and goes on there. */
static void release_any(struct ec *thread, enum ec_state state)
{
    struct ec *caller = thread->caller;

    if (caller->state != EC_REMOTE || state == EC_PARKED) {
        release_caller(thread, state);
        return;
    }
    thread->caller = caller->callee = 0;
    cpu_post_context(cpus[caller->cpu], caller);
}

_Static_assert(offsetof(struct vcpu_state, groups) == 0 && offsetof(struct thread_state, groups) == 0,
               "first word");

/* Takes the state out of the handler's message words. False: values that the context must not have. */
static bool event_answer(struct ec *context, const struct message_area *area)
{
    return ec_state_write(context, area->words[0],
                          area->words); /* `groups` is the first word of both states */
}

/* The caller gets the message. A caller that does not take the capabilities gets the words alone. */
static enum status answer_call(struct ec *thread, struct ec *caller, message_tag tag)
{
    unsigned caps = tag_caps(tag);

    if (tag_words(tag) > MESSAGE_WORDS || caps > MESSAGE_CAPS)
        return ERR_INVALID;
    if (caps) {
        enum status status = ipc_transfer_caps(thread, caller, caps);

        if (status == ERR_OVERFLOW)
            tag = tag_make(tag_label(tag), tag_words(tag), 0);
        else if (status != OK)
            return status;
    }
    ipc_copy_words(caller->area, thread->area, tag_words(tag));
    caller->regs.rax = OK;
    caller->regs.rdi = ipc_tag(tag);
    return OK;
}

/* The REPLY part. Without a caller (it was aborted or destroyed meanwhile) there is nothing to do. */
static enum status answer(struct ec *thread, uint64_t flags)
{
    struct ec *caller = thread->caller;

    if (flags & ~(uint64_t)(REPLY_SEND | REPLY_PARK) || flags == (REPLY_SEND | REPLY_PARK))
        return ERR_INVALID;
    if (!caller)
        return OK;
    if (flags & REPLY_PARK) {
        if (caller->send == EC_SEND_CALL)
            caller->regs.rax = ERR_ABORTED; /* what the caller sees when it is resumed without an answer */
        release_any(thread, EC_PARKED);
        return OK;
    }
    if (!flags)
        return ERR_INVALID; /* a caller waits: it must be answered or parked */
    if (caller->send == EC_SEND_EVENT) {
        if (!event_answer(caller, thread->area))
            return ERR_INVALID;
    } else {
        enum status status = answer_call(thread, caller, thread->regs.rdi);

        if (status != OK)
            return status;
    }
    release_any(thread, EC_READY);
    return OK;
}

/* WAIT first and a look at the bits then, while who signals from another CPU adds bits first and looks at the state then: so
   one of the two sees the other, and no signal is lost. */
OBJECT_FAST void wait_fence(struct notification *notification)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(__atomic_load_n(&notification->pending, __ATOMIC_RELAXED) != 0, 0))
        notification_deliver(notification);
}

/* The thread begins to wait. It stays registered with the notification until it waits elsewhere. */
static void wait_begin(struct ec *thread, struct notification *notification, uint64_t deadline, bool accepts)
{
    if (thread->waits_for && thread->waits_for != notification && thread->waits_for->waiter == thread)
        thread->waits_for->waiter = 0;
    if (notification && notification->waiter != thread)
        notification->waiter = thread;
    thread->waits_for = notification;
    thread->accepts = accepts;
    thread->state = EC_WAIT;
    if (deadline != DEADLINE_NEVER)
        timeout_set(thread, deadline);
    else if (__builtin_expect(thread->timeout_queued, 0))
        timeout_cancel(thread);
    if (notification)
        wait_fence(notification);
}

/* 0 and OK for CAP_NONE. */
static enum status notification_argument(const struct ec *thread, uint64_t slot, struct notification **out)
{
    *out = 0;
    if (slot == CAP_NONE)
        return OK;
    return cap_lookup(thread->cap_space, slot, OBJECT_NOTIFICATION, RIGHT_NOTIFICATION_WAIT, out);
}

static bool deadline_passed(uint64_t deadline)
{
    return deadline != DEADLINE_NEVER && arch_tsc() >= deadline;
}

/* Somebody else waits at this notification already. One who waited here once gives up its place, so that each
   notification and its thread know each other or not at all. */
static bool notification_taken(struct notification *notification, const struct ec *thread)
{
    struct ec *other = notification->waiter;

    if (!other || other == thread)
        return false;
    if (other->cpu != thread->cpu)
        cpus_stop();
    if (other->state == EC_WAIT)
        return true;
    other->waits_for = 0;
    notification->waiter = 0;
    return false;
}

/* Is the slot's notification the one where the thread is registered? */
OBJECT_FAST bool waits_on(const struct ec *thread, uint64_t index)
{
    const struct notification *notification = thread->waits_for; /* alive, if there is one */
    const struct slot *slot;
    uint64_t version;

    if (!notification || !cap_space_has(thread->cap_space, index))
        return false;
    slot = cap_space_look(thread->cap_space, index);
    version = slot_version(slot);
    return slot->target.object_opt == &notification->object &&
           slot->target.serial == notification->object.serial && version & RIGHT_NOTIFICATION_WAIT &&
           notification->waiter == thread && slot_unchanged(slot, version);
}

/* Does the registration stay as it is? Else it takes the kernel lock to change it. */
static bool registration_stays(const struct ec *thread, uint64_t slot)
{
    return slot == CAP_NONE ? !thread->waits_for : waits_on(thread, slot);
}

/* What comes of a reply_wait or wait. */
enum outcome {
    FAILED,  /* with a status */
    GOES_ON, /* with a wake reason */
    WAITS,
};

struct result {
    enum outcome outcome;
    enum status status;
    enum wake wake;
    uint64_t bits;
};

static struct result failed(enum status status)
{
    return (struct result){.outcome = FAILED, .status = status};
}

/* The notification argument, if this thread may wait there. Without the kernel lock it is where the thread is registered;
   to change that needs the lock. */
static enum status notification_take(struct ec *thread, uint64_t slot, bool locked, struct notification **out)
{
    enum status status;

    if (!locked) {
        *out = thread->waits_for;
        return OK;
    }
    status = notification_argument(thread, slot, out);
    return status == OK && *out && notification_taken(*out, thread) ? ERR_BUSY : status;
}

static struct result reply_and_wait(struct ec *thread, bool locked)
{
    struct notification *notification;
    uint64_t deadline = thread->regs.r10, bits = 0;
    enum status status = notification_take(thread, thread->regs.rdx, locked, &notification);

    if (status != OK)
        return failed(status);
    status = answer(thread, thread->regs.rsi);
    if (status != OK)
        return failed(status);
    if (notification && notification->pending)
        bits = __atomic_exchange_n(&notification->pending, 0, __ATOMIC_SEQ_CST);
    if (bits)
        return (struct result){.outcome = GOES_ON, .wake = WAKE_NOTIFICATION, .bits = bits};
    if (deadline_passed(deadline))
        return (struct result){.outcome = GOES_ON, .wake = WAKE_TIMEOUT};
    wait_begin(thread, notification, deadline, true);
    return (struct result){.outcome = WAITS};
}

/* A thread that waits now takes what other CPUs have sent. */
static void serve_remote(struct ec *thread)
{
    ipc_lock(thread);
    ipc_serve_next(thread);
    kernel_unlock();
}

/* Everything but the frequent case below. */
static _Noreturn __attribute__((noinline)) void reply_wait_rest(struct ec *thread)
{
    bool locked = tag_caps(thread->regs.rdi) || !registration_stays(thread, thread->regs.rdx);
    struct cpu *cpu = cpu_self();
    struct result result;
    struct ec *caller;

    if (locked)
        ipc_lock(thread);
    caller = thread->caller;
    result = reply_and_wait(thread, locked);
    if (locked)
        kernel_unlock();
    if (result.outcome == FAILED)
        finish(thread, result.status);
    if (result.outcome == GOES_ON)
        finish_wake(thread, result.wake, result.bits, caller);
    if (__builtin_expect(thread->remote_first != 0, 0)) {
        serve_remote(thread);
        sched_dispatch();
    }
    if (!caller || !cpu->sc || cpu->sc->ec != caller || caller->state != EC_READY)
        sched_dispatch();
    sched_continue(caller);
}

/* The frequent case, when state for a virtual CPU is refused or taken as the last check. */
static _Noreturn __attribute__((noinline)) void reply_wait_vcpu(struct ec *thread, struct ec *vcpu)
{
    if (!event_answer(vcpu, thread->area))
        finish(thread, ERR_INVALID);
    release_caller(thread, EC_READY);
    thread->accepts = true;
    thread->state = EC_WAIT;
    if (thread->waits_for)
        wait_fence(thread->waits_for);
    sched_continue_vcpu(vcpu);
}

/* The frequent case for a thread that waits for signals, too: one may have come from another CPU, and have woken it. */
static _Noreturn __attribute__((noinline)) void reply_wait_signals(struct ec *thread, uint64_t tag)
{
    struct ec *caller = thread->caller;

    ipc_copy_words(caller->area, thread->area, (uint32_t)tag);
    caller->regs.rax = OK;
    caller->regs.rdi = tag;
    release_caller(thread, EC_READY);
    thread->accepts = true;
    thread->state = EC_WAIT;
    wait_fence(thread->waits_for);
    sched_continue_thread(caller);
}

/*
 * The frequent case: words for a thread that called, or state for a virtual CPU, nothing pending, no deadline that would have
 * to be queued, and the scheduling context is the caller's (whose context is never NULL). Decided without an effect, like
 * ipc_call().
 */
FAST_PATH void ipc_reply_wait(struct ec *thread, uint64_t flags, uint64_t slot, uint64_t tag,
                              uint64_t deadline)
{
    struct ec *caller = thread->caller;
    struct cpu *cpu = cpu_self();

    if (flags != REPLY_SEND || (uint32_t)tag > MESSAGE_WORDS || deadline != thread->deadline)
        reply_wait_rest(thread);
    if (cpu->sc->ec != caller || thread->remote_first || caller->recall)
        reply_wait_rest(thread);
    if (slot == CAP_NONE ? thread->waits_for != 0 : !waits_on(thread, slot) || thread->waits_for->pending)
        reply_wait_rest(thread);
    if (caller->send != EC_SEND_CALL) {
        if (caller->is_vcpu)
            reply_wait_vcpu(thread, caller);
        reply_wait_rest(thread);
    }
    if (slot != CAP_NONE)
        reply_wait_signals(thread, tag);
    ipc_copy_few(caller->area, thread->area, (uint32_t)tag);
    caller->callee = 0;
    thread->caller = 0;
    caller->state = EC_READY;
    thread->accepts = true;
    thread->state = EC_WAIT;
    cpu->ec = caller;
    arch_thread_answered(caller, cpu, tag);
}

static struct result wait(struct ec *thread, bool locked)
{
    struct notification *notification;
    uint64_t deadline = thread->regs.rsi;
    enum status status;

    status = notification_take(thread, thread->regs.rdi, locked, &notification);
    if (status != OK)
        return failed(status);
    if (deadline_passed(deadline))
        return failed(ERR_TIMEOUT);
    wait_begin(thread, notification, deadline, false);
    return (struct result){.outcome = WAITS};
}

static _Noreturn __attribute__((noinline)) void notification_wait_rest(struct ec *thread)
{
    bool locked = !registration_stays(thread, thread->regs.rdi);
    struct result result;

    if (locked)
        ipc_lock(thread);
    result = wait(thread, locked);
    if (locked)
        kernel_unlock();
    if (result.outcome == FAILED)
        finish(thread, result.status);
    sched_dispatch();
}

void ipc_notification_wait(struct ec *thread)
{
    int status = notification_wait_light(thread, 0, 0, thread->regs.rdi);

    if (status < 0)
        notification_wait_rest(thread);
    finish(thread, (enum status)status);
}

/* Bits are there already: what a thread that polls, or that is slower than its interrupts, finds. */
FAST_PATH int notification_wait_light(struct ec *thread, uint64_t unused1, uint64_t unused2, uint64_t index)
{
    const struct slot *slot;
    struct notification *notification;
    uint64_t version, bits;

    (void)unused1;
    (void)unused2;
    if (!cap_space_has(thread->cap_space, index))
        return -HYPERCALL_NOTIFICATION_WAIT;
    slot = cap_space_look(thread->cap_space, index);
    version = slot_version(slot);
    notification = (struct notification *)reference_get_kind(&slot->target, NOTIFICATION_KIND);
    if (!notification || notification->object.type != OBJECT_NOTIFICATION ||
        !(version & RIGHT_NOTIFICATION_WAIT) || !notification->pending || !slot_unchanged(slot, version))
        return -HYPERCALL_NOTIFICATION_WAIT;
    bits = __atomic_exchange_n(&notification->pending, 0, __ATOMIC_SEQ_CST);
    if (!bits)
        return -HYPERCALL_NOTIFICATION_WAIT;
    thread->regs.rdi = bits;
    return OK;
}

void ipc_wake_notification(struct ec *thread, uint64_t bits)
{
    thread->regs.rax = OK;
    thread->regs.rdi = bits;
    if (thread->accepts) {
        thread->regs.rsi = 0;
        thread->regs.rdx = WAKE_NOTIFICATION;
    }
    sched_wake(thread);
}

void ipc_timeout(struct ec *thread)
{
    if (thread->state != EC_WAIT)
        return;
    if (thread->accepts) {
        thread->regs.rax = OK;
        thread->regs.rdi = 0;
        thread->regs.rsi = 0;
        thread->regs.rdx = WAKE_TIMEOUT;
    } else {
        thread->regs.rax = ERR_TIMEOUT;
    }
    sched_wake(thread);
}
