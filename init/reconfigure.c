/* SPDX-License-Identifier: MIT */
/*
 * From one configuration to the next, while everything runs.
 *
 * The new model is complete and checked when it comes here. First it is decided about each child by the old and the new
 * model; then those leave that go or restart, which frees what they had; then the models are exchanged, and only afterwards quota,
 * configurations and starts go by the new one. The first configuration is a change from an empty one.
 *
 * Leaving may take a while. Until all have left, the old model is in force and the new one is coming; each time that one has left, it is
 * decided anew, since children went on living. A newer one that comes meanwhile takes the place of the one that was coming.
 */
#include "init/difference.h"
#include "init/session.h"

#include "lib/base/heap.h"
#include "lib/base/log.h"

struct summary {
    unsigned started, ended, restarted, updated, untouched;
};

static char *text_in_force;

static struct {
    bool there;
    struct config config;
    char *text;
} coming;

static void decide(struct init_child *child)
{
    const struct config *after = &coming.config;
    struct init_decision decision = {.before = {child->config->ram, child->config->caps}};

    decision.after_opt = difference_counterpart(after, child->config->name);
    if (decision.after_opt)
        decision.difference = difference_find(&init.config, child->config, after, decision.after_opt);
    if (decision.after_opt && !decision.difference.restart_opt && child->state == CHILD_RUNNING &&
        session_would_move(child, after, decision.after_opt))
        decision.difference.restart_opt = "route of a session";
    child->decision = decision;
}

static void exchange(void)
{
    for (struct init_child *child = init.children; child; child = child->next)
        child->config = child->decision.after_opt;
    config_free(&init.config);
    heap_free(text_in_force);
    init.config = coming.config;
    text_in_force = coming.text;
    coming.there = false;
}

/* A child that has ended: whatever has changed for it is a reason to try again. */
static const char *reason_to_start(const struct init_child *child)
{
    const struct difference *difference = &child->decision.difference;
    bool idle = child->state == CHILD_ENDED || child->state == CHILD_RESTING || child->state == CHILD_LEAVING;

    if (difference->restart_opt)
        return difference->restart_opt;
    return idle && (difference->config || difference->quota) ? "configuration" : NULL;
}

/* Those that go and those that start anew: what they had is free for all others. */
static void end_one(struct init_child *child)
{
    const char *name = child->config->name, *reason;

    if (child->after == AFTER_HOLD) /* has been told */
        return;
    if (!child->decision.after_opt) {
        log_info("child \"%s\" is not in the configuration any more: it ends", name);
        init_child_stop(child, AFTER_HOLD);
    } else if ((reason = reason_to_start(child))) {
        log_info("child \"%s\" restarts: its %s changed", name, reason);
        init_child_stop(child, AFTER_HOLD);
    }
}

/* All decisions are made before anything is done. False: not all have left. */
static bool end_all(void)
{
    bool all = true;

    for (struct init_child *child = init.children; child; child = child->next)
        decide(child);
    for (struct init_child *child = init.children; child; child = child->next)
        end_one(child);
    for (const struct init_child *child = init.children; child; child = child->next)
        all &= child->after != AFTER_HOLD || child->state != CHILD_LEAVING;
    return all;
}

static void remove_all(struct summary *summary)
{
    for (struct init_child *child = init.children, *next; child; child = next) {
        next = child->next;
        if (child->decision.after_opt)
            continue;
        init_child_remove(child);
        summary->ended++;
    }
}

/* One that goes on, with the new configuration in force. */
static void follow(struct init_child *child, struct summary *summary)
{
    const struct difference *difference = &child->decision.difference;
    enum status status = OK;

    if (!difference->quota && !difference->config) {
        summary->untouched++;
        return;
    }
    if (difference->config)
        status = child->state == CHILD_RUNNING ? init_config_rom_update(child) : ERR_UNSUPPORTED;
    if (status != OK) {
        log_info("child \"%s\" restarts: it does not follow its configuration", child->config->name);
        init_child_stop(child, AFTER_HOLD);
        return;
    }
    if (difference->quota)
        init_resource_change(child, child->decision.before);
    summary->updated++;
}

static void start_stopped(struct init_child *child, struct summary *summary)
{
    summary->restarted++;
    child->after = AFTER_START;
    if (child->state != CHILD_LEAVING)
        init_child_start(child);
}

/* All exist before the first one starts: each may be the server of any other. */
static void start_all(struct summary *summary)
{
    for (const struct config_child *config = init.config.children; config; config = config->next)
        if (!init_child_of(config))
            init_child_create(config);
    for (struct init_child *child = init.children; child; child = child->next)
        if (child->after == AFTER_HOLD)
            start_stopped(child, summary);
    for (struct init_child *child = init.children; child; child = child->next) {
        if (child->state != CHILD_NEW)
            continue;
        init_child_start(child);
        summary->started++;
    }
}

void init_reconfigure_go_on(void)
{
    bool first = !text_in_force;
    struct summary summary = {0};

    if (!coming.there || !end_all())
        return;
    remove_all(&summary);
    exchange();
    for (struct init_child *child = init.children; child; child = child->next)
        if (child->after != AFTER_HOLD)
            follow(child, &summary);
    start_all(&summary);
    init_offers_apply();
    init_heartbeat_apply();
    init_resource_settle();
    init_report_trigger();
    if (!first)
        log_info("new configuration: %u started, %u ended, %u restarted, %u updated, %u untouched",
                 summary.started, summary.ended, summary.restarted, summary.updated, summary.untouched);
}

void init_reconfigure(const struct config *config, char *text)
{
    if (!text_in_force)
        log_info("%u %s to start", config->child_count, config->child_count == 1 ? "child" : "children");
    if (coming.there) {
        config_free(&coming.config);
        heap_free(coming.text);
    }
    coming.there = true;
    coming.config = *config;
    coming.text = text;
    init_reconfigure_go_on();
}
