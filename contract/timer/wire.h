/* SPDX-License-Identifier: MIT */
/*
 * TIMER: absolute time in nanoseconds since boot, one timeout a session. An entry point's own timeouts need no server;
 * this contract is for clients that want a signal from outside, or time under somebody's policy.
 */
#ifndef CONTRACT_TIMER_WIRE_H
#define CONTRACT_TIMER_WIRE_H

#include <stdint.h>

#define TIMER_SERVICE       "TIMER"
#define TIMER_PERIOD_MIN_NS 100000ull

enum timer_opcode {
    TIMER_NOW = 1,              /* - -> struct timer_now */
    TIMER_SET_NOTIFICATION = 2, /* capability 0: notification (SIGNAL) -> - */
    TIMER_ONE_SHOT = 3,         /* struct timer_one_shot -> -; replaces what was set */
    TIMER_PERIODIC = 4,         /* struct timer_periodic -> -; replaces what was set */
    TIMER_CANCEL = 5,           /* - -> - */
    TIMER_OPCODE_COUNT = 6,
};

struct timer_now {
    uint64_t ns;
};

struct timer_one_shot {
    uint64_t deadline_ns; /* absolute; one in the past fires at once */
};

struct timer_periodic {
    uint64_t first_ns;  /* absolute */
    uint64_t period_ns; /* at least TIMER_PERIOD_MIN_NS */
};

_Static_assert(sizeof(struct timer_now) == 8, "wire");
_Static_assert(sizeof(struct timer_one_shot) == 8, "wire");
_Static_assert(sizeof(struct timer_periodic) == 16, "wire");

#endif
