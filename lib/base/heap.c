/* SPDX-License-Identifier: MIT */
/*
 * The heap: one arena under one lock, whose chunks are dataspaces between unmapped pages.
 */
#include "lib/base/heap.h"

#include "lib/base/arena.h"
#include "lib/base/lock.h"
#include "lib/base/memory.h"
#include "lib/base/panic.h"
#include "lib/string/string.h"

static void *grow(struct arena *arena, size_t size, size_t *got, uint64_t *handle)
{
    struct memory memory;
    uint64_t generous = size;

    /* Each further chunk is a quarter of what is in use, so that a large heap has few of them. */
    if (generous < arena->used / 4)
        generous = arena->used / 4;
    if (memory_alloc(generous, &memory) != OK && memory_alloc(size, &memory) != OK)
        return NULL;
    *got = memory.size;
    *handle = memory.dataspace;
    return memory.address;
}

static void release(struct arena *arena, void *chunk, size_t size, uint64_t handle)
{
    struct memory memory = {(uint32_t)handle, chunk, size};

    (void)arena;
    memory_free(&memory);
}

static struct arena arena = {.grow = grow, .release = release};
static struct lock lock;

static void *alloc_raw(size_t size)
{
    lock_take(&lock);
    void *block = arena_alloc(&arena, size);

    lock_leave(&lock);
    return block;
}

void *heap_alloc(size_t size)
{
    void *block = alloc_raw(size);

    return block ? memset(block, 0, size) : NULL;
}

void *heap_alloc_array(size_t count, size_t size)
{
    size_t product;

    return __builtin_mul_overflow(count, size, &product) ? NULL : heap_alloc(product);
}

void heap_free(void *block_opt)
{
    if (!block_opt)
        return;
    lock_take(&lock);
    bool done = arena_free(&arena, block_opt);

    lock_leave(&lock);
    if (!done)
        component_panic("heap_free: %p is not a block in use, or was overrun", block_opt);
}

void *heap_resize(void *block_opt, size_t size)
{
    if (!block_opt)
        return alloc_raw(size);

    size_t old = arena_block_size(block_opt);

    if (size <= old && size >= old / 2)
        return block_opt;
    void *block = alloc_raw(size);

    if (!block)
        return NULL;
    memcpy(block, block_opt, old < size ? old : size);
    heap_free(block_opt);
    return block;
}
