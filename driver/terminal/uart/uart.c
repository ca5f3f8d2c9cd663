/* SPDX-License-Identifier: MIT */
/* The 16550 UART; see uart.h. */
#include "driver/terminal/uart/uart.h"

enum status uart_divisor(uint64_t baud, uint16_t *divisor)
{
    uint64_t nearest, actual, error;

    if (baud == 0 || baud > UART_CLOCK)
        return ERR_RANGE;
    nearest = (UART_CLOCK + baud / 2) / baud;
    if (nearest == 0 || nearest > UINT16_MAX)
        return ERR_RANGE;
    actual = UART_CLOCK / nearest;
    error = actual > baud ? actual - baud : baud - actual;
    if (error * 100 > baud * 3)
        return ERR_RANGE;
    *divisor = (uint16_t)nearest;
    return OK;
}

/* The scratch register keeps what is written only where there is a UART. */
static bool present(struct uart *uart)
{
    static const uint8_t patterns[] = {0x5a, 0xa5};

    for (unsigned i = 0; i < sizeof(patterns); i++) {
        uart->write(uart, UART_SCR, patterns[i]);
        if (uart->read(uart, UART_SCR) != patterns[i])
            return false;
    }
    return true;
}

enum status uart_start(struct uart *uart, uint16_t divisor)
{
    if (!present(uart))
        return ERR_NOT_FOUND;
    uart_interrupts(uart, false, false);
    uart->write(uart, UART_LCR, UART_LCR_8N1 | UART_LCR_DLAB);
    uart->write(uart, UART_DLL, divisor & 0xff);
    uart->write(uart, UART_DLM, (uint8_t)(divisor >> 8));
    uart->write(uart, UART_LCR, UART_LCR_8N1);
    /* What was typed already stays in the receive FIFO if that was enabled; so it is not cleared here. */
    uart->write(uart, UART_FCR, UART_FCR_ENABLE | UART_FCR_TRIGGER_8);
    uart->fifo_size = (uart->read(uart, UART_IIR) & UART_IIR_FIFO) == UART_IIR_FIFO ? UART_FIFO_SIZE : 1;
    uart->write(uart, UART_MCR, UART_MCR_READY | UART_MCR_OUT2);
    return OK;
}

void uart_interrupts(struct uart *uart, bool receive, bool transmit)
{
    uart->ier =
        (receive ? (uint8_t)UART_IER_RECEIVED : 0) | (transmit ? (uint8_t)UART_IER_TRANSMITTER_EMPTY : 0);
    uart->write(uart, UART_IER, uart->ier);
}

bool uart_interrupt_pending(struct uart *uart)
{
    return (uart->read(uart, UART_IIR) & UART_IIR_NONE) == 0;
}

size_t uart_receive(struct uart *uart, uint8_t *bytes, size_t size)
{
    size_t n = 0;

    while (n < size && uart->read(uart, UART_LSR) & UART_LSR_DATA)
        bytes[n++] = uart->read(uart, UART_RBR);
    return n;
}

size_t uart_room(struct uart *uart)
{
    return uart->read(uart, UART_LSR) & UART_LSR_TRANSMITTER_EMPTY ? uart->fifo_size : 0;
}

void uart_send(struct uart *uart, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        uart->write(uart, UART_THR, bytes[i]);
}
