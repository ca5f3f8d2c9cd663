/* SPDX-License-Identifier: MIT */
/*
 * What the tests of device models share: a clock set by hand, and a line that remembers its level and edges.
 */
#ifndef VMM_DEVICE_TEST_FIXTURE_H
#define VMM_DEVICE_TEST_FIXTURE_H

#include "test/check.h"
#include "vmm/device/device.h"

static uint64_t fixture_ns; /* the present */

static inline uint64_t fixture_now(void *context)
{
    (void)context;
    return fixture_ns;
}

static const struct device_clock fixture_clock = {.now_ns = fixture_now};

struct fixture_line {
    bool level;
    unsigned rises, falls;
};

static inline void fixture_set(void *context, bool level)
{
    struct fixture_line *line = context;

    if (level && !line->level)
        line->rises++;
    if (!level && line->level)
        line->falls++;
    line->level = level;
}

static inline struct irq_line fixture_irq(struct fixture_line *line)
{
    return (struct irq_line){.set = fixture_set, .context = line};
}

#endif
