/* SPDX-License-Identifier: MIT */
/* Formatted output: as much of printf as the kernel's few messages need. */
#include "kernel/arch/x86_64/print.h"

#include "kernel/arch/arch.h"

static void print_string(const char *string)
{
    while (*string)
        arch_console_write(*string++);
}

static void print_number(uint64_t value, unsigned base, unsigned width, char fill)
{
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (unsigned i = count; i < width; i++)
        arch_console_write(fill);
    while (count)
        arch_console_write(digits[--count]);
}

static void print_signed(int64_t value, unsigned width, char fill)
{
    if (value < 0)
        arch_console_write('-');
    print_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10, width, fill);
}

void print_list(const char *format, va_list arguments)
{
    for (; *format; format++) {
        unsigned width = 0;
        bool wide = false;
        char fill = ' ';

        if (*format != '%') {
            arch_console_write(*format);
            continue;
        }
        if (*++format == '0')
            fill = *format++;
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (unsigned)(*format - '0');
        for (; *format == 'l' || *format == 'z'; format++)
            wide = true;
        switch (*format) {
        case 'c': arch_console_write((char)va_arg(arguments, int)); break;
        case 's': print_string(va_arg(arguments, const char *)); break;
        case 'd':
            print_signed(wide ? va_arg(arguments, int64_t) : va_arg(arguments, int), width, fill);
            break;
        case 'u':
        case 'x':
            print_number(wide ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned),
                         *format == 'u' ? 10 : 16, width, fill);
            break;
        case 'p': print_number((uint64_t)va_arg(arguments, void *), 16, 16, '0'); break;
        default: arch_console_write(*format); break;
        }
    }
}

void print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_list(format, arguments);
    va_end(arguments);
}
