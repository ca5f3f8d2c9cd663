/* SPDX-License-Identifier: MIT */
/* See fuzz.h. */
#include "test/fuzz/fuzz.h"

#include "lib/fmt/fmt.h"

#define E(name) (1u << (name))
#define CAP     (E(OK) | E(ERR_CAP) | E(ERR_DENIED))

const uint32_t fuzz_documented[HYPERCALL_COUNT + 1] = {
    [HYPERCALL_CALL] = CAP | E(ERR_PEER_GONE) | E(ERR_INVALID) | E(ERR_OVERFLOW) | E(ERR_DEADLOCK) |
                       E(ERR_ABORTED) | E(ERR_UNSUPPORTED),
    [HYPERCALL_REPLY_WAIT] = CAP | E(ERR_INVALID) | E(ERR_BUSY) | E(ERR_PEER_GONE),
    [HYPERCALL_NOTIFICATION_WAIT] = CAP | E(ERR_TIMEOUT) | E(ERR_BUSY) | E(ERR_PEER_GONE),
    [HYPERCALL_NOTIFICATION_SIGNAL] = CAP,
    [HYPERCALL_CREATE] =
        CAP | E(ERR_UNSUPPORTED) | E(ERR_RANGE) | E(ERR_EXISTS) | E(ERR_NO_KMEM) | E(ERR_INVALID),
    [HYPERCALL_DESTROY] = CAP | E(ERR_AGAIN) | E(ERR_BUSY) | E(ERR_UNSUPPORTED),
    [HYPERCALL_CAP_COPY] = CAP | E(ERR_RANGE) | E(ERR_EXISTS) | E(ERR_INVALID),
    [HYPERCALL_CAP_DROP] = CAP | E(ERR_RANGE),
    [HYPERCALL_CAP_IDENTIFY] = CAP | E(ERR_NOT_FOUND),
    [HYPERCALL_PD_GIVE_FRAMES] = CAP | E(ERR_INVALID) | E(ERR_RANGE),
    [HYPERCALL_PD_TAKE_FRAMES] = CAP | E(ERR_INVALID),
    [HYPERCALL_PD_INFO] = CAP,
    [HYPERCALL_SPACE_UPDATE] =
        CAP | E(ERR_INVALID) | E(ERR_RANGE) | E(ERR_EXISTS) | E(ERR_NO_KMEM) | E(ERR_AGAIN),
    [HYPERCALL_PORT_UPDATE] = CAP | E(ERR_RANGE) | E(ERR_INVALID),
    [HYPERCALL_CAP_SPACE_GROW] = CAP | E(ERR_RANGE) | E(ERR_NO_KMEM),
    [HYPERCALL_EC_BIND] = CAP | E(ERR_RANGE) | E(ERR_INVALID),
    [HYPERCALL_EC_CONTROL] = CAP | E(ERR_BUSY) | E(ERR_INVALID),
    [HYPERCALL_STATE_READ] = CAP | E(ERR_BUSY) | E(ERR_INVALID),
    [HYPERCALL_STATE_WRITE] = CAP | E(ERR_BUSY) | E(ERR_INVALID),
    [HYPERCALL_INTERRUPT_ACK] = CAP,
    [HYPERCALL_SC_CONTROL] = CAP | E(ERR_RANGE),
    [HYPERCALL_MACHINE_CONTROL] = CAP | E(ERR_INVALID),
    [HYPERCALL_IOMMU_CONTROL] = CAP | E(ERR_INVALID) | E(ERR_RANGE) | E(ERR_BUSY) | E(ERR_UNSUPPORTED) |
                                E(ERR_NO_KMEM) | E(ERR_NOT_FOUND),
    [UNKNOWN_CALL] = E(ERR_UNSUPPORTED),
};

const char *const fuzz_names[HYPERCALL_COUNT + 1] = {
    "call",           "reply_wait",      "notification_wait", "notification_signal", "create",
    "destroy",        "cap_copy",        "cap_drop",          "cap_identify",        "pd_give_frames",
    "pd_take_frames", "pd_info",         "space_update",      "port_update",         "cap_space_grow",
    "ec_bind",        "ec_control",      "state_read",        "state_write",         "interrupt_ack",
    "sc_control",     "machine_control", "iommu_control",     "(unknown number)"};

static const char *const status_names[STATUS_COUNT] = {
    "ok",        "INVALID",  "RANGE",       "CAP",      "DENIED", "NO_RAM",  "NO_CAPS",
    "NO_KMEM",   "EXISTS",   "NOT_FOUND",   "BUSY",     "AGAIN",  "TIMEOUT", "ABORTED",
    "PEER_GONE", "DEADLOCK", "UNSUPPORTED", "OVERFLOW", "IO",     "LOST"};

#define PATIENCE_TICKS 2000000ull

void fuzz_failed(struct stage *stage, int line, const char *what, uint64_t got, uint64_t expected)
{
    if (stage->failures++ < 10)
        fuzz_print("FAIL cpu %u, call %llu, line %d: %s: %llu, expected %llu", stage->cpu,
                   (unsigned long long)stage->progress, line, what, (unsigned long long)got,
                   (unsigned long long)expected);
}

/* All 64 bits of the number, which kernel_enter() does not take. */
static uint64_t enter(uint64_t number, struct kernel_registers *r)
{
    uint64_t rax = number;
    register uint64_t r10 __asm__("r10") = r->a3;
    register uint64_t r8 __asm__("r8") = r->a4;
    register uint64_t r9 __asm__("r9") = r->a5;

    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(r->a0), "+S"(r->a1), "+d"(r->a2)
                     : "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return rax;
}

enum status act(struct actor *actor, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                uint64_t a4, uint64_t a5)
{
    struct kernel_registers r = {a0, a1, a2, a3, a4, a5};
    unsigned row = number < HYPERCALL_COUNT ? (unsigned)number : UNKNOWN_CALL;

    if (actor == &actor->stage->driver) {
        actor->stage->progress++;
        actor->stage->number = number;
    }
    uint64_t status = enter(number, &r);

    actor->result[0] = r.a0;
    actor->result[1] = r.a1;
    actor->result[2] = r.a2;
    if (status >= STATUS_COUNT || !(fuzz_documented[row] >> status & 1)) {
        fuzz_failed(actor->stage, (int)number, fuzz_names[row], status, 0);
        return (enum status)status;
    }
    actor->counts[row][status]++;
    return (enum status)status;
}

void meet_at(struct stage *stage, int line, enum status expected, uint64_t number, uint64_t a0, uint64_t a1,
             uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    enum status status = act(&stage->driver, number, a0, a1, a2, a3, a4, a5);

    if (status != expected)
        fuzz_failed(stage, line, number < HYPERCALL_COUNT ? fuzz_names[number] : "?", (uint64_t)status,
                    (uint64_t)expected);
}

/* ---- puppets ---- */

_Noreturn void puppet_run(struct actor *puppet)
{
    uint64_t bits;

    for (;;) {
        if (kernel_notification_wait(puppet->go, DEADLINE_NEVER, &bits) != OK || !puppet->busy)
            continue;
        const uint64_t *a = puppet->argument;

        puppet->status = act(puppet, puppet->number, a[0], a[1], a[2], a[3], a[4], a[5]);
        puppet->busy = 0;
    }
}

void puppet_start_at(struct stage *stage, unsigned index, uint64_t number, const uint64_t argument[6])
{
    struct actor *puppet = &stage->puppet[index];

    if (puppet->busy) {
        fuzz_failed(stage, __LINE__, "the puppet is busy", number, 0);
        return;
    }
    puppet->number = number;
    for (unsigned i = 0; i < 6; i++)
        puppet->argument[i] = argument[i];
    puppet->busy = 1;
    (void)act(&stage->driver, HYPERCALL_NOTIFICATION_SIGNAL, puppet->go, 0, 0, 0, 0, 0);
}

static bool puppet_ended(struct stage *stage, unsigned index)
{
    struct actor *puppet = &stage->puppet[index];
    uint64_t end = kernel_tsc() + PATIENCE_TICKS;

    while (puppet->busy && kernel_tsc() < end)
        (void)act(&stage->driver, HYPERCALL_NOTIFICATION_WAIT, CAP_NONE, kernel_tsc() + 20000, 0, 0, 0, 0);
    return !puppet->busy;
}

void puppet_end_at(struct stage *stage, int line, unsigned index, enum status expected)
{
    if (!puppet_ended(stage, index))
        fuzz_failed(stage, line, "the puppet hangs", stage->puppet[index].number, (uint64_t)expected);
    else if (stage->puppet[index].status != expected)
        fuzz_failed(stage, line, "puppet", (uint64_t)stage->puppet[index].status, (uint64_t)expected);
}

/* Whatever it does: it ends it. A puppet waits at most until a deadline of some microseconds. */
bool puppet_settle(struct stage *stage, unsigned index)
{
    struct actor *puppet = &stage->puppet[index];

    for (unsigned i = 0; i < 20; i++) {
        (void)act(&stage->driver, HYPERCALL_EC_CONTROL, puppet->thread, EC_ABORT, 0, 0, 0, 0);
        (void)act(&stage->driver, HYPERCALL_EC_CONTROL, puppet->thread, EC_RESUME, 0, 0, 0, 0);
        if (puppet_ended(stage, index))
            return true;
    }
    return false;
}

_Noreturn void echo_run(struct actor *echo)
{
    struct kernel_wake wake = {0};
    unsigned flags = 0;

    for (;;) {
        message_tag tag = tag_make(7, tag_words(wake.tag) > MESSAGE_WORDS ? 0 : tag_words(wake.tag), 0);

        if (kernel_reply_wait(tag, flags, CAP_NONE, DEADLINE_NEVER, &wake) != OK) {
            echo->area->words[0] = 0; /* an event's state that is refused */
            wake.tag = 0;
            continue;
        }
        flags = wake.value == PORTAL_ID_PARK ? REPLY_PARK : REPLY_SEND;
    }
}

/* ---- driver ---- */

#define ROUND_CALLS     4000u
#define CONFUSION_EVERY 4u /* rounds: it takes 14000 calls */

static bool enough(const struct stage *stage)
{
    return stage->progress >= stage->calls_wanted || kernel_tsc() > stage->end;
}

_Noreturn void driver_run(struct stage *stage)
{
    unsigned rounds = 0;

    stage->random = stage->seed | 1;
    while (stage->failures < 10 && (rounds < stage->rounds || !enough(stage))) {
        goals_meet(stage);
        if (stage->root_goals)
            stage->root_goals(stage);
        else
            goals_refused_meet(stage);
        if (rounds % CONFUSION_EVERY == 0)
            confusion_try(stage);
        random_round(stage, ROUND_CALLS);
        rounds++;
    }
    stage->done = true;
    for (;;)
        (void)!kernel_operation(HYPERCALL_NOTIFICATION_WAIT, CAP_NONE, DEADLINE_NEVER, 0, 0, 0, 0);
}

void stage_watch(struct stage *stage, uint64_t *last, unsigned *idle)
{
    if (stage->progress != *last) {
        *last = stage->progress;
        *idle = 0;
        return;
    }
    if (++*idle < 2 || stage->done)
        return;
    if (*idle == 1000)
        fuzz_failed(stage, __LINE__, "the driver hangs in", stage->number, 0);
    (void)!kernel_ec_control(stage->driver.thread, EC_ABORT);
    (void)!kernel_ec_control(stage->driver.thread, EC_RESUME);
}

/* ---- report ---- */

void fuzz_progress(const struct stage *stages, unsigned count, uint64_t tsc_khz, uint64_t *said)
{
    if (kernel_tsc() - *said < 10000 * tsc_khz)
        return;
    *said = kernel_tsc();
    for (unsigned i = 0; i < count; i++)
        fuzz_print("CPU %u: %llu calls, now %llu", i, (unsigned long long)stages[i].progress,
                   (unsigned long long)stages[i].number);
}

static uint64_t count_of(const struct stage *stage, unsigned row, unsigned status)
{
    uint64_t sum = (uint64_t)stage->driver.counts[row][status] + stage->echo.counts[row][status];

    for (unsigned i = 0; i < PUPPETS; i++)
        sum += stage->puppet[i].counts[row][status];
    return sum;
}

static unsigned report_row(struct stage *const *stages, unsigned count, unsigned row, uint32_t skip)
{
    char line[256];
    size_t length = fmt_format(line, sizeof(line), "%-20s", fuzz_names[row]);
    unsigned missed = 0;

    for (unsigned status = 0; status < STATUS_COUNT; status++) {
        uint64_t sum = 0;

        if (!(fuzz_documented[row] >> status & 1) || skip >> status & 1)
            continue;
        for (unsigned i = 0; i < count; i++)
            sum += count_of(stages[i], row, status);
        missed += sum < TIMES_MIN;
        length += fmt_format(line + length, sizeof(line) - length, " %s%s=%llu", sum < TIMES_MIN ? "!" : "",
                             status_names[status], (unsigned long long)sum);
    }
    fuzz_print("%s", line);
    return missed;
}

unsigned fuzz_report(struct stage *const *stages, unsigned count, const uint32_t *skip)
{
    unsigned missed = 0;
    uint64_t calls = 0;

    for (unsigned row = 0; row <= HYPERCALL_COUNT; row++) {
        missed += report_row(stages, count, row, skip[row]);
        for (unsigned status = 0; status < STATUS_COUNT; status++)
            for (unsigned i = 0; i < count; i++)
                calls += count_of(stages[i], row, status);
    }
    fuzz_print("%llu hypercalls; %u pairs of operation and status met less than %u times",
               (unsigned long long)calls, missed, TIMES_MIN);
    return missed;
}
