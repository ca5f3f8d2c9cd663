/* SPDX-License-Identifier: MIT */
/* See handler.h. */
#include "test/bench/ipc/handler.h"

#include "lib/base/cap.h"
#include "lib/base/kernel.h"
#include "lib/base/notification.h"
#include "lib/base/panic.h"
#include "lib/base/thread.h"
#include "test/bench/ipc/wire.h"

static void wait_for_call(message_tag reply, unsigned flags, struct kernel_wake *wake)
{
    enum status status = kernel_reply_wait(reply, flags, CAP_NONE, DEADLINE_NEVER, wake);

    if (__builtin_expect(status != OK, 0))
        component_panic("handler: reply_wait failed with status %u", status);
}

static void echo(void *argument)
{
    struct message_area *area = thread_self()->message_area;
    struct kernel_wake wake;

    (void)argument;
    wait_for_call(0, 0, &wake);
    for (;;) {
        area->words[0]++;
        wait_for_call(wake.tag, REPLY_SEND, &wake);
    }
}

/* Every capability goes to the next slot, so that taking it costs no more than the kernel's work. */
static void take(void *argument)
{
    struct message_area *area = thread_self()->message_area;
    struct kernel_wake wake;
    uint32_t first;

    (void)argument;
    if (cap_alloc_range(BENCH_TAKEN_MAX, &first) != OK)
        component_panic("handler: no slots");
    area->receive_base = first;
    area->receive_count = 1;
    wait_for_call(0, 0, &wake);
    for (;;) {
        if (tag_caps(wake.tag)) {
            area->receive_base++;
        } else {
            while (area->receive_base > first)
                cap_empty(--area->receive_base);
        }
        area->words[0]++;
        wait_for_call(tag_make(OK, tag_words(wake.tag), 0), REPLY_SEND, &wake);
    }
}

/* Calls that come before the thread waits are no problem: the kernel lets the caller help it. */
static enum status start(struct handler *handler, const char *name, void (*function)(void *argument))
{
    struct thread_options options = {.name = name};
    enum status status = thread_create(&options, function, handler, &handler->entrypoint.thread);

    return status == OK ? portal_create(&handler->entrypoint, &handler->portal) : status;
}

enum status handler_start_echo(struct handler *handler)
{
    return start(handler, "echo", echo);
}

enum status handler_start_taker(struct handler *handler)
{
    return start(handler, "taker", take);
}

static void reflect(void *argument)
{
    const struct reflector *reflector = argument;
    uint64_t bits;

    for (;;)
        if (kernel_notification_wait(reflector->own, DEADLINE_NEVER, &bits) != OK ||
            kernel_notification_signal(reflector->peer) != OK)
            return;
}

enum status reflector_start(struct reflector *reflector, uint32_t peer)
{
    struct thread_options options = {.name = "reflector"};
    enum status status = notification_create(&reflector->own);

    reflector->peer = peer;
    return status == OK ? thread_create(&options, reflect, reflector, &reflector->thread) : status;
}
