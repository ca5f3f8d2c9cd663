/* SPDX-License-Identifier: MIT */
/*
 * Sessions that init itself has at its parent, for its own use or for a child.
 *
 * None of them is waited for: `done` is called once, when the session is there (OK) or has failed, perhaps already
 * inside upstream_open. A session that loses its server later is reported by `done` a second time. After a status other
 * than OK the upstream is closed, with `returned` filled in. Its struct must stay in place from upstream_open to upstream_close.
 */
#ifndef INIT_UPSTREAM_H
#define INIT_UPSTREAM_H

#include "contract/parent/wire.h"
#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct upstream {
    struct upstream *next;
    void (*done)(struct upstream *upstream, enum status status);
    uint64_t id;                     /* at the parent; 0: closed */
    bool closing;                    /* closed, but for the server's letting go */
    uint32_t slot;                   /* CAP_NONE until it is there */
    struct parent_returned returned; /* once it is closed: what came back of the quota */
};

/* Not OK: nothing was opened, `done` is not called. The request's place of notification is filled in here. */
[[nodiscard]] enum status upstream_open(struct upstream *upstream, struct parent_session_open *request,
                                        void (*done)(struct upstream *upstream, enum status status));

/* Also of one that is closed already, or not there yet. The quota comes back. */
void upstream_close(struct upstream *upstream);

/* The same. True: its server has not let go yet of what it got with the session; when it has, `done` is called with ERR_NOT_FOUND. */
bool upstream_leave(struct upstream *upstream);

/* The parent has signalled PARENT_NOTIFY_CLIENT: asks what has changed. */
void upstream_poll(void);

#endif
