/* SPDX-License-Identifier: MIT */
/*
 * Blocks that say what they are: eight-byte words, little endian, word i of block b is mix(b * 512 + i). The script
 * check-image knows the same.
 */
#ifndef TEST_DISK_PATTERN_H
#define TEST_DISK_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#define PATTERN_BLOCK 4096u
#define PATTERN_WORDS (PATTERN_BLOCK / 8)

static inline uint64_t pattern_word(uint64_t block, unsigned index)
{
    uint64_t value = (block * PATTERN_WORDS + index + 1) * 0x9e3779b97f4a7c15;

    return value ^ value >> 32;
}

static inline void pattern_fill(void *data, uint64_t block)
{
    for (unsigned i = 0; i < PATTERN_WORDS; i++)
        ((uint64_t *)data)[i] = pattern_word(block, i);
}

static inline bool pattern_matches(const void *data, uint64_t block)
{
    for (unsigned i = 0; i < PATTERN_WORDS; i++)
        if (((const uint64_t *)data)[i] != pattern_word(block, i))
            return false;
    return true;
}

static inline bool pattern_zeroes(const void *data)
{
    for (unsigned i = 0; i < PATTERN_WORDS; i++)
        if (((const uint64_t *)data)[i])
            return false;
    return true;
}

#endif
