/* SPDX-License-Identifier: MIT */
/*
 * Console of the test guest: COM1 by polling, and a formatter for %s %c %u %x with l, and a width with leading zeros.
 * There is no timeout: a serial port whose transmitter never empties leaves nobody to complain to.
 */
#include "test/guest/guest.h"

#include <stdarg.h>

enum { LSR_TRANSMITTER_EMPTY = 0x20 };

void console_init(void)
{
    outb(PORT_COM1 + 1, 0);    /* no interrupts */
    outb(PORT_COM1 + 3, 0x80); /* divisor latch: 115200 baud */
    outb(PORT_COM1 + 0, 1);
    outb(PORT_COM1 + 1, 0);
    outb(PORT_COM1 + 3, 3); /* 8 data bits */
    outb(PORT_COM1 + 2, 7); /* FIFO on and empty */
    outb(PORT_COM1 + 4, 3); /* DTR, RTS */
}

static void put(char c)
{
    while (!(inb(PORT_COM1 + 5) & LSR_TRANSMITTER_EMPTY))
        asm volatile("pause");
    outb(PORT_COM1, (uint8_t)c);
}

static void put_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            put('\r');
        put(*text);
    }
}

static void put_number(uint64_t value, unsigned base, unsigned width)
{
    char digits[24];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (; width > count; width--)
        put('0');
    while (count)
        put(digits[--count]);
}

void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            char text[2] = {*p, 0};
            put_text(text);
            continue;
        }
        unsigned width = 0;
        bool is_long = false;
        for (p++; *p >= '0' && *p <= '9'; p++)
            width = width * 10 + (unsigned)(*p - '0');
        for (; *p == 'l'; p++)
            is_long = true;
        if (*p == 's')
            put_text(va_arg(arguments, const char *));
        else if (*p == 'c')
            put((char)va_arg(arguments, int));
        else
            put_number(is_long ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned),
                       *p == 'x' ? 16 : 10, width);
    }
    va_end(arguments);
}
