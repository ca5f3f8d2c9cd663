/* SPDX-License-Identifier: MIT */
/*
 * COM1 of the guest on a TERMINAL session.
 *
 * Output is gathered and goes out at the end of a line, when enough has come together, or a moment later: a notification
 * for each byte would cost more than the byte. Nothing is lost when the terminal is slow: the UART then holds the guest.
 * Each second it is looked whether the terminal is still there. When it is gone, the guest goes on without, what it writes
 * vanishes, and a new session is tried each second.
 *
 * Like a device, the console says when it wants to act (console_deadline) and is called then. All functions are for the
 * holder of the machine's lock; only console_reopen, which may wait for a server, is called without it.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include "lib/base/status.h"
#include "lib/terminal/client.h"
#include "vmm/device/device.h"
#include "vmm/device/uart16550/uart16550.h"

#define CONSOLE_BUFFER 4096u

struct console {
    struct terminal_client terminal; /* first member */
    struct entrypoint *entrypoint;
    struct uart16550 *uart;
    struct device_clock clock;
    void (*signalled)(void *context); /* the terminal has input or room: console_service() */
    void *context;
    uint64_t flush_at, look_at; /* ns */
    bool connected;
    bool blocked;        /* the UART was refused a byte and waits for room */
    bool input_waits;    /* the last read was cut by a full receiver */
    size_t first, count; /* of the buffer in use */
    uint8_t buffer[CONSOLE_BUFFER];
};

/* `signalled` is called on the entry point's thread, without any lock. */
[[nodiscard]] enum status console_open(struct console *console, struct entrypoint *entrypoint,
                                       struct uart16550 *uart, struct device_clock clock,
                                       void (*signalled)(void *context), void *context);

/* The UART's transmit callback; `context` is the console. */
bool console_transmit(void *context, uint8_t byte);

/* Input to the UART, output to the terminal, as far as both take them. */
void console_service(struct console *console);

/* Moves waiting input on; the owner calls it after each exit that read from the UART, since input that found its receiver
   full waits for that. */
void console_poll(struct console *console);

/* Sends what has been gathered. */
void console_flush(struct console *console);

static inline uint64_t console_deadline(const struct console *console)
{
    return console->flush_at < console->look_at ? console->flush_at : console->look_at;
}

/* True: the terminal is gone, console_reopen() may find a new one. */
bool console_expire(struct console *console, uint64_t now);

void console_reopen(struct console *console);

#endif
