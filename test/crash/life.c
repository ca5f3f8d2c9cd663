/* SPDX-License-Identifier: MIT */
/* A life: a chain by chance, then a while in which things happen in any order, and an end at which all is as it was written. */
#include "test/crash/crash.h"

#include <stdarg.h>
#include <stdio.h>

struct settings settings;
uint64_t violations;
static uint64_t seed_now, random_state, time_now_;

void life_seed(uint64_t seed)
{
    seed_now = seed;
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    violations = 0;
    time_now_ = 1;
}

unsigned chance(unsigned below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 32) % below);
}

uint64_t tick(void)
{
    return ++time_now_;
}

void wrong(const char *format, ...)
{
    va_list arguments;

    if (violations++)
        return;
    printf("seed %llu (%s%s%s%s%s, disk flags %u): ", (unsigned long long)seed_now,
           settings.cache ? "cache" : "no cache", settings.write_through ? " writes through" : "",
           settings.retain ? ", retain" : "", settings.exclusive ? ", exclusive" : "",
           settings.losses ? ", losses" : "", settings.flags);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static void settings_choose(void)
{
    unsigned kind = chance(4);

    settings = (struct settings){.cache = kind != 0,
                                 .write_through = kind == 1,
                                 .retain = chance(3) == 0,
                                 .exclusive = chance(3) == 0,
                                 .losses = chance(2)};
    settings.flags = (chance(2) ? BLOCK_HAS_FUA : 0) | (chance(2) ? BLOCK_HAS_DISCARD : 0) |
                     (chance(2) ? BLOCK_HAS_WRITE_ZEROES : 0);
}

static void step(void)
{
    unsigned what = chance(100);

    if (what < 30)
        writer_step();
    else if (what < 75)
        chain_step();
    else if (what < 99)
        (void)disk_step();
    else if (settings.losses && chance(3) == 0)
        disk_lose();
}

static void settle(void)
{
    unsigned patience = 20000;

    do {
        chain_settle();
    } while ((disk_step() || writer_busy()) && --patience);
    if (writer_busy())
        wrong("a request is never done");
}

static void end(void)
{
    struct content image[SECTORS];

    settle();
    if (writer_core->lost)
        block_core_acknowledge(writer_core);
    settle();
    writer_flush();
    settle();
    states_check();
    states_image(image);
    oracle_check_last(image);
}

void life(uint64_t seed, unsigned steps)
{
    life_seed(seed);
    settings_choose();
    oracle_make();
    writer_make();
    chain_make();
    for (unsigned i = 0; i < steps && !violations; i++)
        step();
    if (!violations)
        end();
    chain_free();
}
