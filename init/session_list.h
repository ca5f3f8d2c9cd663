/* SPDX-License-Identifier: MIT */
/*
 * What session.c and session_server.c share: the list of sessions and the steps that end one.
 */
#ifndef INIT_SESSION_LIST_H
#define INIT_SESSION_LIST_H

#include "init/session.h"

struct session *session_first(void);

/* The client, if it still lives, looks at the session again. */
void session_notify(const struct session *session);

/* The session waits for its client to close it. What was lent is init's already. */
void session_fail(struct session *session, enum status status);

/* The session is gone; what was lent, and is init's, goes back to the client. */
void session_finish(struct session *session);

void session_repay(struct init_child *client_opt, uint64_t ram, uint64_t caps);

#endif
