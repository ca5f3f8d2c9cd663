/* SPDX-License-Identifier: MIT */
/*
 * COM1 of the guest on a TERMINAL session.
 *
 * Output is gathered and goes out at the end of a line, when enough has come together, or a moment later: a notification
 * for each byte would cost more than the byte. Nothing is lost when the terminal is slow: the UART then holds the guest,
 * and each second it is looked whether the terminal is still there.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include "lib/base/status.h"
#include "lib/base/timeout.h"
#include "lib/terminal/client.h"
#include "vmm/device/uart16550/uart16550.h"

#define CONSOLE_BUFFER 4096u

struct console {
    struct terminal_client terminal; /* first member */
    struct timeout flush;
    struct uart16550 *uart;
    void (*changed)(void *context); /* input has gone to the UART, or it may transmit again */
    void *context;
    bool gone;           /* nobody listens any more: the guest goes on without its console */
    bool blocked;        /* the UART was refused a byte and waits for room */
    bool input_waits;    /* the last read was cut by a full receiver */
    size_t first, count; /* of the buffer in use */
    uint8_t buffer[CONSOLE_BUFFER];
};

[[nodiscard]] enum status console_open(struct console *console, struct uart16550 *uart,
                                       void (*changed)(void *context), void *context);

/* The UART's transmit callback; `context` is the console. */
bool console_transmit(void *context, uint8_t byte);

/* Moves waiting input on; the owner calls it after each exit that read from the UART, since input that found its receiver
   full waits for that. */
void console_poll(struct console *console);

/* Sends what has been gathered. */
void console_flush(struct console *console);

#endif
