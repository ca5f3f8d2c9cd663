/* SPDX-License-Identifier: MIT */
/* See console.h. */
#include "vmm/console.h"

#define FLUSH_COUNT    256u
#define FLUSH_DELAY_NS 1000000u
#define LOOK_DELAY_NS  1000000000u

/* How many bytes went to the terminal; all of them if there is none. */
static size_t write_some(struct console *console)
{
    size_t taken = 0;

    if (!console->connected)
        return console->count;
    if (terminal_client_write(&console->terminal, console->buffer + console->first, console->count, &taken) ==
        OK)
        return taken;
    console->connected = false;
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
        return false;
    }
    console->buffer[console->first + console->count++] = byte;
    if (byte == '\n' || console->count >= FLUSH_COUNT)
        console_flush(console);
    else if (console->flush_at == DEVICE_NO_DEADLINE)
        console->flush_at = device_now(&console->clock) + FLUSH_DELAY_NS;
    return true;
}

/* As much input as the UART takes; the rest stays in the ring until it has room. */
static void receive(struct console *console)
{
    while (console->connected) {
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

void console_service(struct console *console)
{
    receive(console);
    console_flush(console);
}

bool console_expire(struct console *console, uint64_t now)
{
    if (now >= console->flush_at) {
        console->flush_at = DEVICE_NO_DEADLINE;
        console_flush(console);
    }
    if (now < console->look_at)
        return false;
    console->look_at = now + LOOK_DELAY_NS;
    if (console->connected && terminal_client_gone(&console->terminal))
        console->connected = false;
    console_flush(console);
    return !console->connected;
}

static void terminal_changed(struct terminal_client *terminal)
{
    struct console *console = (struct console *)terminal;

    if (console->connected)
        console->signalled(console->context);
}

static enum status connect(struct console *console)
{
    enum status status =
        terminal_client_open(console->entrypoint, "console", terminal_changed, &console->terminal);

    if (status == OK)
        __atomic_store_n(&console->connected, true, __ATOMIC_RELEASE);
    return status;
}

/* Nobody else uses the session while there is none; that it is there again is written last. */
void console_reopen(struct console *console)
{
    if (console->terminal.entrypoint)
        terminal_client_close(&console->terminal);
    console->terminal = (struct terminal_client){0};
    if (connect(console) != OK)
        console->terminal.entrypoint = NULL;
}

enum status console_open(struct console *console, struct entrypoint *entrypoint, struct uart16550 *uart,
                         struct device_clock clock, void (*signalled)(void *context), void *context)
{
    console->entrypoint = entrypoint;
    console->uart = uart;
    console->clock = clock;
    console->signalled = signalled;
    console->context = context;
    console->flush_at = DEVICE_NO_DEADLINE;
    console->look_at = device_now(&clock) + LOOK_DELAY_NS;
    return connect(console);
}
