/* SPDX-License-Identifier: MIT */
/*
 * Sessions as a client: opening one waits until the parent has it, or has refused. Any thread.
 *
 * A server may die. Its client sees ERR_PEER_GONE from the next call, also from one that was under way, and cannot know
 * whether that one was carried out. If the server is started again, this is how one goes on:
 *
 *     while ((status = counter_add(connection.slot, serial)) == ERR_PEER_GONE)
 *         if ((status = session_reopen(&options, &connection)) != OK)
 *             break;
 *
 * session_reopen waits until the new server has announced itself. What shall happen exactly once needs a serial number
 * that the server can recognize.
 */
#ifndef LIB_BASE_SESSION_H
#define LIB_BASE_SESSION_H

#include "contract/parent/wire.h"
#include "lib/base/status.h"

#include <stdint.h>

struct connection {
    uint64_t id;   /* at the parent */
    uint32_t slot; /* the session capability */
};

/* What a small session (LOG, ROM, ...) costs its server. */
#define SESSION_RAM_DEFAULT  8192u
#define SESSION_CAPS_DEFAULT 4u

struct session_options {
    const char *service;
    const char *label_opt;
    const char *args_opt;
    uint64_t ram;  /* lent to the server; 0: SESSION_RAM_DEFAULT */
    uint32_t caps; /* 0: SESSION_CAPS_DEFAULT */
};

/* ERR_DENIED or ERR_NOT_FOUND: not routed. ERR_NO_RAM, ERR_NO_CAPS: the server wants more. */
[[nodiscard]] enum status session_open(const struct session_options *options, struct connection *out);

/* Gives up what is left of the connection and opens a new one. On an error there is no connection. */
[[nodiscard]] enum status session_reopen(const struct session_options *options,
                                         struct connection *connection);

/*
 * The same in steps, for who does not want to wait for ever: a server may be late, or never answer at all. After ERR_TIMEOUT
 * the request still stands; await it again, or cancel it. After any other error it is gone. session_cancel is for any
 * thread: one that awaits this session gets ERR_ABORTED.
 */
[[nodiscard]] enum status session_begin(const struct session_options *options, uint64_t *id);
[[nodiscard]] enum status session_await(uint64_t id, uint64_t deadline, struct connection *out);
void session_cancel(uint64_t id);

[[nodiscard]] enum status session_upgrade(const struct connection *connection, uint64_t ram, uint32_t caps);

/* One that is closed already is no error. */
void session_close(struct connection *connection);

/* The same, and waits until the server has let go of what it got with the session, memory for instance. ERR_TIMEOUT: closed, but it has not
   let go until `deadline`. */
[[nodiscard]] enum status session_close_wait(struct connection *connection, uint64_t deadline);

/* Private to lib/base: the request as the parent wants it. ERR_OVERFLOW: a text is too long. */
[[nodiscard]] enum status session_request_make(const struct session_options *options,
                                               enum parent_notification notify,
                                               struct parent_session_open *out);

/* The value of `name` in session arguments ("name=value, name2=\"value 2\""), copied and terminated. ERR_NOT_FOUND,
   ERR_OVERFLOW if it does not fit. Hardware-free. */
[[nodiscard]] enum status session_arg(const char *args, const char *name, char *value, uint64_t size);

/* A number or, with suffix K, M, G, a size; 0x for hexadecimal. ERR_NOT_FOUND, ERR_INVALID, ERR_RANGE. */
[[nodiscard]] enum status session_arg_number(const char *args, const char *name, uint64_t *value);

#endif
