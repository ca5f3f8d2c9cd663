/* SPDX-License-Identifier: MIT */
/*
 * The end of a component by its own hand.
 */
#include "lib/base/panic.h"

#include "abi/symbols.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/parent_session.h"
#include "lib/base/stack_trace.h"
#include "lib/base/thread.h"
#include "lib/fmt/fmt.h"
#include "lib/range/range.h"
#include "lib/string/string.h"

extern const char symbol_names_end[];

/* What a trace of this thread may read: its stack and the symbol table. */
static bool own_read(void *context, uint64_t address, void *buffer, size_t size)
{
    const struct thread *thread = context;
    uint64_t symbols = (uint64_t)symbol_table_begin, symbols_end = (uint64_t)symbol_names_end;

    if (!(address >= thread->stack && range_ok(address - thread->stack, size, thread->stack_size)) &&
        !(address >= symbols && range_ok(address - symbols, size, symbols_end - symbols)))
        return false;
    memcpy(buffer, (const void *)address, size);
    return true;
}

/* `frame`: of component_panic, whose caller is the first line. */
static void stack_trace_log(const void *frame)
{
    static struct stack_frame frames[STACK_TRACE_FRAMES];
    struct stack_reader reader = {own_read, thread_self(), (uint64_t)symbol_table_begin,
                                  (uint64_t)symbol_table_end, (uint64_t)symbol_names_end};
    unsigned count =
        stack_trace_walk(&reader, (uint64_t)component_panic, (uint64_t)frame, frames, STACK_TRACE_FRAMES);

    for (unsigned i = 1; i < count; i++)
        log_error("  #%u 0x%llx %s+0x%llx", i, (unsigned long long)frames[i].ip,
                  frames[i].name[0] ? frames[i].name : "?", (unsigned long long)frames[i].offset);
}

_Noreturn void component_exit(int code)
{
    uint64_t bits;

    (void)parent_exit(code);
    for (;;) /* the parent ends us; until then nothing runs */
        (void)notification_wait(thread_self()->notification, UINT64_MAX, &bits);
}

_Noreturn void component_panic(const char *format, ...)
{
    static bool again;
    static char text[256];
    va_list arguments;

    if (__atomic_exchange_n(&again, true, __ATOMIC_RELAXED))
        __builtin_trap(); /* the panic itself failed: core's crash report is what is left */
    va_start(arguments, format);
    (void)fmt_vformat(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_error("panic: %s", text);
    stack_trace_log(__builtin_frame_address(0));
    component_exit(PANIC_EXIT_CODE);
}
