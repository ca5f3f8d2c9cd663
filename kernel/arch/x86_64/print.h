/* SPDX-License-Identifier: MIT */
/* Formatted output to the kernel's debug console. */
#ifndef KERNEL_ARCH_X86_64_PRINT_H
#define KERNEL_ARCH_X86_64_PRINT_H

#include <stdarg.h>

/* Knows %% %c %s %d %u %x %p with l, z, a width and leading 0. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_list(const char *format, va_list arguments);

#endif
