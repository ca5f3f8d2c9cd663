/* SPDX-License-Identifier: MIT */
/*
 * Quota that moves while children run.
 *
 * A child asks for more: init gives it out of what it has, as far as the child's <request> allows. If it has too little,
 * it asks those back to whom it has given something before, and its own parent for more; the child's request waits for
 * that, for PATIENCE_NS at most, and is then refused.
 *
 * A child is asked for quota: it answers by YIELDED, and init takes what the child agreed to and really has free. A child
 * that a new configuration gives less, and that does not yield it in time, is started anew with the new quota.
 */
#include "init/init.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/parent_session.h"
#include "lib/base/pd_session.h"
#include "lib/base/resource.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"

#define PATIENCE_NS 1000000000ull

static struct timeout patience; /* of children whose requests wait */
static bool parent_asked;

static uint64_t less(uint64_t value, uint64_t part)
{
    return value > part ? value - part : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool any(struct quota quota)
{
    return quota.ram || quota.caps;
}

static void tell(struct init_child *child, uint32_t news)
{
    child->control.news |= news;
    init_child_notify(child, PARENT_NOTIFY_CONTROL);
}

static enum status give(struct init_child *child, struct quota quota)
{
    enum status status = parent_session_upgrade(child->pd.id, quota.ram, (uint32_t)quota.caps);

    if (status != OK)
        return status;
    child->quota.ram += quota.ram;
    child->quota.caps += quota.caps;
    init_report_trigger();
    return OK;
}

/* ---- asking children to yield ---- */

/* Whatever has come of it: nothing more is expected from this child. */
static void yield_over(struct timeout *timeout)
{
    struct init_child *child =
        (struct init_child *)((char *)timeout - offsetof(struct init_child, control.patience));
    struct init_control *control = &child->control;
    bool too_much = child->quota.ram > control->keep.ram || child->quota.caps > control->keep.caps;

    control->yield = (struct quota){0, 0};
    control->news &= ~(uint32_t)PARENT_CONTROL_YIELD;
    if (control->shrinking && too_much) {
        log_info("child \"%s\" restarts: it does not give its quota back", child->config->name);
        init_child_stop(child, AFTER_START);
    }
    control->shrinking = false;
    init_resource_settle();
}

static void ask_to_yield(struct init_child *child, struct quota quota)
{
    child->control.yield = quota;
    child->control.patience.expired = yield_over;
    entrypoint_timeout_set(init.entrypoint, &child->control.patience, time_after_ns(PATIENCE_NS));
    tell(child, PARENT_CONTROL_YIELD);
}

/* What the child cannot give, it has in use: then less is taken. */
static struct quota take(const struct init_child *child, struct quota wanted)
{
    struct pd_info info;

    if (pd_transfer(child->pd.slot, ENV_SLOT_PD_SESSION, wanted.ram, (uint32_t)wanted.caps) == OK)
        return wanted;
    if (pd_info(child->pd.slot, &info) != OK)
        return (struct quota){0, 0};
    wanted.ram = least(wanted.ram, less(info.ram_limit, info.ram_used) & ~(PAGE_SIZE - 1));
    wanted.caps = least(wanted.caps, less(info.caps_limit, info.caps_used));
    if (pd_transfer(child->pd.slot, ENV_SLOT_PD_SESSION, wanted.ram, (uint32_t)wanted.caps) != OK)
        return (struct quota){0, 0};
    return wanted;
}

enum status init_resource_yielded(struct init_child *child, uint64_t ram, uint32_t caps)
{
    struct init_control *control = &child->control;

    if (!any(control->yield))
        return ERR_INVALID;
    struct quota agreed = {least(ram & ~(PAGE_SIZE - 1), control->yield.ram),
                           least(caps, control->yield.caps)};
    struct quota taken = take(child, agreed);

    child->quota.ram = less(child->quota.ram, taken.ram);
    child->quota.caps = less(child->quota.caps, taken.caps);
    log_info("child \"%s\" gives back %lluK RAM and %llu capabilities", child->config->name,
             (unsigned long long)(taken.ram >> 10), (unsigned long long)taken.caps);
    init_report_trigger();
    /* After its call has been answered. */
    entrypoint_timeout_set(init.entrypoint, &control->patience, 0);
    return OK;
}

/* ---- requests of children ---- */

static void answer(struct init_child *child, bool granted)
{
    child->control.pending = false;
    tell(child, granted ? PARENT_CONTROL_GRANTED : PARENT_CONTROL_REFUSED);
}

static bool allowed(const struct init_child *child, struct quota asked)
{
    const struct config_child *config = child->config;

    return (!asked.ram ||
            (asked.ram <= config->request_ram && child->quota.ram <= config->request_ram - asked.ram)) &&
           (!asked.caps ||
            (asked.caps <= config->request_caps && child->quota.caps <= config->request_caps - asked.caps));
}

/* Those that have got more than their configuration says can live with that. */
static bool ask_children(const struct init_child *for_child, struct quota lack)
{
    bool asked = false;

    for (struct init_child *child = init.children; child; child = child->next) {
        struct quota extra = {least(less(child->quota.ram, page_round_up(child->config->ram)), lack.ram),
                              least(less(child->quota.caps, child->config->caps), lack.caps)};

        if (child == for_child || child->state != CHILD_RUNNING || any(child->control.yield) || !any(extra))
            continue;
        ask_to_yield(child, extra);
        lack.ram -= extra.ram;
        lack.caps -= extra.caps;
        asked = true;
    }
    if (any(lack) && !parent_asked)
        parent_asked = parent_resource_request(lack.ram, (uint32_t)lack.caps) == OK;
    return asked || parent_asked;
}

static bool others_are_asked(void)
{
    for (const struct init_child *child = init.children; child; child = child->next)
        if (any(child->control.yield))
            return true;
    return parent_asked;
}

static void patience_over(struct timeout *timeout)
{
    (void)timeout;
    for (struct init_child *child = init.children; child; child = child->next)
        if (child->control.pending)
            answer(child, false);
}

static void try(struct init_child *child)
{
    struct init_control *control = &child->control;
    struct quota slack = init_slack();
    struct quota lack = {less(control->asked.ram, slack.ram), less(control->asked.caps, slack.caps)};

    if (!any(lack)) {
        answer(child, give(child, control->asked) == OK);
        return;
    }
    if (control->tried && others_are_asked())
        return;
    if (control->tried || !ask_children(child, lack)) {
        answer(child, false);
        return;
    }
    control->tried = true;
    patience.expired = patience_over;
    entrypoint_timeout_set(init.entrypoint, &patience, time_after_ns(2 * PATIENCE_NS));
}

void init_resource_settle(void)
{
    for (struct init_child *child = init.children; child; child = child->next)
        if (child->state == CHILD_RUNNING && child->control.pending)
            try(child);
}

enum status init_resource_request(struct init_child *child, uint64_t ram, uint32_t caps)
{
    struct init_control *control = &child->control;

    if (control->pending)
        return ERR_BUSY;
    if (ram > UINT64_MAX / 4 || (ram == 0 && caps == 0))
        return ERR_INVALID;
    control->asked = (struct quota){page_round_up(ram), caps};
    control->pending = true;
    control->tried = false;
    control->news &= ~(uint32_t)(PARENT_CONTROL_GRANTED | PARENT_CONTROL_REFUSED);
    if (allowed(child, control->asked)) {
        try(child);
        return OK;
    }
    init_child_complain(child, "is refused %lluK RAM and %u capabilities: more than its <request>",
                        (unsigned long long)(ram >> 10), caps);
    answer(child, false);
    return OK;
}

enum status init_resource_control(struct init_child *child, struct parent_control *out)
{
    struct init_control *control = &child->control;

    *out = (struct parent_control){.flags = control->news};
    if (control->news & PARENT_CONTROL_YIELD) {
        out->ram = control->yield.ram;
        out->caps = (uint32_t)control->yield.caps;
    }
    if (control->beat_asked)
        out->flags |= PARENT_CONTROL_HEARTBEAT;
    control->news = 0;
    control->beat_asked = false;
    control->beats_skipped = 0;
    return OK;
}

void init_resource_forget(struct init_child *child)
{
    entrypoint_timeout_cancel(init.entrypoint, &child->control.patience);
    child->control = (struct init_control){0};
}

/* Init keeps its own reserve. */
static enum status give_if_there(struct init_child *child, struct quota quota)
{
    struct quota slack = init_slack();

    if (quota.ram > slack.ram)
        return ERR_NO_RAM;
    return quota.caps > slack.caps ? ERR_NO_CAPS : give(child, quota);
}

/* From `before` to `after`; it may have less than `before` (there was not enough), or more (at its request). */
static uint64_t growth(uint64_t before, uint64_t after, uint64_t present)
{
    return less(after, least(before, present));
}

static uint64_t shrinkage(uint64_t before, uint64_t after, uint64_t present)
{
    return least(less(before, after), less(present, after));
}

void init_resource_change(struct init_child *child, struct quota before)
{
    struct init_control *control = &child->control;
    struct quota had = {page_round_up(before.ram), before.caps};
    struct quota gets = {page_round_up(child->config->ram), child->config->caps};
    struct quota more = {growth(had.ram, gets.ram, child->quota.ram),
                         growth(had.caps, gets.caps, child->quota.caps)};
    struct quota fewer = {shrinkage(had.ram, gets.ram, child->quota.ram),
                          shrinkage(had.caps, gets.caps, child->quota.caps)};
    enum status status = any(more) ? give_if_there(child, more) : OK;

    if (status != OK)
        config_complain(&init.report, child->config->node, "its quota does not grow: %s",
                        status_text(status));
    if (!any(fewer))
        return;
    control->shrinking = true;
    control->keep = (struct quota){less(child->quota.ram, fewer.ram), less(child->quota.caps, fewer.caps)};
    ask_to_yield(child, fewer);
}

/* ---- init and its own parent ---- */

static void parent_answered(bool granted)
{
    (void)granted;
    parent_asked = false;
    init_resource_settle();
}

/* Init gives what it does not need itself; its children keep theirs. */
static void give_back(uint64_t *ram, uint32_t *caps)
{
    struct quota slack = init_slack();

    *ram = least(*ram, slack.ram);
    *caps = (uint32_t)least(*caps, slack.caps);
}

void init_resource_watch(void)
{
    resource_on_answer(parent_answered);
    resource_on_yield(give_back);
}
