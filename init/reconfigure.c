/* SPDX-License-Identifier: MIT */
/*
 * From one configuration to the next, while everything runs.
 *
 * The new model is complete and checked when it comes here. First it is decided about each child by the old and the new
 * model; then those end that shall, which frees what they had; then the models are exchanged, and only afterwards quota,
 * configurations and starts go by the new one. The first configuration is a change from an empty one.
 */
#include "init/difference.h"
#include "init/session.h"

#include "lib/base/heap.h"
#include "lib/base/log.h"

struct decision {
    struct init_child *child;
    const struct config_child *after_opt; /* NULL: it goes */
    struct quota before;
    struct difference difference;
    bool starts; /* anew */
};

struct summary {
    unsigned started, ended, restarted, updated, untouched;
};

static char *text_in_force;

static struct decision decide(struct init_child *child, const struct config *after)
{
    struct decision decision = {.child = child, .before = {child->config->ram, child->config->caps}};

    decision.after_opt = difference_counterpart(after, child->config->name);
    if (!decision.after_opt)
        return decision;
    decision.difference = difference_find(&init.config, child->config, after, decision.after_opt);
    if (!decision.difference.restart_opt && child->state == CHILD_RUNNING &&
        session_would_move(child, after, decision.after_opt))
        decision.difference.restart_opt = "route of a session";
    return decision;
}

/* All decisions are made before anything is done. */
static enum status decide_all(const struct config *after, struct decision **out, size_t *count)
{
    size_t number = 0;

    for (const struct init_child *child = init.children; child; child = child->next)
        number++;
    *out = heap_alloc_array(number, sizeof(**out));
    *count = number;
    if (!*out)
        return ERR_NO_RAM;
    number = 0;
    for (struct init_child *child = init.children; child; child = child->next)
        (*out)[number++] = decide(child, after);
    return OK;
}

static void exchange(struct config *config, char *text, const struct decision *decisions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (decisions[i].after_opt)
            decisions[i].child->config = decisions[i].after_opt;

    struct config old = init.config;

    init.config = *config;
    config_free(&old);
    heap_free(text_in_force);
    text_in_force = text;
}

/* A child that has ended: whatever has changed for it is a reason to try again. */
static const char *reason_to_start(const struct decision *decision)
{
    const struct difference *difference = &decision->difference;
    bool idle = decision->child->state == CHILD_ENDED || decision->child->state == CHILD_RESTING;

    if (difference->restart_opt)
        return difference->restart_opt;
    return idle && (difference->config || difference->quota) ? "configuration" : NULL;
}

/* Those that go and those that start anew: what they had is free for all others. */
static void end_all(struct decision *decisions, size_t count, struct summary *summary)
{
    for (size_t i = 0; i < count; i++) {
        struct decision *decision = &decisions[i];
        const char *name = decision->child->config->name, *reason;

        if (!decision->after_opt) {
            log_info("child \"%s\" is not in the configuration any more: it ends", name);
            init_child_remove(decision->child);
            summary->ended++;
        } else if ((reason = reason_to_start(decision))) {
            log_info("child \"%s\" restarts: its %s changed", name, reason);
            init_child_stop(decision->child);
            decision->starts = true;
            summary->restarted++;
        }
    }
}

/* One that goes on, with the new configuration in force. */
static void follow(struct decision *decision, struct summary *summary)
{
    struct init_child *child = decision->child;
    enum status status = OK;

    if (!decision->difference.quota && !decision->difference.config) {
        summary->untouched++;
        return;
    }
    if (decision->difference.config)
        status = child->state == CHILD_RUNNING ? init_config_rom_update(child) : ERR_UNSUPPORTED;
    if (status != OK) {
        log_info("child \"%s\" restarts: it does not follow its configuration", child->config->name);
        init_child_stop(child);
        decision->starts = true;
        summary->restarted++;
        return;
    }
    if (decision->difference.quota)
        init_resource_change(child, decision->before);
    summary->updated++;
}

/* All exist before the first one starts: each may be the server of any other. */
static void start_all(const struct decision *decisions, size_t count, struct summary *summary)
{
    for (const struct config_child *config = init.config.children; config; config = config->next)
        if (!init_child_of(config))
            init_child_create(config);
    for (size_t i = 0; i < count; i++)
        if (decisions[i].starts)
            init_child_start(decisions[i].child);
    for (struct init_child *child = init.children; child; child = child->next) {
        if (child->state != CHILD_NEW)
            continue;
        init_child_start(child);
        summary->started++;
    }
}

bool init_reconfigure(struct config *config, char *text)
{
    bool first = !text_in_force;
    struct decision *decisions;
    struct summary summary = {0};
    size_t count;

    if (decide_all(config, &decisions, &count) != OK) {
        log_error("no memory for the new configuration: nothing changes");
        config_free(config);
        heap_free(text);
        return false;
    }
    if (first)
        log_info("%u %s to start", config->child_count, config->child_count == 1 ? "child" : "children");
    end_all(decisions, count, &summary);
    exchange(config, text, decisions, count);
    for (size_t i = 0; i < count; i++)
        if (decisions[i].after_opt && !decisions[i].starts)
            follow(&decisions[i], &summary);
    start_all(decisions, count, &summary);
    heap_free(decisions);
    init_offers_apply();
    init_heartbeat_apply();
    init_resource_settle();
    init_report_trigger();
    if (!first)
        log_info("new configuration: %u started, %u ended, %u restarted, %u updated, %u untouched",
                 summary.started, summary.ended, summary.restarted, summary.updated, summary.untouched);
    return true;
}
