/* SPDX-License-Identifier: MIT */
/*
 * The few string functions that the test guest and its compiler need.
 */
#include "test/guest/guest.h"

bool text_starts_with(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return false;
    return true;
}

bool bytes_equal(const void *a, const void *b, size_t size)
{
    const uint8_t *left = a, *right = b;
    for (size_t i = 0; i < size; i++)
        if (left[i] != right[i])
            return false;
    return true;
}

void *memset(void *to, int value, size_t size)
{
    void *start = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
    return start;
}

void *memcpy(void *to, const void *from, size_t size)
{
    void *start = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return start;
}
