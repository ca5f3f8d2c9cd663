/* SPDX-License-Identifier: MIT */
/*
 * The ROM "core_log": the last lines of core's own log, for whoever shows them once a driver owns the console.
 *
 * Core's messages (crash reports among them), and those of all LOG sessions at core, end up here besides the kernel's
 * console. The dataspace is a struct core_log that core goes on writing, so it is fetched once; the ROM's notification is
 * signalled when a line is complete. Byte number n lies in text[n % CORE_LOG_TEXT], and `written` counts all bytes ever
 * written; it is published after the bytes. A reader that finds itself more than CORE_LOG_TEXT behind has lost lines.
 * Bytes before `console_end` have been on the kernel's console too; it is 0 while core still writes there.
 */
#ifndef CONTRACT_LOG_CORE_LOG_H
#define CONTRACT_LOG_CORE_LOG_H

#include <stdint.h>

#define CORE_LOG_ROM  "core_log"
#define CORE_LOG_SIZE 32768u
#define CORE_LOG_TEXT (CORE_LOG_SIZE - 64u)

struct core_log {
    uint64_t written;
    uint64_t console_end;
    uint64_t reserved[6];
    char text[CORE_LOG_TEXT];
};

_Static_assert(sizeof(struct core_log) == CORE_LOG_SIZE, "wire");

#endif
