/* SPDX-License-Identifier: MIT */
/* The checks of core_test (and dma_test): as test/check.h, but over LOG. */
#ifndef TEST_CORE_CORE_TEST_H
#define TEST_CORE_CORE_TEST_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Begins a case; the one before ends. */
void test_case(const char *name);

/* Ends the last case and prints the sum; returns how many failed. */
unsigned test_end(const char *name);

/* While set, the cases that begin are part of the present one: for repetitions. */
extern bool test_quiet;

void test_equal(uint64_t a, uint64_t b, const char *text, const char *file, int line);

/* What the own account uses at the moment. */
struct usage {
    uint64_t ram, caps;
};
struct usage usage_now(void);
#define CHECK_USAGE(before)                        \
    do {                                           \
        struct usage usage_after = usage_now();    \
        CHECK_EQ(usage_after.ram, (before).ram);   \
        CHECK_EQ(usage_after.caps, (before).caps); \
    } while (0)

#define CHECK_EQ(a, b) test_equal((uint64_t)(a), (uint64_t)(b), #a " == " #b, __FILE__, __LINE__)
#define CHECK(a)       test_equal((a) ? 1 : 0, 1, #a, __FILE__, __LINE__)

void test_memory(void);
void test_domains(void);
void test_devices(void);
void test_fuzz(void);

#endif
