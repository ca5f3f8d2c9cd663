/* SPDX-License-Identifier: MIT */
/*
 * Blocks, neighbours, classes: see arena.h for the invariants.
 *
 * chunk:  [struct arena_chunk][block header | payload][block header | payload] ... [end header, size 0]
 * A free block keeps its list links in its payload, so no block is smaller than header and links.
 */
#include "lib/base/arena.h"

#include "lib/string/string.h"

#define MARK_USED 0x5da10c8du
#define MARK_FREE 0xf4eeb10cu
#define MARK_EDGE 0xed9eb10cu /* chunk head and end: as if in use, but nothing to free */

struct arena_block {
    uint64_t size; /* with this header; 0 in an end */
    uint32_t mark;
    uint32_t reserved;
    uint64_t previous_size; /* of the block before; 0: this is the chunk's first */
    uint64_t reserved1;
    /* payload, or: */
    struct arena_block *next, *previous;
};

struct arena_chunk {
    uint64_t size, handle;
};

#define HEADER    offsetof(struct arena_block, next)
#define BLOCK_MIN sizeof(struct arena_block)
#define OVERHEAD  (sizeof(struct arena_chunk) + HEADER)

_Static_assert(HEADER == 32 && BLOCK_MIN % 16 == 0, "payloads are 16-aligned");

static struct arena_block *block_after(struct arena_block *block)
{
    return (struct arena_block *)((char *)block + block->size);
}

static unsigned class_of(uint64_t size)
{
    unsigned class = 63 - (unsigned)__builtin_clzll(size);

    return class < ARENA_CLASSES ? class : ARENA_CLASSES - 1;
}

static void list_add(struct arena *arena, struct arena_block *block)
{
    struct arena_block **head = &arena->classes[class_of(block->size)];

    block->mark = MARK_FREE;
    block->next = *head;
    block->previous = NULL;
    if (*head)
        (*head)->previous = block;
    *head = block;
}

static void list_remove(struct arena *arena, struct arena_block *block)
{
    if (block->previous)
        block->previous->next = block->next;
    else
        arena->classes[class_of(block->size)] = block->next;
    if (block->next)
        block->next->previous = block->previous;
}

/* First fit in the block's own class, then anything from a larger class fits. */
static struct arena_block *list_find(const struct arena *arena, uint64_t size)
{
    for (unsigned class = class_of(size); class < ARENA_CLASSES; class ++)
        for (struct arena_block *block = arena->classes[class]; block; block = block->next)
            if (block->size >= size)
                return block;
    return NULL;
}

/* A new chunk as one free block; false: no memory. */
static bool chunk_add(struct arena *arena, uint64_t size)
{
    size_t got;
    uint64_t handle;
    size_t want = size + OVERHEAD < ARENA_CHUNK_MIN ? ARENA_CHUNK_MIN : size + OVERHEAD;
    struct arena_chunk *chunk = arena->grow(arena, want, &got, &handle);

    if (!chunk)
        return false;
    got &= ~(size_t)15;
    *chunk = (struct arena_chunk){got, handle};

    struct arena_block *block = (struct arena_block *)(chunk + 1);

    block->size = got - OVERHEAD;
    block->previous_size = 0;
    struct arena_block *end = block_after(block);

    end->size = 0;
    end->mark = MARK_EDGE;
    end->previous_size = block->size;
    list_add(arena, block);
    arena->chunks++;
    return true;
}

/* Cuts what is not needed off a block that is in no list. */
static void block_split(struct arena *arena, struct arena_block *block, uint64_t size)
{
    if (block->size - size < BLOCK_MIN)
        return;
    struct arena_block *rest = (struct arena_block *)((char *)block + size);

    rest->size = block->size - size;
    rest->previous_size = size;
    block_after(rest)->previous_size = rest->size;
    block->size = size;
    list_add(arena, rest);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 4)
        return NULL;
    uint64_t total = (size + HEADER + 15) & ~15ull;

    if (total < BLOCK_MIN)
        total = BLOCK_MIN;
    struct arena_block *block = list_find(arena, total);

    if (!block && chunk_add(arena, total))
        block = list_find(arena, total);
    if (!block)
        return NULL;
    list_remove(arena, block);
    block_split(arena, block, total);
    block->mark = MARK_USED;
    arena->used += block->size;
    return (char *)block + HEADER;
}

static struct arena_block *block_join(struct arena *arena, struct arena_block *block)
{
    struct arena_block *after = block_after(block);

    if (after->mark == MARK_FREE) {
        list_remove(arena, after);
        block->size += after->size;
    }
    if (block->previous_size) {
        struct arena_block *before = (struct arena_block *)((char *)block - block->previous_size);

        if (before->mark == MARK_FREE) {
            list_remove(arena, before);
            before->size += block->size;
            block = before;
        }
    }
    block_after(block)->previous_size = block->size;
    return block;
}

bool arena_free(struct arena *arena, void *memory)
{
    struct arena_block *block = (struct arena_block *)((char *)memory - HEADER);

    if (block->mark != MARK_USED || block->size % 16 || block_after(block)->previous_size != block->size)
        return false; /* the last one: somebody wrote beyond the block's end */
    arena->used -= block->size;
    block->mark = 0;
    block = block_join(arena, block);
    if (block->previous_size == 0 && block_after(block)->size == 0 && arena->chunks > 1) {
        struct arena_chunk *chunk = (struct arena_chunk *)block - 1;

        arena->chunks--;
        arena->release(arena, chunk, chunk->size, chunk->handle);
    } else {
        list_add(arena, block);
    }
    return true;
}

size_t arena_block_size(const void *memory)
{
    const struct arena_block *block = (const struct arena_block *)((const char *)memory - HEADER);

    return block->size - HEADER;
}

bool arena_chunk_ok(const void *memory)
{
    const struct arena_chunk *chunk = memory;
    const struct arena_block *block = (const struct arena_block *)(chunk + 1);
    const char *end = (const char *)memory + chunk->size - HEADER;
    uint64_t previous_size = 0;
    bool previous_free = false;

    while ((const char *)block < end) {
        bool is_free = block->mark == MARK_FREE;

        if (block->size % 16 || block->size < BLOCK_MIN || block->previous_size != previous_size ||
            (is_free && previous_free) || (!is_free && block->mark != MARK_USED))
            return false;
        previous_free = is_free;
        previous_size = block->size;
        block = (const struct arena_block *)((const char *)block + block->size);
    }
    return (const char *)block == end && block->size == 0 && block->previous_size == previous_size;
}
