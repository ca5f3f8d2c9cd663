/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: the timer (10.5.4), one-shot, periodic and TSC deadline.
 *
 * `timer_expiry` is the moment at which the count reaches zero, or at which the TSC should reach the
 * deadline. The current count is what is left until then; a masked timer counts on without interrupts, and
 * settling catches up with what it went through. Expiries of a periodic timer that nobody handled in time are
 * merged into one.
 */
#include "vmm/device/lapic/lapic_private.h"
#include "vmm/device/ticks.h"

static unsigned timer_mode(uint32_t entry)
{
    return entry >> LVT_TIMER_SHIFT & 3;
}

/* 10.5.4: bits 3, 1, 0 of the divide configuration are log2 of the divisor minus one; 111 divides by one. */
static unsigned divide_shift(const struct lapic *lapic)
{
    return (((lapic->timer_divide & 3) | (lapic->timer_divide >> 1 & 4)) + 1) & 7;
}

static bool deadline_mode(const struct lapic *lapic)
{
    return timer_mode(lapic->lvt[LVT_TIMER]) == TIMER_TSC_DEADLINE;
}

static void stop(struct lapic *lapic)
{
    lapic->timer_expiry = DEVICE_NO_DEADLINE;
    lapic->tsc_deadline = 0;
}

void lapic_timer_reset(struct lapic *lapic)
{
    lapic->timer_initial = 0;
    lapic->timer_divide = 0;
    stop(lapic);
}

static uint64_t tsc_now(const struct lapic *lapic)
{
    return lapic->with.tsc.now(lapic->with.tsc.context);
}

/* When the TSC will reach the deadline. Never the present, so that an estimate cannot make the main loop
 * spin. */
static uint64_t deadline_ns(const struct lapic *lapic, uint64_t now, uint64_t left)
{
    uint64_t delay = ticks_scale_up(left, 1000000, lapic->with.tsc.khz);

    return ticks_add(now, delay ? delay : 1);
}

/* Periodic: the first expiry after `now`. A count of 2^32 with divisor 128 fits easily. */
static uint64_t next_period(const struct lapic *lapic, uint64_t now)
{
    uint64_t period = (uint64_t)lapic->timer_initial << divide_shift(lapic);

    if (period == 0)
        return DEVICE_NO_DEADLINE;
    return lapic->timer_expiry + ((now - lapic->timer_expiry) / period + 1) * period;
}

void lapic_timer_settle(struct lapic *lapic, uint64_t now)
{
    if (now < lapic->timer_expiry)
        return;
    if (deadline_mode(lapic)) {
        uint64_t tsc = tsc_now(lapic);

        if (tsc < lapic->tsc_deadline) { /* the two clocks disagree by a little: wait for the TSC */
            lapic->timer_expiry = deadline_ns(lapic, now, lapic->tsc_deadline - tsc);
            return;
        }
        stop(lapic);
    } else if (timer_mode(lapic->lvt[LVT_TIMER]) == TIMER_PERIODIC) {
        lapic->timer_expiry = next_period(lapic, now);
    } else {
        stop(lapic);
    }
    lapic_lvt_fire(lapic, LVT_TIMER);
}

/* Changing to or from deadline mode disarms the timer (10.5.4.1). */
void lapic_timer_mode_changed(struct lapic *lapic, uint32_t before)
{
    if ((timer_mode(before) == TIMER_TSC_DEADLINE) != deadline_mode(lapic))
        stop(lapic);
}

static void start(struct lapic *lapic, uint32_t count, uint64_t now)
{
    lapic->timer_expiry = count ? now + ((uint64_t)count << divide_shift(lapic)) : DEVICE_NO_DEADLINE;
}

void lapic_timer_set_initial(struct lapic *lapic, uint32_t value)
{
    uint64_t now = device_now(&lapic->with.clock);

    if (deadline_mode(lapic)) /* 10.5.4.1: ignored there */
        return;
    lapic_timer_settle(lapic, now);
    lapic->timer_initial = value;
    start(lapic, value, now);
}

uint32_t lapic_timer_current(struct lapic *lapic)
{
    uint64_t now = device_now(&lapic->with.clock);
    unsigned shift = divide_shift(lapic);

    lapic_timer_settle(lapic, now);
    if (deadline_mode(lapic) || lapic->timer_expiry == DEVICE_NO_DEADLINE)
        return 0;
    return (uint32_t)((lapic->timer_expiry - now + (1ull << shift) - 1) >> shift);
}

void lapic_timer_set_divide(struct lapic *lapic, uint32_t value)
{
    uint32_t current = lapic_timer_current(lapic);

    lapic->timer_divide = value & 0xb;
    if (!deadline_mode(lapic) && lapic->timer_expiry != DEVICE_NO_DEADLINE)
        start(lapic, current, device_now(&lapic->with.clock));
}

uint64_t lapic_timer_tsc_deadline(struct lapic *lapic)
{
    lapic_timer_settle(lapic, device_now(&lapic->with.clock));
    return lapic->tsc_deadline;
}

void lapic_timer_set_tsc_deadline(struct lapic *lapic, uint64_t deadline)
{
    uint64_t now = device_now(&lapic->with.clock);

    if (!deadline_mode(lapic))
        return;
    lapic_timer_settle(lapic, now);
    stop(lapic);
    if (deadline == 0)
        return;
    uint64_t tsc = tsc_now(lapic);
    lapic->tsc_deadline = deadline;
    lapic->timer_expiry = deadline > tsc ? deadline_ns(lapic, now, deadline - tsc) : now;
    lapic_timer_settle(lapic, now);
}

void lapic_tsc_changed(struct lapic *lapic)
{
    lapic_timer_set_tsc_deadline(lapic, lapic->tsc_deadline);
}

uint64_t lapic_deadline(const struct lapic *lapic)
{
    return lapic->lvt[LVT_TIMER] & LVT_MASKED ? DEVICE_NO_DEADLINE : lapic->timer_expiry;
}

void lapic_expire(struct lapic *lapic, uint64_t now)
{
    lapic_timer_settle(lapic, now);
}
