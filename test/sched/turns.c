/* SPDX-License-Identifier: MIT */
/*
 * Equal priorities share the processor by turns, each as long as its slice: 2 ms and 6 ms give 1 : 3. An interrupted turn
 * goes on where it was, so the shares are the same when somebody urgent comes between all the time.
 */
#include "test/sched/parties.h"

#define MS             1000000u
#define WINDOW_MS      48u /* whole turns of both */
#define LONG_WINDOW_MS 240u
#define PERIOD_NS      700000u
#define PERIOD_ROUNDS  20000u

/* Pieces of work done. */
struct done {
    uint64_t two, six;
};

/* Both compute for a time, `first` begins. If it is to be so, somebody urgent interrupts them again and again. */
static void window(enum party first, enum party second, bool interrupted, struct done *done)
{
    uint64_t length = interrupted ? LONG_WINDOW_MS * MS : WINDOW_MS * MS, until = time_after_ns(length);
    struct load_state two, six;

    compute_until(first, until);
    compute_until(second, until);
    if (interrupted)
        (void)lateness_measure((unsigned)(length / PERIOD_NS), time_to_ticks(PERIOD_NS), PERIOD_ROUNDS);
    thread_sleep_until(until + MS);
    two = load_state(TURN_2);
    six = load_state(TURN_6);
    REQUIRE(two.running == 0 && six.running == 0);
    done->two += two.done;
    done->six += six.done;
}

/* Who begins has an advantage of a part of a turn, so each does it once. */
static void shares(const char *text, bool interrupted)
{
    struct done done = {0};
    uint64_t ratio;

    window(TURN_2, TURN_6, interrupted, &done);
    window(TURN_6, TURN_2, interrupted, &done);
    REQUIRE(done.two > 0);
    ratio = done.six * 100 / done.two;
    REQUIRE(ratio >= 285 && ratio <= 315);
    log_info("turns of 2 ms and 6 ms%s: work done is 1 : %lu.%lu%lu", text, ratio / 100, ratio / 10 % 10,
             ratio % 10);
}

void turns(void)
{
    shares("", false);
    shares(", interrupted every 0.7 ms", true);
}
