/* SPDX-License-Identifier: MIT */
/* Sessions at the parent, see upstream.h. */
#include "init/upstream.h"

#include "lib/base/cap.h"
#include "lib/base/parent_session.h"

static struct upstream *upstreams;
static bool list_changed; /* while upstream_poll walks it */

static void drop(struct upstream *upstream)
{
    struct upstream **link = &upstreams;

    while (*link != upstream)
        link = &(*link)->next;
    *link = upstream->next;
    list_changed = true;
    upstream->id = 0;
    upstream->closing = false;
}

static bool lingers(const struct upstream *upstream)
{
    uint32_t slot;
    enum status status = parent_session_get(upstream->id, &slot);

    if (status == OK)
        cap_free(slot);
    return status == ERR_BUSY;
}

static void ask_closing(struct upstream *upstream)
{
    if (lingers(upstream))
        return;
    drop(upstream);
    upstream->done(upstream, ERR_NOT_FOUND);
}

static void ask_open(struct upstream *upstream)
{
    uint32_t slot;
    enum status status = parent_session_get(upstream->id, &slot);

    if (status == ERR_AGAIN)
        return;
    if (status == OK && upstream->slot != CAP_NONE) { /* there, and still alive */
        cap_free(slot);
        return;
    }
    if (status == OK)
        upstream->slot = slot;
    else
        upstream_close(upstream);
    list_changed = true;
    upstream->done(upstream, status);
}

static void ask(struct upstream *upstream)
{
    if (upstream->closing)
        ask_closing(upstream);
    else
        ask_open(upstream);
}

enum status upstream_open(struct upstream *upstream, struct parent_session_open *request,
                          void (*done)(struct upstream *upstream, enum status status))
{
    uint64_t id;

    request->notify = PARENT_NOTIFY_CLIENT;
    enum status status = parent_session_open(request, &id);

    if (status != OK)
        return status;
    *upstream = (struct upstream){.next = upstreams, .done = done, .id = id};
    upstreams = upstream;
    list_changed = true;
    ask(upstream);
    return OK;
}

/* A parent that has forgotten the session already has nothing to give back. */
static void end(struct upstream *upstream)
{
    if (parent_session_close(upstream->id, &upstream->returned) != OK)
        upstream->returned = (struct parent_returned){0};
    cap_free(upstream->slot);
    upstream->slot = CAP_NONE;
}

void upstream_close(struct upstream *upstream)
{
    if (!upstream->id)
        return;
    if (!upstream->closing)
        end(upstream);
    drop(upstream);
}

bool upstream_leave(struct upstream *upstream)
{
    if (!upstream->id || upstream->closing)
        return upstream->closing;
    end(upstream);
    upstream->closing = lingers(upstream);
    if (!upstream->closing)
        drop(upstream);
    return upstream->closing;
}

/* `done` may open and close others, and free this one, so the walk starts anew after it. Each round settles a session: it ends. */
void upstream_poll(void)
{
    do {
        list_changed = false;
        for (struct upstream *upstream = upstreams, *next; upstream && !list_changed; upstream = next) {
            next = upstream->next;
            ask(upstream);
        }
    } while (list_changed);
}
