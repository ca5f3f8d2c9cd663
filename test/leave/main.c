/* SPDX-License-Identifier: MIT */
/*
 * A client that dies with writes in flight, again and again.
 *
 * Each life first reads all blocks: each must hold what one write put there (stamps of app/block_tester, in all sectors those of the
 * same life), and never zeroes, but for the very first life, which writes all of them. Then it writes at random places, DEPTH at a
 * time, and after WRITES of them it faults, exits or hangs. What was in flight is judged by the next life. The disk is the only memory of
 * how many lives there were. With free="yes" it does not die, but frees the memory that it has registered.
 */
#include "app/block_tester/stamp.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/block/client.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"

#define BLOCK   4096u
#define SECTORS (BLOCK / SECTOR_SIZE)
#define BLOCKS  1024u
#define PIECE   (64u << 10)
#define DEPTH   32u
#define WRITES  48u

enum { EXIT_DEATH = 1, EXIT_NO_DISK = 2, EXIT_BAD = 3 };

struct slot {
    struct block_request request; /* first */
    struct block_client_piece piece;
    uint8_t *data;
};

static struct test {
    struct block_client client;
    struct memory memory;
    uint32_t region;
    struct slot slots[DEPTH];
    uint64_t lives;
    uint32_t life, done, random;
    unsigned zeroes, bad;
    bool frees, freed;
} test;

static void fill(uint8_t *data, uint64_t block)
{
    for (unsigned i = 0; i < SECTORS; i++)
        stamp_write(&(struct stamp){.sector = block * SECTORS + i, .generation = test.life},
                    data + i * SECTOR_SIZE);
}

/* ---- judging ---- */

static void bad(uint64_t block, const char *what)
{
    if (test.bad++ < 8)
        log_error("BAD block %llu: %s", (unsigned long long)block, what);
}

static void judge(const uint8_t *data, uint64_t block)
{
    struct stamp first, stamp;
    enum stamp_kind kind = stamp_read(data, &first);

    for (unsigned i = 1; i < SECTORS; i++)
        if (stamp_read(data + i * SECTOR_SIZE, &stamp) != kind ||
            (kind == STAMP_WHOLE && stamp.generation != first.generation))
            return bad(block, "torn");
    if (kind == STAMP_ZERO)
        test.zeroes++;
    else if (kind != STAMP_WHOLE || first.sector != block * SECTORS)
        bad(block, "not what was written there");
    else if (first.generation > test.life)
        test.life = first.generation;
}

static enum status piece_do(enum block_operation operation, uint64_t offset)
{
    struct block_client_piece piece = {.region = test.region, .length = PIECE};
    struct block_request request = {
        .operation = operation, .offset = offset, .length = PIECE, .pieces = &piece, .piece_count = 1};

    return block_client_do(&test.client, &request);
}

static enum status look(void)
{
    enum status status = OK;

    for (uint64_t offset = 0; offset < (uint64_t)BLOCKS * BLOCK && status == OK; offset += PIECE) {
        status = piece_do(BLOCK_READ, offset);
        for (uint64_t at = 0; at < PIECE && status == OK; at += BLOCK)
            judge((uint8_t *)test.memory.address + at, (offset + at) / BLOCK);
    }
    if (test.zeroes && test.zeroes != BLOCKS)
        log_error("BAD: %u blocks of zeroes", test.zeroes);
    test.bad += test.zeroes % BLOCKS;
    return status;
}

static enum status fill_all(void)
{
    struct block_request flush = {.operation = BLOCK_FLUSH};
    enum status status = OK;

    for (uint64_t offset = 0; offset < (uint64_t)BLOCKS * BLOCK && status == OK; offset += PIECE) {
        for (uint64_t at = 0; at < PIECE; at += BLOCK)
            fill((uint8_t *)test.memory.address + at, (offset + at) / BLOCK);
        status = piece_do(BLOCK_WRITE, offset);
    }
    return status == OK ? block_client_do(&test.client, &flush) : status;
}

/* ---- dying ---- */

static _Noreturn void die(void)
{
    switch (test.life % 3) {
    case 0: __builtin_trap();
    case 1: component_exit(EXIT_DEATH);
    default:
        for (;;)
            __builtin_ia32_pause();
    }
}

static void submit(struct slot *slot)
{
    uint64_t block;

    test.random = test.random * 1664525u + 1013904223u;
    block = (test.random >> 8) % BLOCKS;
    fill(slot->data, block);
    slot->request.offset = block * BLOCK;
    block_client_submit(&test.client, &slot->request);
}

/* What comes of its own requests then is not its business any more. */
static void free_all(void)
{
    test.freed = true;
    memory_free(&test.memory);
    log_info("has freed its memory");
}

static void done(struct block_request *request)
{
    if (test.freed)
        return;
    if (request->status != OK)
        bad(request->offset / BLOCK, status_text(request->status));
    if (++test.done == WRITES && test.frees)
        return free_all();
    if (test.done == WRITES)
        die();
    submit((struct slot *)request);
    block_client_kick(&test.client);
}

static void load(void)
{
    for (unsigned i = 0; i < DEPTH; i++) {
        struct slot *slot = &test.slots[i];

        slot->piece = (struct block_client_piece){
            .region = test.region, .length = BLOCK, .offset = (uint64_t)i * BLOCK};
        slot->data = (uint8_t *)test.memory.address + slot->piece.offset;
        slot->request = (struct block_request){.operation = BLOCK_WRITE,
                                               .length = BLOCK,
                                               .pieces = &slot->piece,
                                               .piece_count = 1,
                                               .done = done};
        submit(slot);
    }
    block_client_kick(&test.client);
}

/* ---- start ---- */

static enum status start(struct entrypoint *entrypoint)
{
    struct block_client_options options = {.entrypoint = entrypoint, .depth = 2 * DEPTH};
    struct xml_node config;
    enum status status = config_load_or_empty(&config);

    if (status == OK)
        status = config_number(config, "lives", 24, 2, 1000, &test.lives);
    if (status == OK && xml_attribute_bool(config, "free", &test.frees) == ERR_INVALID)
        status = ERR_INVALID;
    if (status == OK)
        status = block_client_open(&test.client, &options);
    if (status == OK)
        status = memory_alloc(DEPTH * BLOCK, &test.memory);
    if (status == OK)
        status = block_client_region_add(&test.client, test.memory.dataspace, 0, test.memory.size, true,
                                         &test.region);
    return status == OK ? look() : status;
}

int component_main(struct env *environment)
{
    enum status status = start(&environment->entrypoint);
    bool first = test.zeroes == BLOCKS;

    if (status == OK && test.bad)
        return EXIT_BAD;
    test.life++;
    test.random = test.life;
    log_info("life %u begins", test.life);
    if (status == OK && first)
        status = fill_all();
    if (status != OK) {
        log_error("no disk: %s", status_text(status));
        return EXIT_NO_DISK;
    }
    if (test.life >= test.lives) {
        log_info("each block is whole");
        return 0;
    }
    load();
    entrypoint_run(&environment->entrypoint);
    return 0;
}
