/* SPDX-License-Identifier: MIT */
/*
 * 16550 UART with FIFOs, as COM1 of a PC.
 *
 * Source: National Semiconductor PC16550D datasheet (TL/C/8652), section 8 "Registers". Register names are
 * the datasheet's.
 *
 * Transmission takes no time: a byte written to THR goes to `transmit` at once, and THRE interrupts again.
 * When `transmit` refuses a byte (its ring is full), the byte and its followers wait in the FIFO, THRE is
 * off, and the owner calls `uart16550_transmit_ready` when there is room. Received bytes are pushed from
 * outside, never more than `uart16550_receive_space`. The character timeout (8.4 "FIFO interrupt mode
 * operation") runs by the programmed divisor.
 *
 * The INTR output reaches the interrupt line only while MCR.OUT2 is set and loopback is off, as on a PC. DCD,
 * DSR and CTS are always asserted. Parity, framing and break errors do not occur; an overrun only in
 * loopback.
 */
#ifndef VMM_DEVICE_UART16550_UART16550_H
#define VMM_DEVICE_UART16550_UART16550_H

#include "vmm/device/device.h"

#define UART16550_FIFO 16u

struct uart16550_fifo {
    uint8_t byte[UART16550_FIFO];
    uint8_t head, count;
};

struct uart16550 {
    struct uart16550_fifo receive, send;
    uint8_t ier, fcr, lcr, mcr, msr, scr;
    uint8_t overrun;      /* LSR.OE */
    bool thre_pending;    /* the THRE interrupt is due (it has a latch of its own: 8.6) */
    bool timeout_pending; /* the character timeout has passed */
    bool intr;            /* level of the interrupt line */
    uint16_t divisor;
    uint64_t deadline; /* of the character timeout */
    struct device_clock clock;
    struct irq_line line;
    bool (*transmit)(void *context, uint8_t byte); /* false: no room, try again later */
    void *context;
};

void uart16550_init(struct uart16550 *uart, struct device_clock clock, struct irq_line line,
                    bool (*transmit)(void *context, uint8_t byte), void *context);

/* How many bytes the receiver takes now (0 in loopback), and pushing them; returns how many were taken. */
unsigned uart16550_receive_space(const struct uart16550 *uart);
unsigned uart16550_receive(struct uart16550 *uart, const uint8_t *bytes, unsigned count);

/* `transmit` has room again. */
void uart16550_transmit_ready(struct uart16550 *uart);

/* Eight ports, 0x3F8 for COM1; one byte a cycle. */
uint64_t uart16550_read(struct uart16550 *uart, uint64_t offset, unsigned width);
void uart16550_write(struct uart16550 *uart, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops uart16550_ops;

static inline uint64_t uart16550_deadline(const struct uart16550 *uart)
{
    return uart->deadline;
}
void uart16550_expire(struct uart16550 *uart, uint64_t now);

#endif
