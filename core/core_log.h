/* SPDX-License-Identifier: MIT */
/*
 * Core's log: every line of the console once more, in memory that whoever holds the ROM "core_log" can read
 * (contract/log/core_log.h). So nothing is lost when a driver takes the console's device.
 */
#ifndef CORE_CORE_LOG_H
#define CORE_CORE_LOG_H

#include "core/dataspace.h"

/* Called once, when there is memory; lines before that are on the console only. */
[[nodiscard]] enum status core_log_init(struct account *account);

struct dataspace *core_log_dataspace(void);

/* Appends the text and a line feed, then signals the readers. */
void core_log_line(const char *text, size_t length);

/* A driver took the console's device: from here on, readers of the log are the only ones to see it. */
void core_log_console_off(void);

/* rom.c: signals all sessions of the ROM core_log. */
void rom_signal_core_log(void);

#endif
