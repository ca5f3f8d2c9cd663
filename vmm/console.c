/* SPDX-License-Identifier: MIT */
/* See console.h. */
#include "vmm/console.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/time.h"

#define FLUSH_COUNT    256u
#define FLUSH_DELAY_NS 1000000u
#define GONE_DELAY_NS  1000000000u

/* How many bytes went to the terminal; all of them if there is none any more. */
static size_t write_some(struct console *console)
{
    size_t taken = 0;

    if (!console->gone && terminal_client_write(&console->terminal, console->buffer + console->first,
                                                console->count, &taken) == OK)
        return taken;
    console->gone = true;
    return console->count;
}

void console_flush(struct console *console)
{
    size_t taken;

    while (console->count && (taken = write_some(console))) {
        console->first += taken;
        console->count -= taken;
    }
    if (console->count)
        return;
    console->first = 0;
    if (!console->blocked)
        return;
    console->blocked = false;
    uart16550_transmit_ready(console->uart);
}

bool console_transmit(void *context, uint8_t byte)
{
    struct console *console = context;

    if (console->first + console->count == CONSOLE_BUFFER) {
        console->blocked = true;
        entrypoint_timeout_set(&env.entrypoint, &console->flush, time_after_ns(GONE_DELAY_NS));
        return false;
    }
    console->buffer[console->first + console->count++] = byte;
    if (byte == '\n' || console->count >= FLUSH_COUNT)
        console_flush(console);
    else if (!console->flush.queued)
        entrypoint_timeout_set(&env.entrypoint, &console->flush, time_after_ns(FLUSH_DELAY_NS));
    return true;
}

static void flush_expired(struct timeout *timeout)
{
    struct console *console = (struct console *)((uint8_t *)timeout - offsetof(struct console, flush));

    console_flush(console);
    if (console->blocked) {
        console->gone = terminal_client_gone(&console->terminal);
        entrypoint_timeout_set(&env.entrypoint, &console->flush, time_after_ns(GONE_DELAY_NS));
        console_flush(console);
    }
    console->changed(console->context);
}

/* As much input as the UART takes; the rest stays in the ring until it has room. */
static void receive(struct console *console)
{
    for (;;) {
        uint8_t bytes[UART16550_FIFO];
        size_t space = uart16550_receive_space(console->uart);
        size_t got = 0;

        console->input_waits = !space;
        if (!space || terminal_client_read(&console->terminal, bytes, space, &got) != OK || !got)
            return;
        uart16550_receive(console->uart, bytes, (unsigned)got);
    }
}

void console_poll(struct console *console)
{
    if (console->input_waits && uart16550_receive_space(console->uart))
        receive(console);
}

static void terminal_changed(struct terminal_client *terminal)
{
    struct console *console = (struct console *)terminal;

    receive(console);
    console_flush(console);
    console->changed(console->context);
}

enum status console_open(struct console *console, struct uart16550 *uart, void (*changed)(void *context),
                         void *context)
{
    console->uart = uart;
    console->changed = changed;
    console->context = context;
    console->flush.expired = flush_expired;
    return terminal_client_open(&env.entrypoint, "console", terminal_changed, &console->terminal);
}
