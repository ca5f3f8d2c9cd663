/* SPDX-License-Identifier: MIT */
/* The checks of base_test: as test/check.h, but over LOG. */
#ifndef TEST_BASE_BASE_TEST_H
#define TEST_BASE_BASE_TEST_H

#include "lib/base/status.h"

#include <stdint.h>

/* Begins a case; the one before ends. */
void test_case(const char *name);
void test_equal(uint64_t a, uint64_t b, const char *text, const char *file, int line);

#define CHECK_EQ(a, b) test_equal((uint64_t)(a), (uint64_t)(b), #a " == " #b, __FILE__, __LINE__)
#define CHECK(a)       test_equal((a) ? 1 : 0, 1, #a, __FILE__, __LINE__)

void test_service(void);
void test_start(void);
void test_threads(void);
void test_objects(void);
void test_entrypoint(void);

#endif
