/* SPDX-License-Identifier: MIT */
#include "app/block_tester/stamp.h"

#include <stdbool.h>
#include <stddef.h>

#define MAGIC 0x3174736554766c42ull
#define WORDS (SECTOR_SIZE / 8)

/* Words 0 to 2 name the write, the others depend on them. */
static uint64_t word_of(const uint64_t *head, unsigned i)
{
    uint64_t mix =
        (head[1] * 0xbf58476d1ce4e5b9ull ^ head[2]) * 0x9e3779b97f4a7c15ull + i * 0xd1342543de82ef95ull;

    return mix ^ mix >> 29;
}

void stamp_write(const struct stamp *stamp, void *bytes)
{
    uint64_t *words = bytes;

    words[0] = MAGIC;
    words[1] = stamp->sector;
    words[2] = (uint64_t)stamp->writer << 32 | stamp->generation;
    for (unsigned i = 3; i < WORDS; i++)
        words[i] = word_of(words, i);
}

static bool all_zero(const uint64_t *words)
{
    uint64_t any = 0;

    for (unsigned i = 0; i < WORDS; i++)
        any |= words[i];
    return any == 0;
}

enum stamp_kind stamp_read(const void *bytes, struct stamp *out)
{
    const uint64_t *words = bytes;

    if (words[0] != MAGIC)
        return all_zero(words) ? STAMP_ZERO : STAMP_FOREIGN;
    for (unsigned i = 3; i < WORDS; i++)
        if (words[i] != word_of(words, i))
            return STAMP_TORN;
    *out = (struct stamp){
        .sector = words[1], .generation = (uint32_t)words[2], .writer = (uint32_t)(words[2] >> 32)};
    return STAMP_WHOLE;
}
