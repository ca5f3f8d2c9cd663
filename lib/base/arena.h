/* SPDX-License-Identifier: MIT */
/*
 * The heap's algorithm, hardware-free: blocks inside chunks of memory that a hook supplies.
 *
 * Each block has a header with its size, the size of the block before it, and a mark; neighbours that are free are
 * joined at once. Free blocks hang in lists by size class (powers of two). A chunk that is one free block goes back to
 * the hook, except the last one. Invariants: sizes are multiples of 16; no two free blocks are adjacent; a chunk begins
 * and ends with a block that is never free. No locking: that is the caller's.
 */
#ifndef LIB_BASE_ARENA_H
#define LIB_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARENA_CLASSES   48u
#define ARENA_CHUNK_MIN (64u << 10)

struct arena_block;

struct arena {
    /* A chunk of at least `size` bytes, 16-aligned, zeroed or not; *got is its true size, *handle is given back to
       release. NULL: no memory. */
    void *(*grow)(struct arena *arena, size_t size, size_t *got, uint64_t *handle);
    void (*release)(struct arena *arena, void *chunk, size_t size, uint64_t handle);
    struct arena_block *classes[ARENA_CLASSES];
    size_t chunks;
    size_t used; /* bytes in blocks handed out, with headers */
};

/* NULL: no memory. */
void *arena_alloc(struct arena *arena, size_t size);

/* Returns false (nothing done) if this is not a block in use, or was written beyond its end: the caller's bug. */
[[nodiscard]] bool arena_free(struct arena *arena, void *block);

/* Usable bytes of a block. */
size_t arena_block_size(const void *block);

/* Walks a chunk's blocks and checks the invariants; for tests. `chunk` is what grow returned. */
bool arena_chunk_ok(const void *chunk);

#endif
