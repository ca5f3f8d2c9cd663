/* SPDX-License-Identifier: MIT */
/* See population.h. */
#include "kernel/test/population.h"

#include <string.h>

#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"
#include "kernel/test/invariants.h"
#include "kernel/test/machine.h"
#include "kernel/test/program.h"

#define FRAMES      512u
#define AREA_FIRST  480u
#define DOMAINS     3u
#define DOMAIN_SIZE 40u /* frames */

static struct {
    struct pd *root;
    struct pd *domain[DOMAINS];
    struct machine *machine; /* for those who create threads; not one that could be destroyed */
    unsigned threads;
    unsigned slot; /* next free one, the same in all domains */
} population;

static void cap_everywhere(void *object, uint32_t rights)
{
    for (unsigned i = 0; i < DOMAINS; i++)
        slot_set(cap_space_slot(population.domain[i]->cap_space, population.slot), object, rights, 0);
    population.slot++;
}

static void portal_to(struct ec *handler)
{
    struct portal *portal = account_object_alloc(handler->pd, OBJECT_PORTAL, sizeof(*portal));

    portal->handler = reference_to(&handler->object);
    portal->id = population.slot;
    cap_everywhere(portal, RIGHT_ALL);
}

static struct ec *thread_on(unsigned cpu, int priority)
{
    uint64_t area = (AREA_FIRST + population.threads++) * FRAME_SIZE;
    struct ec *thread = machine_thread_on(population.domain[below(DOMAINS)], priority, cpu, area);

    if (below(2))
        cap_everywhere(thread, RIGHT_ALL);
    if (thread->sc && below(2))
        cap_everywhere(thread->sc, RIGHT_ALL);
    return thread;
}

/* Two clients, a server with a scheduling context of its own, which other CPUs can call, and one without. */
static void populate_cpu(unsigned cpu)
{
    struct ec *server;

    for (unsigned i = 0; i < 2; i++)
        (void)thread_on(cpu, (int)below(3) * 10);
    server = thread_on(cpu, (int)below(3) * 10);
    portal_to(server);
    if (below(2)) { /* begins with waiting */
        server->state = EC_WAIT;
        server->accepts = true;
    }
    if (below(2))
        portal_to(thread_on(cpu, -1));
}

static void bind_events(void)
{
    world_look();
    for (unsigned i = 0; i < world.ecs; i++) {
        machine_switch(world.ec[i]->cpu);
        for (unsigned event = 0; event < THREAD_EVENT_COUNT; event++) {
            uint64_t slot = 1 + below(population.slot - 1);
            struct object *object =
                reference_get(&cap_space_slot(population.domain[0]->cap_space, slot)->target);

            if (object->type == OBJECT_PORTAL)
                (void)ec_bind(world.ec[i], event, object,
                              below(2) ? THREAD_GROUP_ALL & ~THREAD_GROUP_FPU : 0);
        }
    }
    machine_switch(0);
}

static void populate(void)
{
    population.slot = 1;
    population.threads = 0;
    for (unsigned i = 0; i < DOMAINS; i++)
        population.domain[i] = machine_pd(DOMAIN_SIZE);
    population.root = population.domain[0]->object.account;
    population.machine = account_object_alloc(population.root, OBJECT_MACHINE, sizeof(struct machine));
    for (unsigned i = 0; i < DOMAINS; i++) {
        cap_everywhere(population.domain[i], i ? RIGHT_ALL : RIGHT_ALL & ~RIGHT_DESTROY);
        cap_everywhere(population.domain[i]->cap_space, RIGHT_ALL & ~RIGHT_DESTROY);
    }
    cap_everywhere(population.machine, RIGHT_ALL & ~RIGHT_DESTROY);
    for (unsigned i = 0; i < 3; i++)
        cap_everywhere(
            account_object_alloc(population.domain[i], OBJECT_NOTIFICATION, sizeof(struct notification)),
            RIGHT_ALL);
    for (unsigned cpu = 0; cpu < cpu_count; cpu++)
        populate_cpu(cpu);
    bind_events();
}

void population_start(uint64_t seed, unsigned cpus_wanted)
{
    machine_start_cpus(cpus_wanted, FRAMES);
    program.area_first = AREA_FIRST;
    memset(host_memory + AREA_FIRST * FRAME_SIZE, 0, AREA_COUNT * FRAME_SIZE);
    for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
        machine_switch(cpu);
        processor.random = (seed * HOST_CPUS + cpu + 1) * 0x9e3779b97f4a7c15ull;
    }
    machine_switch(0);
    populate();
}

static void raise_line(uint64_t line)
{
    interrupt_raised((unsigned)line);
}

static void foreign_syscall(uint64_t context)
{
    foreign_syscall_entry((struct ec *)context);
}

void population_step(void)
{
    struct ec *context = processor.entered;
    unsigned what = below(16);

    if (what == 0)
        (void)run_function(raise_line, below(HOST_LINES));
    else if (what == 1 || !context)
        (void)run_time(processor.timer != UINT64_MAX && below(2) ? processor.timer
                                                                 : processor.tsc + below(50000));
    else if (context->is_vcpu)
        (void)run_vcpu_exit(context, (unsigned)below(VCPU_EXIT_COUNT));
    else if (context->foreign)
        (void)run_function(foreign_syscall, (uint64_t)context);
    else
        program_step_smp();
    program_check_entered();
}

/* A domain ends when everything in it is gone and its frames are taken back; domains inside others end first. */
static void end_domain(struct pd *pd)
{
    enum status status;
    uint64_t physical;

    while ((status = pd_destroy(pd)) == ERR_AGAIN) {}
    while (status == ERR_BUSY && account_take(pd, &physical)) {}
}

void population_end(void)
{
    account_object_free(&population.machine->object);
    for (unsigned i = 0; i < FRAMES * 2; i++) {
        world_look();
        if (world.pds == 1)
            break;
        if (world.pd[i % world.pds] != population.root)
            end_domain(world.pd[i % world.pds]);
    }
    world_look();
    MUST(population.root->objects_live == 0 && population.root->frames_used == 0);
    MUST(world.objects == 1 && world.frames[FRAME_PAGE] == 0 && world.ecs == 0 && world.scs == 0);
    for (unsigned cpu = 0; cpu < cpu_count; cpu++)
        MUST(!cpus[cpu]->timeouts && !cpus[cpu]->sc && !cpus[cpu]->ec);
    machine_stop();
}

/* Whoever uses a dead object shall notice (linked with --wrap): its memory, but for the header, holds no sense. */
void __real_account_object_free(struct object *object);
void __wrap_account_object_free(struct object *object);

void __wrap_account_object_free(struct object *object)
{
    uint64_t size = 1ull << object->shift;

    memset(object + 1, 0xd5, size - sizeof(*object));
    __real_account_object_free(object);
}
