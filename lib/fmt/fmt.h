/* SPDX-License-Identifier: MIT */
/*
 * Text from values and values from text.
 *
 * Formatting: a subset of printf, without floating point, without allocation and without state. The compiler checks
 * the arguments against the format.
 *
 *   conversions  %s %c %d %i %u %x %X %p %%
 *   flags        '-' (left) and '0' (zero padding)
 *   width        a number or '*';  precision: ".number" or ".*" (longest string, least digits)
 *   sizes        hh h l ll z
 *
 * %p is "0x" and hexadecimal digits; a NULL string prints as "(null)". From the first directive outside the subset
 * on, the rest of the format is copied as it stands and no further argument is taken.
 */
#ifndef LIB_FMT_FMT_H
#define LIB_FMT_FMT_H

#include "lib/base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes at most `size` bytes including the terminator, which is always written unless `size` is 0. Returns the
 * length that the whole text has, without terminator: the text was cut if that is `size` or more.
 */
size_t fmt_format(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t fmt_vformat(char *buffer, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/*
 * Reads the whole of text[0..length) as a decimal number, or a hexadecimal one after "0x". No sign, no blanks.
 * ERR_INVALID: it is not a number. ERR_RANGE: it does not fit 64 bits.
 */
[[nodiscard]] enum status fmt_parse_unsigned(const char *text, size_t length, uint64_t *out);

/* The same with an optional suffix K, M or G (times 1024, 1024 * 1024, ...): a number of bytes. */
[[nodiscard]] enum status fmt_parse_size(const char *text, size_t length, uint64_t *out);

#endif
