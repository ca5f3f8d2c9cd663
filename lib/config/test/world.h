/* SPDX-License-Identifier: MIT */
/*
 * For tests of what reads a configuration: lib/config without a system, and what it has logged. To be included once.
 */
#ifndef LIB_CONFIG_TEST_WORLD_H
#define LIB_CONFIG_TEST_WORLD_H

#include "contract/rom/client.h"
#include "lib/base/entrypoint.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/session.h"
#include "lib/config/config.h"
#include "test/check.h"

static char message[400];

void log_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
}

enum status session_open(const struct session_options *options, struct connection *out)
{
    (void)options;
    (void)out;
    return ERR_NOT_FOUND;
}

void session_close(struct connection *connection)
{
    (void)connection;
}

enum status rom_map(uint32_t session, struct rom *out)
{
    (void)session;
    (void)out;
    return ERR_NOT_FOUND;
}

void rom_unmap(struct rom *rom)
{
    (void)rom;
}

enum status rom_set_notification(uint32_t session, uint32_t notification)
{
    (void)session;
    (void)notification;
    return ERR_UNSUPPORTED;
}

enum status signal_create(struct entrypoint *entrypoint, struct signal *signal,
                          void (*received)(struct signal *))
{
    (void)entrypoint;
    (void)signal;
    (void)received;
    return ERR_UNSUPPORTED;
}

void notification_signal(uint32_t slot)
{
    (void)slot;
}

#endif
