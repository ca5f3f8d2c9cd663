/* SPDX-License-Identifier: MIT */
/*
 * The beginning of a child: asked for, built, running. Its end is in child_end.c.
 */
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

#define BINARY_SESSION_RAM  (8ull << 10)
#define BINARY_SESSION_CAPS 4u

#define MESSAGES_IN_A_SECOND 16u
#define SECOND_NS            1000000000ull

static uint32_t fault_notification;

struct init_child *init_child_of(const struct config_child *config)
{
    struct init_child *child = init.children;

    while (child && child->config != config)
        child = child->next;
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

/* A child can make init say things as fast as it can call: the log is to stay readable, and init to have time for others. */
static bool may_speak(struct init_child *child)
{
    uint64_t now = time_now();

    if (now - child->messages_since >= time_to_ticks(SECOND_NS)) {
        if (child->messages_left_out)
            log_info("child \"%s\": %u messages left out", child->config->name, child->messages_left_out);
        child->messages_since = now;
        child->messages = child->messages_left_out = 0;
    }
    if (child->messages == MESSAGES_IN_A_SECOND) {
        child->messages_left_out++;
        return false;
    }
    child->messages++;
    return true;
}

void init_child_complain(struct init_child *child, const char *format, ...)
{
    char text[CONFIG_MESSAGE_MAX];
    va_list arguments;

    if (!may_speak(child))
        return;
    va_start(arguments, format);
    fmt_vformat(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_error("child \"%s\" %s", child->config->name, text);
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
    init_child_failed(child);
}

static void build_when_ready(struct init_child *child)
{
    const char *what;

    if (child->pd.slot == CAP_NONE || child->binary.slot == CAP_NONE)
        return;
    enum status status = init_child_build(child, fault_notification, &what);

    if (status != OK) {
        fail(child, what, status);
        return;
    }
    child->started = time_now();
    init.any_has_run = true;
    upstream_close(&child->binary);
    init_report_trigger();
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
    init_child_failed(child);
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
        .service = PD_SERVICE, .ram = child->quota.ram, .caps = (uint32_t)child->quota.caps};

    (void)string_copy(request.label, sizeof(request.label), config->name);
    fmt_format(request.args, sizeof(request.args), "name=\"%s\", priority=%u, cpu=%u, cpus=%u, slice=%u",
               config->name, init_child_priority(child), child->cpus.first, child->cpus.count,
               (unsigned)config->slice_us);
    return upstream_open(&child->pd, &request, pd_done);
}

static enum status open_binary(struct init_child *child)
{
    struct parent_session_open request = {
        .service = "ROM", .ram = BINARY_SESSION_RAM, .caps = BINARY_SESSION_CAPS};

    (void)string_copy(request.label, sizeof(request.label), child->config->binary);
    return upstream_open(&child->binary, &request, binary_done);
}

struct quota init_slack(void)
{
    struct pd_info info;

    if (pd_info(ENV_SLOT_PD_SESSION, &info) != OK)
        return (struct quota){0, 0};
    struct quota held = session_held();

    held.ram += info.ram_used;
    held.caps += info.caps_used;
    return quota_for_child((struct quota){info.ram_limit > held.ram ? info.ram_limit - held.ram : 0,
                                          info.caps_limit > held.caps ? info.caps_limit - held.caps : 0});
}

/* False: the child has been reported and has ended. */
static bool affordable(struct init_child *child)
{
    char reason[CONFIG_MESSAGE_MAX];

    if (quota_check(init_slack(), child->config, reason, sizeof(reason)) == OK)
        return true;
    config_complain(&init.report, child->config->node, "not started: %s", reason);
    init_child_failed(child);
    return false;
}

/* The binary comes first: whether there is one is not to depend on what is left of the quota. */
void init_child_start(struct init_child *child)
{
    child->state = CHILD_STARTING;
    child->cpus = affinity_range(env.page->cpus, &init.config, child->config);
    child->quota = (struct quota){page_round_up(child->config->ram), child->config->caps};
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

struct init_child *init_child_create(const struct config_child *config)
{
    struct init_child *child = heap_alloc(sizeof(*child)), **link = &init.children;

    if (!child) {
        config_complain(&init.report, config->node, "not started: no memory for it in init");
        return NULL;
    }
    child->config = config;
    while (*link)
        link = &(*link)->next;
    *link = child;
    return child;
}

enum status init_children_prepare(void)
{
    return init_faults_watch(&fault_notification);
}
