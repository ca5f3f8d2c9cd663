/* SPDX-License-Identifier: MIT */
/*
 * Checks for host tests: native programs that `make test` builds with sanitizers and runs.
 *
 *     #include "test/check.h"
 *
 *     int main(void)
 *     {
 *         CASE("a new table is empty");
 *         CHECK(table_empty(&table));
 *         CHECK_EQ(table_count(&table), 0);
 *         return check_finish();
 *     }
 *
 * CASE starts a case, which lasts until the next one; each case prints one line. A failed check names file, line and
 * both values, and the test goes on; REQUIRE is for what makes the rest meaningless, and ends the program. The last
 * line is `N passed, N failed` (cases), and the exit status is 1 if any failed.
 *
 * Checks may be made from several threads. The state is a weak definition, so that all files of a test share it.
 */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check_state {
    const char *case_name_opt; /* the case under way */
    int case_failures;         /* failed checks in it; atomic */
    int passed, failed;        /* finished cases */
};

__attribute__((weak)) struct check_state check_state;

/* Closes the case under way, if there is one. */
static inline void check_end(void)
{
    if (!check_state.case_name_opt)
        return;
    bool good = __atomic_load_n(&check_state.case_failures, __ATOMIC_RELAXED) == 0;
    printf("%-4s %s\n", good ? "ok" : "FAIL", check_state.case_name_opt);
    *(good ? &check_state.passed : &check_state.failed) += 1;
    check_state.case_name_opt = NULL;
}

static inline void check_begin(const char *name)
{
    check_end();
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* what was said before a crash must be seen */
    check_state.case_name_opt = name;
    __atomic_store_n(&check_state.case_failures, 0, __ATOMIC_RELAXED);
}

/* Ends the last case and prints the tally; returns the exit status. */
static inline int check_finish(void)
{
    check_end();
    printf("%d passed, %d failed\n", check_state.passed, check_state.failed);
    return check_state.failed != 0 || check_state.passed == 0;
}

static inline void check_fail(const char *file, int line)
{
    if (!check_state.case_name_opt)
        check_begin("(checks outside any case)");
    __atomic_add_fetch(&check_state.case_failures, 1, __ATOMIC_RELAXED);
    printf("%s:%d: ", file, line);
}

static inline bool check_true(bool value, const char *text, const char *file, int line)
{
    if (!value) {
        check_fail(file, line);
        printf("not true: %s\n", text);
    }
    return value;
}

static inline bool check_equal(unsigned long long a, unsigned long long b, const char *text, const char *file,
                               int line)
{
    if (a != b) {
        check_fail(file, line);
        printf("%s: %lld (0x%llx) is not %lld (0x%llx)\n", text, (long long)a, a, (long long)b, b);
    }
    return a == b;
}

static inline bool check_text(const char *a_opt, const char *b_opt, const char *text, const char *file,
                              int line)
{
    bool good = a_opt && b_opt ? strcmp(a_opt, b_opt) == 0 : a_opt == b_opt;

    if (!good) {
        check_fail(file, line);
        printf("%s: \"%s\" is not \"%s\"\n", text, a_opt ? a_opt : "(null)", b_opt ? b_opt : "(null)");
    }
    return good;
}

static inline bool check_bytes(const void *a, const void *b, size_t size, const char *text, const char *file,
                               int line)
{
    const unsigned char *x = a, *y = b;

    for (size_t i = 0; i < size; i++) {
        if (x[i] == y[i])
            continue;
        check_fail(file, line);
        printf("%s: byte %zu of %zu: 0x%02x is not 0x%02x\n", text, i, size, x[i], y[i]);
        return false;
    }
    return true;
}

#define CASE(name) check_begin(name);

/* Each argument is evaluated once. CHECK_EQ and CHECK_NE take integers, enums and pointers. */
#define CHECK(condition) ((void)check_true((condition), #condition, __FILE__, __LINE__))
#define CHECK_EQ(a, b) \
    ((void)check_equal((unsigned long long)(a), (unsigned long long)(b), #a " == " #b, __FILE__, __LINE__))
#define CHECK_NE(a, b) \
    ((void)check_true((unsigned long long)(a) != (unsigned long long)(b), #a " != " #b, __FILE__, __LINE__))
#define CHECK_STR(a, b)       ((void)check_text((a), (b), #a " == " #b, __FILE__, __LINE__))
#define CHECK_MEM(a, b, size) ((void)check_bytes((a), (b), (size), #a " == " #b, __FILE__, __LINE__))
#define REQUIRE(condition)                                            \
    do {                                                              \
        if (!check_true((condition), #condition, __FILE__, __LINE__)) \
            exit(check_finish());                                     \
    } while (0)

#endif
