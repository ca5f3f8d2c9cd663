/* SPDX-License-Identifier: MIT */
/*
 * The end of a component that finds a bug of its own: message and stack trace to the log, then exit.
 * For peers' mistakes there are status codes.
 */
#ifndef LIB_BASE_PANIC_H
#define LIB_BASE_PANIC_H

#define PANIC_EXIT_CODE 127

_Noreturn void component_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define BUG_IF(condition)                                                      \
    do {                                                                       \
        if (__builtin_expect(!!(condition), 0))                                \
            component_panic("%s:%d: bug: %s", __FILE__, __LINE__, #condition); \
    } while (0)

#define ASSERT(condition) BUG_IF(!(condition))

#endif
