/* SPDX-License-Identifier: MIT */
/*
 * The test guest: runs the cases of cases.h one after the other, prints a line for each and the sum, and powers off.
 * With test=NAME on the command line it does what demo.c knows instead.
 */
#include "test/guest/cases.h"

struct test_case {
    enum outcome (*run)(void);
    const char *name;
};

#define LIST_CASE(function, name) {function, name},
static const struct test_case cases[] = {CASES(LIST_CASE)};
enum { CASE_COUNT = sizeof(cases) / sizeof(cases[0]) };

void guest_main(void);

enum outcome case_fail(const char *file, int line, const char *what)
{
    print("FAIL %s (%s:%u)\n", what, file, (unsigned)line);
    return OUTCOME_FAIL;
}

enum outcome case_fail_equal(const char *file, int line, const char *what, uint64_t actual, uint64_t expected)
{
    print("FAIL %s is 0x%lx, expected 0x%lx (%s:%u)\n", what, actual, expected, file, (unsigned)line);
    return OUTCOME_FAIL;
}

enum outcome case_skip(const char *reason)
{
    print("skip (%s)\n", reason);
    return OUTCOME_SKIP;
}

static enum outcome run_case(unsigned index)
{
    platform_quiet();
    print("case %02u %s: ", index + 1, cases[index].name);
    enum outcome outcome = case_call(cases[index].run);
    interrupts_disable();
    if (outcome == OUTCOME_OK)
        print("ok\n");
    return outcome;
}

static void run_all(void)
{
    unsigned sums[3] = {0};
    for (unsigned i = 0; i < CASE_COUNT; i++)
        sums[run_case(i)]++;
    platform_quiet();
    print("selftest: %u passed, %u failed", sums[OUTCOME_OK], sums[OUTCOME_FAIL]);
    if (sums[OUTCOME_SKIP])
        print(", %u skipped", sums[OUTCOME_SKIP]);
    print("\n");
}

void guest_main(void)
{
    start_info_read();
    console_init();
    trap_init();
    acpi_scan(start_info.rsdp);
    platform_init();
    time_init();
    print("guest: %u cases, TSC %lu kHz, command line '%s'\n", (unsigned)CASE_COUNT, tsc_khz,
          start_info.command_line);
    platform_quiet();
    const char *demo = command_line_value_opt("test");
    if (!demo)
        run_all();
    else if (!demo_run(demo))
        print("guest: unknown test '%s'\n", demo);
    power_off();
}
