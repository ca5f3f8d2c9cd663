/* SPDX-License-Identifier: MIT */
/*
 * One channel of the 8254: counts and output as functions of the time since loading; see pit.h.
 *
 * "passed" is the number of clock pulses the counting element has seen since it was loaded with `count`:
 *   mode 0     output high once passed >= count
 *   mode 2     period of `count` ticks, output low in the last
 *   mode 3     period of `count` ticks, output high in the first (count + 1) / 2; counts down by two
 *   mode 4     output low for the one tick at passed == count
 * Modes 0 and 4 stop while the gate is low; 2 and 3 restart when it rises.
 */
#include "vmm/device/pit/pit.h"

static bool mode_periodic(const struct pit_channel *channel)
{
    return channel->mode == 2 || channel->mode == 3;
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
    static const uint8_t modes[8] = {0, 0, 2, 3,
                                     4, 4, 2, 3}; /* the datasheet's X10 and X11; no triggered modes */

    channel->mode = modes[(control >> 1) & 7];
    channel->access = (control >> 4) & 3;
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
    if (rise && mode_periodic(channel)) {
        if (channel->written && channel->loaded)
            load(channel, tick, true);
    } else if (rise && channel->loaded && !channel->counting) {
        channel->start = tick - channel->passed;
        channel->counting = true;
    } else if (fall && channel->counting) {
        channel->passed = tick - channel->start;
        channel->counting = false;
    }
}

/* The count register is complete. */
static void count_written(struct pit_channel *channel, uint16_t value, uint64_t tick)
{
    channel->written = value ? value : 65536;
    channel->null_count = true;
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

    if (!channel->loaded)
        return 0;
    if (mode_periodic(channel))
        passed %= channel->count;
    if (channel->mode == 3) {
        uint32_t high = (channel->count + 1) / 2;

        return (uint16_t)((channel->count & ~1u) - 2 * (passed < high ? passed : passed - high));
    }
    return (uint16_t)(channel->count - passed);
}

bool pit_channel_output(const struct pit_channel *channel, uint64_t tick)
{
    uint64_t passed = passed_at(channel, tick);

    if (!channel->loaded)
        return channel->mode != 0;
    switch (channel->mode) {
    case 0: return passed >= channel->count;
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
                                channel->access << 4 | channel->mode << 1);
    channel->status_latched = true;
}

uint8_t pit_channel_read_count(struct pit_channel *channel, uint64_t tick)
{
    if (channel->status_latched) { /* "Read-Back Command": status comes before a latched count */
        channel->status_latched = false;
        return channel->status;
    }
    pit_channel_settle(channel, tick);
    uint16_t value = channel->count_latched ? channel->latch : current_count(channel, tick);
    bool high = channel->access == 2 || (channel->access == 3 && channel->read_high_next);
    if (channel->access == 3)
        channel->read_high_next = !channel->read_high_next;
    if (channel->access != 3 || high)
        channel->count_latched = false;
    return (uint8_t)(high ? value >> 8 : value);
}
