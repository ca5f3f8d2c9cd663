/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer in the place of core: it holds the machine, so it can try all operations. A stage on each CPU.
 */
#include "abi/boot.h"
#include "abi/thread_state.h"
#include "lib/fmt/fmt.h"
#include "test/fuzz/fuzz.h"

#define STAGES_MAX   4u
#define SLOTS        1024u /* of the root task's capability space, as the kernel makes it */
#define CALLS        1100000ull
#define FRAME        4096ull
#define STACK_FRAMES 4u
#define WINDOW_BASE  0x10000000ull /* where frames of the stages' threads are mapped */
#define MAP_SPARE    1200u         /* frames behind those for mappings that a long mapping may reach */
#define GIVE_SPARE   400u
#define BUDGET_MS    2u
#define SECONDS      60u
#define SLOT_UNIT_PD 40u
#define SLOT_IOMMU   41u
#define UNIT_FRAMES  4u /* the object, root table, queue, and the table of bus 0 */

enum priority { PRIORITY_STILL = 3, PRIORITY_DRIVER = 40, PRIORITY_HELPER = 60, PRIORITY_MAIN = 100 };

void root_main(const struct boot_info *boot);
void root_thread(void);

static struct stage stages[STAGES_MAX];
static const struct boot_info *boot;
static struct boot_memory memory; /* free frames are cut from its front */
static uint64_t mapped = WINDOW_BASE;

static void put(char c)
{
    (void)kernel_operation(HYPERCALL_MACHINE_CONTROL, ROOT_SLOT_MACHINE, MACHINE_CONSOLE_WRITE, (uint8_t)c, 0,
                           0, 0);
}

void fuzz_print(const char *format, ...)
{
    char line[256];
    va_list arguments;

    va_start(arguments, format);
    (void)fmt_vformat(line, sizeof(line), format, arguments);
    va_end(arguments);
    for (const char *c = line; *c; c++)
        put(*c);
    put('\n');
}

_Noreturn static void end(uint64_t code)
{
    for (;;)
        (void)kernel_operation(HYPERCALL_MACHINE_CONTROL, ROOT_SLOT_MACHINE, MACHINE_EXIT, code, 0, 0, 0);
}

static void need(enum status status, const char *what)
{
    if (status == OK)
        return;
    fuzz_print("FAIL %s: status %u", what, (unsigned)status);
    end(1);
}

/* ---- memory ---- */

static uint64_t cut(uint64_t frames)
{
    uint64_t base = memory.base;

    if (frames * FRAME > memory.size)
        need(ERR_NO_RAM, "memory");
    memory.base += frames * FRAME;
    memory.size -= frames * FRAME;
    return base;
}

static uint64_t choose_memory(void)
{
    uint64_t end_of_ram = 0;

    for (uint32_t i = 0; i < boot->memory_count; i++) {
        const struct boot_memory *m = &boot->memory[i];

        if (m->type == BOOT_MEMORY_FREE && m->size > memory.size)
            memory = *m;
        if (m->type != BOOT_MEMORY_RESERVED && m->base + m->size > end_of_ram)
            end_of_ram = m->base + m->size;
    }
    return end_of_ram;
}

static void give(uint32_t pd, uint64_t frames)
{
    need(kernel_pd_give_frames(pd, cut(frames), frames, ROOT_SLOT_MACHINE), "frames for an account");
}

/* Fresh frames in the root task's space; *physical of the first. */
static void *map(uint64_t frames, uint64_t *physical)
{
    uint64_t done, pages, address = mapped;
    struct message_area *area = (struct message_area *)ROOT_MESSAGE_AREA;

    *physical = cut(frames);
    ((struct space_entry *)area->words)[0] =
        (struct space_entry){address, *physical, (uint32_t)frames, SPACE_MAP, SPACE_WRITE};
    need(kernel_space_update(ROOT_SLOT_HOST_SPACE, 1, &done, &pages), "mapping");
    mapped += (frames + 1) * FRAME; /* a page between is never mapped */
    return (void *)address;
}

/* ---- threads ---- */

static void state_start(struct message_area *area, uint64_t function, uint64_t argument, uint64_t stack)
{
    struct thread_state *state = (struct thread_state *)area->words;

    state->groups = THREAD_GROUP_GPR | THREAD_GROUP_IP;
    state->rdi = argument;
    state->rsi = function;
    state->rip = (uint64_t)root_thread;
    state->rsp = stack;
    state->rflags = 2;
}

static void actor_make(struct stage *stage, struct actor *actor, unsigned which, uint64_t function,
                       uint64_t argument, unsigned priority)
{
    uint64_t physical, unused, cpu = (uint64_t)stage->cpu << 32;
    uint32_t pd = which == SLOT_STILL ? slot(stage, SLOT_OBJECT + OBJECT_PD) : ROOT_SLOT_PD;

    actor->stage = stage;
    actor->thread = slot(stage, which);
    actor->area = map(1, &physical);
    char *stack = map(STACK_FRAMES, &unused);
    need(kernel_operation(HYPERCALL_CREATE, OBJECT_THREAD, pd, actor->thread, physical, cpu,
                          ROOT_SLOT_MACHINE),
         "thread");
    if (function) {
        state_start((struct message_area *)ROOT_MESSAGE_AREA, function, argument,
                    (uint64_t)stack + STACK_FRAMES * FRAME);
        need(kernel_state_write(actor->thread, THREAD_GROUP_GPR | THREAD_GROUP_IP), "state");
    }
    uint32_t sc = which == SLOT_STILL ? slot(stage, SLOT_OBJECT + OBJECT_SC) : slot(stage, SLOT_TEMP);

    need(kernel_create_sc(which == SLOT_STILL ? pd : stage->pd, sc, actor->thread, priority, stage->cpu,
                          boot->tsc_khz * BUDGET_MS),
         "scheduling context");
    if (which != SLOT_STILL)
        need(kernel_cap_drop(CAP_NONE, sc), "drop");
}

/* ---- stages ---- */

static void copy(struct stage *stage, unsigned to, uint32_t from)
{
    need(kernel_cap_copy(CAP_NONE, slot(stage, to), from, RIGHT_ALL, 0), "copy");
}

/* One object of each type, on a domain of its own. */
static void objects_make(struct stage *stage)
{
    uint32_t first = slot(stage, SLOT_OBJECT), pd = first + OBJECT_PD;

    need(kernel_create_pd(stage->pd, pd), "PD");
    give(pd, 64);
    need(kernel_create_cap_space(pd, first + OBJECT_CAP_SPACE, 200), "capability space");
    need(kernel_create_host_space(pd, first + OBJECT_HOST_SPACE), "host space");
    need(kernel_create_port_space(pd, first + OBJECT_PORT_SPACE), "port space");
    need(kernel_create_interrupt(pd, first + OBJECT_INTERRUPT, ROOT_SLOT_MACHINE, 10 + stage->cpu, 0,
                                 slot(stage, SLOT_NOTE)),
         "interrupt");
    copy(stage, SLOT_OBJECT + OBJECT_MACHINE, ROOT_SLOT_MACHINE);
    copy(stage, SLOT_OBJECT + OBJECT_IOMMU, SLOT_IOMMU);
    need(kernel_create_dma_space(pd, first + OBJECT_DMA_SPACE, SLOT_IOMMU), "DMA space");
    need(kernel_iommu_control(SLOT_IOMMU, IOMMU_ATTACH, 0, first + OBJECT_DMA_SPACE), "table of bus 0");
    need(kernel_iommu_control(SLOT_IOMMU, IOMMU_DETACH, 0, CAP_NONE), "table of bus 0");
    if (!stage->virtualization)
        return;
    need(kernel_create_guest_space(pd, first + OBJECT_GUEST_SPACE), "guest space");
    need(kernel_operation(HYPERCALL_CREATE, OBJECT_VCPU, pd, first + OBJECT_VCPU, first + OBJECT_GUEST_SPACE,
                          stage->cpu, 0),
         "vCPU");
}

/* All stages share it. Its account is used up when the first device of a bus has been attached. */
static void iommu_make(void)
{
    uint64_t features;

    need(kernel_create_pd(ROOT_SLOT_PD, SLOT_UNIT_PD), "PD");
    give(SLOT_UNIT_PD, UNIT_FRAMES);
    need(kernel_create_iommu(SLOT_UNIT_PD, SLOT_IOMMU, ROOT_SLOT_MACHINE, FUZZ_UNIT, &features), "IOMMU");
}

static void portals_make(struct stage *stage)
{
    need(kernel_create_portal(ROOT_SLOT_PD, slot(stage, SLOT_PORTAL_DRIVER), stage->driver.thread, 1),
         "portal");
    need(kernel_create_portal(stage->pd, slot(stage, SLOT_PORTAL_ECHO), stage->echo.thread, 2), "portal");
    need(kernel_create_portal(stage->pd, slot(stage, SLOT_PORTAL_PARK), stage->echo.thread, PORTAL_ID_PARK),
         "portal");
    need(kernel_create_portal(ROOT_SLOT_PD, slot(stage, SLOT_PORTAL_FOREIGN), stage->echo.thread, 3),
         "portal");
    for (unsigned i = 0; i < PUPPETS; i++)
        need(kernel_create_portal(stage->pd, slot(stage, SLOT_PORTAL_PUPPET) + i, stage->puppet[i].thread,
                                  10 + i),
             "portal");
    copy(stage, SLOT_OBJECT + OBJECT_PORTAL, slot(stage, SLOT_PORTAL_ECHO));
    copy(stage, SLOT_OBJECT + OBJECT_THREAD, slot(stage, SLOT_STILL));
    copy(stage, SLOT_OBJECT + OBJECT_NOTIFICATION, slot(stage, SLOT_NOTE));
}

static void actors_make(struct stage *stage)
{
    static struct actor still[STAGES_MAX];

    actor_make(stage, &stage->echo, SLOT_ECHO, (uint64_t)echo_run, (uint64_t)&stage->echo, PRIORITY_HELPER);
    for (unsigned i = 0; i < PUPPETS; i++) {
        stage->puppet[i].go = slot(stage, SLOT_GO) + i;
        need(kernel_create_notification(stage->pd, stage->puppet[i].go), "notification");
        actor_make(stage, &stage->puppet[i], SLOT_PUPPET + i, (uint64_t)puppet_run,
                   (uint64_t)&stage->puppet[i], PRIORITY_HELPER);
    }
    actor_make(stage, &stage->driver, SLOT_DRIVER, (uint64_t)driver_run, (uint64_t)stage, PRIORITY_DRIVER);
    actor_make(stage, &still[stage->cpu], SLOT_STILL, 0, 0, PRIORITY_STILL);
}

static void stage_make(struct stage *stage, unsigned index, unsigned count, uint64_t ram_end)
{
    *stage = (struct stage){.base = 64 + index * STAGE_SLOTS,
                            .slots = SLOTS,
                            .root = true,
                            .root_goals = goals_root_meet,
                            .virtualization = boot->features & BOOT_FEATURE_SVM,
                            .cpu = index,
                            .seed = 0x9e3779b97f4a7c15ull * (index + 1),
                            .rounds = TIMES_MIN / count + 5,
                            .calls_wanted = CALLS / count};
    stage->end = kernel_tsc() + SECONDS * 1000 * boot->tsc_khz;
    stage->peer_cpu = (index + 1) % count;
    stage->peer_echo = count > 1 ? 64 + stage->peer_cpu * STAGE_SLOTS + SLOT_PORTAL_ECHO : CAP_NONE;
    stage->pd = 32 + index;
    need(kernel_create_pd(ROOT_SLOT_PD, stage->pd), "PD");
    give(stage->pd, 64);
    stage->frames = (struct frames){.area = cut(FRAMES_AREA),
                                    .give = cut(FRAMES_GIVE + GIVE_SPARE),
                                    .map = cut(64 + MAP_SPARE),
                                    .ram_end = ram_end};
    need(kernel_create_notification(stage->pd, slot(stage, SLOT_NOTE)), "notification");
    objects_make(stage);
    actors_make(stage);
    portals_make(stage);
}

static void stage_begin(struct stage *stage)
{
    need(kernel_ec_control(stage->echo.thread, EC_RESUME), "echo");
    for (unsigned i = 0; i < PUPPETS; i++)
        need(kernel_ec_control(stage->puppet[i].thread, EC_RESUME), "puppet");
    need(kernel_ec_control(stage->driver.thread, EC_RESUME), "driver");
}

/* The stage's domain ends, and gives back what it was given. */
static void pd_end(uint32_t pd)
{
    enum status status;
    uint64_t taken;

    while ((status = kernel_destroy(pd)) == ERR_BUSY)
        need(kernel_pd_take_frames(pd, MESSAGE_WORDS, &taken), "frames");
    need(status, "end of a domain");
}

static void stage_end(struct stage *stage)
{
    unsigned threads[] = {SLOT_DRIVER, SLOT_PUPPET, SLOT_PUPPET + 1, SLOT_ECHO};

    for (unsigned i = 0; i < sizeof(threads) / sizeof(threads[0]); i++)
        need(kernel_destroy(slot(stage, threads[i])), "thread");
    need(kernel_destroy(slot(stage, SLOT_PORTAL_DRIVER)), "portal");
    need(kernel_destroy(slot(stage, SLOT_PORTAL_FOREIGN)), "portal");
    pd_end(slot(stage, SLOT_OBJECT + OBJECT_PD));
    pd_end(stage->pd);
}

static void watch(unsigned count)
{
    static uint64_t last[STAGES_MAX];
    static unsigned idle[STAGES_MAX];
    bool done = false;
    uint64_t bits, said = kernel_tsc();

    while (!done) {
        (void)kernel_notification_wait(CAP_NONE, kernel_tsc() + boot->tsc_khz, &bits);
        done = true;
        for (unsigned i = 0; i < count; i++) {
            stage_watch(&stages[i], &last[i], &idle[i]);
            done &= stages[i].done;
        }
        fuzz_progress(stages, count, boot->tsc_khz, &said);
    }
}

/* Threads and portals of the root account are gone; those objects' slabs may stay. */
static void accounts_check(const struct kernel_account *before)
{
    struct kernel_account after;

    need(kernel_pd_info(ROOT_SLOT_PD, &after), "account");
    fuzz_print(
        "account of the root task: %llu objects before, %llu after; %llu frames used before, %llu after",
        (unsigned long long)before->objects, (unsigned long long)after.objects,
        (unsigned long long)before->frames_used, (unsigned long long)after.frames_used);
    if (before->objects != after.objects)
        need(ERR_LOST, "objects are left");
}

void root_main(const struct boot_info *info)
{
    static struct stage *list[STAGES_MAX];
    static uint32_t skip[HYPERCALL_COUNT + 1];
    struct kernel_account before;
    unsigned failures = 0;

    boot = info;
    unsigned count = boot->cpus < STAGES_MAX ? boot->cpus : STAGES_MAX;
    uint64_t ram_end = choose_memory();

    give(ROOT_SLOT_PD, 128);
    _Static_assert(64 + STAGES_MAX * STAGE_SLOTS <= SLOTS, "slots");
    need(kernel_sc_control(ROOT_SLOT_SC, PRIORITY_MAIN, boot->tsc_khz * BUDGET_MS), "priority");
    need(kernel_pd_info(ROOT_SLOT_PD, &before), "account");
    fuzz_print("hypercalls by the root task, %u CPUs, seed 0x%llx", count,
               (unsigned long long)0x9e3779b97f4a7c15ull);
    iommu_make();
    for (unsigned i = 0; i < count; i++) {
        stage_make(&stages[i], i, count, ram_end);
        list[i] = &stages[i];
    }
    if (count == 1)
        skip[HYPERCALL_CALL] = 1u << ERR_UNSUPPORTED; /* a handler on another CPU */
    for (unsigned i = 0; i < count; i++)
        stage_begin(&stages[i]);
    watch(count);
    /* Nothing else calls across CPUs without a scheduling context in this version. */
    for (unsigned i = 0; i < count; i++) {
        failures += stages[i].failures;
        stage_end(&stages[i]);
    }
    pd_end(SLOT_UNIT_PD);
    failures += fuzz_report(list, count, skip);
    accounts_check(&before);
    fuzz_print("%s   all operations, all errors: %u failures", failures ? "FAIL" : "ok", failures);
    end(0);
}
