/* SPDX-License-Identifier: MIT */
/* See program.h. */
#include "kernel/test/program.h"

#include <stdio.h>

#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/test/invariants.h"
#include "kernel/test/machine.h"
#include "kernel/test/vtd_device.h"

struct program program;

uint64_t random64(void)
{
    processor.random ^= processor.random << 13;
    processor.random ^= processor.random >> 7;
    processor.random ^= processor.random << 17;
    return processor.random;
}

uint64_t below(uint64_t end)
{
    return (random64() >> 11) % end;
}

void program_check_entered(void)
{
    const struct cpu *cpu = cpu_self();
    const struct ec *running = processor.entered;

    MUST(cpu->ec == running);
    if (running) {
        MUST(running->object.serial && running->state == EC_READY && running->cpu == cpu->id);
        MUST(cpu->sc && invariants_driven(cpu->sc) == running);
        for (unsigned p = cpu->sc->priority + 1; p < SCHED_PRIORITIES; p++)
            MUST(!cpu->ready[p].first);
        MUST(processor.timer <= cpu->slice_end);
    } else {
        MUST(!cpu->sc && !cpu->ready_mask[0] && !cpu->ready_mask[1]);
    }
    MUST(processor.timer == cpu->timer);
    MUST(!cpu->timeouts || processor.timer <= cpu->timeouts->deadline);
}

/* ---- documented errors (doc/kernel-interface.md) ---- */

#define E(name)    (1u << (name))
#define CAP_ERRORS (E(OK) | E(ERR_CAP) | E(ERR_DENIED))

static const uint32_t documented[HYPERCALL_COUNT] = {
    [HYPERCALL_CALL] = CAP_ERRORS | E(ERR_PEER_GONE) | E(ERR_INVALID) | E(ERR_OVERFLOW) | E(ERR_DEADLOCK) |
                       E(ERR_ABORTED) | E(ERR_UNSUPPORTED),
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
    [HYPERCALL_IOMMU_CONTROL] = CAP_ERRORS | E(ERR_INVALID) | E(ERR_RANGE) | E(ERR_BUSY) |
                                E(ERR_UNSUPPORTED) | E(ERR_NO_KMEM) | E(ERR_NOT_FOUND),
};

static void count(uint64_t number, uint64_t status)
{
    __atomic_fetch_add(&program.calls[number], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&program.good[number], status == OK, __ATOMIC_RELAXED);
}

static void check_status(const struct ec *caller, uint64_t serial, uint64_t number)
{
    uint64_t status = caller->regs.rax;

    if (caller->object.serial != serial || processor.entered != caller || caller->recall)
        return;
    if (number >= HYPERCALL_COUNT) {
        MUST(status == ERR_UNSUPPORTED);
        return;
    }
    MUST(status < STATUS_COUNT && documented[number] >> status & 1);
    count(number, status);
}

/* A call that arrived shows in its caller's state; its status comes much later. */
static void count_call(const struct ec *caller, uint64_t serial, uint64_t number)
{
    if (number == HYPERCALL_CALL && caller->object.serial == serial && caller->state == EC_CALLING)
        count(number, OK);
}

/* ---- acting ---- */

static void trace(const char *what, const struct ec *caller, uint64_t number, uint64_t a, uint64_t b,
                  uint64_t c)
{
    if (program.trace)
        printf("CPU %u: %p %s hypercall %lu: %lx %lx %lx; then %p runs\n", cpu_self()->id,
               (const void *)caller, what, (unsigned long)number, (unsigned long)a, (unsigned long)b,
               (unsigned long)c, (void *)processor.entered);
}

static void hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                      uint64_t a5)
{
    struct ec *caller = processor.entered;
    uint64_t serial = caller->object.serial;

    trace("calls", caller, number, a0, a1, a2);
    (void)run_hypercall(caller, number, a0, a1, a2, a3, a4, a5);
    trace("has returned from", caller, number, caller->regs.rax, caller->state, 0);
    check_status(caller, serial, number);
    count_call(caller, serial, number);
}

static uint64_t any_slot(void)
{
    return below(64);
}

/* A slot of the running thread that holds an object of the type, most of the time. */
static uint64_t slot_with(enum object_type type)
{
    const struct cap_space *space = processor.entered->pd->cap_space;
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
    const struct cap_space *space = processor.entered->pd->cap_space;

    for (uint64_t i = 1; i < space->slots && below(64); i++)
        if (!slot_live(cap_space_slot(space, i)))
            return i;
    return any_slot();
}

static uint64_t slot_context(void)
{
    return slot_with(below(4) ? OBJECT_THREAD : OBJECT_VCPU);
}

uint64_t program_area(void)
{
    return (program.area_first + below(AREA_COUNT)) * FRAME_SIZE;
}

static uint64_t some_cpu(void)
{
    return below(cpu_count) + (below(64) == 0);
}

static uint64_t some_deadline(void)
{
    switch (below(4)) {
    case 0: return DEADLINE_NEVER;
    case 1: return processor.tsc;
    default: return processor.tsc + below(200000);
    }
}

static message_tag some_tag(void)
{
    struct message_area *area = processor.entered->area;
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

uint64_t program_frame(void)
{
    for (unsigned i = 0; i < 50; i++) {
        uint64_t frame = 1 + below(program.area_first > 600 ? 600 : program.area_first - 4);

        if (frame_kind[frame] == FRAME_USER)
            return frame * FRAME_SIZE;
    }
    return below(400) * FRAME_SIZE;
}

static void do_create(void)
{
    static const uint8_t types[] = {
        OBJECT_PD,        OBJECT_CAP_SPACE, OBJECT_HOST_SPACE, OBJECT_GUEST_SPACE, OBJECT_PORT_SPACE,
        OBJECT_THREAD,    OBJECT_THREAD,    OBJECT_THREAD,     OBJECT_VCPU,        OBJECT_SC,
        OBJECT_SC,        OBJECT_SC,        OBJECT_PORTAL,     OBJECT_PORTAL,      OBJECT_NOTIFICATION,
        OBJECT_INTERRUPT, OBJECT_INTERRUPT, OBJECT_IOMMU,      OBJECT_DMA_SPACE};
    uint64_t type = below(40) ? types[below(sizeof(types))] : below(20);
    uint64_t pd = slot_with(OBJECT_PD), slot = slot_free(), machine_slot = slot_with(OBJECT_MACHINE);

    switch (type) {
    case OBJECT_CAP_SPACE: hypercall(HYPERCALL_CREATE, type, pd, slot, below(300), 0, 0); break;
    case OBJECT_THREAD:
        hypercall(HYPERCALL_CREATE, type, pd, slot, program_area(),
                  (below(8) ? below(2) : below(5)) | some_cpu() << 32, machine_slot);
        break;
    case OBJECT_VCPU:
        hypercall(HYPERCALL_CREATE, type, pd, slot, slot_with(OBJECT_GUEST_SPACE), some_cpu(), 0);
        break;
    case OBJECT_SC:
        hypercall(HYPERCALL_CREATE, type, pd, slot, slot_context(), below(132) | some_cpu() << 32,
                  9990 + below(100000));
        break;
    case OBJECT_PORTAL:
        hypercall(HYPERCALL_CREATE, type, pd, slot, slot_with(OBJECT_THREAD), random64(), 0);
        break;
    case OBJECT_INTERRUPT:
        hypercall(HYPERCALL_CREATE, type, pd, slot, below(2) ? machine_slot : slot_with(OBJECT_IOMMU),
                  below(HOST_LINES + 2) | below(10) << 32, slot_with(OBJECT_NOTIFICATION));
        break;
    case OBJECT_IOMMU:
        hypercall(HYPERCALL_CREATE, type, pd, slot, machine_slot, below(8) ? HOST_UNIT(below(3)) : random64(),
                  0);
        break;
    case OBJECT_DMA_SPACE: hypercall(HYPERCALL_CREATE, type, pd, slot, slot_with(OBJECT_IOMMU), 0, 0); break;
    default: hypercall(HYPERCALL_CREATE, type, pd, slot, below(100), 0, 0);
    }
}

static void do_destroy(void)
{
    static const uint8_t types[] = {
        OBJECT_PD,         OBJECT_CAP_SPACE, OBJECT_HOST_SPACE,   OBJECT_GUEST_SPACE,
        OBJECT_PORT_SPACE, OBJECT_THREAD,    OBJECT_VCPU,         OBJECT_SC,
        OBJECT_SC,         OBJECT_PORTAL,    OBJECT_NOTIFICATION, OBJECT_NOTIFICATION,
        OBJECT_INTERRUPT,  OBJECT_INTERRUPT, OBJECT_DMA_SPACE,    OBJECT_IOMMU};
    enum object_type type = types[below(sizeof(types))];

    if (type == OBJECT_PD && below(10))
        type = OBJECT_PORTAL;
    hypercall(HYPERCALL_DESTROY, slot_with(type), 0, 0, 0, 0, 0);
}

static void do_space_update(void)
{
    struct space_entry *entry = (struct space_entry *)processor.entered->area->words;
    uint64_t count = below(30) ? below(5) : random64();

    for (unsigned i = 0; i < 5; i++)
        entry[i] = (struct space_entry){
            .virtual = below(20) ? below(8) << 21 | below(8) << 12 : random64(),
            .physical = below(20) ? (below(2) ? program_frame() : frame_count * FRAME_SIZE + (below(8) << 21))
                                  : random64(),
            .pages = (uint32_t)(below(40) ? below(20) : random64()),
            .operation = (uint16_t)below(6),
            .flags = (uint16_t)(below(20) ? below(4) | (below(8) ? 0u : SPACE_LARGE) : random64()),
        };
    static const uint8_t types[] = {OBJECT_HOST_SPACE, OBJECT_GUEST_SPACE, OBJECT_DMA_SPACE};

    hypercall(HYPERCALL_SPACE_UPDATE, slot_with(types[below(sizeof(types))]), count, 0, 0, 0, 0);
}

/* Devices do things, too. */
static void do_iommu(void)
{
    uint64_t device = below(3) << 8 | below(4), reached;

    for (unsigned i = 0; i < 4; i++)
        (void)vtd_device_access((unsigned)below(HOST_UNITS), (uint16_t)device,
                                below(8) << 21 | below(8) << 12, below(2), &reached);
    hypercall(HYPERCALL_IOMMU_CONTROL, slot_with(OBJECT_IOMMU), below(20) ? below(5) : random64(),
              below(20) ? device | below(2) << 24 | below(5) << 16 * below(2) : random64(),
              slot_with(OBJECT_DMA_SPACE), 0, 0);
}

static void do_state(void)
{
    uint64_t groups = below(8) ? below(16) : random64();
    uint64_t *words = processor.entered->area->words;

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
    else if (processor.entered->caller && below(16))
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
        hypercall(HYPERCALL_PD_GIVE_FRAMES, slot_with(OBJECT_PD), program_frame(),
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
    switch (below(8)) {
    case 0:
        hypercall(HYPERCALL_PORT_UPDATE, slot_with(OBJECT_PORT_SPACE), below(70000), below(70000), below(3),
                  0, 0);
        break;
    case 1: hypercall(HYPERCALL_INTERRUPT_ACK, slot_with(OBJECT_INTERRUPT), 0, 0, 0, 0, 0); break;
    case 2:
        hypercall(HYPERCALL_MACHINE_CONTROL, slot_with(OBJECT_MACHINE),
                  below(2) ? MACHINE_CONSOLE_WRITE : 4 + below(9), 'x', 0, 0, 0);
        break;
    case 3:
    case 4: do_iommu(); break;
    default: hypercall(HYPERCALL_NOTIFICATION_SIGNAL, slot_with(OBJECT_NOTIFICATION), 0, 0, 0, 0, 0);
    }
}

void program_step(void)
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
    case 14: (void)run_exception(processor.entered, below(4) ? 14 : below(32), random64()); break;
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

void program_step_raw(void)
{
    uint64_t *words = (uint64_t *)processor.entered->area;

    for (unsigned i = 0; i < 4; i++)
        words[below(8) ? below(24) : below(420)] = raw_value();
    hypercall(below(64) ? below(HYPERCALL_COUNT) : raw_value(), raw_value(), raw_value(), raw_value(),
              raw_value(), raw_value(), raw_value());
}

/* What happens most where CPUs meet: calls, answers, signals, control, death. */
void program_step_smp(void)
{
    if (processor.entered->caller && below(2)) {
        do_wait();
        return;
    }
    switch (below(32)) {
    case 0:
    case 1:
    case 2: do_create(); break;
    case 3:
    case 4: do_destroy(); break;
    case 5:
    case 6: do_copy(); break;
    case 7: do_space_update(); break;
    case 8: do_state(); break;
    case 9:
    case 10:
    case 11:
    case 12: do_control(); break;
    case 13: do_account(); break;
    case 14: do_rest(); break;
    case 15: (void)run_exception(processor.entered, below(4) ? 14 : below(32), random64()); break;
    case 16:
    case 17:
    case 18:
    case 19:
    case 20: do_wait(); break;
    case 21:
    case 22:
    case 23:
    case 24: hypercall(HYPERCALL_NOTIFICATION_SIGNAL, slot_with(OBJECT_NOTIFICATION), 0, 0, 0, 0, 0); break;
    default: hypercall(HYPERCALL_CALL, slot_with(OBJECT_PORTAL), some_tag(), 0, 0, 0, 0);
    }
}
