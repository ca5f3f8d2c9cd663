/* SPDX-License-Identifier: MIT */
/* Alarms: once, periodic, late, and at the end of time; many of them through the queue of timeouts. */
#include "lib/base/timeout.h"
#include "server/timer/alarm.h"

#include "test/check.h"

#include <stdlib.h>

#define CLOCKS 20u

struct clock {
    struct timeout timeout;
    struct alarm alarm;
    uint64_t rings;
};

static struct timeout_queue queue;
static uint64_t now;

static void arm(struct clock *clock)
{
    if (clock->alarm.set)
        timeout_queue_set(&queue, &clock->timeout, clock->alarm.deadline);
    else
        timeout_queue_cancel(&queue, &clock->timeout);
}

static void expired(struct timeout *timeout)
{
    struct clock *clock = (struct clock *)timeout;

    CHECK(alarm_ring(&clock->alarm, now));
    clock->rings++;
    arm(clock);
}

/* Sleeps as an entry point does: to the earliest deadline, sometimes too long. */
static void run(uint64_t end)
{
    struct timeout *timeout;

    while ((now = timeout_queue_next(&queue)) < end) {
        now += (uint64_t)rand() % 3;
        while ((timeout = timeout_queue_pop(&queue, now)) != NULL)
            timeout->expired(timeout);
    }
}

static void test_alarm(void)
{
    struct alarm alarm = {0};

    CASE("an alarm that is not set does not ring");
    CHECK(!alarm_ring(&alarm, UINT64_MAX));

    CASE("once");
    alarm_set(&alarm, 100, 0);
    CHECK(!alarm_ring(&alarm, 99));
    CHECK(alarm_ring(&alarm, 100));
    CHECK(!alarm.set && !alarm_ring(&alarm, 101));

    CASE("cancelled");
    alarm_set(&alarm, 100, 5);
    alarm_cancel(&alarm);
    CHECK(!alarm_ring(&alarm, 200));

    CASE("periodic: missed periods are one ring, and the grid stays");
    alarm_set(&alarm, 1000, 10);
    CHECK(alarm_ring(&alarm, 1003));
    CHECK_EQ(alarm.deadline, 1010);
    CHECK(alarm_ring(&alarm, 1075));
    CHECK_EQ(alarm.deadline, 1080);
    CHECK(!alarm_ring(&alarm, 1079));

    CASE("the end of time");
    alarm_set(&alarm, UINT64_MAX - 5, 10);
    CHECK(alarm_ring(&alarm, UINT64_MAX - 1));
    CHECK(!alarm.set);
    alarm_set(&alarm, 0, UINT64_MAX);
    CHECK(alarm_ring(&alarm, 7));
    CHECK_EQ(alarm.deadline, UINT64_MAX);
}

int main(void)
{
    static struct clock clocks[CLOCKS];

    test_alarm();

    CASE("many periodic alarms over the queue of timeouts");
    for (unsigned i = 0; i < CLOCKS; i++) {
        clocks[i].timeout.expired = expired;
        alarm_set(&clocks[i].alarm, i, 7 + i);
        arm(&clocks[i]);
    }
    run(100000);
    for (unsigned i = 0; i < CLOCKS; i++) {
        uint64_t expected = (100000 - i) / (7 + i);
        CHECK(clocks[i].rings >= expected - 1 && clocks[i].rings <= expected + 1);
        CHECK_EQ(clocks[i].alarm.deadline % (7 + i), i % (7 + i));
    }
    return check_finish();
}
