/* SPDX-License-Identifier: MIT */
/*
 * Watched sessions. The parent has one place for all of them and says only that something has changed; so every watch is
 * told, and asks for its own session.
 */
#include "lib/base/session_watch.h"

#include "lib/base/cap.h"
#include "lib/base/lock.h"
#include "lib/base/notification.h"
#include "lib/base/parent_session.h"

static struct lock lock; /* of all below */
static struct session_watch *watches;
static struct signal changed_signal; /* signalled by the parent */
static struct entrypoint *changed_entrypoint_opt;

static void passed_on(struct signal *signal)
{
    struct session_watch *watch =
        (struct session_watch *)((char *)signal - offsetof(struct session_watch, signal));

    if (watch->id)
        watch->changed(watch);
}

static void something_changed(struct signal *signal)
{
    (void)signal;
    lock_take(&lock);
    for (const struct session_watch *watch = watches; watch; watch = watch->next)
        notification_signal(watch->signal.slot);
    lock_leave(&lock);
}

/* With the lock. */
static enum status place_prepare(struct entrypoint *entrypoint)
{
    if (changed_entrypoint_opt)
        return OK;
    enum status status = signal_create(entrypoint, &changed_signal, something_changed);

    if (status != OK)
        return status;
    status = parent_set_notification(PARENT_NOTIFY_WATCH, changed_signal.slot);
    if (status != OK) {
        signal_destroy(entrypoint, &changed_signal);
        return status;
    }
    changed_entrypoint_opt = entrypoint;
    return OK;
}

static void unlink_watch(struct session_watch *watch)
{
    lock_take(&lock);
    struct session_watch **link = &watches;

    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
    lock_leave(&lock);
}

/* In the list before the session is asked for, so that no change is missed. */
static enum status link_watch(struct session_watch *watch, struct entrypoint *entrypoint)
{
    enum status status = signal_create(entrypoint, &watch->signal, passed_on);

    if (status != OK)
        return status;
    lock_take(&lock);
    status = place_prepare(entrypoint);
    if (status == OK) {
        watch->next = watches;
        watches = watch;
    }
    lock_leave(&lock);
    if (status != OK)
        signal_destroy(entrypoint, &watch->signal);
    return status;
}

enum status session_watch_begin(struct session_watch *watch, struct entrypoint *entrypoint,
                                void (*changed)(struct session_watch *watch),
                                const struct session_options *options)
{
    struct parent_session_open request;
    enum status status = session_request_make(options, PARENT_NOTIFY_WATCH, &request);

    if (status != OK)
        return status;
    *watch = (struct session_watch){.changed = changed, .entrypoint = entrypoint};
    status = link_watch(watch, entrypoint);
    if (status != OK)
        return status;
    status = parent_session_open(&request, &watch->id);
    if (status != OK) {
        unlink_watch(watch);
        signal_destroy(entrypoint, &watch->signal);
        *watch = (struct session_watch){0};
    }
    return status;
}

enum status session_watch_state(const struct session_watch *watch)
{
    uint32_t slot;
    enum status status = parent_session_get(watch->id, &slot);

    if (status == OK)
        cap_free(slot);
    return status;
}

enum status session_watch_take(const struct session_watch *watch, uint32_t *slot)
{
    return parent_session_get(watch->id, slot);
}

void session_watch_end(struct session_watch *watch)
{
    struct parent_returned returned;

    if (!watch->id)
        return;
    (void)parent_session_close(watch->id, &returned);
    unlink_watch(watch);
    signal_destroy(watch->entrypoint, &watch->signal);
    *watch = (struct session_watch){0};
}

uint64_t session_watch_bits(const struct session_watch *watch)
{
    uint64_t bits = signal_bits(&watch->signal);

    return changed_entrypoint_opt == watch->entrypoint ? bits | signal_bits(&changed_signal) : bits;
}
