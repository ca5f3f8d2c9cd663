/* SPDX-License-Identifier: MIT */
/*
 * A TERMINAL session as a client uses it: two byte streams and one callback.
 *
 *     static void changed(struct terminal_client *client)
 *     {
 *         write what could not be written before; read until a read comes back short;
 *     }
 *     terminal_client_open(&env->entrypoint, "console", changed, &client);
 *
 * Protocol: write and read never wait. A short write (taken < length) or a short read (got < size) means: `changed` will
 * be called when there is room, or input. So the callback must try again what came back short before, and must read
 * until a read is short. Calls of `changed` without a cause happen and are no error.
 *
 * All functions but the callback's are for the entry point's thread (or for any one thread before entrypoint_run).
 * After ERR_PEER_GONE or ERR_INVALID the session is of no use: close it, open another one.
 */
#ifndef LIB_TERMINAL_CLIENT_H
#define LIB_TERMINAL_CLIENT_H

#include "lib/base/entrypoint.h"
#include "lib/base/memory.h"
#include "lib/base/session.h"
#include "lib/base/status.h"
#include "lib/terminal/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TERMINAL_OUTPUT_DEFAULT 8192u /* bytes of the rings */
#define TERMINAL_INPUT_DEFAULT  4096u

struct terminal_client {
    void (*changed)(struct terminal_client *client);
    struct entrypoint *entrypoint;
    struct connection connection;
    struct memory memory;
    struct stream stream;
    struct signal signal;
    uint32_t server; /* notification of the server */
};

/* `client` must stay where it is until closed. The label tells the route, and the console who speaks. */
[[nodiscard]] enum status terminal_client_open(struct entrypoint *entrypoint, const char *label_opt,
                                               void (*changed)(struct terminal_client *client),
                                               struct terminal_client *client);
void terminal_client_close(struct terminal_client *client);

[[nodiscard]] enum status terminal_client_write(struct terminal_client *client, const void *bytes,
                                                size_t length, size_t *taken);
/* Is the server gone for good? For who has waited long for room in vain; costs a signal. */
bool terminal_client_gone(const struct terminal_client *client);

[[nodiscard]] enum status terminal_client_read(struct terminal_client *client, void *bytes, size_t size,
                                               size_t *got);

#endif
