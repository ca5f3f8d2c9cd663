/* SPDX-License-Identifier: MIT */
/*
 * Time with this machine's frequency, which the environment tells.
 */
#include "lib/base/time.h"

#include "lib/base/env.h"

uint64_t time_tsc_khz(void)
{
    return env.page->tsc_khz;
}

uint64_t time_to_ticks(uint64_t ns)
{
    return time_ticks_of_ns(ns, env.page->tsc_khz);
}

uint64_t time_to_ns(uint64_t ticks)
{
    return time_ns_of_ticks(ticks, env.page->tsc_khz);
}

uint64_t time_after_ns(uint64_t ns)
{
    uint64_t deadline;

    return __builtin_add_overflow(time_now(), time_to_ticks(ns), &deadline) ? TIME_NEVER : deadline;
}
