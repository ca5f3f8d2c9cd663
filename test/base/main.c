/* SPDX-License-Identifier: MIT */
/* lib/base on the real kernel, in init's place: see README.md. */
#include "test/base/base_test.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/panic.h"

static const char *current;
static unsigned failures, failed;

void test_case(const char *name)
{
    if (current)
        log_info("%s %s", failures ? "FAIL" : "ok  ", current);
    failed += failures != 0;
    failures = 0;
    current = name;
}

void test_equal(uint64_t a, uint64_t b, const char *text, const char *file, int line)
{
    if (a == b)
        return;
    failures++;
    log_error("%s:%d: %s: 0x%llx is not 0x%llx", file, line, text, (unsigned long long)a,
              (unsigned long long)b);
}

__attribute__((noinline)) static void find_a_bug(unsigned number)
{
    BUG_IF(number == failed);
    __asm__ volatile(""); /* no tail call */
}

int component_main(struct env *environment)
{
    (void)environment;
    test_service(); /* before the first message */
    test_start();
    test_threads();
    test_objects();
    test_entrypoint();
    test_case("end");
    if (failed)
        return 1;
    find_a_bug(0); /* the last case is the component's own end: panic, stack trace, exit code 127 */
    return 2;
}
