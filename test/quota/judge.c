/* SPDX-License-Identifier: MIT */
/*
 * Starts the hogs one after another, each as a child of its own, and compares all accounts before and after.
 *
 * A first wave fills what is kept for the next time (idle kernel frames, heaps, caches). After it every account of the
 * system must stand exactly where it stood, whatever a hog did: core's, the kernel's, and those of all components.
 */
#include "test/quota/judge.h"

#include "contract/accounts/client.h"
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/string/string.h"
#include "test/quota/wire.h"

#define SESSIONS_MOST 48u
#define PATIENCE_MS   5000u

/* Rows of means[] in hog.c, and some that it treats by themselves. */
static const char *const hogs[] = {
    "dataspaces",
    "large dataspaces",
    "unfinished dataspaces",
    "attachments",
    "page tables",
    "region maps",
    "pages in region maps",
    "threads",
    "portals",
    "notifications",
    "kernel memory",
    "kernel frames",
    "capability slots",
    "domains",
    "sessions",
    "stray capabilities",
    "keeper",
    "crash",
    "killed",
};

#define HOGS (sizeof(hogs) / sizeof(hogs[0]))

struct snapshot {
    struct accounts_system system;
    struct accounts_session sessions[SESSIONS_MOST];
    unsigned count;
};

static uint32_t accounts, neighbour, keeper;
static struct snapshot before, after;
static uint64_t rounds;
static unsigned failures;

static void fail(const char *text)
{
    failures++;
    log_error("FAIL %s", text);
}

static void take_snapshot(struct snapshot *out)
{
    uint64_t id = 0;

    *out = (struct snapshot){0};
    while (out->count < SESSIONS_MOST && accounts_next(accounts, id, &out->sessions[out->count]) == OK)
        id = out->sessions[out->count++].id;
    if (accounts_system(accounts, &out->system) != OK || out->count == SESSIONS_MOST)
        fail("no accounts");
}

static bool is_same(void)
{
    return memcmp(&before, &after, sizeof(before)) == 0;
}

static void show_number(const char *label, const char *what, uint64_t a, uint64_t b)
{
    if (a != b)
        log_error("  %s: %s was %lu, is %lu", label, what, a, b);
}

static void show_difference(void)
{
    const struct accounts_system *a = &before.system, *b = &after.system;

    show_number("core", "free RAM", a->ram_free, b->ram_free);
    show_number("core", "RAM", a->core_ram, b->core_ram);
    show_number("core", "capabilities", a->core_caps, b->core_caps);
    show_number("core", "kernel frames", a->kernel_frames, b->kernel_frames);
    show_number("core", "kernel frames in use", a->kernel_frames_used, b->kernel_frames_used);
    show_number("core", "kernel objects", a->kernel_objects, b->kernel_objects);
    show_number("core", "sessions", a->sessions, b->sessions);
    for (unsigned i = 0; i < before.count && i < after.count; i++) {
        const struct accounts_session *s = &before.sessions[i], *t = &after.sessions[i];

        show_number(s->label, "session", s->id, t->id);
        show_number(s->label, "RAM limit", s->ram_limit, t->ram_limit);
        show_number(s->label, "RAM", s->ram_used, t->ram_used);
        show_number(s->label, "capability limit", s->caps_limit, t->caps_limit);
        show_number(s->label, "capabilities", s->caps_used, t->caps_used);
        show_number(s->label, "kernel frames", s->kernel_frames, t->kernel_frames);
        show_number(s->label, "kernel frames in use", s->kernel_frames_used, t->kernel_frames_used);
        show_number(s->label, "kernel objects", s->kernel_objects, t->kernel_objects);
    }
}

static void print_totals(const char *when, const struct snapshot *s)
{
    log_info("%s: %lu bytes free, core uses %lu bytes and %lu capabilities, the kernel %lu frames for %lu "
             "objects, %lu sessions",
             when, s->system.ram_free, s->system.core_ram, s->system.core_caps, s->system.kernel_frames_used,
             s->system.kernel_objects, s->system.sessions);
}

static void neighbour_stop(void)
{
    struct neighbour_report report = {0};
    struct ipc ipc = {
        .portal = neighbour, .opcode = NEIGHBOUR_STOP, .out = &report, .out_size = sizeof(report)};

    if (ipc_call(&ipc) != OK || report.failures)
        fail("the neighbour was disturbed");
    if (report.rounds == rounds)
        fail("the neighbour did not get on");
    rounds = report.rounds;
}

static void neighbour_go(void)
{
    if (ipc_call(&(struct ipc){.portal = neighbour, .opcode = NEIGHBOUR_GO}) != OK)
        fail("the neighbour does not listen");
}

/* Servers close sessions a little later. */
static void compare(const char *name)
{
    uint64_t deadline = time_after_ns(PATIENCE_MS * 1000000ull);

    neighbour_stop();
    do {
        thread_sleep_until(time_after_ns(1000000));
        take_snapshot(&after);
    } while (!is_same() && time_now() < deadline);
    if (!is_same()) {
        fail(name);
        show_difference();
    }
    neighbour_go();
}

static void run_hogs(bool compared)
{
    for (unsigned i = 0; i < HOGS; i++) {
        if (!hog_run(hogs[i]))
            fail(hogs[i]);
        if (compared)
            compare(hogs[i]);
    }
}

/* A hog has lent its memory and died; others came after it. */
static void release_lent(void)
{
    struct keeper_report report = {0};
    struct ipc ipc = {.portal = keeper, .opcode = KEEPER_RELEASE, .out = &report, .out_size = sizeof(report)};

    if (ipc_call(&ipc) != OK || report.rounds == 0 || report.strange > 0)
        fail("memory of a dead client");
    log_info("memory of a dead client was used %lu times, %lu strange words", report.rounds, report.strange);
}

static void run_lender(void)
{
    if (!hog_run("lender"))
        fail("lender");
    for (unsigned i = 0; i < 3; i++)
        if (!hog_run("large dataspaces") || !hog_run("dataspaces"))
            fail("after the lender");
    release_lent();
}

static bool open_service(const char *service, uint64_t ram, uint32_t *slot)
{
    struct session_options options = {.service = service, .ram = ram};
    struct connection connection;

    if (session_open(&options, &connection) != OK)
        return false;
    *slot = connection.slot;
    return true;
}

int component_main(struct env *environment)
{
    if (!open_service(ACCOUNTS_SERVICE, 0, &accounts) || !open_service(NEIGHBOUR_SERVICE, 0, &neighbour) ||
        !open_service(KEEPER_SERVICE, 16 << 10, &keeper) || !hog_prepare(&environment->entrypoint)) {
        log_error("FAIL cannot begin");
        return 1;
    }
    run_hogs(false);
    run_lender();
    neighbour_stop();
    take_snapshot(&before);
    print_totals("before", &before);
    neighbour_go();
    run_hogs(true);
    run_lender();
    compare("lent memory");
    print_totals("after", &after);
    log_info("%u kinds of exhaustion, %lu rounds of the neighbour, %u failures", (unsigned)HOGS, rounds,
             failures);
    return failures ? 1 : 0;
}
