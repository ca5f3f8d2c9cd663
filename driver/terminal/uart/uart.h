/* SPDX-License-Identifier: MIT */
/*
 * The 16550 UART: its registers, and transfer between them and buffers. Register access is by hooks, so the logic is
 * tested against a model.
 *
 * Data sheet: National Semiconductor PC16550D, "Universal Asynchronous Receiver/Transmitter with FIFOs", section 8.
 */
#ifndef DRIVER_TERMINAL_UART_UART_H
#define DRIVER_TERMINAL_UART_UART_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART_CLOCK     115200u /* baud rate at divisor 1 */
#define UART_PORTS     8u
#define UART_FIFO_SIZE 16u

enum uart_register {
    UART_RBR = 0, /* r   receiver buffer (DLAB = 0) */
    UART_THR = 0, /*  w  transmitter holding (DLAB = 0) */
    UART_DLL = 0, /* rw  divisor latch, low (DLAB = 1) */
    UART_IER = 1, /* rw  interrupt enable (DLAB = 0) */
    UART_DLM = 1, /* rw  divisor latch, high (DLAB = 1) */
    UART_IIR = 2, /* r   interrupt identification; reading clears "transmitter empty" */
    UART_FCR = 2, /*  w  FIFO control */
    UART_LCR = 3, /* rw  line control */
    UART_MCR = 4, /* rw  modem control */
    UART_LSR = 5, /* r   line status */
    UART_MSR = 6, /* r   modem status */
    UART_SCR = 7, /* rw  scratch */
};

enum uart_bit {
    UART_IER_RECEIVED = 1u << 0,
    UART_IER_TRANSMITTER_EMPTY = 1u << 1,
    UART_IIR_NONE = 1u << 0, /* 0: an interrupt is pending */
    UART_IIR_FIFO = 3u << 6,
    UART_FCR_ENABLE = 1u << 0,
    UART_FCR_CLEAR = 3u << 1,     /* both FIFOs */
    UART_FCR_TRIGGER_8 = 2u << 6, /* receive interrupt at 8 bytes, or after a pause */
    UART_LCR_8N1 = 3u,
    UART_LCR_DLAB = 1u << 7,
    UART_MCR_READY = 3u,     /* DTR and RTS */
    UART_MCR_OUT2 = 1u << 3, /* connects the interrupt line on a PC */
    UART_LSR_DATA = 1u << 0,
    UART_LSR_TRANSMITTER_EMPTY = 1u << 5, /* the whole FIFO is free */
};

struct uart {
    uint8_t (*read)(struct uart *uart, enum uart_register reg);
    void (*write)(struct uart *uart, enum uart_register reg, uint8_t value);
    uint16_t port;
    uint8_t ier;       /* as last written */
    uint8_t fifo_size; /* bytes to write at once; 1 without FIFOs */
};

/* ERR_RANGE: the clock does not divide to this rate within 3 %. */
[[nodiscard]] enum status uart_divisor(uint64_t baud, uint16_t *divisor);

/* With read, write and port set. Interrupts are off afterwards. ERR_NOT_FOUND: there is no such device. */
[[nodiscard]] enum status uart_start(struct uart *uart, uint16_t divisor);

/* Which interrupts the device shall raise. */
void uart_interrupts(struct uart *uart, bool receive, bool transmit);
bool uart_interrupt_pending(struct uart *uart);

/* Bytes received, at most `size`. */
size_t uart_receive(struct uart *uart, uint8_t *bytes, size_t size);

/* How many bytes may be written now, without waiting: the FIFO's size or 0. */
size_t uart_room(struct uart *uart);
void uart_send(struct uart *uart, const uint8_t *bytes, size_t length);

#endif
