/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions for freestanding programs.
 *
 * The standard names mean what the C standard says. In a hosted program (tests, tools) they are the C library's own,
 * so the same source can include this header on both sides; only string_copy() exists in both.
 */
#ifndef LIB_STRING_STRING_H
#define LIB_STRING_STRING_H

#include <stdbool.h>
#include <stddef.h>

#if __STDC_HOSTED__
#include <string.h>
#else
/* Copies `size` bytes; the areas must not overlap. */
void *memcpy(void *restrict destination, const void *restrict source, size_t size);

/* Copies `size` bytes between areas that may overlap. */
void *memmove(void *destination, const void *source, size_t size);

/* Sets `size` bytes to the low eight bits of `value`. */
void *memset(void *destination, int value, size_t size);

/* Compares as unsigned bytes: negative, zero or positive. */
int memcmp(const void *left, const void *right, size_t size);

size_t strlen(const char *string);

/* The length of the string, or `limit` if no terminator is among its first `limit` bytes; reads no further. */
size_t strnlen(const char *string, size_t limit);

int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t limit);

/* The first occurrence of the character, or NULL; the terminator counts as part of the string. */
char *strchr(const char *string, int character);
#endif

/*
 * Copies `source` into a buffer of `size` bytes and always terminates it (a size of 0 writes nothing). Returns true
 * if the whole string fitted, false if it was cut; a caller to whom a cut name matters must look at the result.
 */
bool string_copy(char *destination, size_t size, const char *source);

#endif
