/* SPDX-License-Identifier: MIT */
/*
 * Debug console: COM1, polled, 115200 baud 8N1 (16550, datasheet PC16550D). A machine without one costs nothing but
 * the first write. After arch_console_off() a driver owns the device and only a panic still writes.
 */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"

#define COM1 0x3f8

/* Offsets of registers, and the bits used. */
enum uart {
    UART_THR = 0, /* transmitter holding, write */
    UART_DLL = 0, /* divisor latch, while LCR.DLAB = 1 */
    UART_IER = 1, /* interrupt enable */
    UART_DLM = 1,
    UART_FCR = 2, /* FIFO control, write */
    UART_LCR = 3, /* line control */
    UART_MCR = 4, /* modem control */
    UART_LSR = 5, /* line status */
    UART_SCR = 7, /* scratch */

    FCR_ENABLE_CLEAR = 0x07,
    LCR_8N1 = 0x03,
    LCR_DLAB = 0x80,
    MCR_DTR_RTS_OUT2 = 0x0b,
    LSR_THRE = 0x20,
};

static bool console_present;
static bool console_on;

void console_init(void)
{
    outb(COM1 + UART_SCR, 0x5a);
    if (inb(COM1 + UART_SCR) != 0x5a)
        return;
    outb(COM1 + UART_IER, 0);
    outb(COM1 + UART_LCR, LCR_DLAB);
    outb(COM1 + UART_DLL, 1);
    outb(COM1 + UART_DLM, 0);
    outb(COM1 + UART_LCR, LCR_8N1);
    outb(COM1 + UART_FCR, FCR_ENABLE_CLEAR);
    outb(COM1 + UART_MCR, MCR_DTR_RTS_OUT2);
    console_present = console_on = true;
}

static void console_put(char character)
{
    for (unsigned i = 0; i < 100000 && !(inb(COM1 + UART_LSR) & LSR_THRE); i++)
        cpu_relax();
    outb(COM1 + UART_THR, (uint8_t)character);
}

void arch_console_write(char character)
{
    if (!console_on)
        return;
    if (character == '\n')
        console_put('\r');
    console_put(character);
}

void arch_console_off(void)
{
    console_on = false;
}

void console_force(void)
{
    console_on = console_present;
}
