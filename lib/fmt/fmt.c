/* SPDX-License-Identifier: MIT */
/*
 * The formatter: a directive is parsed into `struct directive`, its argument fetched into a plain value, and the
 * result written through `struct sink`, which counts everything and stores what fits.
 *
 * Invariant: sink.length is the length of the whole text so far; bytes at or beyond sink.room are not stored.
 */
#include "lib/fmt/fmt.h"

#include "lib/string/string.h"

#include <stdbool.h>

struct sink {
    char *buffer;
    size_t room; /* bytes that may be stored, without the terminator */
    size_t length;
};

enum size_modifier { SIZE_CHAR, SIZE_SHORT, SIZE_INT, SIZE_LONG, SIZE_LONG_LONG, SIZE_SIZE };

struct directive {
    bool left, zero, has_precision;
    size_t width, precision;
    enum size_modifier size;
    char conversion;
};

struct number {
    uint64_t magnitude;
    bool negative;
};

/* va_list is an array on some targets; inside a structure it can be passed by address everywhere. */
struct arguments {
    va_list list;
};

static void sink_put(struct sink *sink, char character)
{
    if (sink->length < sink->room)
        sink->buffer[sink->length] = character;
    sink->length++;
}

static void sink_fill(struct sink *sink, char character, size_t count)
{
    while (count-- != 0)
        sink_put(sink, character);
}

static void sink_write(struct sink *sink, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        sink_put(sink, text[i]);
}

/* Prefix and body, padded to the width; zero padding stands between the two, blanks around both. */
static void sink_field(struct sink *sink, const struct directive *directive, bool zero, const char *prefix,
                       size_t zeros, const char *body, size_t body_length)
{
    size_t length = strlen(prefix) + zeros + body_length;
    size_t padding = directive->width > length ? directive->width - length : 0;

    if (!directive->left && !zero)
        sink_fill(sink, ' ', padding);
    sink_write(sink, prefix, strlen(prefix));
    sink_fill(sink, '0', zeros);
    if (!directive->left && zero)
        sink_fill(sink, '0', padding);
    sink_write(sink, body, body_length);
    if (directive->left)
        sink_fill(sink, ' ', padding);
}

static void put_string(struct sink *sink, const struct directive *directive, const char *text_opt)
{
    const char *text = text_opt ? text_opt : "(null)";
    size_t length = directive->has_precision ? strnlen(text, directive->precision) : strlen(text);

    sink_field(sink, directive, false, "", 0, text, length);
}

static void put_number(struct sink *sink, const struct directive *directive, struct number number,
                       const char *prefix)
{
    bool upper = directive->conversion == 'X';
    unsigned base = upper || directive->conversion == 'x' || directive->conversion == 'p' ? 16 : 10;
    char digits[20]; /* as many as 2^64 has in base 10 */
    size_t at = sizeof digits;
    uint64_t rest = number.magnitude;

    for (; rest != 0; rest /= base)
        digits[--at] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[rest % base];
    size_t count = sizeof digits - at;
    size_t least = directive->has_precision ? directive->precision : 1;
    sink_field(sink, directive, directive->zero && !directive->has_precision, number.negative ? "-" : prefix,
               least > count ? least - count : 0, digits + at, count);
}

static struct number fetch_signed(enum size_modifier size, struct arguments *arguments)
{
    int64_t value;

    switch (size) {
    case SIZE_CHAR: value = (signed char)va_arg(arguments->list, int); break;
    case SIZE_SHORT: value = (short)va_arg(arguments->list, int); break;
    case SIZE_INT: value = va_arg(arguments->list, int); break;
    case SIZE_LONG: value = va_arg(arguments->list, long); break;
    case SIZE_LONG_LONG: value = va_arg(arguments->list, long long); break;
    case SIZE_SIZE: value = va_arg(arguments->list, ptrdiff_t); break;
    default: value = 0; break;
    }
    return (struct number){value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0};
}

static struct number fetch_unsigned(enum size_modifier size, struct arguments *arguments)
{
    uint64_t value;

    switch (size) {
    case SIZE_CHAR: value = (unsigned char)va_arg(arguments->list, unsigned); break;
    case SIZE_SHORT: value = (unsigned short)va_arg(arguments->list, unsigned); break;
    case SIZE_INT: value = va_arg(arguments->list, unsigned); break;
    case SIZE_LONG: value = va_arg(arguments->list, unsigned long); break;
    case SIZE_LONG_LONG: value = va_arg(arguments->list, unsigned long long); break;
    case SIZE_SIZE: value = va_arg(arguments->list, size_t); break;
    default: value = 0; break;
    }
    return (struct number){value, false};
}

/* A number at *at, or the next argument for '*'. Negative arguments are told by the result. */
static int parse_count(const char **at, struct arguments *arguments)
{
    int value = 0;

    if (**at == '*') {
        ++*at;
        return va_arg(arguments->list, int);
    }
    for (; **at >= '0' && **at <= '9'; ++*at)
        value = value > (INT32_MAX - 9) / 10 ? INT32_MAX : value * 10 + (**at - '0');
    return value;
}

static enum size_modifier parse_size_modifier(const char **at)
{
    const char *text = *at;

    switch (*text) {
    case 'h': *at += text[1] == 'h' ? 2 : 1; return text[1] == 'h' ? SIZE_CHAR : SIZE_SHORT;
    case 'l': *at += text[1] == 'l' ? 2 : 1; return text[1] == 'l' ? SIZE_LONG_LONG : SIZE_LONG;
    case 'z': *at += 1; return SIZE_SIZE;
    default: return SIZE_INT;
    }
}

/* Parses what follows '%'; `*at` ends behind the conversion character. */
static struct directive parse_directive(const char **at, struct arguments *arguments)
{
    struct directive directive = {.size = SIZE_INT};

    for (; **at == '-' || **at == '0'; ++*at) {
        if (**at == '-')
            directive.left = true;
        else
            directive.zero = true;
    }
    int width = parse_count(at, arguments);
    directive.left |= width < 0;
    directive.width = width < 0 ? 0 - (size_t)width : (size_t)width;
    if (**at == '.') {
        ++*at;
        int precision = parse_count(at, arguments);
        directive.has_precision = precision >= 0;
        directive.precision = precision >= 0 ? (size_t)precision : 0;
    }
    directive.size = parse_size_modifier(at);
    directive.conversion = **at;
    if (**at != '\0')
        ++*at;
    return directive;
}

/* Returns false for a conversion outside the subset, with nothing written and no argument taken. */
static bool put_directive(struct sink *sink, const struct directive *directive, struct arguments *arguments)
{
    char character;

    switch (directive->conversion) {
    case '%': sink_put(sink, '%'); return true;
    case 's': put_string(sink, directive, va_arg(arguments->list, const char *)); return true;
    case 'c':
        character = (char)va_arg(arguments->list, int);
        sink_field(sink, directive, false, "", 0, &character, 1);
        return true;
    case 'd':
    case 'i': put_number(sink, directive, fetch_signed(directive->size, arguments), ""); return true;
    case 'u':
    case 'x':
    case 'X': put_number(sink, directive, fetch_unsigned(directive->size, arguments), ""); return true;
    case 'p':
        put_number(sink, directive, (struct number){(uintptr_t)va_arg(arguments->list, void *), false}, "0x");
        return true;
    default: return false;
    }
}

size_t fmt_vformat(char *buffer, size_t size, const char *format, va_list list)
{
    struct sink sink = {.buffer = buffer, .room = size != 0 ? size - 1 : 0};
    struct arguments arguments;
    const char *at = format;

    va_copy(arguments.list, list);
    while (*at != '\0') {
        const char *start = at;
        if (*at++ != '%') {
            sink_put(&sink, *start);
            continue;
        }
        struct directive directive = parse_directive(&at, &arguments);
        if (!put_directive(&sink, &directive, &arguments)) {
            sink_write(&sink, start, strlen(start));
            break;
        }
    }
    va_end(arguments.list);
    if (size != 0)
        buffer[sink.length < sink.room ? sink.length : sink.room] = '\0';
    return sink.length;
}

size_t fmt_format(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    size_t length = fmt_vformat(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
