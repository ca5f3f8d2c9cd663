/* SPDX-License-Identifier: MIT */
/*
 * The formatter against snprintf on random directives, the parsers against their definition.
 */
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/check.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

enum { ROUNDS = 400000, LONGEST = 256 };

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Interesting magnitudes: few bits, many bits, and the borders. */
static uint64_t random_value(void)
{
    uint64_t value = random_next();
    switch (random_next() % 4) {
    case 0: return value >> value % 64;
    case 1: return 0 - (value >> value % 64);
    case 2:
        return (uint64_t[]){
            0, 1, INT32_MAX, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX}[value % 7];
    default: return value;
    }
}

/* Builds "%[flags][width][.precision]<size><conversion>"; zero is not combined with %s and %c, which is undefined. */
static void random_format(char *format, const char *size, char conversion)
{
    char *at = format + sprintf(format, "<");
    *at++ = '%';
    if (random_next() % 3 == 0)
        *at++ = '-';
    if (random_next() % 3 == 0 && !strchr("scp", conversion))
        *at++ = '0';
    if (random_next() % 2 == 0)
        at += sprintf(at, "%u", (unsigned)(random_next() % 40 + 1));
    if (random_next() % 3 == 0 && !strchr("cp", conversion))
        at += sprintf(at, random_next() % 8 == 0 ? "." : ".%u", (unsigned)(random_next() % 30));
    sprintf(at, "%s%c>", size, conversion);
}

#define COMPARE(format, ...)                                                                     \
    do {                                                                                         \
        char ours[LONGEST], theirs[LONGEST];                                                     \
        size_t room = random_next() % 64;                                                        \
        memset(ours, '#', sizeof ours);                                                          \
        memset(theirs, '#', sizeof theirs);                                                      \
        size_t length = fmt_format(ours, room, format, __VA_ARGS__);                             \
        int expected = snprintf(theirs, room, format, __VA_ARGS__);                              \
        if (length != (size_t)expected || memcmp(ours, theirs, sizeof ours) != 0) {              \
            printf("  '%s' room %zu: '%.64s' instead of '%.64s'\n", format, room, ours, theirs); \
            wrong++;                                                                             \
        }                                                                                        \
    } while (0)

static unsigned compare_number(uint64_t value)
{
    static const char conversions[] = "diuxX";
    char conversion = conversions[random_next() % 5], format[64];
    unsigned wrong = 0;

    switch (random_next() % 6) {
    case 0:
        random_format(format, "", conversion);
        COMPARE(format, (unsigned)value);
        break;
    case 1:
        random_format(format, "l", conversion);
        COMPARE(format, (unsigned long)value);
        break;
    case 2:
        random_format(format, "ll", conversion);
        COMPARE(format, (unsigned long long)value);
        break;
    case 3:
        random_format(format, "z", conversion);
        COMPARE(format, (size_t)value);
        break;
    case 4:
        random_format(format, "h", conversion);
        COMPARE(format, (unsigned)value);
        break;
    default:
        random_format(format, "hh", conversion);
        COMPARE(format, (unsigned)value);
        break;
    }
    return wrong;
}

static unsigned compare_text(void)
{
    static const char text[] = "the quick brown fox jumps over the lazy dog";
    const char *start = text + random_next() % sizeof text;
    int character = (int)(random_next() % 95 + 32), width = (int)(random_next() % 40) - 20;
    void *pointer = (void *)(uintptr_t)(random_value() | 1);
    char format[64];
    unsigned wrong = 0;

    switch (random_next() % 5) {
    case 0:
        random_format(format, "", 's');
        COMPARE(format, start);
        break;
    case 1:
        random_format(format, "", 'c');
        COMPARE(format, character);
        break;
    case 2:
        random_format(format, "", 'p');
        COMPARE(format, pointer);
        break;
    case 3: COMPARE("[%.*s]%%", width, start); break;
    default: COMPARE("%*d|%-*s|%0*x", width, character * 1000000, 12, start, 9, 0xbeefu); break;
    }
    return wrong;
}

static void test_format(void)
{
    unsigned wrong = 0;

    CASE("random numbers equal snprintf");
    for (unsigned i = 0; i < ROUNDS && wrong < 10; i++)
        wrong += compare_number(random_value());
    CHECK_EQ(wrong, 0);

    CASE("random strings, characters and pointers equal snprintf");
    for (unsigned i = 0; i < ROUNDS && wrong < 10; i++)
        wrong += compare_text();
    CHECK_EQ(wrong, 0);

    CASE("several directives in one format");
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t total = random_value(), address = random_value();
        COMPARE("%s: %d of %" PRIu64 " at 0x%016" PRIx64 ", %c%c%%\n", "vm", (int)i, total, address, 'o',
                'k');
    }
    CHECK_EQ(wrong, 0);
}

static void test_own_rules(void)
{
    char buffer[32];
    const char *unknown = "%d %f %s", *cut = "50%";
    const char *volatile null = NULL; /* volatile: the compiler would warn if it knew */

    CASE("NULL string, NULL pointer, unknown directives, no buffer");
    CHECK_EQ(fmt_format(buffer, sizeof buffer, "%s", null), 6);
    CHECK(strcmp(buffer, "(null)") == 0);
    CHECK_EQ(fmt_format(buffer, sizeof buffer, "%p", NULL), 3);
    CHECK(strcmp(buffer, "0x0") == 0);
    CHECK_EQ(fmt_format(buffer, sizeof buffer, unknown, 7), 7);
    CHECK(strcmp(buffer, "7 %f %s") == 0);
    CHECK_EQ(fmt_format(buffer, sizeof buffer, cut), 3);
    CHECK(strcmp(buffer, "50%") == 0);
    CHECK_EQ(fmt_format(NULL, 0, "%u", 12345u), 5);
    CHECK_EQ(fmt_format(buffer, 3, "%u", 12345u), 5);
    CHECK(strcmp(buffer, "12") == 0);
}

struct sample {
    const char *text;
    enum status status;
    uint64_t value;
};

typedef enum status parse_function(const char *text, size_t length, uint64_t *out);

static void check_samples(parse_function *parse, const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 4711;
        /* An exact copy, so that the address sanitizer sees any read beyond the slice. */
        size_t length = strlen(samples[i].text);
        char *exact = malloc(length + 1);
        memcpy(exact, samples[i].text, length);
        char *slice = realloc(exact, length != 0 ? length : 1);
        CHECK_EQ(parse(slice, length, &value), samples[i].status);
        CHECK_EQ(value, samples[i].status == OK ? samples[i].value : 4711);
        free(slice);
    }
}

static void test_parse(void)
{
    static const struct sample numbers[] = {
        {"0", OK, 0},
        {"007", OK, 7},
        {"18446744073709551615", OK, UINT64_MAX},
        {"18446744073709551616", ERR_RANGE, 0},
        {"99999999999999999999999", ERR_RANGE, 0},
        {"0x0", OK, 0},
        {"0xfFfFfFfFfFfFfFfF", OK, UINT64_MAX},
        {"0x10000000000000000", ERR_RANGE, 0},
        {"0x00000000000000000001", OK, 1},
        {"", ERR_INVALID, 0},
        {"0x", ERR_INVALID, 0},
        {"-1", ERR_INVALID, 0},
        {" 1", ERR_INVALID, 0},
        {"1 ", ERR_INVALID, 0},
        {"12a", ERR_INVALID, 0},
        {"0xg", ERR_INVALID, 0},
        {"4K", ERR_INVALID, 0},
        {"99999999999999999999999x", ERR_INVALID, 0},
    };
    static const struct sample sizes[] = {
        {"4096", OK, 4096},
        {"4K", OK, 4096},
        {"512M", OK, 512u << 20},
        {"3G", OK, 3ull << 30},
        {"0x10K", OK, 16384},
        {"17179869183G", OK, 17179869183ull << 30},
        {"17179869184G", ERR_RANGE, 0},
        {"18446744073709551616K", ERR_RANGE, 0},
        {"", ERR_INVALID, 0},
        {"K", ERR_INVALID, 0},
        {"4k", ERR_INVALID, 0},
        {"4KB", ERR_INVALID, 0},
        {"4KK", ERR_INVALID, 0},
    };

    CASE("numbers from text");
    check_samples(fmt_parse_unsigned, numbers, sizeof numbers / sizeof numbers[0]);
    CASE("sizes from text");
    check_samples(fmt_parse_size, sizes, sizeof sizes / sizeof sizes[0]);

    CASE("what was formatted parses back");
    unsigned wrong = 0;
    for (unsigned i = 0; i < 10000; i++) {
        char text[32];
        uint64_t value = random_value(), decimal = 0, hexadecimal = 0;
        size_t length = fmt_format(text, sizeof text, "%" PRIu64, value);
        wrong += fmt_parse_unsigned(text, length, &decimal) != OK || decimal != value;
        length = fmt_format(text, sizeof text, "0x%" PRIx64, value);
        wrong += fmt_parse_unsigned(text, length, &hexadecimal) != OK || hexadecimal != value;
    }
    CHECK_EQ(wrong, 0);
}

static void test_status_text(void)
{
    CASE("every status code has a text of its own");
    for (int i = 0; i < STATUS_COUNT; i++) {
        CHECK(status_text((enum status)i) != NULL);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(status_text((enum status)i), status_text((enum status)j)) != 0);
    }
    int beyond = STATUS_COUNT;
    CHECK(strcmp(status_text((enum status)beyond), "unknown status code") == 0);
}

int main(void)
{
    test_format();
    test_own_rules();
    test_parse();
    test_status_text();
    return check_finish();
}
