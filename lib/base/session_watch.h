/* SPDX-License-Identifier: MIT */
/*
 * A session that is opened without waiting, and watched: its user is told when it is there, when it has failed, and when it has
 * lost its server.
 *
 *     static void changed(struct session_watch *watch)
 *     {
 *         switch (session_watch_state(watch)) {
 *         case OK: the session is there: session_watch_take(), if not done before; break;
 *         case ERR_AGAIN: break;                                           not yet, or nothing has changed
 *         case ERR_PEER_GONE: session_watch_end(watch); begin again; break;
 *         default: session_watch_end(watch); it will not come
 *         }
 *     }
 *     session_watch_begin(&watch, &env->entrypoint, changed, &options);
 *
 * `changed` is called on the watch's entry point, and may be called without a cause. All functions are for that entry point's
 * thread. What the parent signals reaches the entry point of the component's first watch, which passes it on; so that one must
 * keep running.
 */
#ifndef LIB_BASE_SESSION_WATCH_H
#define LIB_BASE_SESSION_WATCH_H

#include "lib/base/entrypoint.h"
#include "lib/base/session.h"
#include "lib/base/status.h"

#include <stdint.h>

/* Zeroed memory is a watch of nothing. */
struct session_watch {
    void (*changed)(struct session_watch *watch);
    struct entrypoint *entrypoint;
    struct signal signal;
    uint64_t id; /* 0: none is wanted */
    struct session_watch *next;
};

/* Starts opening. The struct must stay where it is until session_watch_end. Errors are those of session_begin; ERR_PEER_GONE: the
   server is gone for good. */
[[nodiscard]] enum status session_watch_begin(struct session_watch *watch, struct entrypoint *entrypoint,
                                              void (*changed)(struct session_watch *watch),
                                              const struct session_options *options);

/* OK: the session is open. ERR_AGAIN: not yet. ERR_PEER_GONE: its server died. Others: it could not be opened. */
[[nodiscard]] enum status session_watch_state(const struct session_watch *watch);

/* The session's capability (*given*), when the state is OK. The session itself stays the watch's. */
[[nodiscard]] enum status session_watch_take(const struct session_watch *watch, uint32_t *slot);

/* Closes the session, whatever has become of it, and watches no more. */
void session_watch_end(struct session_watch *watch);

/* What to wait for with entrypoint_wait: the handlers called are then the watch's. */
uint64_t session_watch_bits(const struct session_watch *watch);

#endif
