/* SPDX-License-Identifier: MIT */
/*
 * What session.c and session_server.c share: the list of sessions and the steps that end one.
 */
#ifndef INIT_SESSION_LIST_H
#define INIT_SESSION_LIST_H

#include "init/session.h"

struct session *session_first(void);

void session_append(struct session *session);

/* The client, if it still lives, looks at the session again. The session may be gone afterwards. */
void session_notify(struct session *session);

/* The server, a child, will be asked. ERR_PEER_GONE: it has ended for good. */
[[nodiscard]] enum status session_open_at_child(struct session *session);

/* Its client no longer wants it. It ends when the server has agreed. */
void session_leave(struct session *session);

/* The session waits for its client to close it. What was lent is init's already. */
void session_fail(struct session *session, enum status status);

/* The session is gone; what was lent, and is init's, goes back to the client. */
void session_finish(struct session *session);

void session_repay(struct init_child *client_opt, uint64_t ram, uint64_t caps);

/* offer.c: for sessions of the parent's clients, what has become of opening and closing them. */
void session_answer_parent(struct session *session);
void session_closed_for_parent(const struct session *session);

#endif
