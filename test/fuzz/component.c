/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer as a component: it has what any child has. A stage on each CPU that it may use.
 *
 * The main thread watches. At the end it takes kernel memory until nothing is left; all of that ends with the component.
 */
#include "contract/vm/client.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/kmem.h"
#include "lib/base/log.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/fmt/fmt.h"
#include "test/fuzz/fuzz.h"

#define STAGES_MAX 2u
#define CALLS      1100000ull
#define SECONDS    60u
#define SEED       0x2545f4914f6cdd1dull

enum priority { PRIORITY_STILL = 1, PRIORITY_DRIVER = 10, PRIORITY_HELPER = 20 };

static struct stage stages[STAGES_MAX];
static unsigned count;

void fuzz_print(const char *format, ...)
{
    char line[256];
    va_list arguments;

    va_start(arguments, format);
    (void)fmt_vformat(line, sizeof(line), format, arguments);
    va_end(arguments);
    log_info("%s", line);
}

static void need(enum status status, const char *what)
{
    if (status == OK)
        return;
    fuzz_print("FAIL %s: status %u", what, (unsigned)status);
    component_exit(1);
}

/* ---- threads ---- */

static void start_puppet(void *argument)
{
    struct actor *actor = argument;

    actor->area = thread_self()->message_area;
    puppet_run(actor);
}

static void start_echo(void *argument)
{
    struct actor *actor = argument;

    actor->area = thread_self()->message_area;
    echo_run(actor);
}

static void start_driver(void *argument)
{
    struct stage *stage = argument;
    uint64_t bits;

    stage->driver.area = thread_self()->message_area;
    /* Until everything is in place. */
    (void)kernel_notification_wait(slot(stage, SLOT_NOTE), DEADLINE_NEVER, &bits);
    driver_run(stage);
}

static void copy(struct stage *stage, unsigned to, uint32_t from)
{
    need(kernel_cap_copy(CAP_NONE, slot(stage, to), from, RIGHT_ALL, 0), "copy");
}

static void actor_make(struct stage *stage, struct actor *actor, unsigned which, unsigned priority,
                       void (*function)(void *), void *argument)
{
    struct thread_options options = {.name = "fuzz", .priority = priority, .stack_size = 16384};
    struct thread *thread;

    actor->stage = stage;
    actor->thread = slot(stage, which);
    need(thread_create_on(&options, stage->cpu, function, argument, &thread), "thread");
    copy(stage, which, thread->slot);
}

static void still_make(struct stage *stage)
{
    struct pd_thread_create create = {.name = "still", .priority = PRIORITY_STILL, .cpu = stage->cpu};
    struct pd_thread created;
    uint32_t thread;

    need(pd_thread_create(ENV_SLOT_PD_SESSION, &create, &created, &thread), "thread that never starts");
    copy(stage, SLOT_STILL, thread);
    copy(stage, SLOT_OBJECT + OBJECT_THREAD, thread);
    stage->rights[OBJECT_THREAD] = RIGHT_EC_CONTROL | RIGHT_EC_BIND;
}

/* ---- stages ---- */

static void portals_make(struct stage *stage)
{
    need(kmem_create_portal(slot(stage, SLOT_PORTAL_DRIVER), stage->driver.thread, 1), "portal");
    need(kmem_create_portal(slot(stage, SLOT_PORTAL_ECHO), stage->echo.thread, 2), "portal");
    need(kmem_create_portal(slot(stage, SLOT_PORTAL_PARK), stage->echo.thread, PORTAL_ID_PARK), "portal");
    for (unsigned i = 0; i < PUPPETS; i++)
        need(kmem_create_portal(slot(stage, SLOT_PORTAL_PUPPET) + i, stage->puppet[i].thread, 10 + i),
             "portal");
    copy(stage, SLOT_PORTAL_FOREIGN, ENV_SLOT_PARENT);
    copy(stage, SLOT_OBJECT + OBJECT_PORTAL, slot(stage, SLOT_PORTAL_ECHO));
    copy(stage, SLOT_OBJECT + OBJECT_NOTIFICATION, slot(stage, SLOT_NOTE));
    copy(stage, SLOT_OBJECT + OBJECT_PD, ENV_SLOT_PD);
    stage->rights[OBJECT_PD] = RIGHT_PD_CREATE_IPC | RIGHT_PD_IDENTIFY;
}

/* A virtual CPU without memory, where there is virtualization. */
static void vcpu_make(struct stage *stage, uint32_t session)
{
    uint32_t vcpu;

    if (session == CAP_NONE || vm_vcpu_create_on(session, PRIORITY_STILL, stage->cpu, &vcpu) != OK)
        return;
    copy(stage, SLOT_OBJECT + OBJECT_VCPU, vcpu);
    stage->rights[OBJECT_VCPU] = RIGHT_EC_CONTROL | RIGHT_EC_BIND;
}

static void stage_make(struct stage *stage, unsigned cpu, uint32_t vm)
{
    *stage = (struct stage){.base = env.page->slots - (cpu + 1) * STAGE_SLOTS,
                            .slots = env.page->slots,
                            .pd = ENV_SLOT_PD,
                            .cpu = cpu,
                            .seed = SEED * (cpu + 1),
                            .rounds = TIMES_MIN / count + 5,
                            .calls_wanted = CALLS / count};
    stage->end = kernel_tsc() + SECONDS * 1000 * env.page->tsc_khz;
    if (count > 1)
        stage->peer_echo = env.page->slots - ((cpu + 1) % count + 1) * STAGE_SLOTS + SLOT_PORTAL_ECHO;
    need(kmem_create_notification(slot(stage, SLOT_NOTE)), "notification");
    actor_make(stage, &stage->echo, SLOT_ECHO, PRIORITY_HELPER, start_echo, &stage->echo);
    for (unsigned i = 0; i < PUPPETS; i++) {
        stage->puppet[i].go = slot(stage, SLOT_GO) + i;
        need(kmem_create_notification(stage->puppet[i].go), "notification");
        actor_make(stage, &stage->puppet[i], SLOT_PUPPET + i, PRIORITY_HELPER, start_puppet,
                   &stage->puppet[i]);
    }
    still_make(stage);
    actor_make(stage, &stage->driver, SLOT_DRIVER, PRIORITY_DRIVER, start_driver, stage);
    portals_make(stage);
    vcpu_make(stage, vm);
}

static void sleep_a_little(void)
{
    thread_sleep_until(time_after_ns(2000000));
}

static void watch(void)
{
    static uint64_t last[STAGES_MAX];
    static unsigned idle[STAGES_MAX];
    bool done = false;
    uint64_t said = kernel_tsc();

    while (!done) {
        sleep_a_little();
        done = true;
        for (unsigned i = 0; i < count; i++) {
            stage_watch(&stages[i], &last[i], &idle[i]);
            done &= stages[i].done;
        }
        fuzz_progress(stages, count, env.page->tsc_khz, &said);
    }
}

/* What the kernel charges this component goes to its end; then each creation is refused. */
static void exhaust(void)
{
    struct actor *self = &stages[0].driver; /* which has ended: its counters serve */
    uint32_t where = slot(&stages[0], SLOT_TEMP);
    unsigned refused = 0;

    while (refused < TIMES_MIN + 10) {
        (void)!kernel_cap_drop(CAP_NONE, where);
        refused +=
            act(self, HYPERCALL_CREATE, OBJECT_NOTIFICATION, ENV_SLOT_PD, where, 0, 0, 0) == ERR_NO_KMEM;
    }
}

/* Results that need what no component has. */
static const uint32_t out_of_reach[HYPERCALL_COUNT + 1] = {
    [HYPERCALL_CALL] = 1u << ERR_UNSUPPORTED,
    [HYPERCALL_CREATE] = 1u << ERR_INVALID,
    [HYPERCALL_DESTROY] = 1u << ERR_AGAIN | 1u << ERR_BUSY | 1u << ERR_UNSUPPORTED,
    [HYPERCALL_CAP_DROP] = 1u << ERR_DENIED,
    [HYPERCALL_PD_GIVE_FRAMES] = 1u << OK | 1u << ERR_INVALID | 1u << ERR_RANGE,
    [HYPERCALL_PD_TAKE_FRAMES] = 1u << OK | 1u << ERR_INVALID,
    [HYPERCALL_PD_INFO] = 1u << OK,
    [HYPERCALL_SPACE_UPDATE] = ~(1u << ERR_CAP),
    [HYPERCALL_PORT_UPDATE] = ~(1u << ERR_CAP),
    [HYPERCALL_CAP_SPACE_GROW] = ~(1u << ERR_CAP),
    [HYPERCALL_INTERRUPT_ACK] = ~(1u << ERR_CAP),
    [HYPERCALL_SC_CONTROL] = ~(1u << ERR_CAP),
    [HYPERCALL_MACHINE_CONTROL] = ~(1u << ERR_CAP),
    [HYPERCALL_IOMMU_CONTROL] = ~(1u << ERR_CAP),
};

int component_main(struct env *environment)
{
    static struct stage *list[STAGES_MAX];
    struct pd_info before, after;
    struct connection vm = {0};
    unsigned failures = 0;

    count = environment->page->cpus < STAGES_MAX ? environment->page->cpus : STAGES_MAX;
    if (session_open(&(struct session_options){.service = VM_SERVICE, .ram = 1 << 20, .caps = 20}, &vm) != OK)
        vm.slot = CAP_NONE;
    fuzz_print("hypercalls by a component, %u CPUs, seed 0x%llx", count, (unsigned long long)SEED);
    for (unsigned i = 0; i < count; i++) {
        stage_make(&stages[i], i, vm.slot);
        list[i] = &stages[i];
    }
    /* The account needs room for what one round has at once. */
    need(pd_kmem_grow(ENV_SLOT_PD_SESSION, 8), "kernel memory");
    need(pd_info(ENV_SLOT_PD_SESSION, &before), "information");
    for (unsigned i = 0; i < count; i++)
        need(kernel_notification_signal(slot(&stages[i], SLOT_NOTE)), "start");
    watch();
    need(pd_info(ENV_SLOT_PD_SESSION, &after), "information");
    exhaust();
    for (unsigned i = 0; i < count; i++)
        failures += stages[i].failures;
    failures += fuzz_report(list, count, out_of_reach);
    fuzz_print("account: %llu bytes before, %llu after; %u capabilities before, %u after",
               (unsigned long long)before.kmem_used, (unsigned long long)after.kmem_used, before.caps_used,
               after.caps_used);
    failures += after.caps_used != before.caps_used || after.kmem_used != before.kmem_used;
    fuzz_print("%s   a component's hypercalls: %u failures", failures ? "FAIL" : "ok", failures);
    return failures != 0;
}
