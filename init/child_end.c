/* SPDX-License-Identifier: MIT */
/*
 * The ends of a child: exits, faults, failures to start; and what comes after: another life after a pause, or none.
 *
 * First it leaves, and keeps its memory until nobody reads or writes it any more; who does not say so in PARENT_LET_GO_S is not waited for.
 *
 * The pause doubles with each restart, from delay_ms to max_delay_ms. A child that has stayed longer than max_delay_ms,
 * and HEALTHY_MS, is taken for healthy: the next pause is the shortest again, and its restarts are counted anew.
 */
#include "init/session.h"

#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/pd_session.h"
#include "lib/base/time.h"
#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

#define EXIT_CHILD_LOST 1 /* of init: a child that should end it has faulted, or could not be started */

#define FAULTS_REPORTED 4u
#define MS_NS           1000000ull
#define HEALTHY_MS      2000u

static struct signal faults;

static void destroy_portal(struct portal *portal)
{
    if (portal->slot != CAP_NONE)
        portal_destroy(portal);
}

/*
 * What is left of it goes, and its clients learn of it. Who waits for a session that the server has not heard of goes on waiting if
 * there will be another life.
 */
static void take_apart(struct init_child *child, bool returns)
{
    child->state = returns ? CHILD_RESTING : CHILD_ENDED;
    session_client_ended(child);
    upstream_close(&child->pd);
    session_server_ended(child, child->pd.returned, returns);
    init_config_rom_destroy(child);
    for (unsigned place = 0; place < PARENT_NOTIFICATIONS; place++) {
        cap_free(child->notifications[place]);
        child->notifications[place] = CAP_NONE;
    }
    child->pd.returned = (struct parent_returned){0};
}

/* ---- the end of init ---- */

/* A system of which nothing could be started has nothing to wait for. */
static bool all_lost(void)
{
    for (const struct init_child *child = init.children; child; child = child->next)
        if (child->state != CHILD_ENDED)
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
    entrypoint_timeout_set(init.entrypoint, &last_words, time_after_ns(LAST_WORDS_NS));
}

/* ---- restarts ---- */

static void start_again(struct timeout *timeout)
{
    struct init_child *child = (struct init_child *)((char *)timeout - offsetof(struct init_child, again));

    if (child->state == CHILD_RESTING)
        init_child_start(child);
}

static uint64_t pause_ms(const struct init_child *child)
{
    const struct config_restart *restart = &child->config->restart;
    uint64_t pause = restart->delay_ms;

    for (unsigned i = 0; i < child->restarts_in_row && pause < restart->max_delay_ms; i++)
        pause *= 2;
    return pause < restart->max_delay_ms ? pause : restart->max_delay_ms;
}

static void rest(struct init_child *child)
{
    uint64_t pause = pause_ms(child);

    child->restarts++;
    child->restarts_in_row++;
    log_info("child \"%s\" is started again in %llu ms (%u in a row)", child->config->name,
             (unsigned long long)pause, child->restarts_in_row);
    child->again.expired = start_again;
    entrypoint_timeout_set(init.entrypoint, &child->again, time_after_ns(pause * MS_NS));
}

/* ---- leaving ---- */

static void left(struct init_child *child)
{
    bool wanted =
        child->after == AFTER_END ? child->returns : child->after == AFTER_START || child->decision.after_opt;

    entrypoint_timeout_cancel(init.entrypoint, &child->patience);
    take_apart(child, wanted);
    if (child->after == AFTER_START)
        init_child_start(child);
    else if (child->after == AFTER_END && wanted)
        rest(child);
    else if (child->after == AFTER_END && all_lost())
        end_soon(child->exit_code);
    init_report_trigger();
    init_resource_settle();
}

static void patience_over(struct timeout *timeout)
{
    struct init_child *child = (struct init_child *)((char *)timeout - offsetof(struct init_child, patience));
    const char *holder_opt = session_client_held(child);

    if (holder_opt)
        log_error("child \"%s\" is taken apart, though \"%s\" has not let go of it for %u s",
                  child->config->name, holder_opt, PARENT_LET_GO_S);
    left(child);
    init_reconfigure_go_on();
}

/* Nobody can call any more, nothing of it runs, and what it had open is closed. */
static void leave(struct init_child *child, enum init_after after)
{
    child->after = after;
    if (child->state == CHILD_LEAVING)
        return;
    child->state = CHILD_LEAVING;
    entrypoint_timeout_cancel(init.entrypoint, &child->again);
    destroy_portal(&child->parent);
    destroy_portal(&child->config_rom);
    if (child->pd.slot != CAP_NONE)
        (void)pd_thread_destroy(child->pd.slot, PD_THREAD_ALL);
    upstream_close(&child->binary);
    init_resource_forget(child);
    child->announced = 0;
    child->exited = false;
    session_client_leaves(child);
    if (!session_client_held(child)) {
        left(child);
        return;
    }
    child->patience.expired = patience_over;
    entrypoint_timeout_set(init.entrypoint, &child->patience, time_after_ns(PARENT_LET_GO_S * 1000 * MS_NS));
    init_report_trigger();
}

void init_child_let_go(struct init_child *child, enum parent_notification place)
{
    if (child->state == CHILD_RUNNING)
        init_child_notify(child, place);
    if (child->state != CHILD_LEAVING)
        return;
    child->end.run = init_child_exits;
    entrypoint_defer(init.entrypoint, &child->end);
}

void init_child_ended(struct init_child *child, enum config_restart_on cause, int code)
{
    const struct config_restart *restart = &child->config->restart;
    uint64_t healthy_ms = restart->max_delay_ms > HEALTHY_MS ? restart->max_delay_ms : HEALTHY_MS;
    bool stayed =
        child->state == CHILD_RUNNING && time_now() - child->started > time_to_ticks(healthy_ms * MS_NS);

    if (child->state == CHILD_LEAVING)
        return;
    if (stayed)
        child->restarts_in_row = 0;
    bool wanted = restart->on >= cause;

    child->returns = wanted && (!restart->limit || child->restarts_in_row < restart->limit);
    child->exit_code = code;
    if (wanted && !child->returns)
        log_error("child \"%s\" is given up after %u restarts in a row", child->config->name,
                  child->restarts_in_row);
    if (!child->returns && child->config->exit_propagate)
        end_soon(code);
    leave(child, AFTER_END);
}

void init_child_failed(struct init_child *child)
{
    init_child_ended(child, CONFIG_RESTART_FAULT, EXIT_CHILD_LOST);
}

void init_child_stop(struct init_child *child, enum init_after after)
{
    child->restarts++;
    child->restarts_in_row = 0;
    leave(child, after);
}

void init_child_remove(struct init_child *child)
{
    struct init_child **link = &init.children;

    while (*link != child)
        link = &(*link)->next;
    *link = child->next;
    child->removed = true;
    if (!child->end.queued)
        heap_free(child);
}

/* ---- exits, and what has been let go ---- */

void init_child_exits(struct deferred *deferred)
{
    struct init_child *child = (struct init_child *)((char *)deferred - offsetof(struct init_child, end));

    if (child->removed) {
        heap_free(child);
        return;
    }
    if (child->state == CHILD_LEAVING && !session_client_held(child)) {
        left(child);
        init_reconfigure_go_on();
        return;
    }
    if (!child->exited) /* it leaves, or has been taken apart meanwhile */
        return;
    log_info("child \"%s\" exited with exit value %d", child->config->name, child->exit_code);
    init_child_ended(child, child->exit_code ? CONFIG_RESTART_FAILURE : CONFIG_RESTART_ALWAYS,
                     child->exit_code);
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
    if (count)
        init_child_ended(child, CONFIG_RESTART_FAULT, EXIT_CHILD_LOST);
}

static void faults_received(struct signal *signal)
{
    (void)signal;
    for (struct init_child *child = init.children; child; child = child->next)
        if (child->state == CHILD_RUNNING)
            look_for_fault(child);
}

enum status init_faults_watch(uint32_t *notification)
{
    enum status status = signal_create(init.entrypoint, &faults, faults_received);

    if (status == OK)
        *notification = faults.slot;
    return status;
}
