/* SPDX-License-Identifier: MIT */
/*
 * The heap's algorithm over malloc: contents survive, blocks do not overlap, chunks come and go, memory can run out.
 */
#include "lib/base/arena.h"

#include "test/check.h"

#define CHUNKS 64
#define BLOCKS 500

static void *chunks[CHUNKS];
static unsigned chunk_count;
static size_t budget; /* bytes that may still be handed out */

static void *grow(struct arena *arena, size_t size, size_t *got, uint64_t *handle)
{
    unsigned i = 0;

    (void)arena;
    if (size > budget)
        return NULL;
    while (i < CHUNKS && chunks[i])
        i++;
    REQUIRE(i < CHUNKS);
    *got = (size + 4095) & ~(size_t)4095;
    budget -= size;
    *handle = i;
    chunk_count++;
    return chunks[i] = aligned_alloc(4096, *got);
}

static void release(struct arena *arena, void *chunk, size_t size, uint64_t handle)
{
    (void)arena;
    REQUIRE(handle < CHUNKS && chunks[handle] == chunk);
    budget += size;
    chunk_count--;
    chunks[handle] = NULL;
    free(chunk);
}

static struct arena fresh(size_t bytes)
{
    for (unsigned i = 0; i < CHUNKS; i++) {
        free(chunks[i]);
        chunks[i] = NULL;
    }
    chunk_count = 0;
    budget = bytes;
    return (struct arena){.grow = grow, .release = release};
}

static bool all_chunks_ok(void)
{
    for (unsigned i = 0; i < CHUNKS; i++)
        if (chunks[i] && !arena_chunk_ok(chunks[i]))
            return false;
    return true;
}

static void test_basics(void)
{
    struct arena arena = fresh(1 << 20);

    CASE("blocks are aligned, large enough, and apart");
    char *a = arena_alloc(&arena, 0), *b = arena_alloc(&arena, 1), *c = arena_alloc(&arena, 100);
    CHECK(a && b && c && a != b);
    CHECK_EQ((uintptr_t)a % 16 + (uintptr_t)b % 16 + (uintptr_t)c % 16, 0);
    CHECK(arena_block_size(c) >= 100);
    CHECK(all_chunks_ok());

    CASE("what is freed is joined: one chunk serves it all again");
    CHECK(arena_free(&arena, b));
    CHECK(arena_free(&arena, a));
    CHECK(arena_free(&arena, c));
    CHECK_EQ(arena.used, 0);
    CHECK(all_chunks_ok());
    CHECK_EQ(chunk_count, 1);
    CHECK(arena_alloc(&arena, ARENA_CHUNK_MIN - 200) != NULL);
    CHECK_EQ(chunk_count, 1);

    CASE("a block cannot be freed twice");
    a = arena_alloc(&arena, 32);
    b = arena_alloc(&arena, 32);
    CHECK(arena_free(&arena, a));
    CHECK(!arena_free(&arena, a));
}

static void test_exhaustion(void)
{
    struct arena arena = fresh(300 << 10);
    void *blocks[BLOCKS];
    unsigned count = 0;

    CASE("memory runs out as NULL, and is all there again afterwards");
    while ((blocks[count] = arena_alloc(&arena, 4000)))
        count++;
    CHECK(count > 60 && count < 80);
    CHECK(arena_alloc(&arena, SIZE_MAX) == NULL);
    CHECK(arena_alloc(&arena, SIZE_MAX / 2) == NULL);
    CHECK(all_chunks_ok());
    for (unsigned i = 0; i < count; i++)
        CHECK(arena_free(&arena, blocks[i]));
    CHECK_EQ(arena.used, 0);
    CHECK_EQ(chunk_count, 1);
}

static void test_random(void)
{
    static struct {
        unsigned char *at;
        size_t size;
        unsigned char fill;
    } blocks[BLOCKS];
    struct arena arena = fresh((size_t)32 << 20);

    CASE("100,000 random steps keep every content");
    srand(2);
    for (int step = 0; step < 100000; step++) {
        unsigned i = (unsigned)rand() % BLOCKS;

        if (blocks[i].at) {
            for (size_t n = 0; n < blocks[i].size; n++)
                REQUIRE(blocks[i].at[n] == blocks[i].fill);
            REQUIRE(arena_free(&arena, blocks[i].at));
            blocks[i].at = NULL;
        } else {
            blocks[i].size = (size_t)rand() % (rand() % 50 ? 600 : 100000);
            blocks[i].fill = (unsigned char)rand();
            REQUIRE((blocks[i].at = arena_alloc(&arena, blocks[i].size)));
            memset(blocks[i].at, blocks[i].fill, blocks[i].size);
        }
        if (step % 1000 == 0)
            REQUIRE(all_chunks_ok());
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        if (blocks[i].at)
            CHECK(arena_free(&arena, blocks[i].at));
    CHECK_EQ(arena.used, 0);
    CHECK_EQ(chunk_count, 1);
    (void)fresh(0);
}

int main(void)
{
    test_basics();
    test_exhaustion();
    test_random();
    return check_finish();
}
