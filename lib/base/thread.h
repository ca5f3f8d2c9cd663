/* SPDX-License-Identifier: MIT */
/*
 * Threads. Each has a message area, a stack between guard pages, thread-local variables, and a notification of its own
 * to sleep on.
 */
#ifndef LIB_BASE_THREAD_H
#define LIB_BASE_THREAD_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THREAD_CONTROL_SIZE     256u /* room for struct thread above the start value of rsp */
#define THREAD_STACK_DEFAULT    (64u << 10)
#define THREAD_PRIORITY_DEFAULT 32u

struct message_area;

/* Lies at fs_base; the thread-local variables are right below. */
struct thread {
    struct thread *self; /* %fs:0, as the x86-64 ABI wants it */
    struct message_area *message_area;
    uint32_t slot;         /* capability of the thread (CONTROL, BIND) */
    uint32_t notification; /* nobody else waits on it; a spurious signal is no error */
    uint32_t id;           /* at the PD session */
    uint32_t done;
    uint32_t joiner; /* notification of the thread that waits for this one */
    uint32_t stack_dataspace;
    uint64_t stack, stack_size;
    void (*function)(void *argument);
    void *argument;
};

_Static_assert(sizeof(struct thread) <= THREAD_CONTROL_SIZE, "start protocol");

#if __STDC_HOSTED__
struct thread *thread_self(void); /* a host test's own */
#else
static inline struct thread *thread_self(void)
{
    struct thread *self;

    __asm__("mov %%fs:0, %0" : "=r"(self));
    return self;
}
#endif

struct thread_options {
    const char *name;
    size_t stack_size; /* 0: THREAD_STACK_DEFAULT */
    unsigned priority; /* 0: THREAD_PRIORITY_DEFAULT */
    bool fpu;
};

/* Runs function(argument) on a CPU of the component's: 0 .. env.page->cpus - 1, where it stays. ERR_RANGE. */
[[nodiscard]] enum status thread_create_on(const struct thread_options *options, unsigned cpu,
                                           void (*function)(void *argument), void *argument,
                                           struct thread **out);

[[nodiscard]] static inline enum status thread_create(const struct thread_options *options,
                                                      void (*function)(void *argument), void *argument,
                                                      struct thread **out)
{
    return thread_create_on(options, 0, function, argument, out);
}

/* Waits for its end and frees everything. Exactly one thread joins another. */
void thread_join(struct thread *thread);

/* From another thread: the call that it is in, if any, returns ERR_ABORTED. Whether the server has done it is not known. */
void thread_abort_call(const struct thread *thread);

/* Sleeps until the deadline (TSC), or shorter if something signalled the thread's notification. */
void thread_sleep_until(uint64_t deadline);

#endif
