/* SPDX-License-Identifier: MIT */
/*
 * Crash states of the stack from the writer to the disk; see crash.h.
 *
 *     crash_test [SEED [LIVES [bench]]]
 *
 * In `make test` a few lives, in `make bench` (as a tool without sanitizers) more of them, and the counts.
 */
#include "test/crash/crash.h"

#include "test/check.h"

enum { SEED = 1, LIVES = 16, STEPS = 1200, ENOUGH = 10000 };

int main(int count, char **arguments)
{
    uint64_t first = count > 1 ? strtoull(arguments[1], NULL, 0) : SEED;
    uint64_t lives = count > 2 ? strtoull(arguments[2], NULL, 0) : LIVES;
    uint64_t bad = 0;

    CASE("whenever the power is cut, the disk holds what the guarantees promise");
    for (uint64_t seed = first; seed < first + lives; seed++) {
        life(seed, STEPS);
        bad += violations;
    }
    CHECK_EQ(bad, 0);
    CASE("these were enough different states, with enough writes in flight");
    if (lives >= LIVES)
        CHECK(states.busy >= ENOUGH);
    printf("%llu moments, %llu images, %llu of them different, of these %llu with at least %d writes in "
           "flight\n",
           (unsigned long long)states.points, (unsigned long long)states.checked,
           (unsigned long long)states.distinct, (unsigned long long)states.busy, BUSY);
    if (count > 3) {
        printf("BENCH crash_states_checked %llu states\n", (unsigned long long)states.busy);
        printf("BENCH crash_state_violations %llu states\n", (unsigned long long)bad);
    }
    states_forget();
    return check_finish();
}
