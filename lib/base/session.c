/* SPDX-License-Identifier: MIT */
/*
 * Opening sessions and waiting for them, from any number of threads.
 *
 * The parent signals one notification for all openings, and only one thread can wait at it. So one of the waiting threads
 * leads: it waits there and wakes the others, which sleep at their own notifications, and all of them ask again for their
 * own session. When the leader has what it wanted, one of the others takes over. A thread is in the list before it asks,
 * so no change is lost in between.
 */
#include "lib/base/session.h"

#include "lib/base/cap.h"
#include "lib/base/lock.h"
#include "lib/base/notification.h"
#include "lib/base/parent_session.h"
#include "lib/base/thread.h"
#include "lib/string/string.h"

struct waiter {
    struct waiter *next;
    uint32_t notification;
};

static struct lock lock; /* of all below */
static uint32_t changed; /* signalled by the parent; CAP_NONE until the first opening */
static struct waiter *waiters;
static struct waiter *leader_opt;

static enum status notification_prepare(void)
{
    uint32_t fresh;

    if (changed != CAP_NONE)
        return OK;
    enum status status = notification_create(&fresh);

    if (status != OK)
        return status;
    status = parent_set_notification(PARENT_NOTIFY_BLOCKING, fresh);
    if (status != OK) {
        notification_destroy(fresh);
        return status;
    }
    changed = fresh;
    return OK;
}

enum status session_request_make(const struct session_options *options, enum parent_notification notify,
                                 struct parent_session_open *out)
{
    *out = (struct parent_session_open){.ram = options->ram ? options->ram : SESSION_RAM_DEFAULT,
                                        .caps = options->caps ? options->caps : SESSION_CAPS_DEFAULT,
                                        .notify = notify};
    if (!string_copy(out->service, sizeof(out->service), options->service) ||
        !string_copy(out->label, sizeof(out->label), options->label_opt ? options->label_opt : "") ||
        !string_copy(out->args, sizeof(out->args), options->args_opt ? options->args_opt : ""))
        return ERR_OVERFLOW;
    return OK;
}

enum status session_begin(const struct session_options *options, uint64_t *id)
{
    struct parent_session_open request;
    enum status status = session_request_make(options, PARENT_NOTIFY_BLOCKING, &request);

    if (status != OK)
        return status;
    lock_take(&lock);
    status = notification_prepare();
    lock_leave(&lock);
    return status == OK ? parent_session_open(&request, id) : status;
}

/* ---- waiting ---- */

static void waiter_enter(struct waiter *self)
{
    self->notification = thread_self()->notification;
    lock_take(&lock);
    self->next = waiters;
    waiters = self;
    lock_leave(&lock);
}

/* With the lock: whoever led does so no longer. The others look again, and the first one leads. */
static void lead_no_more(const struct waiter *self)
{
    leader_opt = NULL;
    for (const struct waiter *other = waiters; other; other = other->next)
        if (other != self)
            notification_signal(other->notification);
}

static void waiter_leave(struct waiter *self)
{
    lock_take(&lock);
    struct waiter **link = &waiters;

    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    if (!leader_opt)
        lead_no_more(self);
    lock_leave(&lock);
}

/* Until something may have changed. */
static enum status waiter_sleep(struct waiter *self, uint64_t deadline)
{
    uint64_t bits;

    lock_take(&lock);
    bool leads = !leader_opt;

    if (leads)
        leader_opt = self;
    lock_leave(&lock);
    if (!leads)
        return notification_wait(self->notification, deadline, &bits);

    enum status status = notification_wait(changed, deadline, &bits);

    lock_take(&lock);
    lead_no_more(self);
    lock_leave(&lock);
    return status;
}

enum status session_await(uint64_t id, uint64_t deadline, struct connection *out)
{
    struct waiter self;
    struct parent_returned returned;
    enum status status, slept = OK;
    uint32_t slot;

    waiter_enter(&self);
    while ((status = parent_session_get(id, &slot)) == ERR_AGAIN && slept == OK)
        slept = waiter_sleep(&self, deadline);
    waiter_leave(&self);
    if (status == ERR_AGAIN)
        return slept;
    if (status == OK) {
        *out = (struct connection){.id = id, .slot = slot};
        return OK;
    }
    /* Who gave it up has closed it already. */
    bool cancelled = parent_session_close(id, &returned) == ERR_NOT_FOUND;

    return cancelled && (status == ERR_NOT_FOUND || status == ERR_BUSY) ? ERR_ABORTED : status;
}

void session_cancel(uint64_t id)
{
    struct parent_returned returned;

    (void)parent_session_close(id, &returned);
    notification_signal(changed);
}

/* A server that dies before its client has the session: there is another one soon, or the parent says that there is none. */
enum status session_open(const struct session_options *options, struct connection *out)
{
    uint64_t id;
    enum status status;

    do {
        status = session_begin(options, &id);
        if (status != OK)
            return status;
        status = session_await(id, UINT64_MAX, out);
    } while (status == ERR_PEER_GONE);
    if (status != OK)
        session_cancel(id); /* gone already, unless waiting itself failed */
    return status;
}

enum status session_reopen(const struct session_options *options, struct connection *connection)
{
    session_close(connection);
    return session_open(options, connection);
}

enum status session_upgrade(const struct connection *connection, uint64_t ram, uint32_t caps)
{
    return parent_session_upgrade(connection->id, ram, caps);
}

void session_close(struct connection *connection)
{
    struct parent_returned returned;

    if (!connection->id)
        return;
    /* The capability first: after closing it would denote nothing. */
    cap_free(connection->slot);
    (void)parent_session_close(connection->id, &returned);
    *connection = (struct connection){0};
}

enum status session_close_wait(struct connection *connection, uint64_t deadline)
{
    struct waiter self;
    enum status slept = OK;
    uint64_t id = connection->id;
    uint32_t slot;
    bool lingers;

    if (!id)
        return OK;
    waiter_enter(&self);
    session_close(connection);
    while ((lingers = parent_session_get(id, &slot) == ERR_BUSY) && slept == OK)
        slept = waiter_sleep(&self, deadline);
    waiter_leave(&self);
    return lingers ? slept : OK;
}
