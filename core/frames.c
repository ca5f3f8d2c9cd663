/* SPDX-License-Identifier: MIT */
/* Physical frames, see frames.h. */
#include "core/frames.h"

#include "core/assert.h"
#include "lib/string/string.h"

#define WORDS_PER_BLOCK (BLOCK_FRAMES / 64)

size_t frames_metadata_size(uint64_t limit)
{
    uint64_t blocks = (limit + BLOCK_SIZE - 1) / BLOCK_SIZE;

    return blocks * (WORDS_PER_BLOCK * 8 + sizeof(uint16_t));
}

void frames_init(struct frames *frames, void *metadata, uint64_t limit, char *window)
{
    uint64_t blocks = (limit + BLOCK_SIZE - 1) / BLOCK_SIZE;

    memset(metadata, 0, frames_metadata_size(limit));
    *frames = (struct frames){
        .bits = metadata,
        .free_in_block = (uint16_t *)((uint64_t *)metadata + blocks * WORDS_PER_BLOCK),
        .blocks = blocks,
        .window = window,
    };
}

static bool is_free(const struct frames *frames, uint64_t frame)
{
    return frames->bits[frame / 64] >> frame % 64 & 1;
}

static void mark(struct frames *frames, uint64_t first, uint64_t count, bool free)
{
    ASSERT(count <= frames->blocks * BLOCK_FRAMES && first <= frames->blocks * BLOCK_FRAMES - count);
    for (uint64_t frame = first; frame < first + count; frame++) {
        ASSERT(is_free(frames, frame) != free);
        frames->bits[frame / 64] ^= 1ull << frame % 64;
        frames->free_in_block[frame / BLOCK_FRAMES] += free ? 1 : -1;
    }
    frames->free_count += free ? count : -count;
    if (free && first / BLOCK_FRAMES < frames->hint)
        frames->hint = first / BLOCK_FRAMES;
}

/* The next free frame from `from` on, or `end`. */
static uint64_t next_free(const struct frames *frames, uint64_t from, uint64_t end)
{
    while (from < end) {
        uint64_t word = frames->bits[from / 64] >> from % 64;

        if (word)
            return from + (uint64_t)__builtin_ctzll(word) < end ? from + (uint64_t)__builtin_ctzll(word)
                                                                : end;
        from = (from / 64 + 1) * 64;
    }
    return end;
}

/* Number of free frames from `from` on, at most `most`. */
static uint64_t run_length(const struct frames *frames, uint64_t from, uint64_t most)
{
    uint64_t length = 0, limit = frames->blocks * BLOCK_FRAMES;

    while (length < most && from + length < limit) {
        uint64_t frame = from + length;

        if (frame % BLOCK_FRAMES == 0 && most - length >= BLOCK_FRAMES &&
            frames->free_in_block[frame / BLOCK_FRAMES] == BLOCK_FRAMES)
            length += BLOCK_FRAMES;
        else if (is_free(frames, frame))
            length++;
        else
            break;
    }
    return length;
}

/* Inside one block: the first run of `want` frames, or the longest one if there is none of that length. */
static uint64_t best_in_block(const struct frames *frames, uint64_t block, uint64_t want, uint64_t *length)
{
    uint64_t end = (block + 1) * BLOCK_FRAMES, best = 0;

    *length = 0;
    for (uint64_t at = next_free(frames, block * BLOCK_FRAMES, end); at < end;) {
        uint64_t run = run_length(frames, at, want < end - at ? want : end - at);

        if (run > *length) {
            best = at;
            *length = run;
        }
        if (run == want)
            break;
        at = next_free(frames, at + run, end);
    }
    return best;
}

static void move_hint(struct frames *frames)
{
    while (frames->hint < frames->blocks && frames->free_in_block[frames->hint] == 0)
        frames->hint++;
}

/* Whole blocks in a row for a large request; 0 if no block is whole. */
static uint64_t find_blocks(const struct frames *frames, uint64_t most, uint64_t *first)
{
    for (uint64_t block = frames->hint; block < frames->blocks; block++) {
        if (frames->free_in_block[block] == BLOCK_FRAMES) {
            *first = block * BLOCK_FRAMES;
            return run_length(frames, *first, most / BLOCK_FRAMES * BLOCK_FRAMES);
        }
    }
    return 0;
}

/* A run for a small request: a fitting one in a broken block, else a whole block, else the longest remainder. */
static uint64_t find_small(const struct frames *frames, uint64_t want, uint64_t *first)
{
    uint64_t longest = 0, whole = frames->blocks;

    for (uint64_t block = frames->hint; block < frames->blocks; block++) {
        uint64_t length, start;

        if (frames->free_in_block[block] == BLOCK_FRAMES && whole == frames->blocks)
            whole = block;
        if (frames->free_in_block[block] == BLOCK_FRAMES || frames->free_in_block[block] <= longest)
            continue;
        start = best_in_block(frames, block, want, &length);
        if (length > longest) {
            longest = length;
            *first = start;
        }
        if (longest == want)
            return want;
    }
    if (whole == frames->blocks)
        return longest;
    *first = whole * BLOCK_FRAMES;
    return want;
}

enum status frames_alloc(struct frames *frames, uint64_t most, uint64_t *physical, uint64_t *count)
{
    uint64_t first = 0, length = 0;

    if (most == 0)
        return ERR_INVALID;
    move_hint(frames);
    if (most >= BLOCK_FRAMES)
        length = find_blocks(frames, most, &first);
    if (length == 0)
        length = find_small(frames, most < BLOCK_FRAMES ? most : BLOCK_FRAMES, &first);
    if (length == 0)
        return ERR_NO_RAM;
    mark(frames, first, length, false);
    *physical = first * FRAME_SIZE;
    *count = length;
    return OK;
}

enum status frames_alloc_contiguous(struct frames *frames, uint64_t count, uint64_t align, uint64_t *physical)
{
    uint64_t limit = frames->blocks * BLOCK_FRAMES, step = align / FRAME_SIZE;

    if (count == 0 || align < FRAME_SIZE || align & (align - 1))
        return ERR_INVALID;
    if (count > frames->free_count)
        return ERR_NO_RAM;
    move_hint(frames);
    for (uint64_t at = frames->hint * BLOCK_FRAMES; at < limit;) {
        at = (next_free(frames, at, limit) + step - 1) / step * step;
        if (at >= limit || limit - at < count)
            break;
        uint64_t run = run_length(frames, at, count);

        if (run == count) {
            mark(frames, at, count, false);
            *physical = at * FRAME_SIZE;
            return OK;
        }
        at += run + 1;
    }
    return ERR_NO_RAM;
}

void frames_free(struct frames *frames, uint64_t physical, uint64_t count)
{
    ASSERT(physical % FRAME_SIZE == 0);
    mark(frames, physical / FRAME_SIZE, count, true);
}

bool frames_any_free(const struct frames *frames, uint64_t physical, uint64_t count)
{
    uint64_t limit = frames->blocks * BLOCK_FRAMES, first = physical / FRAME_SIZE;

    if (first >= limit)
        return false;
    uint64_t end = count < limit - first ? first + count : limit;

    return next_free(frames, first, end) < end;
}

void *frames_pointer(const struct frames *frames, uint64_t physical)
{
    return frames->window + physical;
}

uint64_t frames_physical(const struct frames *frames, const void *pointer)
{
    return (uint64_t)((const char *)pointer - frames->window);
}

void frames_zero(const struct frames *frames, uint64_t physical, uint64_t count)
{
    memset(frames_pointer(frames, physical), 0, count * FRAME_SIZE);
}

bool frames_valid(const struct frames *frames)
{
    uint64_t total = 0;

    for (uint64_t block = 0; block < frames->blocks; block++) {
        unsigned in_block = 0;

        for (unsigned word = 0; word < WORDS_PER_BLOCK; word++)
            in_block += (unsigned)__builtin_popcountll(frames->bits[block * WORDS_PER_BLOCK + word]);
        if (in_block != frames->free_in_block[block])
            return false;
        total += in_block;
    }
    return total == frames->free_count;
}
