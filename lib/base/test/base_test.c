/* SPDX-License-Identifier: MIT */
/*
 * The small hardware-free parts: timeouts, time conversion, session arguments, stack traces.
 */
#include "lib/base/session.h"
#include "lib/base/stack_trace.h"
#include "lib/base/time.h"
#include "lib/base/timeout.h"

#include "abi/symbols.h"
#include "test/check.h"

static void test_timeouts(void)
{
    struct timeout_queue queue = {0};
    struct timeout t[4] = {0};

    CASE("timeouts come out in order, equal ones in the order they were set");
    CHECK_EQ(timeout_queue_next(&queue), UINT64_MAX);
    timeout_queue_set(&queue, &t[0], 30);
    timeout_queue_set(&queue, &t[1], 10);
    timeout_queue_set(&queue, &t[2], 30);
    timeout_queue_set(&queue, &t[3], 20);
    CHECK_EQ(timeout_queue_next(&queue), 10);
    CHECK(timeout_queue_pop(&queue, 9) == NULL);
    CHECK(timeout_queue_pop(&queue, 30) == &t[1]);
    CHECK(timeout_queue_pop(&queue, 30) == &t[3]);
    CHECK(timeout_queue_pop(&queue, 30) == &t[0]);
    CHECK(timeout_queue_pop(&queue, 30) == &t[2]);
    CHECK(timeout_queue_pop(&queue, UINT64_MAX) == NULL);

    CASE("a timeout moves, and can be cancelled at every place");
    for (unsigned i = 0; i < 4; i++)
        timeout_queue_set(&queue, &t[i], 10 * i);
    timeout_queue_set(&queue, &t[0], 25);
    CHECK_EQ(timeout_queue_next(&queue), 10);
    timeout_queue_cancel(&queue, &t[1]);
    timeout_queue_cancel(&queue, &t[1]);
    timeout_queue_cancel(&queue, &t[3]);
    CHECK(timeout_queue_pop(&queue, 100) == &t[2]);
    CHECK(timeout_queue_pop(&queue, 100) == &t[0]);
    CHECK_EQ(timeout_queue_next(&queue), UINT64_MAX);
}

static void test_time(void)
{
    CASE("ticks and nanoseconds, exact and saturating");
    CHECK_EQ(time_ticks_of_ns(1000000, 2500000), 2500000);
    CHECK_EQ(time_ticks_of_ns(1, 2500000), 2);
    CHECK_EQ(time_ns_of_ticks(2500000, 2500000), 1000000);
    CHECK_EQ(time_ns_of_ticks(5, 2500000), 2);
    CHECK_EQ(time_ticks_of_ns(UINT64_MAX, 5000000), UINT64_MAX);
    CHECK_EQ(time_ns_of_ticks(UINT64_MAX, 1), UINT64_MAX);
    CHECK_EQ(time_ns_of_ticks(7, 0), UINT64_MAX);
    /* a century at 3 GHz */
    CHECK_EQ(time_ns_of_ticks(time_ticks_of_ns(3155760000000000000ull, 3000000), 3000000),
             3155760000000000000ull);
}

static void test_arguments(void)
{
    char value[8] = "old";
    uint64_t number = 5;
    const char *args = "port=0x3f8, size=8,name=\"a, b\" ram=2M empty= end=x";

    CASE("session arguments");
    CHECK_EQ(session_arg_number(args, "port", &number), OK);
    CHECK_EQ(number, 0x3f8);
    CHECK_EQ(session_arg_number(args, "ram", &number), OK);
    CHECK_EQ(number, 2 << 20);
    CHECK_EQ(session_arg(args, "name", value, sizeof(value)), OK);
    CHECK_STR(value, "a, b");
    CHECK_EQ(session_arg(args, "empty", value, sizeof(value)), OK);
    CHECK_STR(value, "");
    CHECK_EQ(session_arg(args, "end", value, sizeof(value)), OK);
    CHECK_STR(value, "x");

    CASE("session arguments that are missing or malformed");
    number = 5;
    CHECK_EQ(session_arg(args, "por", value, sizeof(value)), ERR_NOT_FOUND);
    CHECK_EQ(session_arg(args, "port", value, 5), ERR_OVERFLOW);
    CHECK_EQ(session_arg_number(args, "name", &number), ERR_INVALID);
    CHECK_EQ(session_arg_number("a=99999999999999999999", "a", &number), ERR_RANGE);
    CHECK_EQ(session_arg("", "a", value, sizeof(value)), ERR_NOT_FOUND);
    CHECK_EQ(session_arg("a", "a", value, sizeof(value)), ERR_NOT_FOUND);
    CHECK_EQ(session_arg("=1, a=1", "a", value, sizeof(value)), ERR_NOT_FOUND);
    CHECK_EQ(session_arg("a=\"1", "a", value, sizeof(value)), ERR_NOT_FOUND);
    CHECK_EQ(number, 5);
    CHECK_STR(value, "x");
}

/* The memory of a program that crashed: at MEMORY, words of which each test makes what it wants. */
#define MEMORY 0x10000ull

static struct {
    uint64_t stack[16];
    struct symbol_entry entries[3];
    char names[16];
} memory;

static bool memory_read(void *context, uint64_t address, void *buffer, size_t size)
{
    (void)context;
    if (address < MEMORY || address - MEMORY > sizeof(memory) || size > sizeof(memory) - (address - MEMORY))
        return false;
    memcpy(buffer, (char *)&memory + (address - MEMORY), size);
    return true;
}

static struct stack_reader memory_reset(void)
{
    uint64_t entries = MEMORY + sizeof(memory.stack), names = entries + sizeof(memory.entries);

    memset(&memory, 0, sizeof(memory));
    memory.entries[0] = (struct symbol_entry){0x1000, 0};
    memory.entries[1] = (struct symbol_entry){0x2000, 4};
    memory.entries[2] = (struct symbol_entry){0x3000, 8}; /* the end: an empty name */
    memcpy(memory.names, "one\0two\0", 9);
    return (struct stack_reader){memory_read, NULL, entries, names, names + 9};
}

static void test_trace(void)
{
    struct stack_reader reader = memory_reset();
    struct stack_frame frames[4];

    CASE("a stack trace with names");
    memory.stack[0] = MEMORY + 32; /* the caller's frame, and where it goes on: right behind its end */
    memory.stack[1] = 0x2000;
    memory.stack[4] = 0;
    memory.stack[5] = 0x4000;
    CHECK_EQ(stack_trace_walk(&reader, 0x2010, MEMORY, frames, 4), 3);
    CHECK_STR(frames[0].name, "two");
    CHECK_EQ(frames[0].offset, 0x10);
    CHECK_STR(frames[1].name, "one");
    CHECK_EQ(frames[1].offset, 0x1000);
    CHECK_STR(frames[2].name, "");
    CHECK_EQ(frames[2].ip, 0x4000);
    CHECK_EQ(stack_trace_walk(&reader, 0x2010, MEMORY, frames, 2), 2);

    CASE("a stack that is garbage ends the trace");
    CHECK_EQ(stack_trace_walk(&reader, 0x500, 1, frames, 4), 1);
    CHECK_EQ(stack_trace_walk(&reader, 0x500, UINT64_MAX - 7, frames, 4), 1);
    memory.stack[0] = MEMORY; /* points at itself */
    CHECK_EQ(stack_trace_walk(&reader, 0x2010, MEMORY, frames, 4), 2);

    CASE("a symbol table that is garbage gives no names");
    reader = memory_reset();
    memory.entries[1].name_offset = UINT64_MAX;
    CHECK_EQ(stack_trace_walk(&reader, 0x2010, 0, frames, 4), 1);
    CHECK_STR(frames[0].name, "");
    reader = memory_reset();
    memset(memory.names, 'x', sizeof(memory.names));
    (void)stack_trace_walk(&reader, 0x2010, 0, frames, 4);
    CHECK_STR(frames[0].name, "");
    reader = memory_reset();
    memory.names[4] = '\n';
    (void)stack_trace_walk(&reader, 0x2010, 0, frames, 4);
    CHECK_STR(frames[0].name, "?wo");
    reader.symbols_begin = 16;
    CHECK_EQ(stack_trace_walk(&reader, 0x2010, 0, frames, 4), 1);
    CHECK_STR(frames[0].name, "");
    reader = (struct stack_reader){memory_read, NULL, 0, UINT64_MAX, UINT64_MAX};
    (void)stack_trace_walk(&reader, 0x2010, 0, frames, 4);
    CHECK_STR(frames[0].name, "");
}

int main(void)
{
    test_timeouts();
    test_time();
    test_arguments();
    test_trace();
    return check_finish();
}
