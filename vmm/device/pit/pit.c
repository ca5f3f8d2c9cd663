/* SPDX-License-Identifier: MIT */
/*
 * 8254: the three channels behind their ports, channel 0's interrupt, port 0x61; see pit.h.
 */
#include "vmm/device/pit/pit.h"

#include "lib/string/string.h"
#include "vmm/device/ticks.h"

enum {
    PORT61_TIM_CNT2_EN = 1 << 0, /* gate of channel 2 */
    PORT61_SPKR_DAT_EN = 1 << 1,
    PORT61_WRITABLE = 0x0f,
    PORT61_REF_TOGGLE = 1 << 4,
    PORT61_TMR2_OUT_STS = 1 << 5,
};

#define REFRESH_NS 15085 /* 18 ticks of the PIT: how often the refresh bit toggles */

static uint64_t pit_tick(const struct pit *pit)
{
    return ticks_from_ns(device_now(&pit->clock), PIT_HZ);
}

/* Channel 0 may have changed: give its output to IRQ 0 and find the next edge. */
static void pit_update(struct pit *pit, uint64_t tick)
{
    struct pit_channel *channel = &pit->channel[0];

    if (tick >= pit->edge && pit->irq_level) { /* the low phase before this rise went by unseen */
        pit->irq_level = false;
        irq_line_set(&pit->irq0, false);
    }
    pit_channel_settle(channel, tick);
    /* Level after a rise: a mode 2 pulse lasts one tick, so the output may be low again already. */
    bool level = tick >= pit->edge || pit_channel_output(channel, tick);
    if (level != pit->irq_level) {
        pit->irq_level = level;
        irq_line_set(&pit->irq0, level);
    }
    pit->edge = pit_channel_next_rise(channel, tick);
    pit->deadline = pit->edge == UINT64_MAX ? DEVICE_NO_DEADLINE : ticks_to_ns(pit->edge, PIT_HZ);
}

void pit_expire(struct pit *pit, uint64_t now)
{
    if (now >= pit->deadline)
        pit_update(pit, ticks_from_ns(now, PIT_HZ));
}

/* "Read-Back Command": bits 1 to 3 select channels; bit 5 and 4 low latch count and status. */
static void pit_read_back(struct pit *pit, uint8_t value, uint64_t tick)
{
    for (unsigned i = 0; i < 3; i++) {
        if (!(value & (2u << i)))
            continue;
        if (!(value & 0x20))
            pit_channel_latch_count(&pit->channel[i], tick);
        if (!(value & 0x10))
            pit_channel_latch_status(&pit->channel[i], tick);
    }
}

static void pit_write_control(struct pit *pit, uint8_t value, uint64_t tick)
{
    unsigned select = value >> 6;

    if (select == 3)
        pit_read_back(pit, value, tick);
    else if ((value & 0x30) == 0)
        pit_channel_latch_count(&pit->channel[select], tick);
    else
        pit_channel_set_mode(&pit->channel[select], value);
}

void pit_write(struct pit *pit, uint64_t offset, unsigned, uint64_t value)
{
    uint64_t tick = pit_tick(pit);

    offset &= 3;
    if (tick >= pit->edge) /* first what happened before this write */
        pit_update(pit, tick);
    if (offset == 3)
        pit_write_control(pit, (uint8_t)value, tick);
    else
        pit_channel_write_count(&pit->channel[offset], (uint8_t)value, tick);
    pit->edge = UINT64_MAX;
    pit_update(pit, tick);
}

uint64_t pit_read(struct pit *pit, uint64_t offset, unsigned)
{
    offset &= 3;
    if (offset == 3) /* the control word cannot be read; the bus floats */
        return 0xff;
    return pit_channel_read_count(&pit->channel[offset], pit_tick(pit));
}

uint64_t pit_port61_read(struct pit *pit, uint64_t, unsigned)
{
    uint64_t now = device_now(&pit->clock);
    uint64_t tick = ticks_from_ns(now, PIT_HZ);
    struct pit_channel *channel = &pit->channel[2];
    uint64_t value = pit->port61;

    pit_channel_settle(channel, tick);
    if (now / REFRESH_NS & 1)
        value |= PORT61_REF_TOGGLE;
    if (pit_channel_output(channel, tick))
        value |= PORT61_TMR2_OUT_STS;
    return value;
}

void pit_port61_write(struct pit *pit, uint64_t, unsigned, uint64_t value)
{
    pit->port61 = value & PORT61_WRITABLE;
    pit_channel_set_gate(&pit->channel[2], value & PORT61_TIM_CNT2_EN, pit_tick(pit));
}

void pit_init(struct pit *pit, struct device_clock clock, struct irq_line irq0)
{
    memset(pit, 0, sizeof(*pit));
    pit->clock = clock;
    pit->irq0 = irq0;
    pit->edge = UINT64_MAX;
    pit->deadline = DEVICE_NO_DEADLINE;
    /* The chip powers up undefined; mode 2 without a count keeps every output high and still. */
    for (unsigned i = 0; i < 3; i++) {
        pit_channel_set_mode(&pit->channel[i], 0x34);
        pit->channel[i].gate = i != 2;
    }
    /* Outputs are high: tell nobody, or power-on would look like an interrupt. */
    pit->irq_level = true;
}

DEVICE_OPS(pit, struct pit);
DEVICE_OPS(pit_port61, struct pit);
