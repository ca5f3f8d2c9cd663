/* SPDX-License-Identifier: MIT */
/*
 * The client's core against a server that does anything that it may: random requests, completions in any order, deaths at any
 * moment, with and without loss, errors, cancelling. An oracle knows what every READ may bring, and what the platter must hold
 * at every moment.
 *
 *     client_random_test [FIRST [COUNT [STEPS]]]      seeds
 */
#include "lib/block/test/client_world.h"

#include "test/check.h"

struct mode {
    const char *name;
    struct world_options options;
    bool odd, deaths, losses, errors, cancels;
};

static const struct mode modes[] = {
    {.name = "a quiet server", .options = {.depth = 8}},
    {.name = "depth 2, cancelling", .options = {.depth = 2}, .cancels = true},
    {.name = "odd pieces go through the bounce buffer",
     .options = {.depth = 16, .bounce = 65536},
     .odd = true},
    {.name = "pieces meet at boundaries, or go through the bounce buffer",
     .options = {.depth = 16, .bounce = 65536, .boundary = 128},
     .deaths = true},
    {.name = "everything is bounced, two slots",
     .options = {.depth = 16, .bounce = 8192, .bounce_always = true},
     .odd = true,
     .deaths = true},
    {.name = "I/O errors and cancelling", .options = {.depth = 16}, .errors = true, .cancels = true},
    {.name = "deaths, without retain", .options = {.depth = 16}, .deaths = true},
    {.name = "deaths and losses, without retain",
     .options = {.depth = 32},
     .deaths = true,
     .losses = true,
     .cancels = true},
    {.name = "deaths, with retain", .options = {.depth = 16, .retain = true}, .deaths = true},
    {.name = "losses, with retain", .options = {.depth = 8, .retain = true}, .losses = true},
    {.name = "deaths and losses, with retain",
     .options = {.depth = 32, .retain = true},
     .deaths = true,
     .losses = true,
     .cancels = true},
    {.name = "deaths, losses and errors, with retain",
     .options = {.depth = 16, .retain = true},
     .deaths = true,
     .losses = true,
     .errors = true,
     .cancels = true},
    {.name = "everything, bounced, with retain",
     .options = {.depth = 16, .retain = true, .bounce = 16384},
     .odd = true,
     .deaths = true,
     .losses = true,
     .errors = true,
     .cancels = true},
    {.name = "flushing for others",
     .options = {.depth = 16, .for_others = true},
     .deaths = true,
     .losses = true},
};

static void submit_any(void)
{
    static const enum block_operation operations[] = {BLOCK_READ,    BLOCK_READ,  BLOCK_WRITE,
                                                      BLOCK_WRITE,   BLOCK_WRITE, BLOCK_WRITE_ZEROES,
                                                      BLOCK_DISCARD, BLOCK_FLUSH};
    enum block_operation operation = operations[fake_random(8)];
    uint64_t block = fake_random(FAKE_BLOCKS), blocks = 1 + fake_random(fake_random(4) ? 4 : 14);
    unsigned flags = 0;

    if (blocks > FAKE_BLOCKS - block)
        blocks = FAKE_BLOCKS - block;
    if (operation == BLOCK_WRITE || operation == BLOCK_WRITE_ZEROES)
        flags = fake_random(4) ? 0 : 1 + fake_random(3);
    if (operation == BLOCK_FLUSH)
        block = blocks = 0;
    (void)world_submit(operation, flags, block, blocks, 1 + fake_random(WORLD_PIECES));
}

static void serve(void)
{
    if (fake_random(2))
        fake_take(&world.disk);
    for (unsigned i = fake_random(6); i; i--)
        (void)fake_execute(&world.disk);
    for (unsigned i = fake_random(6); i; i--)
        (void)fake_complete(&world.disk);
}

static void disturb(const struct mode *mode)
{
    struct slot *slot = &world.slots[fake_random(WORLD_REQUESTS)];

    if (mode->cancels && fake_random(8) == 0 && slot->state == SLOT_SUBMITTED)
        block_core_cancel(&world.core, &slot->request);
    if (mode->deaths && world.disk.connected && fake_random(60) == 0)
        world_die(fake_random(2));
    if (mode->losses && world.disk.connected && fake_random(90) == 0)
        fake_lose(&world.disk);
    if (!world.disk.connected && fake_random(6) == 0)
        world_connect();
    if (world.core.lost && fake_random(10) == 0)
        block_core_acknowledge(&world.core);
    if (fake_random(20) == 0)
        fake_write_back(&world.disk);
    if (fake_random(30) == 0)
        oracle_check_platter(&world.oracle, world.disk.platter);
}

static void step(const struct mode *mode)
{
    switch (fake_random(4)) {
    case 0: submit_any(); break;
    case 1: serve(); break;
    case 2: world_settle(); break;
    default: (void)block_core_publish(&world.core); break;
    }
    disturb(mode);
}

/* Calm at the end: everything is done, and what a FLUSH says is true. */
static void finish(const struct mode *mode)
{
    world.disk.io_error_percent = 0;
    if (!world.disk.connected)
        world_connect();
    world_run();
    block_core_acknowledge(&world.core);
    REQUIRE(world_submit(BLOCK_FLUSH, 0, 0, 0, 0) || mode->options.retain);
    world_run();
    block_core_acknowledge(&world.core);
    world_run();
    oracle_check_platter(&world.oracle, world.disk.platter);
    CHECK(block_core_idle(&world.core));
    CHECK_EQ(world.done, world.submitted);
    if (!mode->errors)
        CHECK_EQ(world.statuses[ERR_IO], 0);
    if (mode->options.retain && !mode->errors)
        CHECK_EQ(world.statuses[ERR_LOST], 0);
}

static void run(const struct mode *mode, uint64_t seed, unsigned steps)
{
    fake_seed(seed);
    world_init(&mode->options);
    world.odd = mode->odd;
    world.eager = seed % 2;
    world.disk.io_error_percent = mode->errors ? 4 : 0;
    world_connect();
    for (unsigned i = 0; i < steps && !check_state.case_failures; i++)
        step(mode);
    finish(mode);
    if (check_state.case_failures)
        printf("seed %llu, %s\n", (unsigned long long)seed, mode->name);
    world_free();
}

int main(int count, char **words)
{
    uint64_t first = count > 1 ? strtoull(words[1], NULL, 0) : 1,
             seeds = count > 2 ? strtoull(words[2], NULL, 0) : 20;
    unsigned steps = count > 3 ? (unsigned)strtoul(words[3], NULL, 0) : 3000;

    for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        uint64_t totals[5] = {0};

        CASE(modes[i].name);
        for (uint64_t seed = first; seed < first + seeds && !check_state.case_failures; seed++) {
            run(&modes[i], seed, steps);
            totals[0] += world.done;
            totals[1] += world.sessions;
            totals[2] += world.core.statistic_replayed;
            totals[3] += world.statuses[ERR_LOST];
            totals[4] += world.statuses[ERR_ABORTED];
        }
        printf("     %llu requests, %llu sessions, %llu replayed, %llu lost, %llu aborted\n",
               (unsigned long long)totals[0], (unsigned long long)totals[1], (unsigned long long)totals[2],
               (unsigned long long)totals[3], (unsigned long long)totals[4]);
    }
    return check_finish();
}
