/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions for freestanding programs.
 *
 * Idea: areas of at least eight bytes move in 64-bit words, of which the last (or first) one may overlap its
 * neighbour, so there is no byte loop for the remainder. Long areas use `rep movsq` / `rep stosq`, which processors
 * and emulators both do well; `rep movsb` is avoided because emulators take it byte by byte.
 *
 * Invariant: no loop here may be turned by the compiler into a call of the function that it implements. LOOP_KEEP
 * in the body prevents that with gcc and clang alike.
 *
 * A test may define STRING_UNDER_TEST and rename the standard functions to run them beside the C library's.
 */
#include "lib/string/string.h"

#include <stdint.h>

#if !__STDC_HOSTED__ || defined(STRING_UNDER_TEST)

#define LOOP_KEEP() __asm__ volatile("" ::: "memory")

enum {
    WORD = sizeof(uint64_t),
    REP_THRESHOLD = 128, /* below this the start-up cost of a rep instruction exceeds that of a loop */
};

/* Unaligned accesses that may alias any type. */
struct word {
    uint64_t value;
} __attribute__((packed, may_alias));

struct half {
    uint32_t value;
} __attribute__((packed, may_alias));

static inline uint64_t word_load(const void *from)
{
    return ((const struct word *)from)->value;
}

static inline void word_store(void *to, uint64_t value)
{
    ((struct word *)to)->value = value;
}

static inline uint32_t half_load(const void *from)
{
    return ((const struct half *)from)->value;
}

static inline void half_store(void *to, uint32_t value)
{
    ((struct half *)to)->value = value;
}

/* Fewer than eight bytes. Everything is loaded before anything is stored: correct for overlapping areas too. */
static inline void copy_short(unsigned char *to, const unsigned char *from, size_t size)
{
    if (size >= 4) {
        uint32_t first = half_load(from), last = half_load(from + size - 4);
        half_store(to, first);
        half_store(to + size - 4, last);
    } else if (size != 0) {
        unsigned char first = from[0], middle = from[size / 2], last = from[size - 1];
        to[0] = first;
        to[size / 2] = middle;
        to[size - 1] = last;
    }
}

/* Ascending copy of at least eight bytes, also correct when `to` lies below `from` in the same area. */
static inline void copy_up(unsigned char *to, const unsigned char *from, size_t size)
{
    uint64_t last = word_load(from + size - WORD);
    unsigned char *last_place = to + size - WORD;
    size_t words = (size - 1) / WORD;

    if (size >= REP_THRESHOLD) {
        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    } else {
        for (; words != 0; words--, to += WORD, from += WORD) {
            word_store(to, word_load(from));
            LOOP_KEEP();
        }
    }
    word_store(last_place, last);
}

/* Descending copy of at least eight bytes, for `to` above `from` in the same area. */
static inline void copy_down(unsigned char *to, const unsigned char *from, size_t size)
{
    uint64_t first = word_load(from);

    for (size_t at = size; at > WORD;) {
        at -= WORD;
        word_store(to + at, word_load(from + at));
        LOOP_KEEP();
    }
    word_store(to, first);
}

void *memcpy(void *restrict destination, const void *restrict source, size_t size)
{
    if (size < WORD)
        copy_short(destination, source, size);
    else
        copy_up(destination, source, size);
    return destination;
}

void *memmove(void *destination, const void *source, size_t size)
{
    if (size < WORD)
        copy_short(destination, source, size);
    else if ((uintptr_t)destination - (uintptr_t)source >= size)
        copy_up(destination, source, size);
    else
        copy_down(destination, source, size);
    return destination;
}

void *memset(void *destination, int value, size_t size)
{
    unsigned char *to = destination;
    uint64_t pattern = (unsigned char)value * UINT64_C(0x0101010101010101);

    if (size >= REP_THRESHOLD) {
        unsigned char *start = to;
        size_t words = size / WORD;
        __asm__ volatile("rep stosq" : "+D"(start), "+c"(words) : "a"(pattern) : "memory");
        word_store(to + size - WORD, pattern);
    } else if (size >= WORD) {
        for (size_t at = 0; at + WORD <= size; at += WORD) {
            word_store(to + at, pattern);
            LOOP_KEEP();
        }
        word_store(to + size - WORD, pattern);
    } else if (size >= 4) {
        half_store(to, (uint32_t)pattern);
        half_store(to + size - 4, (uint32_t)pattern);
    } else if (size != 0) {
        to[0] = to[size / 2] = to[size - 1] = (unsigned char)value;
    }
    return destination;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *a = left, *b = right;

    for (; size >= WORD && word_load(a) == word_load(b); size -= WORD, a += WORD, b += WORD)
        LOOP_KEEP();
    for (; size != 0; size--, a++, b++) {
        if (*a != *b)
            return *a - *b;
        LOOP_KEEP();
    }
    return 0;
}

size_t strlen(const char *string)
{
    size_t length = 0;

    for (; string[length] != '\0'; length++)
        LOOP_KEEP();
    return length;
}

size_t strnlen(const char *string, size_t limit)
{
    size_t length = 0;

    for (; length < limit && string[length] != '\0'; length++)
        LOOP_KEEP();
    return length;
}

int strcmp(const char *left, const char *right)
{
    return strncmp(left, right, SIZE_MAX);
}

int strncmp(const char *left, const char *right, size_t limit)
{
    for (; limit != 0; limit--, left++, right++) {
        unsigned char a = (unsigned char)*left, b = (unsigned char)*right;
        if (a != b || a == '\0')
            return a - b;
        LOOP_KEEP();
    }
    return 0;
}

char *strchr(const char *string, int character)
{
    for (;; string++) {
        if (*string == (char)character)
            return (char *)(uintptr_t)string;
        if (*string == '\0')
            return NULL;
        LOOP_KEEP();
    }
}

#endif

bool string_copy(char *destination, size_t size, const char *source)
{
    if (size == 0)
        return false;
    size_t length = strnlen(source, size);
    bool fits = length < size;
    if (!fits)
        length = size - 1;
    memcpy(destination, source, length);
    destination[length] = '\0';
    return fits;
}
