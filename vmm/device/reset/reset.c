/* SPDX-License-Identifier: MIT */
/*
 * RST_CNT; see reset.h.
 */
#include "vmm/device/reset/reset.h"

enum {
    RST_CNT_SYS_RST = 1 << 1,
    RST_CNT_RST_CPU = 1 << 2,
    RST_CNT_FULL_RST = 1 << 3,
    RST_CNT_WRITABLE = RST_CNT_SYS_RST | RST_CNT_RST_CPU | RST_CNT_FULL_RST,
};

void reset_init(struct reset *reset, void (*request)(void *context), void *context)
{
    reset->request = request;
    reset->context = context;
    reset->control = 0;
}

uint64_t reset_read(struct reset *reset, uint64_t, unsigned)
{
    return reset->control;
}

void reset_write(struct reset *reset, uint64_t, unsigned, uint64_t value)
{
    bool rise = (value & ~reset->control & RST_CNT_RST_CPU) != 0;

    reset->control = value & RST_CNT_WRITABLE;
    if (rise)
        reset->request(reset->context);
}

DEVICE_OPS(reset, struct reset);
