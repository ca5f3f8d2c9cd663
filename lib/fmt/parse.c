/* SPDX-License-Identifier: MIT */
/*
 * Numbers from text. The text is a slice, need not be terminated, and must consist of the number alone: a
 * configuration that says "12x" is wrong and not 12.
 */
#include "lib/fmt/fmt.h"

#include <stdbool.h>

static bool digit_value(char character, unsigned base, unsigned *out)
{
    unsigned value;

    if (character >= '0' && character <= '9')
        value = (unsigned)(character - '0');
    else if (character >= 'a' && character <= 'f')
        value = (unsigned)(character - 'a') + 10;
    else if (character >= 'A' && character <= 'F')
        value = (unsigned)(character - 'A') + 10;
    else
        return false;
    *out = value;
    return value < base;
}

enum status fmt_parse_unsigned(const char *text, size_t length, uint64_t *out)
{
    bool hexadecimal = length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    unsigned base = hexadecimal ? 16 : 10;
    uint64_t value = 0;
    bool overflow = false;

    if (length == 0)
        return ERR_INVALID;
    for (size_t at = hexadecimal ? 2 : 0; at < length; at++) {
        unsigned digit;
        if (!digit_value(text[at], base, &digit))
            return ERR_INVALID;
        overflow |= __builtin_mul_overflow(value, (uint64_t)base, &value);
        overflow |= __builtin_add_overflow(value, (uint64_t)digit, &value);
    }
    if (overflow)
        return ERR_RANGE;
    *out = value;
    return OK;
}

enum status fmt_parse_size(const char *text, size_t length, uint64_t *out)
{
    unsigned shift = 0;
    uint64_t value;

    if (length == 0)
        return ERR_INVALID;
    switch (text[length - 1]) {
    case 'K': shift = 10; break;
    case 'M': shift = 20; break;
    case 'G': shift = 30; break;
    default: break;
    }
    enum status status = fmt_parse_unsigned(text, shift != 0 ? length - 1 : length, &value);
    if (status != OK)
        return status;
    if (value > UINT64_MAX >> shift)
        return ERR_RANGE;
    *out = value << shift;
    return OK;
}
