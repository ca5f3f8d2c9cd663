/* SPDX-License-Identifier: MIT */
/*
 * ASSERT is for core's own bugs only; whatever a client sends is answered with a status.
 */
#ifndef CORE_ASSERT_H
#define CORE_ASSERT_H

/* Prints the text, ends the machine with code 98 (target) or the test program (host). */
void core_panic(const char *file, int line, const char *text) __attribute__((noreturn));

#define ASSERT(condition)                               \
    do {                                                \
        if (!(condition))                               \
            core_panic(__FILE__, __LINE__, #condition); \
    } while (0)

#endif
