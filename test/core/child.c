/* SPDX-License-Identifier: MIT */
/* The child of core_test: does what its name says. */
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/string/string.h"

static volatile int *volatile nowhere = (volatile int *)0x10;

__attribute__((noinline)) static void write_nowhere(void)
{
    *nowhere = 1;
}

__attribute__((noinline)) static void crash_inside(void)
{
    write_nowhere();
    __asm__ volatile("");
}

__attribute__((noinline)) static void crash_deeply(void)
{
    crash_inside();
    __asm__ volatile(""); /* no tail call */
}

int component_main(struct env *environment)
{
    if (strcmp(environment->name, "crash") == 0 || strcmp(environment->name, "init") == 0) {
        log_text("text of ", 8);
        log_text("a child\n", 8);
        crash_deeply();
    }
    for (;;)
        __asm__ volatile("pause");
}
