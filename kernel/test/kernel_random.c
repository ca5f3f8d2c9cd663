/* SPDX-License-Identifier: MIT */
/*
 * Random driver for the generic kernel. Threads, guests, interrupts and time do random things; after each step it checks
 * what kernel/object/ec.h, kernel/cpu.h and kernel/object/pd.h promise, and at the end that every account comes back to
 * where it began. `world` finds all objects by looking through memory, so it does not depend on the kernel's own lists.
 *
 * Two mixtures: `step_meant` picks arguments that often make sense; `step_raw` puts anything into the registers.
 */
#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/test/invariants.h"
#include "kernel/test/machine.h"
#include "test/check.h"

#define AREA_FIRST  3200u /* frames for message areas */
#define AREA_COUNT  24u
#define THREADS_MAX 40u
#define MEANT_STEPS 60000u
#define MEANT_SEEDS 8u
#define RAW_STEPS   260000u
#define RAW_SEEDS   4u

static struct {
    uint64_t random;
    unsigned seed, step;
    uint64_t number;
    struct pd *home; /* never destroyed: owns the machine, if there is one */
    struct pd *root;
    struct ec *running; /* NULL: idle */
    uint64_t calls[HYPERCALL_COUNT], good[HYPERCALL_COUNT];
} test;

void random_failed(const char *file, int line, const char *condition)
{
    printf("%s:%d: %s; seed %u, step %u, after hypercall %lu\n", file, line, condition, test.seed, test.step,
           (unsigned long)test.number);
    exit(1);
}

static uint64_t random64(void)
{
    test.random ^= test.random << 13;
    test.random ^= test.random >> 7;
    test.random ^= test.random << 17;
    return test.random;
}

static uint64_t below(uint64_t end)
{
    return (random64() >> 11) % end;
}

/* What must hold whenever the kernel goes to user mode, guest mode, or idle. */
static void check_entered(void)
{
    const struct cpu *cpu = cpu_self();

    MUST(cpu->ec == test.running);
    if (test.running) {
        MUST(test.running->object.serial && test.running->state == EC_READY);
        MUST(cpu->sc && invariants_driven(cpu->sc) == test.running);
        for (unsigned p = cpu->sc->priority + 1; p < SCHED_PRIORITIES; p++)
            MUST(!cpu->ready[p].first);
        MUST(machine.timer <= cpu->slice_end);
    } else {
        MUST(!cpu->sc && !cpu->ready_mask[0] && !cpu->ready_mask[1]);
    }
    MUST(!cpu->timeouts || machine.timer <= cpu->timeouts->deadline);
}

static void check_world(void)
{
    invariants_check(test.step % 64 == 0);
}

/* ---- documented errors (doc/kernel-interface.md) ---- */

#define E(name)    (1u << (name))
#define CAP_ERRORS (E(OK) | E(ERR_CAP) | E(ERR_DENIED))

static const uint32_t documented[HYPERCALL_COUNT] = {
    [HYPERCALL_CALL] =
        CAP_ERRORS | E(ERR_PEER_GONE) | E(ERR_INVALID) | E(ERR_OVERFLOW) | E(ERR_DEADLOCK) | E(ERR_ABORTED),
    [HYPERCALL_REPLY_WAIT] = CAP_ERRORS | E(ERR_INVALID) | E(ERR_BUSY) | E(ERR_PEER_GONE),
    [HYPERCALL_NOTIFICATION_WAIT] = CAP_ERRORS | E(ERR_TIMEOUT) | E(ERR_BUSY) | E(ERR_PEER_GONE),
    [HYPERCALL_NOTIFICATION_SIGNAL] = CAP_ERRORS,
    [HYPERCALL_CREATE] =
        CAP_ERRORS | E(ERR_UNSUPPORTED) | E(ERR_RANGE) | E(ERR_EXISTS) | E(ERR_NO_KMEM) | E(ERR_INVALID),
    [HYPERCALL_DESTROY] = CAP_ERRORS | E(ERR_AGAIN) | E(ERR_BUSY) | E(ERR_UNSUPPORTED),
    [HYPERCALL_CAP_COPY] = CAP_ERRORS | E(ERR_RANGE) | E(ERR_EXISTS) | E(ERR_INVALID),
    [HYPERCALL_CAP_DROP] = CAP_ERRORS | E(ERR_RANGE),
    [HYPERCALL_CAP_IDENTIFY] = CAP_ERRORS | E(ERR_NOT_FOUND),
    [HYPERCALL_PD_GIVE_FRAMES] = CAP_ERRORS | E(ERR_INVALID) | E(ERR_RANGE),
    [HYPERCALL_PD_TAKE_FRAMES] = CAP_ERRORS | E(ERR_INVALID),
    [HYPERCALL_PD_INFO] = CAP_ERRORS,
    [HYPERCALL_SPACE_UPDATE] =
        CAP_ERRORS | E(ERR_INVALID) | E(ERR_RANGE) | E(ERR_EXISTS) | E(ERR_NO_KMEM) | E(ERR_AGAIN),
    [HYPERCALL_PORT_UPDATE] = CAP_ERRORS | E(ERR_RANGE) | E(ERR_INVALID),
    [HYPERCALL_CAP_SPACE_GROW] = CAP_ERRORS | E(ERR_RANGE) | E(ERR_NO_KMEM),
    [HYPERCALL_EC_BIND] = CAP_ERRORS | E(ERR_RANGE) | E(ERR_INVALID),
    [HYPERCALL_EC_CONTROL] = CAP_ERRORS | E(ERR_BUSY) | E(ERR_INVALID),
    [HYPERCALL_STATE_READ] = CAP_ERRORS | E(ERR_BUSY) | E(ERR_INVALID),
    [HYPERCALL_STATE_WRITE] = CAP_ERRORS | E(ERR_BUSY) | E(ERR_INVALID),
    [HYPERCALL_INTERRUPT_ACK] = CAP_ERRORS,
    [HYPERCALL_SC_CONTROL] = CAP_ERRORS | E(ERR_RANGE),
    [HYPERCALL_MACHINE_CONTROL] = CAP_ERRORS | E(ERR_INVALID),
};

static void check_status(const struct ec *caller, uint64_t serial)
{
    uint64_t status = caller->regs.rax;

    if (caller->object.serial != serial || test.running != caller || caller->recall)
        return;
    if (test.number >= HYPERCALL_COUNT) {
        MUST(status == ERR_UNSUPPORTED);
        return;
    }
    MUST(status < STATUS_COUNT && documented[test.number] >> status & 1);
    test.calls[test.number]++;
    test.good[test.number] += status == OK;
}

/* A call that arrived shows in its caller's state; its status comes much later. */
static void count_call(const struct ec *caller, uint64_t serial)
{
    if (test.number == HYPERCALL_CALL && caller->object.serial == serial && caller->state == EC_CALLING)
        test.good[HYPERCALL_CALL]++;
}

/* ---- acting ---- */

static struct ec *run_function(void (*function)(uint64_t), uint64_t argument)
{
    switch (setjmp(machine.back)) {
    case MACHINE_BEGIN: function(argument); sched_dispatch();
    case MACHINE_RESTART: machine_restart();
    default: return machine.entered;
    }
}

static void raise_line(uint64_t line)
{
    interrupt_raised((unsigned)line);
}

static void foreign_syscall(uint64_t context)
{
    foreign_syscall_entry((struct ec *)context);
}

static void hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                      uint64_t a5)
{
    struct ec *caller = test.running;
    uint64_t serial = caller->object.serial;

    test.number = number;
    test.running = run_hypercall(caller, number, a0, a1, a2, a3, a4, a5);
    check_status(caller, serial);
    count_call(caller, serial);
}

static uint64_t any_slot(void)
{
    return below(64);
}

/* A slot of the running thread that holds an object of the type, most of the time. */
static uint64_t slot_with(enum object_type type)
{
    const struct cap_space *space = test.running->pd->cap_space;
    uint64_t start = below(space->slots + 1);

    if (below(32) == 0)
        return any_slot();
    for (uint64_t i = 0; i < space->slots; i++) {
        uint64_t index = (start + i) % space->slots;
        const struct slot *slot = cap_space_slot(space, index);

        if (slot && slot_live(slot) && slot->target.object_opt->type == type)
            return index;
    }
    return any_slot();
}

static uint64_t slot_free(void)
{
    const struct cap_space *space = test.running->pd->cap_space;

    for (uint64_t i = 1; i < space->slots && below(64); i++)
        if (!slot_live(cap_space_slot(space, i)))
            return i;
    return any_slot();
}

static uint64_t slot_context(void)
{
    return slot_with(below(4) ? OBJECT_THREAD : OBJECT_VCPU);
}

static uint64_t area_physical(void)
{
    return (AREA_FIRST + below(AREA_COUNT)) * FRAME_SIZE;
}

static uint64_t some_deadline(void)
{
    switch (below(4)) {
    case 0: return DEADLINE_NEVER;
    case 1: return machine.tsc;
    default: return machine.tsc + below(200000);
    }
}

static message_tag some_tag(void)
{
    struct message_area *area = test.running->area;
    unsigned caps = below(4) ? 0 : (unsigned)below(4);

    for (unsigned i = 0; i < caps; i++)
        area->send[i] =
            (struct message_cap){(uint32_t)any_slot(), below(2) ? RIGHT_ALL : (uint32_t)random64()};
    area->receive_base = (uint32_t)below(100);
    area->receive_count = (uint32_t)below(5);
    if (below(50) == 0)
        return random64();
    return tag_make((uint32_t)random64(), (unsigned)below(10), caps);
}

static uint64_t some_frame(void)
{
    for (unsigned i = 0; i < 50; i++) {
        uint64_t frame = 1 + below(600);

        if (frame_kind[frame] == FRAME_USER)
            return frame * FRAME_SIZE;
    }
    return below(600) * FRAME_SIZE;
}

static void do_create(void)
{
    static const uint8_t types[] = {
        OBJECT_PD,         OBJECT_CAP_SPACE, OBJECT_HOST_SPACE,   OBJECT_GUEST_SPACE,
        OBJECT_PORT_SPACE, OBJECT_THREAD,    OBJECT_THREAD,       OBJECT_THREAD,
        OBJECT_VCPU,       OBJECT_SC,        OBJECT_SC,           OBJECT_SC,
        OBJECT_PORTAL,     OBJECT_PORTAL,    OBJECT_NOTIFICATION, OBJECT_INTERRUPT};
    uint64_t type = below(40) ? types[below(sizeof(types))] : below(20);
    uint64_t pd = slot_with(OBJECT_PD), slot = slot_free(), machine_slot = slot_with(OBJECT_MACHINE);

    switch (type) {
    case OBJECT_CAP_SPACE: hypercall(HYPERCALL_CREATE, type, pd, slot, below(300), 0, 0); break;
    case OBJECT_THREAD:
        hypercall(HYPERCALL_CREATE, type, pd, slot, area_physical(), below(8) ? below(2) : below(5),
                  machine_slot);
        break;
    case OBJECT_VCPU: hypercall(HYPERCALL_CREATE, type, pd, slot, slot_with(OBJECT_GUEST_SPACE), 0, 0); break;
    case OBJECT_SC:
        hypercall(HYPERCALL_CREATE, type, pd, slot, slot_context(), below(132), 9990 + below(100000));
        break;
    case OBJECT_PORTAL:
        hypercall(HYPERCALL_CREATE, type, pd, slot, slot_with(OBJECT_THREAD), random64(), 0);
        break;
    case OBJECT_INTERRUPT:
        hypercall(HYPERCALL_CREATE, type, pd, slot, machine_slot, below(HOST_LINES + 2) | below(5) << 32,
                  slot_with(OBJECT_NOTIFICATION));
        break;
    default: hypercall(HYPERCALL_CREATE, type, pd, slot, below(100), 0, 0);
    }
}

static void do_destroy(void)
{
    static const uint8_t types[] = {
        OBJECT_PD,           OBJECT_CAP_SPACE,    OBJECT_HOST_SPACE, OBJECT_GUEST_SPACE, OBJECT_PORT_SPACE,
        OBJECT_THREAD,       OBJECT_VCPU,         OBJECT_SC,         OBJECT_SC,          OBJECT_PORTAL,
        OBJECT_NOTIFICATION, OBJECT_NOTIFICATION, OBJECT_INTERRUPT};
    enum object_type type = types[below(sizeof(types))];

    if (type == OBJECT_PD && below(10))
        type = OBJECT_PORTAL;
    hypercall(HYPERCALL_DESTROY, slot_with(type), 0, 0, 0, 0, 0);
}

static void do_space_update(void)
{
    struct space_entry *entry = (struct space_entry *)test.running->area->words;
    uint64_t count = below(30) ? below(5) : random64();

    for (unsigned i = 0; i < 5; i++)
        entry[i] = (struct space_entry){
            .virtual = below(20) ? below(8) << 21 | below(8) << 12 : random64(),
            .physical = below(20) ? (below(2) ? some_frame() : HOST_FRAMES * FRAME_SIZE + (below(8) << 21))
                                  : random64(),
            .pages = (uint32_t)(below(40) ? below(20) : random64()),
            .operation = (uint16_t)below(6),
            .flags = (uint16_t)(below(20) ? below(4) | (below(8) ? 0u : SPACE_LARGE) : random64()),
        };
    hypercall(HYPERCALL_SPACE_UPDATE, slot_with(below(2) ? OBJECT_HOST_SPACE : OBJECT_GUEST_SPACE), count, 0,
              0, 0, 0);
}

static void do_state(void)
{
    uint64_t groups = below(8) ? below(16) : random64();
    uint64_t *words = test.running->area->words;

    if (below(2)) {
        hypercall(HYPERCALL_STATE_READ, slot_context(), groups, 0, 0, 0, 0);
        return;
    }
    for (unsigned i = 0; i < 32; i++)
        words[i] = random64();
    hypercall(HYPERCALL_STATE_WRITE, slot_context(), groups, 0, 0, 0, 0);
}

static void do_copy(void)
{
    static const uint8_t types[] = {OBJECT_PD,           OBJECT_THREAD,    OBJECT_THREAD, OBJECT_VCPU,
                                    OBJECT_SC,           OBJECT_PORTAL,    OBJECT_PORTAL, OBJECT_NOTIFICATION,
                                    OBJECT_NOTIFICATION, OBJECT_CAP_SPACE, OBJECT_MACHINE};
    uint64_t space = below(2) ? CAP_NONE : slot_with(OBJECT_CAP_SPACE);

    if (below(3) == 0)
        hypercall(HYPERCALL_CAP_DROP, space, 16 + below(100), 0, 0, 0, 0);
    else
        hypercall(HYPERCALL_CAP_COPY, space, below(2) ? slot_free() : any_slot(),
                  slot_with(types[below(sizeof(types))]), below(2) ? RIGHT_ALL : random64(),
                  below(3) ? 0 : random64(), 0);
}

static void do_wait(void)
{
    uint64_t notification = below(2) ? CAP_NONE : slot_with(OBJECT_NOTIFICATION);

    if (below(3) == 0)
        hypercall(HYPERCALL_NOTIFICATION_WAIT, notification, some_deadline(), 0, 0, 0, 0);
    else if (test.running->caller && below(16))
        hypercall(HYPERCALL_REPLY_WAIT, some_tag(), below(4) ? REPLY_SEND : REPLY_PARK, notification,
                  some_deadline(), 0, 0);
    else
        hypercall(HYPERCALL_REPLY_WAIT, some_tag(), below(16) ? 0 : below(5), notification, some_deadline(),
                  0, 0);
}

static void do_control(void)
{
    switch (below(4)) {
    case 0:
        hypercall(HYPERCALL_EC_BIND, slot_context(), below(below(2) ? 4 : 27), slot_with(OBJECT_PORTAL),
                  below(20) ? below(16) : random64(), 0, 0);
        break;
    case 1:
        hypercall(HYPERCALL_SC_CONTROL, slot_with(OBJECT_SC), below(130), 9990 + below(90000), 0, 0, 0);
        break;
    default: hypercall(HYPERCALL_EC_CONTROL, slot_context(), below(40) ? below(3) : random64(), 0, 0, 0, 0);
    }
}

static void do_account(void)
{
    switch (below(6)) {
    case 0:
    case 1:
        hypercall(HYPERCALL_PD_GIVE_FRAMES, slot_with(OBJECT_PD), some_frame(),
                  below(20) ? below(3) : random64(), slot_with(OBJECT_MACHINE), 0, 0);
        break;
    case 2:
        hypercall(HYPERCALL_PD_TAKE_FRAMES, slot_with(OBJECT_PD), below(4) ? below(4) : random64(), 0, 0, 0,
                  0);
        break;
    case 3: hypercall(HYPERCALL_PD_INFO, slot_with(OBJECT_PD), 0, 0, 0, 0, 0); break;
    case 4:
        hypercall(HYPERCALL_CAP_SPACE_GROW, slot_with(OBJECT_CAP_SPACE), below(4) ? below(300) : random64(),
                  0, 0, 0, 0);
        break;
    default: hypercall(HYPERCALL_CAP_IDENTIFY, slot_with(OBJECT_PD), slot_with(OBJECT_PORTAL), 0, 0, 0, 0);
    }
}

static void do_rest(void)
{
    switch (below(6)) {
    case 0:
        hypercall(HYPERCALL_PORT_UPDATE, slot_with(OBJECT_PORT_SPACE), below(70000), below(70000), below(3),
                  0, 0);
        break;
    case 1: hypercall(HYPERCALL_INTERRUPT_ACK, slot_with(OBJECT_INTERRUPT), 0, 0, 0, 0, 0); break;
    case 2:
        hypercall(HYPERCALL_MACHINE_CONTROL, slot_with(OBJECT_MACHINE),
                  below(2) ? MACHINE_CONSOLE_WRITE : 4 + below(9), 'x', 0, 0, 0);
        break;
    default: hypercall(HYPERCALL_NOTIFICATION_SIGNAL, slot_with(OBJECT_NOTIFICATION), 0, 0, 0, 0, 0);
    }
}

static void step_meant(void)
{
    switch (below(24)) {
    case 0:
    case 1:
    case 2: do_create(); break;
    case 3: do_destroy(); break;
    case 4:
    case 5: do_copy(); break;
    case 6: do_space_update(); break;
    case 7: do_state(); break;
    case 8:
    case 9:
    case 10: do_control(); break;
    case 11: do_account(); break;
    case 12:
    case 13: do_rest(); break;
    case 14: test.running = run_exception(test.running, below(4) ? 14 : below(32), random64()); break;
    case 15:
    case 16:
    case 17: do_wait(); break;
    default: hypercall(HYPERCALL_CALL, slot_with(OBJECT_PORTAL), some_tag(), 0, 0, 0, 0);
    }
}

/* A register value: small, or near a border, or anything. */
static uint64_t raw_value(void)
{
    switch (below(8)) {
    case 0: return random64();
    case 1: return (1ull << below(64)) - below(2);
    case 2: return below(64) | 1ull << (32 + below(32));
    case 3: return below(1000) * FRAME_SIZE;
    default: return below(40);
    }
}

static void step_raw(void)
{
    uint64_t *words = (uint64_t *)test.running->area;

    for (unsigned i = 0; i < 4; i++)
        words[below(8) ? below(24) : below(420)] = raw_value();
    hypercall(below(64) ? below(HYPERCALL_COUNT) : raw_value(), raw_value(), raw_value(), raw_value(),
              raw_value(), raw_value(), raw_value());
}

/* ---- what happens from outside ---- */

static struct ec *new_thread(struct pd *pd)
{
    struct ec *thread;

    if (world.ecs >= THREADS_MAX || !pd->cap_space || !pd->host_space)
        return NULL;
    thread = thread_create(pd, area_physical(), below(4) ? 0 : THREAD_FPU, 0);
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
        uint64_t physical = some_frame();

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
    case 0: test.running = run_function(raise_line, below(HOST_LINES)); break;
    case 1:
        test.running =
            run_time(machine.timer != UINT64_MAX && below(2) ? machine.timer : machine.tsc + below(50000));
        break;
    case 2: refill(some_pd()); break;
    case 3:
        if (world.ecs > THREADS_MAX * 3 / 4)
            test.running = run_function(end_something, 0);
        break;
    case 4:
        context = world.ecs ? world.ec[below(world.ecs)] : NULL;
        if (context && context->state == EC_PARKED && !context->sc && context->pd->free_frames)
            (void)sc_create(context->pd, context, (uint32_t)below(128), 10000 + below(90000));
        if (context && context->state == EC_PARKED)
            (void)ec_control(context, EC_RESUME);
        test.running = run_dispatch();
        break;
    default: new_thread(below(2) ? test.home : some_pd()); test.running = run_dispatch();
    }
}

/* ---- a run ---- */

static void give_caps(struct pd *to, struct pd *pd, unsigned slot, uint32_t rights)
{
    slot_set(cap_space_slot(to->cap_space, slot), &pd->object, rights, 0);
    slot_set(cap_space_slot(to->cap_space, slot + 1), &pd->cap_space->object, RIGHT_ALL, 0);
    slot_set(cap_space_slot(to->cap_space, slot + 2), &pd->host_space->object, RIGHT_ALL, 0);
}

static void start(bool with_machine)
{
    struct pd *pd[3];

    machine_start();
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
    test.running = run_dispatch();
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
    test.running = run_function(end_world, 0);
    MUST(!test.running && test.root->objects_live == 0 && test.root->frames_used == 0);
    MUST(world.objects == 1 && world.frames[FRAME_PAGE] == 0 && world.ecs == 0 && world.scs == 0);
    MUST(!cpu_self()->timeouts && !cpu_self()->sc && !cpu_self()->ec);
    machine_stop();
}

static void run(unsigned seed, unsigned steps, bool raw)
{
    test.seed = seed;
    test.random = 0x9e3779b97f4a7c15ull * (seed + 1);
    start(!raw);
    for (test.step = 0; test.step < steps; test.step++) {
        struct ec *context = test.running;

        if (!context || below(raw ? 64 : 8) == 0)
            step_outside();
        else if (context->is_vcpu)
            test.running = run_vcpu_exit(context, (unsigned)below(VCPU_EXIT_COUNT));
        else if (context->foreign)
            test.running = run_function(foreign_syscall, (uint64_t)context);
        else if (raw)
            step_raw();
        else
            step_meant();
        check_entered();
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
            printf("hypercall %2u: %lu, of these OK %lu\n", i, (unsigned long)test.calls[i],
                   (unsigned long)test.good[i]);
        CHECK(test.good[i] > 0);
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
