/* SPDX-License-Identifier: MIT */
/*
 * From the first instruction to component_main(): control block and thread-local variables, capability slots, symbols
 * for crash reports, the main entry point, constructors.
 *
 * Before the log can work a failure has only one way to show itself: an exception, which core reports with its address.
 */
#include "lib/base/env.h"

#include "abi/symbols.h"
#include "lib/base/cap_private.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/thread_private.h"

extern const char symbol_names_end[];
extern void (*const init_array_begin[])(void);
extern void (*const init_array_end[])(void);

_Noreturn void base_start(const struct env_page *page, struct thread *thread);

struct env env;

static void die_unless(bool condition)
{
    if (!condition)
        __builtin_trap();
}

static void thread_prepare(const struct env_page *page, struct thread *thread)
{
    thread->self = thread;
    thread->message_area = (struct message_area *)page->message_area;
    thread->slot = ENV_SLOT_THREAD;
    thread->stack = page->stack;
    thread->stack_size = page->stack_size;
    thread_local_init(thread);
}

/* Only crash reports are poorer without. */
static void symbols_announce(void)
{
    struct pd_symbols symbols = {(uint64_t)symbol_table_begin, (uint64_t)symbol_table_end,
                                 (uint64_t)symbol_names_end};

    (void)pd_set_symbols(ENV_SLOT_PD_SESSION, &symbols);
}

_Noreturn void base_start(const struct env_page *page, struct thread *thread)
{
    die_unless(page->magic == ENV_PAGE_MAGIC && page->version == ENV_PAGE_VERSION);
    thread_prepare(page, thread);
    env.page = page;
    env.name = page->name;
    cap_init(page->slots);
    symbols_announce();
    die_unless(notification_create(&thread->notification) == OK);
    die_unless(entrypoint_init(&env.entrypoint) == OK);

    size_t constructors = ((size_t)init_array_end - (size_t)init_array_begin) / sizeof(*init_array_begin);

    for (size_t i = 0; i < constructors; i++)
        init_array_begin[i]();
    component_exit(component_main(&env));
}
