/* SPDX-License-Identifier: MIT */
/* See spare.h. */
#include "test/bench/idle/spare.h"

#include "lib/base/thread.h"
#include "lib/base/time.h"

#define NOISE 64u

static uint64_t others;

/* Emulators translate instructions in blocks, and spend next to nothing on a block of NOPs: so a second of this does not
   take a second of the emulator. */
static inline uint64_t round(void)
{
    uint64_t start = time_now(), count = 16;

    __asm__ volatile("1: .rept 250\n\tnop\n\t.endr\n\tdec %0\n\tjnz 1b" : "+r"(count) : : "cc");
    return start;
}

/* The shortest round has been all ours; the first ones show how long that is. Rounds differ by a few ticks for reasons of
   the emulator's; nobody can take a processor away and give it back in so few. */
static void spin(void *argument)
{
    uint64_t least = UINT64_MAX, last = round();

    (void)argument;
    for (;;) {
        uint64_t start = round(), took = start - last;

        least = took < least ? took : least;
        if (took - least > NOISE)
            __atomic_store_n(&others, others + (took - least), __ATOMIC_RELAXED);
        last = start;
    }
}

enum status spare_start(void)
{
    struct thread_options options = {.name = "spare", .priority = 1};
    struct thread *thread;

    return thread_create(&options, spin, NULL, &thread);
}

uint64_t spare_others(void)
{
    return __atomic_load_n(&others, __ATOMIC_RELAXED);
}
