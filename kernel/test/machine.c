/* SPDX-License-Identifier: MIT */
/* See machine.h. */
#include "kernel/test/machine.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"

static struct pd *seed;
static struct pd *root;
static uint64_t next_frame;

static void give(struct pd *pd, unsigned frames)
{
    while (frames--)
        account_give(pd, next_frame++ * FRAME_SIZE);
}

void machine_start(void)
{
    host_memory = aligned_alloc(FRAME_SIZE, HOST_FRAMES * FRAME_SIZE);
    memset(host_memory, 0xa5, HOST_FRAMES * FRAME_SIZE);
    frame_kind = calloc(HOST_FRAMES, 1);
    frame_count = HOST_FRAMES;
    host_cpu = calloc(1, sizeof(*host_cpu));
    host_cpu->self = host_cpu;
    host_cpu->timer = UINT64_MAX;
    cpus[0] = host_cpu;
    cpu_count = 1;
    memset(&machine, 0, sizeof(machine));
    machine.tsc = 1000;
    seed = calloc(1, sizeof(*seed));
    next_frame = 1;
    give(seed, 1);
    root = pd_create(seed);
    give(root, 4);
}

void machine_stop(void)
{
    free(host_memory);
    free(frame_kind);
    free(host_cpu);
    free(seed);
}

struct pd *machine_pd(unsigned frames)
{
    struct cap_space *space;
    struct pd *pd = pd_create(root);

    give(pd, frames);
    if (cap_space_create(pd, 128, &space) != OK)
        abort();
    pd->host_space = host_space_create(pd);
    return pd;
}

struct ec *machine_thread(struct pd *pd, int priority)
{
    struct ec *thread = thread_create(pd, next_frame * FRAME_SIZE, 0, 0);

    memset(host_memory + next_frame * FRAME_SIZE, 0, FRAME_SIZE);
    next_frame++;
    thread->state = EC_READY;
    if (priority >= 0) {
        (void)sc_create(pd, thread, (uint32_t)priority, 100000);
    } else {
        thread->state = EC_WAIT;
        thread->accepts = true;
    }
    return thread;
}

void machine_cap(struct pd *pd, uint64_t slot, void *object)
{
    slot_set(cap_space_slot(pd->cap_space, slot), object, RIGHT_ALL, 0);
}

struct portal *machine_portal(struct ec *handler, uint64_t id, struct pd *holder, uint64_t slot)
{
    struct portal *portal = account_object_alloc(handler->pd, OBJECT_PORTAL, sizeof(*portal));

    portal->handler = reference_to(&handler->object);
    portal->id = id;
    machine_cap(holder, slot, portal);
    return portal;
}

void machine_restart(void)
{
    machine.restarts++;
    machine.restart(machine.restart_argument);
    abort();
}

struct ec *run_dispatch(void)
{
    switch (setjmp(machine.back)) {
    case MACHINE_BEGIN: sched_dispatch();
    case MACHINE_RESTART: machine_restart();
    default: return machine.entered;
    }
}

struct ec *run_hypercall(struct ec *context, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                         uint64_t a3, uint64_t a4, uint64_t a5)
{
    context->regs.rax = number;
    context->regs.rdi = a0;
    context->regs.rsi = a1;
    context->regs.rdx = a2;
    context->regs.r10 = a3;
    context->regs.r8 = a4;
    context->regs.r9 = a5;
    switch (setjmp(machine.back)) {
    case MACHINE_BEGIN: hypercall_entry(context);
    case MACHINE_RESTART: machine_restart();
    default: return machine.entered;
    }
}

struct ec *run_exception(struct ec *context, uint64_t vector, uint64_t address)
{
    switch (setjmp(machine.back)) {
    case MACHINE_BEGIN: exception_entry(context, vector, 0, address);
    case MACHINE_RESTART: machine_restart();
    default: return machine.entered;
    }
}

struct ec *run_vcpu_exit(struct ec *vcpu, unsigned reason)
{
    switch (setjmp(machine.back)) {
    case MACHINE_BEGIN: vcpu_exit(vcpu, reason);
    case MACHINE_RESTART: machine_restart();
    default: return machine.entered;
    }
}

struct ec *run_time(uint64_t tsc)
{
    machine.tsc = tsc;
    if (tsc < machine.timer)
        return machine.entered;
    switch (setjmp(machine.back)) {
    case MACHINE_BEGIN: sched_timer_expired(); sched_dispatch();
    case MACHINE_RESTART: machine_restart();
    default: return machine.entered;
    }
}
