/* SPDX-License-Identifier: MIT */
/*
 * Random driver for the generic kernel. Threads, guests, interrupts and time do random things; after each step it checks
 * what kernel/object/ec.h, kernel/cpu.h and kernel/object/pd.h promise, and at the end that every account comes back to
 * where it began. `world` finds all objects by looking through memory, so it does not depend on the kernel's own lists.
 *
 * Two mixtures: `program_step` picks arguments that often make sense; `program_step_raw` puts anything into the registers.
 */
#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/test/invariants.h"
#include "kernel/test/machine.h"
#include "kernel/test/program.h"
#include "test/check.h"

#define AREA_FIRST  3200u /* frames for message areas */
#define THREADS_MAX 40u
#define MEANT_STEPS 60000u
#define MEANT_SEEDS 8u
#define RAW_STEPS   260000u
#define RAW_SEEDS   4u

static struct {
    unsigned seed, step;
    struct pd *home; /* never destroyed: owns the machine, if there is one */
    struct pd *root;
} test;

void random_failed(const char *file, int line, const char *condition)
{
    printf("%s:%d: %s; seed %u, step %u\n", file, line, condition, test.seed, test.step);
    exit(1);
}

static void check_world(void)
{
    invariants_check(test.step % 64 == 0);
}

static void raise_line(uint64_t line)
{
    interrupt_raised((unsigned)line);
}

static void foreign_syscall(uint64_t context)
{
    foreign_syscall_entry((struct ec *)context);
}

/* ---- what happens from outside ---- */

static struct ec *new_thread(struct pd *pd)
{
    struct ec *thread;

    if (world.ecs >= THREADS_MAX || !pd->cap_space || !pd->host_space)
        return NULL;
    thread = thread_create(pd, program_area(), below(4) ? 0 : THREAD_FPU, 0);
    if (thread) {
        thread->state = EC_READY;
        (void)sc_create(pd, thread, (uint32_t)below(8) * 16, 10000 + below(90000));
        for (unsigned i = 20; i < 64 && i < pd->cap_space->slots; i++)
            if (!slot_live(cap_space_slot(pd->cap_space, i))) {
                machine_cap(pd, i, thread);
                break;
            }
    }
    return thread;
}

static struct pd *some_pd(void)
{
    struct pd *pd = world.pd[below(world.pds)];

    return pd == test.root ? test.home : pd;
}

static void refill(struct pd *pd)
{
    for (unsigned i = 0; i < 8 && !pd->free_frames; i++) {
        uint64_t physical = program_frame();

        if (frame_kind[physical >> FRAME_SHIFT] == FRAME_USER && physical)
            account_give(pd, physical);
    }
}

/* Ends something, so that there is always room for what is new. */
static void end_something(uint64_t unused)
{
    (void)unused;
    if (world.ecs > THREADS_MAX / 2)
        ec_destroy(world.ec[below(world.ecs)]);
    world_look();
    if (world.scs > 0 && below(4) == 0)
        sc_destroy(world.sc[below(world.scs)]);
    if (world.notifications > 30)
        notification_destroy(world.notification[below(world.notifications)]);
}

static void step_outside(void)
{
    struct ec *context;

    world_look();
    switch (below(6)) {
    case 0: (void)run_function(raise_line, below(HOST_LINES)); break;
    case 1:
        processor.entered = run_time(
            processor.timer != UINT64_MAX && below(2) ? processor.timer : processor.tsc + below(50000));
        break;
    case 2: refill(some_pd()); break;
    case 3:
        if (world.ecs > THREADS_MAX * 3 / 4)
            (void)run_function(end_something, 0);
        break;
    case 4:
        context = world.ecs ? world.ec[below(world.ecs)] : NULL;
        if (context && context->state == EC_PARKED && !context->sc && context->pd->free_frames)
            (void)sc_create(context->pd, context, (uint32_t)below(128), 10000 + below(90000));
        if (context && context->state == EC_PARKED)
            (void)ec_control(context, EC_RESUME);
        (void)run_dispatch();
        break;
    default: new_thread(below(2) ? test.home : some_pd()); (void)run_dispatch();
    }
}

/* ---- a run ---- */

static void give_caps(struct pd *to, struct pd *pd, unsigned slot, uint32_t rights)
{
    slot_set(cap_space_slot(to->cap_space, slot), &pd->object, rights, 0);
    slot_set(cap_space_slot(to->cap_space, slot + 1), &pd->cap_space->object, RIGHT_ALL, 0);
    slot_set(cap_space_slot(to->cap_space, slot + 2), &pd->host_space->object, RIGHT_ALL, 0);
}

static void start(unsigned seed, bool with_machine)
{
    struct pd *pd[3];

    machine_start();
    processor.random = 0x9e3779b97f4a7c15ull * (seed + 1);
    program.area_first = AREA_FIRST;
    for (unsigned i = 0; i < 3; i++)
        pd[i] = machine_pd(i ? 24 : 80);
    test.home = pd[0];
    test.root = pd[0]->object.account;
    give_caps(pd[0], pd[0], 1, RIGHT_ALL & ~RIGHT_DESTROY);
    give_caps(pd[0], pd[1], 4, RIGHT_ALL);
    give_caps(pd[0], pd[2], 7, RIGHT_ALL);
    give_caps(pd[1], pd[1], 1, RIGHT_ALL);
    give_caps(pd[1], pd[2], 4, RIGHT_ALL);
    give_caps(pd[2], pd[2], 1, RIGHT_ALL);
    if (with_machine)
        machine_cap(pd[0], 10, account_object_alloc(pd[0], OBJECT_MACHINE, sizeof(struct machine)));
    memset(host_memory + AREA_FIRST * FRAME_SIZE, 0, AREA_COUNT * FRAME_SIZE);
    world_look();
    for (unsigned i = 0; i < 6; i++)
        new_thread(pd[i % 3]);
    (void)run_dispatch();
}

static bool end_pd(struct pd *pd)
{
    enum status status;
    uint64_t physical;

    while ((status = pd_destroy(pd)) == ERR_AGAIN)
        ;
    if (status == OK)
        return true;
    MUST(status == ERR_BUSY);
    while (account_take(pd, &physical))
        MUST(frame_kind[physical >> FRAME_SHIFT] == FRAME_USER);
    return false;
}

static void end_world(uint64_t unused)
{
    (void)unused;
    for (unsigned i = 0; i < HOST_FRAMES * 2; i++) {
        world_look();
        if (world.pds == 1)
            break;
        struct pd *pd = world.pd[below(world.pds)];

        if (pd != test.root)
            (void)end_pd(pd);
    }
    world_look();
    MUST(world.pds == 1 && world.pd[0] == test.root);
}

static void finish(bool with_machine)
{
    if (with_machine)
        for (unsigned frame = 0; frame < HOST_FRAMES; frame++)
            if (frame_kind[frame] == FRAME_SLAB_MIN)
                for (unsigned i = 1; i < FRAME_SIZE >> FRAME_SLAB_MIN; i++) {
                    struct object *object =
                        (void *)(host_memory + frame * FRAME_SIZE + (i << FRAME_SLAB_MIN));

                    if (frame_kind[frame] == FRAME_SLAB_MIN && object->serial &&
                        object->type == OBJECT_MACHINE)
                        account_object_free(object);
                }
    (void)run_function(end_world, 0);
    MUST(!processor.entered && test.root->objects_live == 0 && test.root->frames_used == 0);
    MUST(world.objects == 1 && world.frames[FRAME_PAGE] == 0 && world.ecs == 0 && world.scs == 0);
    MUST(!cpu_self()->timeouts && !cpu_self()->sc && !cpu_self()->ec);
    machine_stop();
}

static void run(unsigned seed, unsigned steps, bool raw)
{
    test.seed = seed;
    start(seed, !raw);
    for (test.step = 0; test.step < steps; test.step++) {
        struct ec *context = processor.entered;

        if (!context || below(raw ? 64 : 8) == 0)
            step_outside();
        else if (context->is_vcpu)
            (void)run_vcpu_exit(context, (unsigned)below(VCPU_EXIT_COUNT));
        else if (context->foreign)
            (void)run_function(foreign_syscall, (uint64_t)context);
        else if (raw)
            program_step_raw();
        else
            program_step();
        program_check_entered();
        if (test.step % (raw ? 64 : 4) == 0)
            check_world();
    }
    finish(!raw);
}

/* The mixture is worth something only if every call succeeds now and then. */
static void check_reached(void)
{
    for (unsigned i = 0; i < HYPERCALL_COUNT; i++) {
        if (getenv("KERNEL_RANDOM_COUNTS"))
            printf("hypercall %2u: %lu, of these OK %lu\n", i, (unsigned long)program.calls[i],
                   (unsigned long)program.good[i]);
        CHECK(program.good[i] > 0);
    }
}

int main(int count, char **arguments)
{
    unsigned first = count > 1 ? (unsigned)atoi(arguments[1]) : 0;

    CASE("random programs keep the kernel's invariants");
    for (unsigned seed = first; seed < first + MEANT_SEEDS; seed++)
        run(seed, MEANT_STEPS, false);
    check_reached();
    CASE("random registers keep them, too, and return documented errors only");
    for (unsigned seed = first; seed < first + RAW_SEEDS; seed++)
        run(seed, RAW_STEPS, true);
    return check_finish();
}
