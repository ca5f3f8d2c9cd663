/* SPDX-License-Identifier: MIT */
/*
 * Our freestanding functions, renamed, beside the C library's: every size, alignment and overlap up to 300 bytes,
 * with guard bytes around the area, and the same strings to both.
 */
#include <stdlib.h>
#include <string.h>

#include "test/check.h"

/* The functions under test get names of their own; the C library keeps the standard ones. */
void *our_memcpy(void *restrict destination, const void *restrict source, size_t size);
void *our_memmove(void *destination, const void *source, size_t size);
void *our_memset(void *destination, int value, size_t size);
int our_memcmp(const void *left, const void *right, size_t size);
size_t our_strlen(const char *string);
size_t our_strnlen(const char *string, size_t limit);
int our_strcmp(const char *left, const char *right);
int our_strncmp(const char *left, const char *right, size_t limit);
char *our_strchr(const char *string, int character);

#define STRING_UNDER_TEST
#define memcpy  our_memcpy
#define memmove our_memmove
#define memset  our_memset
#define memcmp  our_memcmp
#define strlen  our_strlen
#define strnlen our_strnlen
#define strcmp  our_strcmp
#define strncmp our_strncmp
#define strchr  our_strchr
#include "lib/string/string.c" /* NOLINT: the unit under test, under other names */
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

enum { AREA = 640, LONGEST = 300 };

static unsigned char pattern[AREA], ours[AREA], theirs[AREA];

static void areas_reset(void)
{
    memcpy(ours, pattern, AREA);
    memcpy(theirs, pattern, AREA);
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_copy(void)
{
    CASE("memcpy: sizes and alignments");
    unsigned wrong = 0;
    for (size_t size = 0; size <= LONGEST; size++)
        for (size_t shift = 0; shift < 64; shift++) {
            size_t to = 8 + shift % 8, from = AREA / 2 + shift / 8;
            areas_reset();
            wrong += our_memcpy(ours + to, ours + from, size) != ours + to;
            memcpy(theirs + to, theirs + from, size);
            wrong += memcmp(ours, theirs, AREA) != 0;
        }
    CHECK_EQ(wrong, 0);
}

static void test_move(void)
{
    CASE("memmove: sizes and overlaps in both directions");
    unsigned wrong = 0;
    for (size_t size = 0; size <= LONGEST; size++)
        for (size_t to = 0; to <= AREA - LONGEST; to += to > 120 && to < 180 ? 1 : 13) {
            size_t from = 150;
            areas_reset();
            wrong += our_memmove(ours + to, ours + from, size) != ours + to;
            memmove(theirs + to, theirs + from, size);
            wrong += memcmp(ours, theirs, AREA) != 0;
        }
    CHECK_EQ(wrong, 0);
}

static void test_set(void)
{
    CASE("memset: sizes, alignments and values");
    unsigned wrong = 0;
    for (size_t size = 0; size <= LONGEST; size++)
        for (size_t to = 8; to < 16; to++)
            for (int value = -1; value < 600; value += 200) {
                areas_reset();
                wrong += our_memset(ours + to, value, size) != ours + to;
                memset(theirs + to, value, size);
                wrong += memcmp(ours, theirs, AREA) != 0;
            }
    CHECK_EQ(wrong, 0);
}

static void test_compare(void)
{
    CASE("memcmp: a difference at every place");
    unsigned wrong = 0;
    for (size_t size = 0; size <= 70; size++)
        for (size_t at = 0; at <= size; at++)
            for (int change = 1; change < 256; change += 85) {
                areas_reset();
                ours[3 + at] = (unsigned char)(ours[3 + at] + change);
                wrong +=
                    sign(our_memcmp(ours + 3, theirs + 3, size)) != sign(memcmp(ours + 3, theirs + 3, size));
            }
    CHECK_EQ(wrong, 0);
}

static void test_strings(void)
{
    CASE("strlen, strnlen, strcmp, strncmp, strchr: random strings");
    unsigned wrong = 0;
    srand(1);
    for (unsigned round = 0; round < 100000; round++) {
        char a[12], b[12];
        for (unsigned i = 0; i < 11; i++) {
            a[i] = "ab\xff\0"[rand() % 4];
            b[i] = rand() % 8 != 0 ? a[i] : 'b';
        }
        a[11] = b[11] = '\0';
        size_t limit = (size_t)rand() % 13;
        int character = "ab\xff\0c"[rand() % 5];
        wrong += our_strlen(a) != strlen(a) || our_strnlen(a, limit) != strnlen(a, limit);
        wrong += sign(our_strcmp(a, b)) != sign(strcmp(a, b));
        wrong += sign(our_strncmp(a, b, limit)) != sign(strncmp(a, b, limit));
        wrong += our_strchr(a, character) != strchr(a, character);
    }
    CHECK_EQ(wrong, 0);
}

static void test_string_copy(void)
{
    CASE("string_copy");
    char buffer[6] = "#####";
    CHECK(!string_copy(buffer, 0, "abc"));
    CHECK(buffer[0] == '#');
    CHECK(string_copy(buffer, 4, "abc"));
    CHECK(strcmp(buffer, "abc") == 0 && buffer[4] == '#');
    CHECK(!string_copy(buffer, 4, "wxyz"));
    CHECK(strcmp(buffer, "wxy") == 0 && buffer[4] == '#');
    CHECK(!string_copy(buffer, 1, "abc"));
    CHECK(buffer[0] == '\0' && buffer[1] == 'x');
    CHECK(string_copy(buffer, 1, ""));
}

int main(void)
{
    for (unsigned i = 0; i < AREA; i++)
        pattern[i] = (unsigned char)(i * 7 + i / 256);
    test_copy();
    test_move();
    test_set();
    test_compare();
    test_strings();
    test_string_copy();
    return check_finish();
}
