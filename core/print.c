/* SPDX-License-Identifier: MIT */
/*
 * Text on the kernel's console, always whole lines.
 */
#include "core/assert.h"
#include "core/core.h"
#include "core/core_log.h"
#include "lib/fmt/fmt.h"

#define LINE_MAX 256u

static void put(char c)
{
    (void)kernel_operation(HYPERCALL_MACHINE_CONTROL, ROOT_SLOT_MACHINE, MACHINE_CONSOLE_WRITE, (uint8_t)c, 0,
                           0, 0);
}

void console_line(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        put(text[i]);
    put('\n');
    core_log_line(text, length);
}

void core_print(const char *format, ...)
{
    char line[LINE_MAX] = "core: ";
    size_t length;
    va_list arguments;

    va_start(arguments, format);
    length = 6 + fmt_vformat(line + 6, sizeof(line) - 6, format, arguments);
    va_end(arguments);
    console_line(line, length < sizeof(line) ? length : sizeof(line) - 1);
}

void core_exit(uint64_t code)
{
    for (;;)
        (void)kernel_operation(HYPERCALL_MACHINE_CONTROL, ROOT_SLOT_MACHINE, MACHINE_EXIT, code, 0, 0, 0);
}

void core_panic(const char *file, int line, const char *text)
{
    core_print("%s:%d: assertion failed: %s", file, line, text);
    core_exit(CORE_EXIT_PANIC);
}
