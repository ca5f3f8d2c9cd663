/* SPDX-License-Identifier: MIT */
/* One alarm clock; see alarm.h. */
#include "server/timer/alarm.h"

void alarm_set(struct alarm *alarm, uint64_t deadline, uint64_t period)
{
    *alarm = (struct alarm){.set = true, .deadline = deadline, .period = period};
}

void alarm_cancel(struct alarm *alarm)
{
    alarm->set = false;
}

bool alarm_ring(struct alarm *alarm, uint64_t now)
{
    uint64_t periods;

    if (!alarm->set || now < alarm->deadline)
        return false;
    if (alarm->period == 0) {
        alarm->set = false;
        return true;
    }
    periods = (now - alarm->deadline) / alarm->period + 1;
    /* Beyond the end of time there is nothing to ring for. */
    if (__builtin_mul_overflow(periods, alarm->period, &periods) ||
        __builtin_add_overflow(alarm->deadline, periods, &alarm->deadline))
        alarm->set = false;
    return true;
}
