/* SPDX-License-Identifier: MIT */
/* Sessions at the parent, see upstream.h. */
#include "init/upstream.h"

#include "lib/base/cap.h"
#include "lib/base/parent_session.h"

static struct upstream *upstreams;
static bool list_changed; /* while upstream_poll walks it */

static void ask(struct upstream *upstream)
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

void upstream_close(struct upstream *upstream)
{
    struct upstream **link = &upstreams;

    if (!upstream->id)
        return;
    while (*link != upstream)
        link = &(*link)->next;
    *link = upstream->next;
    list_changed = true;
    /* A parent that has forgotten the session already has nothing to give back. */
    if (parent_session_close(upstream->id, &upstream->returned) != OK)
        upstream->returned = (struct parent_returned){0};
    cap_free(upstream->slot);
    upstream->id = 0;
    upstream->slot = CAP_NONE;
}

/* `done` may open and close others, so the walk starts anew after it. Each round settles a session: it ends. */
void upstream_poll(void)
{
    do {
        list_changed = false;
        for (struct upstream *upstream = upstreams; upstream && !list_changed; upstream = upstream->next)
            ask(upstream);
    } while (list_changed);
}
