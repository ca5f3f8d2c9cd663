/* SPDX-License-Identifier: MIT */
/* The other components of scenario `priority`, as the observer sees them. */
#ifndef TEST_SCHED_PARTIES_H
#define TEST_SCHED_PARTIES_H

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "test/sched/wire.h"

#define REQUIRE(condition)                                            \
    do {                                                              \
        if (!(condition)) {                                           \
            log_error("line %u: not true: %s", __LINE__, #condition); \
            component_exit(1);                                        \
        }                                                             \
    } while (0)

/* The priorities stand in init.xml; the observer's is above them all. */
enum party {
    LOW,      /* clients of server front */
    LOW_BACK, /* clients of server back */
    MIDDLE,   /* computes */
    TURN_2,   /* computes in turns of 2 ms, with the priority of ... */
    TURN_6,   /* ... this one, whose turns are of 6 ms */
    PARTIES
};

/* A request to front has one to back in its middle. */
enum server { BACK, FRONT, SERVERS };

void parties_open(void);
void load_start(enum party party, const struct load_start *start);
struct load_state load_state(enum party party);

/* TSC ticks that a request takes. */
uint64_t server_call(enum server server, const struct work_do *request);

/* The party computes until then, and counts pieces of about a microsecond. */
void compute_until(enum party party, uint64_t until);

static inline uint64_t microseconds(uint64_t ticks)
{
    return time_to_ns(ticks) / 1000;
}

void inversion(void);
void periods(void);
void turns(void);

struct lateness {
    uint64_t early;                   /* wake-ups before their time */
    uint64_t least, most, mean, last; /* ticks from a deadline to the first instruction afterwards */
    uint64_t response;                /* the most from a deadline to the end of the work then done */
};

/* Sleeps to `count` absolute deadlines, `period` ticks apart, and works at each. */
struct lateness lateness_measure(unsigned count, uint64_t period, uint64_t rounds);

#endif
