/* SPDX-License-Identifier: MIT */
/*
 * PARENT, the server's half: requests are validated here, then the handlers are called. Texts are
 * terminated and printable, identifiers are not 0.
 */
#ifndef CONTRACT_PARENT_DISPATCH_H
#define CONTRACT_PARENT_DISPATCH_H

#include "contract/parent/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to parent_dispatch. The last three may be absent: ERR_UNSUPPORTED. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct parent_handlers {
    enum status (*session_open)(void *session, const struct parent_session_open *in,
                                struct parent_session_id *out);
    enum status (*session_get)(void *session, uint64_t id, struct message_cap *opened);
    enum status (*session_upgrade)(void *session, const struct parent_session_upgrade *in);
    enum status (*session_close)(void *session, uint64_t id, struct parent_returned *out);
    enum status (*set_notification)(void *session, uint32_t place, uint32_t notification);
    enum status (*exit)(void *session, int code);
    enum status (*announce)(void *session, const char *service);
    enum status (*request_next)(void *session, struct parent_request *out);
    enum status (*request_deliver)(void *session, const struct parent_deliver *in, uint32_t opened);
    enum status (*resource_request)(void *session, uint64_t ram, uint32_t caps);
    enum status (*control)(void *session, struct parent_control *out);
    enum status (*yielded)(void *session, uint64_t ram, uint32_t caps);
};

/* The status is the reply's label. */
[[nodiscard]] enum status parent_dispatch(const struct parent_handlers *handlers, void *session,
                                          struct dispatch *d);

#endif
