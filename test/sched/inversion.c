/* SPDX-License-Identifier: MIT */
/*
 * Priority inversion: somebody urgent needs a server that is busy for somebody unimportant, who has no turn because
 * somebody in between computes. The urgent one's call lends its time to the server, and through it to a server that this one
 * waits for, so it waits for the rest of one request, and the one in between does not get a turn meanwhile.
 *
 * A trial begins at some point of the unimportant clients' requests; there are as many as PHASES points.
 */
#include "test/sched/parties.h"

#define ROUNDS 65536u /* of a request, in each server */
#define SPIN   10u    /* requests' lengths that the one in between computes */
#define PHASES 16u
#define SETTLE 8u /* requests' lengths until everybody has finished */

/* A request to front takes both. */
static const struct work_do requests[SERVERS] = {[BACK] = {ROUNDS, 0}, [FRONT] = {ROUNDS, ROUNDS}};
static uint64_t length[SERVERS]; /* of an undisturbed request, ticks */

struct setup {
    const char *text;
    enum server server;
    unsigned front_clients, back_clients;   /* unimportant ones */
    unsigned front_requests, back_requests; /* the bound: so many of each */
};

static void measure_lengths(void)
{
    for (enum server server = BACK; server < SERVERS; server++) {
        (void)server_call(server, &requests[server]); /* what is only the first time */
        length[server] = server_call(server, &requests[server]);
    }
    log_info("a request takes server back %lu us, and server front, which calls back in it, %lu us",
             microseconds(length[BACK]), microseconds(length[FRONT]));
}

static void clients_start(enum party party, unsigned threads, uint64_t until)
{
    struct load_start start = {.until = until,
                               .requests = UINT64_MAX,
                               .threads = threads,
                               .work = requests[party == LOW ? FRONT : BACK]};

    if (threads)
        load_start(party, &start);
}

/* Sleeps; then everybody must have done what they began. */
static void settle(uint64_t deadline)
{
    thread_sleep_until(deadline);
    for (enum party party = LOW; party <= MIDDLE; party++)
        REQUIRE(load_state(party).running == 0);
}

/* Waiting for an unimportant client by other means than a call: it does not get on before the one in between has finished. */
static void without_lending(void)
{
    struct load_start one = {.until = TIME_NEVER, .requests = 1, .threads = 1, .work = requests[FRONT]};
    uint64_t spin = SPIN * length[FRONT], start, waited;

    load_start(LOW, &one);
    thread_sleep_until(time_now() + length[FRONT] / 2);
    start = time_now();
    compute_until(MIDDLE, start + spin);
    settle(start + spin + SETTLE * length[FRONT]);
    waited = load_state(LOW).finished - start;
    REQUIRE(waited >= spin);
    log_info("inversion: a client of low priority gets its answer after %lu us, because middle computes for "
             "%lu us",
             microseconds(waited), microseconds(spin));
}

/* Ticks that a call takes longer than alone. */
static uint64_t trial(const struct setup *setup, unsigned phase)
{
    uint64_t unit = length[FRONT], begin = time_now(), end, took;
    struct load_state before;

    clients_start(LOW, setup->front_clients, begin + 3 * unit);
    clients_start(LOW_BACK, setup->back_clients, begin + 3 * unit);
    thread_sleep_until(begin + unit + unit * phase / PHASES);
    end = time_now() + SPIN * unit;
    compute_until(MIDDLE, end);
    before = load_state(MIDDLE);
    took = server_call(setup->server, &requests[setup->server]);
    REQUIRE(load_state(MIDDLE).done == before.done);
    REQUIRE(time_now() < end);
    settle(end + SETTLE * unit);
    return took > length[setup->server] ? took - length[setup->server] : 0;
}

static void bounded(const struct setup *setup)
{
    uint64_t bound = setup->front_requests * length[FRONT] + setup->back_requests * length[BACK];
    uint64_t margin = bound / 50; /* calls, and the ends of turns */
    uint64_t worst = 0;

    for (unsigned phase = 0; phase < PHASES; phase++) {
        uint64_t waited = trial(setup, phase);

        REQUIRE(waited <= bound + margin);
        if (waited > worst)
            worst = waited;
    }
    REQUIRE(worst >= bound * 3 / 4); /* else it never had to wait, and nothing is shown */
    log_info("%s: an urgent call waits %lu us at most, the bound is %lu us; middle gets no turn meanwhile",
             setup->text, microseconds(worst), microseconds(bound));
}

void inversion(void)
{
    static const struct setup setups[] = {
        {"server busy for a client of low priority", BACK, 0, 1, 0, 1},
        {"server busy, three clients of low priority waiting", BACK, 0, 3, 0, 1},
        {"chain of two servers, the first busy", FRONT, 1, 0, 1, 0},
        {"chain of two servers, three clients at each", FRONT, 3, 3, 1, 1},
    };

    measure_lengths();
    without_lending();
    for (unsigned i = 0; i < sizeof(setups) / sizeof(setups[0]); i++)
        bounded(&setups[i]);
}
