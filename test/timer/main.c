/* SPDX-License-Identifier: MIT */
/*
 * Client of the timer server: each operation, on the running system. A notification of its own, no entry point.
 */
#include "contract/timer/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/session.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"

#define MS 1000000ull

static uint32_t timer, ring;
static unsigned failures;

static void check(bool good, const char *what)
{
    log_info("%s: %s", what, good ? "ok" : "FAIL");
    failures += !good;
}

static uint64_t now(void)
{
    uint64_t ns = 0;

    check(timer_now(timer, &ns) == OK && ns != 0, "now");
    return ns;
}

/* True if the alarm rings within `ms`. */
static bool rings_within(uint64_t ms)
{
    uint64_t bits;

    return notification_wait(ring, time_after_ns(ms * MS), &bits) == OK;
}

static void one_shot(void)
{
    uint64_t start = now(), end;

    check(timer_one_shot(timer, start + 20 * MS) == OK && rings_within(1000), "one shot rings");
    check(timer_now(timer, &end) == OK && end >= start + 20 * MS, "not before its time");
    check(!rings_within(60), "and once only");
    check(timer_one_shot(timer, 0) == OK && rings_within(1000), "a deadline in the past rings at once");
    check(timer_one_shot(timer, now() + 50 * MS) == OK && timer_cancel(timer) == OK && !rings_within(120),
          "a cancelled one does not ring");
    check(timer_one_shot(timer, UINT64_MAX) == OK && timer_one_shot(timer, now() + 10 * MS) == OK &&
              rings_within(1000),
          "the later setting counts");
}

static void periodic(void)
{
    uint64_t start = now(), end;
    unsigned count = 0;

    check(timer_periodic(timer, start + 5 * MS, 5 * MS) == OK, "periodic");
    while (count < 20 && rings_within(1000))
        count++;
    check(timer_now(timer, &end) == OK && count == 20 && end >= start + 20 * 5 * MS,
          "20 periods take their time");
    check(timer_cancel(timer) == OK, "cancel");
    (void)rings_within(10); /* one may have been under way */
    check(!rings_within(30), "silence afterwards");
    check(timer_periodic(timer, 0, 1) == ERR_RANGE, "a period of 1 ns is refused");
}

int component_main(struct env *environment)
{
    struct connection connection;
    enum status status = session_open(&(struct session_options){.service = TIMER_SERVICE}, &connection);

    (void)environment;
    if (status == OK)
        status = notification_create(&ring);
    timer = connection.slot;
    if (status == OK)
        status = timer_set_notification(timer, ring);
    if (status != OK) {
        log_error("no timer: %s", status_text(status));
        return 2;
    }
    one_shot();
    periodic();
    log_info("timer: %u failed", failures);
    return failures != 0;
}
