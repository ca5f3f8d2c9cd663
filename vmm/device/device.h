/* SPDX-License-Identifier: MIT */
/*
 * The small interfaces that every device model is built from.
 *
 * A model is a struct without allocation, threads or operating system: it is given its dependencies at
 * `X_init`, is accessed by `X_read` and `X_write`, drives interrupt lines, and reads a clock. Counters are
 * computed from the clock when somebody looks. A model that must act by itself at a certain time says when
 * (`X_deadline`, absolute nanoseconds, DEVICE_NO_DEADLINE for never); the monitor's main loop calls
 * `X_expire` at or after that time.
 *
 * The caller serialises: no two functions of models that are connected may run at the same time.
 */
#ifndef VMM_DEVICE_DEVICE_H
#define VMM_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_NO_DEADLINE UINT64_MAX

/* An interrupt wire. The level is logical: true means asserted, whatever the electrical polarity. */
struct irq_line {
    void (*set)(void *context, bool level);
    void *context;
};

/* Guest time in nanoseconds; never runs backwards. */
struct device_clock {
    uint64_t (*now_ns)(void *context);
    void *context;
};

/* How a bus reaches a model. Offsets are relative to the start of the window, widths are 1, 2, 4 or 8 bytes.
 */
struct device_ops {
    uint64_t (*read)(void *device, uint64_t offset, unsigned width);
    void (*write)(void *device, uint64_t offset, unsigned width, uint64_t value);
};

static inline void irq_line_set(const struct irq_line *line, bool level)
{
    if (line->set)
        line->set(line->context, level);
}

static inline uint64_t device_now(const struct device_clock *clock)
{
    return clock->now_ns(clock->context);
}

/* All ones in an access of this width: what a bus returns when nobody answers. */
static inline uint64_t device_ones(unsigned width)
{
    return UINT64_MAX >> (64 - 8 * width);
}

/*
 * Defines `prefix_ops` from `prefix_read` and `prefix_write` that take a `type *`. The wrappers cost nothing
 * (the compiler inlines the model into them) and avoid calling a function through a pointer of another type.
 */
#define DEVICE_OPS(prefix, type)                                                                  \
    static uint64_t prefix##_ops_read(void *device, uint64_t offset, unsigned width)              \
    {                                                                                             \
        return prefix##_read((type *)device, offset, width);                                      \
    }                                                                                             \
    static void prefix##_ops_write(void *device, uint64_t offset, unsigned width, uint64_t value) \
    {                                                                                             \
        prefix##_write((type *)device, offset, width, value);                                     \
    }                                                                                             \
    const struct device_ops prefix##_ops = {prefix##_ops_read, prefix##_ops_write}

#endif
