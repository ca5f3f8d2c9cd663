/* SPDX-License-Identifier: MIT */
/* The checks of programs in init's place: see core_test.h. */
#include "test/core/core_test.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/pd_session.h"

static const char *current;
static unsigned failures, passed, failed;

static void end_case(void)
{
    if (!current)
        return;
    log_info("%s %s", failures ? "FAIL" : "ok  ", current);
    *(failures ? &failed : &passed) += 1;
    current = NULL;
}

bool test_quiet;

void test_case(const char *name)
{
    if (test_quiet)
        return;
    end_case();
    current = name;
    failures = 0;
}

void test_equal(uint64_t a, uint64_t b, const char *text, const char *file, int line)
{
    if (a == b)
        return;
    failures++;
    log_error("%s:%d: %s: 0x%llx is not 0x%llx", file, line, text, (unsigned long long)a,
              (unsigned long long)b);
}

struct usage usage_now(void)
{
    struct pd_info info = {0};

    CHECK_EQ(pd_info(ENV_SLOT_PD_SESSION, &info), OK);
    /* What was lent to sessions counts as used; the kernel keeps some frames for the next time. */
    return (struct usage){.ram = info.ram_used - info.kmem_frames * 4096 - info.ram_limit,
                          .caps = (uint64_t)info.caps_used - info.caps_limit};
}

unsigned test_end(const char *name)
{
    end_case();
    log_info("%s: %u passed, %u failed", name, passed, failed);
    return failed;
}
