/* SPDX-License-Identifier: MIT */
/*
 * One channel of the 8254: counts and output as functions of the time since loading; see pit.h.
 *
 * "passed" is the number of clock pulses the counting element has seen since it was loaded with `count`:
 *   mode 0     output high once passed >= count
 *   mode 1     the same, counted from the gate's trigger
 *   mode 2     period of `count` ticks, output low in the last
 *   mode 3     period of `count` ticks, output high in the first (count + 1) / 2; counts down by two
 *   mode 4, 5  output low for the one tick at passed == count
 * Modes 1 and 5 wait for a trigger after loading; 0 and 4 count at once; 2 and 3 also restart at a gate rise.
 */
#include "vmm/device/pit/pit.h"

static bool mode_periodic(const struct pit_channel *channel)
{
    return channel->mode == 2 || channel->mode == 3;
}

static bool mode_triggered(const struct pit_channel *channel)
{
    return channel->mode == 1 || channel->mode == 5;
}

static uint32_t count_modulus(const struct pit_channel *channel)
{
    return channel->bcd ? 10000 : 65536;
}

static uint64_t passed_at(const struct pit_channel *channel, uint64_t tick)
{
    return channel->counting ? tick - channel->start : channel->passed;
}

static void load(struct pit_channel *channel, uint64_t tick, bool counting)
{
    channel->count = channel->written;
    channel->loaded = true;
    channel->null_count = false;
    channel->counting = counting;
    channel->start = tick;
    channel->passed = 0;
}

/* A new count waits for the end of a period in modes 2 and 3: catch up with ends that have passed. */
void pit_channel_settle(struct pit_channel *channel, uint64_t tick)
{
    uint64_t passed = passed_at(channel, tick);

    if (!channel->null_count || !channel->loaded || !channel->counting || !mode_periodic(channel))
        return;
    /* `start` is kept within one period of the write that set null_count, so this is the first end after it.
     */
    if (passed >= channel->count)
        load(channel, channel->start + channel->count, true);
}

void pit_channel_set_mode(struct pit_channel *channel, uint8_t control)
{
    uint8_t mode = (control >> 1) & 7;

    channel->mode = mode > 5 ? mode - 4 : mode; /* the datasheet's X10 and X11 */
    channel->access = (control >> 4) & 3;
    channel->bcd = control & 1;
    channel->loaded = false;
    channel->counting = false;
    channel->null_count = true;
    channel->passed = 0;
    channel->write_high_next = false;
    channel->read_high_next = false;
    channel->count_latched = false;
    channel->status_latched = false;
}

void pit_channel_set_gate(struct pit_channel *channel, bool gate, uint64_t tick)
{
    bool rise = gate && !channel->gate;
    bool fall = !gate && channel->gate;

    pit_channel_settle(channel, tick);
    channel->gate = gate;
    if (rise && (mode_triggered(channel) || mode_periodic(channel))) {
        if (channel->written && (channel->loaded || mode_triggered(channel)))
            load(channel, tick, true);
    } else if (rise && channel->loaded && !channel->counting) {
        channel->start = tick - channel->passed;
        channel->counting = true;
    } else if (fall && !mode_triggered(channel) && channel->counting) {
        channel->passed = tick - channel->start;
        channel->counting = false;
    }
}

static uint32_t from_bcd(uint16_t value)
{
    return (value & 15u) + 10u * (value >> 4 & 15u) + 100u * (value >> 8 & 15u) + 1000u * (value >> 12);
}

static uint16_t to_bcd(uint32_t value)
{
    return (uint16_t)(value % 10 | value / 10 % 10 << 4 | value / 100 % 10 << 8 | value / 1000 % 10 << 12);
}

/* The count register is complete. */
static void count_written(struct pit_channel *channel, uint16_t value, uint64_t tick)
{
    uint32_t count = channel->bcd ? from_bcd(value) : value;

    channel->written = count ? count : count_modulus(channel);
    channel->null_count = true;
    if (mode_triggered(channel))
        return;
    if (mode_periodic(channel) && channel->loaded && channel->counting) {
        /* Keep `start` in the running period, so that settling takes its end. */
        channel->start = tick - (tick - channel->start) % channel->count;
        return;
    }
    load(channel, tick, channel->gate);
}

void pit_channel_write_count(struct pit_channel *channel, uint8_t byte, uint64_t tick)
{
    pit_channel_settle(channel, tick);
    switch (channel->access) {
    case 1: count_written(channel, byte, tick); break;
    case 2: count_written(channel, (uint16_t)(byte << 8), tick); break;
    case 3:
        if (channel->write_high_next) {
            channel->write_high_next = false;
            count_written(channel, (uint16_t)(byte << 8 | channel->write_low), tick);
            break;
        }
        channel->write_high_next = true;
        channel->write_low = byte;
        if (channel->mode == 0) { /* "writing the first byte disables counting" and OUT goes low */
            channel->loaded = false;
            channel->counting = false;
            channel->passed = 0;
        }
        break;
    default: break;
    }
}

/* Value of the counting element. */
static uint16_t current_count(const struct pit_channel *channel, uint64_t tick)
{
    uint64_t passed = passed_at(channel, tick);
    uint32_t modulus = count_modulus(channel);
    uint32_t value = 0;

    if (!channel->loaded)
        return 0;
    if (channel->mode == 2) {
        value = channel->count - (uint32_t)(passed % channel->count);
    } else if (channel->mode == 3) {
        uint32_t phase = (uint32_t)(passed % channel->count);
        uint32_t high = (channel->count + 1) / 2;

        value = (channel->count & ~1u) - 2 * (phase < high ? phase : phase - high);
    } else {
        value = (channel->count + modulus - (uint32_t)(passed % modulus)) % modulus;
    }
    value %= modulus;
    return channel->bcd ? to_bcd(value) : (uint16_t)value;
}

bool pit_channel_output(const struct pit_channel *channel, uint64_t tick)
{
    uint64_t passed = passed_at(channel, tick);

    if (!channel->loaded)
        return channel->mode != 0;
    switch (channel->mode) {
    case 0: return passed >= channel->count;
    case 1: /* high until triggered */ return !channel->counting || passed >= channel->count;
    case 2: return !channel->gate || passed % channel->count != channel->count - 1;
    case 3: return !channel->gate || passed % channel->count < (channel->count + 1) / 2;
    default: return !channel->counting || passed != channel->count;
    }
}

uint64_t pit_channel_next_rise(const struct pit_channel *channel, uint64_t tick)
{
    uint64_t passed = passed_at(channel, tick);
    uint64_t rise = channel->mode >= 4 ? (uint64_t)channel->count + 1 : channel->count;

    if (!channel->loaded || !channel->counting)
        return UINT64_MAX;
    if (mode_periodic(channel))
        return channel->start + (passed / channel->count + 1) * channel->count;
    return passed < rise ? channel->start + rise : UINT64_MAX;
}

void pit_channel_latch_count(struct pit_channel *channel, uint64_t tick)
{
    pit_channel_settle(channel, tick);
    if (channel->count_latched) /* "Counter Latch Command": a second one before the read is ignored */
        return;
    channel->latch = current_count(channel, tick);
    channel->count_latched = true;
}

void pit_channel_latch_status(struct pit_channel *channel, uint64_t tick)
{
    pit_channel_settle(channel, tick);
    if (channel->status_latched)
        return;
    channel->status = (uint8_t)(pit_channel_output(channel, tick) << 7 | channel->null_count << 6 |
                                channel->access << 4 | channel->mode << 1 | channel->bcd);
    channel->status_latched = true;
}

uint8_t pit_channel_read_count(struct pit_channel *channel, uint64_t tick)
{
    uint16_t value;
    bool high;

    if (channel->status_latched) { /* "Read-Back Command": status comes before a latched count */
        channel->status_latched = false;
        return channel->status;
    }
    pit_channel_settle(channel, tick);
    value = channel->count_latched ? channel->latch : current_count(channel, tick);
    high = channel->access == 2 || (channel->access == 3 && channel->read_high_next);
    if (channel->access == 3)
        channel->read_high_next = !channel->read_high_next;
    if (channel->access != 3 || high)
        channel->count_latched = false;
    return (uint8_t)(high ? value >> 8 : value);
}
