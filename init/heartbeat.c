/* SPDX-License-Identifier: MIT */
/*
 * Heartbeats: at each beat the children that are watched are signalled, and have until the next one to call CONTROL, which
 * lib/base does for them between two pieces of their work. Who does not is stuck, or hopelessly late.
 */
#include "init/init.h"

#include "lib/base/log.h"
#include "lib/base/time.h"

#define MS_NS 1000000ull

static struct timeout beat;
static uint64_t beat_ms;

static void skipped(struct init_child *child)
{
    const struct config_heartbeat *heartbeat = &child->config->heartbeat;

    child->control.beats_skipped++;
    if (child->control.beats_skipped <= heartbeat->limit)
        init_report_trigger();
    /* More than the limit: a new configuration has lowered it. */
    if (child->control.beats_skipped < heartbeat->limit ||
        (child->control.beats_skipped > heartbeat->limit && !heartbeat->restart))
        return;
    log_error("child \"%s\" does not answer: %llu heartbeats skipped", child->config->name,
              (unsigned long long)child->control.beats_skipped);
    if (heartbeat->restart)
        init_child_ended(child, CONFIG_RESTART_FAULT, 1);
}

static void look_at(struct init_child *child)
{
    if (child->control.beat_asked) {
        skipped(child);
        return;
    }
    child->control.beat_asked = true;
    init_child_notify(child, PARENT_NOTIFY_CONTROL);
}

static void beat_now(struct timeout *timeout)
{
    for (struct init_child *child = init.children; child; child = child->next)
        if (child->state == CHILD_RUNNING && child->config->heartbeat.wanted)
            look_at(child);
    entrypoint_timeout_set(init.entrypoint, timeout, time_after_ns(beat_ms * MS_NS));
}

void init_heartbeat_apply(void)
{
    if (beat_ms == init.config.heartbeat_ms)
        return;
    beat_ms = init.config.heartbeat_ms;
    entrypoint_timeout_cancel(init.entrypoint, &beat);
    beat.expired = beat_now;
    if (beat_ms)
        entrypoint_timeout_set(init.entrypoint, &beat, time_after_ns(beat_ms * MS_NS));
}
