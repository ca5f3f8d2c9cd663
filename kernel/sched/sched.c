/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher; see sched.h for the model.
 */
#include "kernel/sched/sched.h"

#include "kernel/ipc/ipc.h"

static void queue_append(struct cpu *cpu, struct sc *sc)
{
    struct sc_queue *queue = &cpu->ready[sc->priority];

    sc->next = 0;
    sc->previous = queue->last;
    if (queue->last)
        queue->last->next = sc;
    else
        queue->first = sc;
    queue->last = sc;
    sc->queued = true;
    cpu->ready_mask[sc->priority / 64] |= 1ull << sc->priority % 64;
}

static void queue_remove(struct cpu *cpu, struct sc *sc)
{
    struct sc_queue *queue = &cpu->ready[sc->priority];

    if (sc->previous)
        sc->previous->next = sc->next;
    else
        queue->first = sc->next;
    if (sc->next)
        sc->next->previous = sc->previous;
    else
        queue->last = sc->previous;
    sc->queued = false;
    if (!queue->first)
        cpu->ready_mask[sc->priority / 64] &= ~(1ull << sc->priority % 64);
}

/* Highest ready priority, -1 if none. */
static int queue_highest(const struct cpu *cpu)
{
    for (int word = SCHED_PRIORITIES / 64 - 1; word >= 0; word--)
        if (cpu->ready_mask[word])
            return word * 64 + 63 - __builtin_clzll(cpu->ready_mask[word]);
    return -1;
}

static void block_at(struct sc *sc, struct ec *context)
{
    sc->blocked_at = context;
    sc->previous = 0;
    sc->next = context->blocked;
    if (context->blocked)
        context->blocked->previous = sc;
    context->blocked = sc;
}

static void unblock(struct sc *sc)
{
    if (sc->previous)
        sc->previous->next = sc->next;
    else
        sc->blocked_at->blocked = sc->next;
    if (sc->next)
        sc->next->previous = sc->previous;
    sc->blocked_at = 0;
}

void sc_detach(struct sc *sc)
{
    struct cpu *cpu = cpus[sc->cpu];

    if (sc->queued)
        queue_remove(cpu, sc);
    if (sc->blocked_at)
        unblock(sc);
    if (cpu->sc == sc) {
        cpu->sc = 0;
        cpu->reschedule = true;
    }
}

void sc_ready(struct sc *sc)
{
    struct cpu *cpu = cpus[sc->cpu];

    if (sc->queued || cpu->sc == sc)
        return;
    if (!cpu->sc || sc->priority > cpu->sc->priority)
        cpu->reschedule = true;
    queue_append(cpu, sc);
}

void sched_release(struct ec *context)
{
    while (context->blocked) {
        struct sc *sc = context->blocked;

        unblock(sc);
        sc_ready(sc);
    }
}

void sched_release_chain(struct ec *context)
{
    for (; context; context = context->state == EC_REMOTE ? 0 : context->callee) {
        sched_release(context);
        cpus[context->cpu]->reschedule = true;
    }
}

void sched_wake(struct ec *context)
{
    context->state = EC_READY;
    sched_release(context);
}

/*
 * Only ever to an earlier time: programming the timer costs far more than an interrupt too many, and of those there is at most one for
 * each time that it was programmed. So contexts that hand the processor to each other leave it alone.
 */
void sched_arm_timer(struct cpu *cpu)
{
    uint64_t next = cpu->sc ? cpu->slice_end : UINT64_MAX;

    if (cpu->timeouts && cpu->timeouts->deadline < next)
        next = cpu->timeouts->deadline;
    if (next < cpu->timer) {
        cpu->timer = next;
        arch_timer_set(next);
    }
}

/* Charges the time since the slice began; an exhausted budget is refilled and costs the turn. */
static bool charge(struct cpu *cpu, struct sc *sc)
{
    uint64_t now = arch_tsc();
    uint64_t used = now - cpu->slice_start;

    cpu->slice_start = now;
    if (used < sc->remaining) {
        sc->remaining -= used;
        return false;
    }
    sc->remaining = sc->budget;
    return true;
}

/* Puts the current scheduling context back; at the head of its queue if its turn is not over. */
static void suspend_current(struct cpu *cpu)
{
    struct sc *sc = cpu->sc;
    bool exhausted = charge(cpu, sc);
    struct sc_queue *queue = &cpu->ready[sc->priority];

    cpu->sc = 0;
    if (exhausted || !queue->first) {
        queue_append(cpu, sc);
        return;
    }
    sc->previous = 0;
    sc->next = queue->first;
    queue->first->previous = sc;
    queue->first = sc;
    sc->queued = true;
}

static void start_slice(struct cpu *cpu, struct sc *sc)
{
    cpu->sc = sc;
    cpu->slice_start = arch_tsc();
    cpu->slice_end = cpu->slice_start + sc->remaining;
}

/* Picks the next scheduling context; false when there is none. */
static bool pick(struct cpu *cpu)
{
    int priority;

    if (cpu->sc)
        suspend_current(cpu);
    priority = queue_highest(cpu);
    cpu->reschedule = false;
    if (priority < 0)
        return false;

    struct sc *sc = cpu->ready[priority].first;

    queue_remove(cpu, sc);
    start_slice(cpu, sc);
    return true;
}

/* The context at the end of the chain that can run, or NULL after blocking the scheduling context there. */
static struct ec *resolve(struct cpu *cpu, struct sc *sc)
{
    struct ec *context = sc->ec;

    while (context->state == EC_CALLING || context->state == EC_RETRY) {
        if (context->state == EC_RETRY && ipc_accepts(context->callee))
            return context;
        context = context->callee;
    }
    if (context->state == EC_READY)
        return context;
    charge(cpu, sc);
    cpu->sc = 0;
    block_at(sc, context);
    return 0;
}

void sched_dispatch(void)
{
    struct cpu *cpu = cpu_self();

    for (;;) {
        if ((!cpu->sc || cpu->reschedule) && !pick(cpu)) {
            cpu->ec = 0;
            sched_arm_timer(cpu);
            arch_idle();
        }

        struct ec *context = resolve(cpu, cpu->sc);

        if (!context)
            continue;
        sched_arm_timer(cpu);
        if (context->state == EC_RETRY)
            ipc_retry(context);
        sched_enter(context);
    }
}

static void dispatch(struct ec *unused)
{
    (void)unused;
    sched_dispatch();
}

void sched_restart(void)
{
    arch_restart(dispatch, 0);
}

static void send_recall(struct ec *context)
{
    ipc_send_event(context, context->is_vcpu ? (unsigned)VCPU_EXIT_RECALL : (unsigned)THREAD_EVENT_RECALL);
}

void sched_continue(struct ec *context)
{
    if (!context->is_vcpu)
        sched_continue_thread(context);
    if (cpu_self()->reschedule)
        sched_dispatch();
    sched_enter(context);
}

void sched_enter(struct ec *context)
{
    struct cpu *cpu = cpu_self();

    cpu->ec = context;
    if (context->recall) {
        context->recall = false;
        arch_restart(send_recall, context);
    }
    if (!context->is_vcpu)
        arch_thread_enter(context, context->full_restore);
    if (!reference_get(&context->guest_space_ref)) {
        context->state = EC_PARKED;
        sched_restart();
    }
    arch_vcpu_enter(context);
}

/* The timer fires for the end of a slice, for timeouts, or for what is not due any more (sched_arm_timer). */
void sched_timer_expired(void)
{
    struct cpu *cpu = cpu_self();
    uint64_t now = arch_tsc();

    cpu->timer = UINT64_MAX;
    timeouts_expire(cpu, now);
    if (cpu->sc && now >= cpu->slice_end) {
        suspend_current(cpu);
        cpu->reschedule = true;
    }
    sched_arm_timer(cpu);
}

struct sc *sc_create(struct pd *account, struct ec *context, uint32_t priority, uint64_t budget)
{
    struct sc *sc = account_object_alloc(account, OBJECT_SC, sizeof(*sc));

    if (!sc)
        return 0;
    sc->ec = context;
    sc->priority = priority;
    sc->budget = sc->remaining = budget;
    sc->cpu = context->cpu;
    __atomic_store_n(&context->sc, sc,
                     __ATOMIC_RELAXED); /* callers of other CPUs look whether there is one */
    sc_ready(sc);
    return sc;
}

void sc_change(struct sc *sc, uint32_t priority, uint64_t budget)
{
    struct cpu *cpu = cpus[sc->cpu];
    bool queued = sc->queued;

    if (queued)
        queue_remove(cpu, sc);
    sc->priority = priority;
    sc->budget = budget;
    if (sc->remaining > budget)
        sc->remaining = budget;
    if (queued)
        queue_append(cpu, sc);
    cpu->reschedule = true;
}

void sc_destroy(struct sc *sc)
{
    sc_detach(sc);
    if (sc->ec) {
        sc->ec->sc = 0;
        sched_release_chain(sc->ec);
    }
    account_object_free(&sc->object);
}
