/* SPDX-License-Identifier: MIT */
/*
 * The life of a child: asked for, built, running, ended.
 */
#include "init/quota.h"
#include "init/session.h"

#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#define EXIT_CHILD_LOST 1 /* of init: a child that should end it has faulted, or could not be started */

#define FAULTS_REPORTED 4u

#define BINARY_SESSION_RAM  (8ull << 10)
#define BINARY_SESSION_CAPS 4u

static struct signal faults;

struct init_child *init_child_of(const struct config_child *config)
{
    struct init_child *child = init.children;

    while (child->config != config)
        child++;
    return child;
}

unsigned init_child_priority(const struct init_child *child)
{
    return child->config->priority ? (unsigned)child->config->priority : THREAD_PRIORITY_DEFAULT;
}

void init_child_notify(const struct init_child *child, enum parent_notification place)
{
    if (child->notifications[place] != CAP_NONE)
        notification_signal(child->notifications[place]);
}

/* ---- end ---- */

static void destroy_portal(struct portal *portal)
{
    if (portal->slot != CAP_NONE)
        portal_destroy(portal);
}

/* First nobody can call any more, then what it had is given back, then it goes, and at last its clients learn of it. */
static void take_apart(struct init_child *child)
{
    child->state = CHILD_ENDED;
    destroy_portal(&child->parent);
    destroy_portal(&child->config_rom);
    session_client_ended(child);
    upstream_close(&child->binary);
    upstream_close(&child->pd);
    session_server_ended(child, child->pd.returned);
    cap_free(child->config_dataspace);
    child->config_dataspace = CAP_NONE;
    for (unsigned place = 0; place < PARENT_NOTIFICATIONS; place++) {
        cap_free(child->notifications[place]);
        child->notifications[place] = CAP_NONE;
    }
}

/* A system of which nothing could be started has nothing to wait for. */
static bool all_lost(void)
{
    for (unsigned i = 0; i < init.config.child_count; i++)
        if (init.children[i].state != CHILD_ENDED)
            return false;
    return !init.any_has_run;
}

/*
 * The end of init is the end of all its children, also of those that carry the log to a person. They get a moment for what
 * has been said last.
 */
#define LAST_WORDS_NS 500000000ull

static struct timeout last_words;
static int exit_code;

static void exit_now(struct timeout *timeout)
{
    (void)timeout;
    component_exit(exit_code);
}

static void end_soon(int code)
{
    if (last_words.queued)
        return;
    exit_code = code;
    last_words.expired = exit_now;
    entrypoint_timeout_set(&env.entrypoint, &last_words, time_after_ns(LAST_WORDS_NS));
}

static void lost(const struct init_child *child)
{
    if (child->config->exit_propagate || all_lost())
        end_soon(EXIT_CHILD_LOST);
}

static void fail(struct init_child *child, const char *what, enum status status)
{
    const struct config_child *config = child->config;

    if (status == ERR_NO_RAM || status == ERR_NO_CAPS)
        config_complain(
            &init.report, config->node, "not started: %s: %s (it has %lluK RAM, %llu capabilities)", what,
            status_text(status), (unsigned long long)(config->ram >> 10), (unsigned long long)config->caps);
    else
        config_complain(&init.report, config->node, "not started: %s: %s", what, status_text(status));
    take_apart(child);
    lost(child);
}

static void end_after_exit(struct deferred *deferred)
{
    struct init_child *child = (struct init_child *)((char *)deferred - offsetof(struct init_child, end));

    if (child->state == CHILD_ENDED)
        return;
    log_info("child \"%s\" exited with exit value %d", child->config->name, child->exit_code);
    take_apart(child);
    if (child->config->exit_propagate)
        end_soon(child->exit_code);
}

/* ---- faults ---- */

static void report_fault(const struct init_child *child, const struct pd_fault *fault)
{
    char what[64];

    if (fault->kind == PD_FAULT_PAGE)
        fmt_format(what, sizeof(what), "page fault at 0x%llx", (unsigned long long)fault->address);
    else
        fmt_format(what, sizeof(what), "exception %u", fault->vector);
    log_error("child \"%s\" faulted: %s, instruction 0x%llx, thread \"%.*s\"", child->config->name, what,
              (unsigned long long)fault->ip, (int)strnlen(fault->thread, sizeof(fault->thread)),
              fault->thread);
}

/* One more thread of it may fault at any time, for ever: what is reported has an end. */
static void look_for_fault(struct init_child *child)
{
    struct pd_fault fault;
    unsigned count = 0;

    while (count < FAULTS_REPORTED && pd_fault_info(child->pd.slot, &fault) == OK) {
        report_fault(child, &fault);
        count++;
    }
    if (count == 0)
        return;
    take_apart(child);
    lost(child);
}

static void faults_received(struct signal *signal)
{
    (void)signal;
    for (unsigned i = 0; i < init.config.child_count; i++)
        if (init.children[i].state == CHILD_RUNNING)
            look_for_fault(&init.children[i]);
}

/* ---- start ---- */

static void build_when_ready(struct init_child *child)
{
    const char *what;

    if (child->pd.slot == CAP_NONE || child->binary.slot == CAP_NONE)
        return;
    enum status status = init_child_build(child, faults.slot, &what);

    if (status != OK) {
        fail(child, what, status);
        return;
    }
    init.any_has_run = true;
    upstream_close(&child->binary);
}

static void pd_done(struct upstream *upstream, enum status status)
{
    struct init_child *child = (struct init_child *)((char *)upstream - offsetof(struct init_child, pd));

    if (status != OK)
        fail(child, "its protection domain", status);
    else
        build_when_ready(child);
}

static void fail_without_binary(struct init_child *child, enum status status)
{
    if (status != ERR_NOT_FOUND) {
        fail(child, "its binary", status);
        return;
    }
    config_complain(&init.report, child->config->node, "not started: there is no ROM module `%s'",
                    child->config->binary);
    take_apart(child);
    lost(child);
}

static void binary_done(struct upstream *upstream, enum status status)
{
    struct init_child *child = (struct init_child *)((char *)upstream - offsetof(struct init_child, binary));

    if (status != OK)
        fail_without_binary(child, status);
    else
        build_when_ready(child);
}

static enum status open_pd(struct init_child *child)
{
    const struct config_child *config = child->config;
    struct parent_session_open request = {
        .service = PD_SERVICE, .ram = page_round_up(config->ram), .caps = (uint32_t)config->caps};

    (void)string_copy(request.label, sizeof(request.label), config->name);
    fmt_format(request.args, sizeof(request.args), "name=\"%s\", priority=%u", config->name,
               init_child_priority(child));
    return upstream_open(&child->pd, &request, pd_done);
}

static enum status open_binary(struct init_child *child)
{
    struct parent_session_open request = {
        .service = "ROM", .ram = BINARY_SESSION_RAM, .caps = BINARY_SESSION_CAPS};

    (void)string_copy(request.label, sizeof(request.label), child->config->binary);
    return upstream_open(&child->binary, &request, binary_done);
}

/* False: the child has been reported and has ended. */
static bool affordable(struct init_child *child)
{
    char reason[CONFIG_MESSAGE_MAX];
    struct pd_info info;
    enum status status = pd_info(ENV_SLOT_PD_SESSION, &info);

    if (status != OK) {
        fail(child, "init's own quota", status);
        return false;
    }
    struct quota left =
        quota_for_child((struct quota){info.ram_limit > info.ram_used ? info.ram_limit - info.ram_used : 0,
                                       info.caps_limit - info.caps_used});

    if (quota_check(left, child->config, reason, sizeof(reason)) == OK)
        return true;
    config_complain(&init.report, child->config->node, "not started: %s", reason);
    take_apart(child);
    lost(child);
    return false;
}

/* The binary comes first: whether there is one is not to depend on what is left of the quota. */
static void start(struct init_child *child)
{
    child->state = CHILD_STARTING;
    child->end.run = end_after_exit;
    if (!affordable(child))
        return;
    enum status status = open_binary(child);

    if (status != OK) {
        fail_without_binary(child, status);
        return;
    }
    if (child->state != CHILD_STARTING)
        return;
    status = open_pd(child);
    if (status != OK)
        fail(child, "its protection domain", status);
}

enum status init_children_start(void)
{
    const struct config_child *config = init.config.children;
    enum status status = signal_create(init.entrypoint, &faults, faults_received);

    if (status != OK)
        return status;
    init.children = heap_alloc_array(init.config.child_count, sizeof(*init.children));
    if (!init.children)
        return ERR_NO_RAM;
    for (unsigned i = 0; i < init.config.child_count; i++, config = config->next)
        init.children[i].config = config;
    for (unsigned i = 0; i < init.config.child_count; i++)
        start(&init.children[i]);
    return OK;
}
