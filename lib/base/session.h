/* SPDX-License-Identifier: MIT */
/*
 * Sessions as a client: opening one waits until the parent has it, or has refused.
 */
#ifndef LIB_BASE_SESSION_H
#define LIB_BASE_SESSION_H

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
[[nodiscard]] enum status session_upgrade(const struct connection *connection, uint64_t ram, uint32_t caps);
void session_close(struct connection *connection);

/* The value of `name` in session arguments ("name=value, name2=\"value 2\""), copied and terminated. ERR_NOT_FOUND,
   ERR_OVERFLOW if it does not fit. Hardware-free. */
[[nodiscard]] enum status session_arg(const char *args, const char *name, char *value, uint64_t size);

/* A number or, with suffix K, M, G, a size; 0x for hexadecimal. ERR_NOT_FOUND, ERR_INVALID, ERR_RANGE. */
[[nodiscard]] enum status session_arg_number(const char *args, const char *name, uint64_t *value);

#endif
