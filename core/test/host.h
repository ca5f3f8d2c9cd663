/* SPDX-License-Identifier: MIT */
/* A machine for core's host tests: an arena of memory that frames address from 0. */
#ifndef CORE_TEST_HOST_H
#define CORE_TEST_HOST_H

#include "core/account.h"
#include "core/assert.h"

#include <stdio.h>
#include <stdlib.h>

struct machine {
    struct frames frames;
    char *arena;
    void *metadata;
};

__attribute__((weak)) void core_panic(const char *file, int line, const char *text)
{
    printf("%s:%d: assertion failed: %s\n", file, line, text);
    abort();
}

static inline void machine_make(struct machine *machine, uint64_t size)
{
    machine->arena = aligned_alloc(BLOCK_SIZE, size);
    machine->metadata = malloc(frames_metadata_size(size));
    frames_init(&machine->frames, machine->metadata, size, machine->arena);
    frames_free(&machine->frames, 0, size / FRAME_SIZE);
}

static inline void machine_drop(struct machine *machine)
{
    free(machine->arena);
    free(machine->metadata);
}

/* A small generator of our own, so that a failure can be repeated on any machine. */
static inline uint32_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33);
}

#endif
