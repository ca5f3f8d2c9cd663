/* SPDX-License-Identifier: MIT */
/* The child of core_test: does what its name says. */
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/thread.h"
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

static void touch(void *address)
{
    *(volatile int *)address = 1; /* waits for a pager that never comes */
}

static void busy(void *argument)
{
    (void)argument;
    for (;;) {
        void *address;
        uint32_t dataspace;

        if (dataspace_alloc(64 << 10, 0, &dataspace) != OK)
            continue;
        if (memory_attach(dataspace, PD_READ | PD_WRITE, &address) == OK)
            *(volatile int *)address = 1;
        dataspace_free(dataspace); /* a scratch page stays behind */
    }
}

/* Maps in maps with a pager, threads inside core's calls and inside faults, notifications, until nothing is left. */
__attribute__((noreturn)) static void take_everything(void)
{
    struct thread_options options = {.name = "extra", .priority = 20};
    struct pd_attach attach = {.address = PD_ANYWHERE, .rights = PD_READ | PD_WRITE};
    struct thread *thread;
    uint32_t outer, inner, notification, slot;
    uint64_t place;
    void *hole;

    if (pd_region_map_create(ENV_SLOT_PD_SESSION, 1 << 20, &outer) == OK &&
        pd_region_map_create(ENV_SLOT_PD_SESSION, 1 << 20, &inner) == OK &&
        pd_region_map_attach(ENV_SLOT_PD_SESSION, outer, inner, &attach, &place) == OK &&
        notification_create(&notification) == OK &&
        pd_region_map_pager(ENV_SLOT_PD_SESSION, inner, notification) == OK &&
        memory_attach(outer, PD_READ | PD_WRITE, &hole) == OK &&
        thread_create(&options, touch, hole, &thread) == OK)
        (void)!thread_create(&options, busy, NULL, &thread);
    while (notification_create(&slot) == OK)
        ;
    busy(NULL);
    __builtin_unreachable();
}

int component_main(struct env *environment)
{
    if (strcmp(environment->name, "crash") == 0 || strcmp(environment->name, "init") == 0) {
        log_text("text of ", 8);
        log_text("a child\n", 8);
        crash_deeply();
    }
    if (strcmp(environment->name, "greedy") == 0)
        take_everything();
    for (;;)
        __asm__ volatile("pause");
}
