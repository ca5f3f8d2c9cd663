/* SPDX-License-Identifier: MIT */
/*
 * Execution contexts: creation, death, control. What happens to the parties of a call when one of them dies is decided
 * here and in ipc_end_send() (doc/decision/0003-ipc.md).
 */
#include "kernel/object/ec.h"

#include "abi/hypercall.h"
#include "kernel/ipc/ipc.h"
#include "kernel/mem/memory.h"
#include "kernel/object/pd.h"
#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"

_Static_assert(sizeof(struct fpu_area) == 1024, "slab size");

static bool fpu_create(struct ec *context, struct pd *account)
{
    context->fpu = account_object_alloc(account, OBJECT_NONE, sizeof(*context->fpu));
    if (!context->fpu)
        return false;
    arch_fpu_init(context->fpu->state);
    return true;
}

static void fpu_destroy(struct ec *context)
{
    if (context->fpu)
        account_object_free(&context->fpu->object);
}

struct ec *thread_create(struct pd *pd, uint64_t area_physical, uint64_t flags, uint32_t cpu)
{
    struct ec *thread = account_object_alloc(pd, OBJECT_THREAD, sizeof(*thread));

    if (!thread)
        return 0;
    if (flags & THREAD_FPU && !fpu_create(thread, pd)) {
        account_object_free(&thread->object);
        return 0;
    }
    thread->pd = pd;
    thread->cap_space = pd->cap_space;
    thread->page_table = pd->host_space ? pd->host_space->table.root : 0;
    thread->area = phys_to_virt(area_physical);
    thread->deadline = DEADLINE_NEVER;
    thread->foreign = flags & THREAD_FOREIGN;
    thread->full_restore = true;
    thread->special = thread->fpu;
    thread->cpu = (uint8_t)cpu;
    thread->events = thread->thread_events;
    thread->event_count = THREAD_EVENT_COUNT;
    thread->regs.rflags = 0x202; /* IF and the bit that is always 1 */
    pd->threads_live++;
    return thread;
}

struct ec *vcpu_create(struct pd *account, struct guest_space *space, uint32_t cpu)
{
    struct ec *vcpu = account_object_alloc(account, OBJECT_VCPU, sizeof(*vcpu));
    struct event_table *events;

    if (!vcpu)
        return 0;
    vcpu->pd = account;
    vcpu->is_vcpu = true;
    vcpu->cpu = (uint8_t)cpu;
    vcpu->guest_space = space;
    vcpu->guest_space_ref = reference_to(&space->object);
    events = account_object_alloc(account, OBJECT_NONE, sizeof(*events));
    if (!events)
        goto free_vcpu;
    vcpu->events = events->binding;
    vcpu->event_count = VCPU_EXIT_COUNT;
    if (!fpu_create(vcpu, account))
        goto free_events;
    if (!arch_vcpu_create(vcpu, account))
        goto free_fpu;
    return vcpu;

free_fpu:
    fpu_destroy(vcpu);
free_events:
    account_object_free(&events->object);
free_vcpu:
    account_object_free(&vcpu->object);
    return 0;
}

void ec_link_callee(struct ec *context, struct ec *callee)
{
    context->callee = callee;
    context->sender_previous = 0;
    context->sender_next = callee->senders;
    if (callee->senders)
        callee->senders->sender_previous = context;
    callee->senders = context;
}

void ec_unlink_callee(struct ec *context)
{
    if (context->sender_previous)
        context->sender_previous->sender_next = context->sender_next;
    else
        context->callee->senders = context->sender_next;
    if (context->sender_next)
        context->sender_next->sender_previous = context->sender_previous;
    context->callee = 0;
}

void ec_remote_append(struct ec *handler, struct ec *context)
{
    context->sender_next = 0;
    context->sender_previous = handler->remote_last;
    if (handler->remote_last)
        handler->remote_last->sender_next = context;
    else
        handler->remote_first = context;
    handler->remote_last = context;
}

void ec_remote_remove(struct ec *handler, struct ec *context)
{
    if (context->sender_previous)
        context->sender_previous->sender_next = context->sender_next;
    else
        handler->remote_first = context->sender_next;
    if (context->sender_next)
        context->sender_next->sender_previous = context->sender_previous;
    else
        handler->remote_last = context->sender_previous;
}

/* Edges of other CPUs may change while they are followed; each CPU's own have no cycle. */
#define REMOTE_EDGES_MAX 16u

bool ec_reaches(const struct ec *from, const struct ec *target)
{
    unsigned remote = 0;

    for (; from && remote < REMOTE_EDGES_MAX; from = __atomic_load_n(&from->callee, __ATOMIC_RELAXED)) {
        if (from == target)
            return true;
        remote += from->state == EC_REMOTE;
    }
    return false;
}

/* Everybody who was sending to this context learns that it is gone, and it lets go of whom it was sending to. */
static void end_communication(struct ec *context)
{
    if (context->callee)
        ipc_end_send(context, ERR_PEER_GONE);
    if (context->caller)
        ipc_end_send(context->caller, ERR_PEER_GONE);
    while (context->senders)
        ipc_end_send(context->senders, ERR_PEER_GONE);
    while (context->remote_first)
        ipc_end_send(context->remote_first, ERR_PEER_GONE);
    if (context->waits_for && context->waits_for->waiter == context)
        context->waits_for->waiter = 0;
    timeout_cancel(context);
}

void ec_destroy(struct ec *context)
{
    struct cpu *cpu = cpus[context->cpu];
    struct sc *sc = context->sc;

    end_communication(context);
    context->state = EC_PARKED;
    sched_release(context);
    if (sc) {
        sc_detach(sc);
        sc->ec = 0;
    }
    arch_ec_forget(context);
    if (cpu->ec == context) {
        cpu->ec = 0;
        cpu->reschedule = true;
    }
    fpu_destroy(context);
    if (context->is_vcpu) {
        arch_vcpu_destroy(context, context->object.account);
        account_object_free(&((struct event_table *)((uint8_t *)context->events -
                                                     __builtin_offsetof(struct event_table, binding)))
                                 ->object);
    } else {
        context->pd->threads_live--;
    }
    account_object_free(&context->object);
}

enum status ec_bind(struct ec *context, uint64_t event, struct object *portal, uint64_t groups)
{
    if (event >= context->event_count)
        return ERR_RANGE;
    if (groups & ~ec_groups(context))
        return ERR_INVALID;
    if (context->cpu != cpu_self()->id)
        cpus_stop();
    context->events[event] = (struct event_binding){reference_to(portal), groups};
    return OK;
}

/* A context leaves this state only with the lock, which we hold; one of another CPU that comes to it just now is busy yet. */
static bool parked(const struct ec *context)
{
    return context->state == EC_PARKED;
}

enum status ec_control(struct ec *context, uint64_t operation)
{
    switch (operation) {
    case EC_RECALL:
        __atomic_store_n(&context->recall, true, __ATOMIC_SEQ_CST);
        if (context->cpu != cpu_self()->id)
            arch_ipi(cpus[context->cpu]);
        return OK;
    case EC_RESUME:
        if (!parked(context))
            return ERR_BUSY;
        ipc_resume(context);
        return OK;
    case EC_ABORT:
        cpus_stop();
        if (context->callee)
            ipc_end_send(context, ERR_ABORTED);
        return OK;
    default: return ERR_INVALID;
    }
}

void thread_state_read(struct ec *thread, uint64_t groups, struct thread_state *out)
{
    out->groups = groups;
    if (groups & THREAD_GROUP_GPR)
        memcpy(&out->rax, &thread->regs, 15 * sizeof(uint64_t));
    if (groups & THREAD_GROUP_IP) {
        out->rip = thread->regs.rip;
        out->rsp = thread->regs.rsp;
        out->rflags = thread->regs.rflags;
    }
    if (groups & THREAD_GROUP_BASE) {
        out->fs_base = thread->fs_base;
        out->gs_base = thread->gs_base;
    }
    if (groups & THREAD_GROUP_EVENT) {
        out->vector = thread->vector;
        out->error_code = thread->error_code;
        out->fault_address = thread->fault_address;
    }
    if (groups & THREAD_GROUP_FPU && thread->fpu) {
        arch_fpu_flush(thread);
        memcpy(out->fpu, thread->fpu->state, arch_fpu_size());
    }
}

/* Status flags, DF, TF and AC may be set by user level; IF is always on, IOPL 0, NT and VM off (SDM vol. 1, 3.4.3). */
#define USER_RFLAGS  0x00240dd5u
#define FIXED_RFLAGS 0x202u

/* Read once: the message may change while it is looked at. */
static uint64_t user_address(const uint64_t *word)
{
    uint64_t address = __atomic_load_n(word, __ATOMIC_RELAXED);

    return address < USER_ADDRESS_END ? address : 0;
}

void thread_state_write(struct ec *thread, uint64_t groups, const struct thread_state *in)
{
    if (groups & THREAD_GROUP_GPR)
        memcpy(&thread->regs, &in->rax, 15 * sizeof(uint64_t));
    if (groups & THREAD_GROUP_IP) {
        thread->regs.rip = user_address(&in->rip);
        thread->regs.rsp = in->rsp;
        thread->regs.rflags = (in->rflags & USER_RFLAGS) | FIXED_RFLAGS;
    }
    if (groups & THREAD_GROUP_BASE) {
        thread->fs_base = user_address(&in->fs_base);
        thread->gs_base = user_address(&in->gs_base);
        thread->special = thread->fpu || thread->gs_base;
    }
    if (groups & THREAD_GROUP_FPU && thread->fpu)
        arch_fpu_write(thread, in->fpu);
    thread->full_restore = true;
}
