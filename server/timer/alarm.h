/* SPDX-License-Identifier: MIT */
/*
 * One alarm clock of a session, hardware-free: when it rings next. Times are nanoseconds since boot.
 *
 * A periodic alarm stays on its grid (first + n * period): a late server rings once for all periods that it missed, and
 * does not drift.
 */
#ifndef SERVER_TIMER_ALARM_H
#define SERVER_TIMER_ALARM_H

#include <stdbool.h>
#include <stdint.h>

struct alarm {
    bool set;
    uint64_t deadline; /* when it rings next, if set */
    uint64_t period;   /* 0: once */
};

void alarm_set(struct alarm *alarm, uint64_t deadline, uint64_t period);
void alarm_cancel(struct alarm *alarm);

/* True if it rings at `now`; moves it on to the next deadline after now, or ends it. */
bool alarm_ring(struct alarm *alarm, uint64_t now);

#endif
