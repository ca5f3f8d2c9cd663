/* SPDX-License-Identifier: MIT */
/* See machine.h. */
#include "kernel/test/machine.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"
#include "kernel/test/vtd_device.h"

static struct pd *seed;
static struct pd *root;
static uint64_t next_frame;
static struct host_machine *machines[HOST_CPUS];

static void give(struct pd *pd, unsigned frames)
{
    while (frames--)
        account_give(pd, next_frame++ * FRAME_SIZE);
}

__attribute__((no_sanitize("thread"))) void machine_switch(unsigned cpu)
{
    host_cpu = cpus[cpu];
    host_machine = machines[cpu];
}

static void cpu_start(unsigned number)
{
    struct cpu *cpu = calloc(1, sizeof(*cpu));

    cpu->self = cpu;
    cpu->id = number;
    cpu->accepting = EC_WORD(EC_WAIT, true, number);
    cpu->timer = UINT64_MAX;
    cpus[number] = cpu;
    machines[number] = calloc(1, sizeof(*machines[number]));
    machines[number]->tsc = 1000;
    machines[number]->timer = UINT64_MAX;
}

void machine_start_cpus(unsigned count, uint64_t frames)
{
    if (frames != frame_count) { /* kept from one machine to the next */
        free(host_memory);
        host_memory = aligned_alloc(FRAME_SIZE, frames * FRAME_SIZE);
    }
    memset(host_memory, 0xa5, frames * FRAME_SIZE);
    vtd_device_reset(
        &(struct vtd_device_kind){.levels = 3, .large_pages = true, .remapping = true, .coherent = true});
    frame_kind = calloc(frames, 1);
    frame_count = frames;
    cpu_count = count;
    for (unsigned i = 0; i < count; i++)
        cpu_start(i);
    machine_switch(0);
    seed = calloc(1, sizeof(*seed));
    next_frame = 1;
    give(seed, 1);
    root = pd_create(seed);
    give(root, 4);
}

void machine_start(void)
{
    machine_start_cpus(1, HOST_FRAMES);
}

void machine_stop(void)
{
    free(frame_kind);
    for (unsigned i = 0; i < cpu_count; i++) {
        free(cpus[i]);
        free(machines[i]);
    }
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
    return machine_thread_on(pd, priority, 0, next_frame++ * FRAME_SIZE);
}

struct ec *machine_thread_on(struct pd *pd, int priority, unsigned cpu, uint64_t area)
{
    struct ec *thread = thread_create(pd, area, 0, cpu);

    memset(host_memory + area, 0, FRAME_SIZE);
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
    processor.restarts++;
    processor.restart(processor.restart_argument);
    abort();
}

/* Every entry: the statement runs in the kernel, which comes back by longjmp. */
static void in_kernel(bool entered)
{
    if (host_hooks.in_kernel_opt)
        host_hooks.in_kernel_opt(entered);
}

#define ENTER(statement)                                 \
    switch (setjmp(processor.back)) {                    \
    case MACHINE_BEGIN:                                  \
        in_kernel(true);                                 \
        statement;                                       \
        sched_dispatch();                                \
    case MACHINE_RESTART: machine_restart();             \
    default: in_kernel(false); return processor.entered; \
    }

struct ec *run_dispatch(void)
{
    ENTER((void)0);
}

struct ec *run_function(void (*function)(uint64_t), uint64_t argument)
{
    ENTER(function(argument));
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
    ENTER(hypercall_entry(context));
}

struct ec *run_exception(struct ec *context, uint64_t vector, uint64_t address)
{
    ENTER(exception_entry(context, vector, 0, address));
}

struct ec *run_vcpu_exit(struct ec *vcpu, unsigned reason)
{
    ENTER(vcpu_exit(vcpu, reason));
}

struct ec *run_time(uint64_t tsc)
{
    processor.tsc = tsc;
    if (tsc < processor.timer)
        return processor.entered;
    processor.timer = UINT64_MAX; /* one-shot */
    ENTER(sched_timer_expired());
}
