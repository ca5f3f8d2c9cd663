/* SPDX-License-Identifier: MIT */
/*
 * 8254 programmable interval timer, and the port 0x61 that shows and gates its channel 2.
 *
 * Source: Intel 82C54 datasheet (231244-006), "Programming the 82C54", "Mode Definitions"; port 0x61 (NMI_SC)
 * as in the Intel ICH9 datasheet, 13.7.1. Clock: 1 193 182 Hz.
 *
 * Idea: a channel stores when its counting element was loaded (in ticks); counts and outputs are computed
 * from the time that has passed. Channel 0's output drives IRQ 0; its next rising edge is the deadline. Edges
 * that nobody came to handle in time are merged into one, as an edge-triggered interrupt controller would
 * merge them.
 *
 * Modes 0, 2, 3 and 4, latch and read-back are there; not BCD, and not the modes that wait for a trigger (1 and 5 are taken
 * as 0 and 4), for only channel 2 could be given one. A count written while mode 2 or 3 runs takes effect at
 * the end of the period (the chip does so at the half period in mode 3, if no gate edge comes first).
 */
#ifndef VMM_DEVICE_PIT_PIT_H
#define VMM_DEVICE_PIT_PIT_H

#include "vmm/device/device.h"

#define PIT_HZ 1193182ull

struct pit_channel {
    uint8_t mode;   /* 0, 2, 3 or 4 */
    uint8_t access; /* RW bits: 1 = low byte, 2 = high byte, 3 = low then high */
    bool gate;
    bool loaded;       /* the counting element holds a count */
    bool null_count;   /* status bit 6: a count was written and is not in the counting element yet */
    bool counting;     /* loaded, and the gate lets it run */
    uint32_t count;    /* 1 to 65536: what was last loaded into the counting element */
    uint32_t written;  /* the count register: loaded next */
    uint64_t start;    /* tick at which counting began; valid while counting */
    uint64_t passed;   /* ticks counted before the gate stopped it; valid while not counting */
    uint8_t write_low; /* first byte of a two-byte count */
    bool write_high_next, read_high_next;
    bool count_latched, status_latched;
    uint16_t latch;
    uint8_t status;
};

struct pit {
    struct pit_channel channel[3];
    struct device_clock clock;
    struct irq_line irq0;
    bool irq_level;
    uint64_t edge;     /* tick of channel 0's next rising edge, UINT64_MAX = none */
    uint64_t deadline; /* the same in nanoseconds */
    uint8_t port61;    /* bits 0 to 3 as written */
};

void pit_init(struct pit *pit, struct device_clock clock, struct irq_line irq0);

/* Ports 0x40-0x43. */
uint64_t pit_read(struct pit *pit, uint64_t offset, unsigned width);
void pit_write(struct pit *pit, uint64_t offset, unsigned width, uint64_t value);
/* Port 0x61. */
uint64_t pit_port61_read(struct pit *pit, uint64_t offset, unsigned width);
void pit_port61_write(struct pit *pit, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops pit_ops, pit_port61_ops;

static inline uint64_t pit_deadline(const struct pit *pit)
{
    return pit->deadline;
}
void pit_expire(struct pit *pit, uint64_t now);

/* The arithmetic of one channel, in pit_channel.c; `tick` is the present in ticks of PIT_HZ. */
void pit_channel_set_mode(struct pit_channel *channel, uint8_t control);
void pit_channel_set_gate(struct pit_channel *channel, bool gate, uint64_t tick);
void pit_channel_write_count(struct pit_channel *channel, uint8_t byte, uint64_t tick);
uint8_t pit_channel_read_count(struct pit_channel *channel, uint64_t tick);
void pit_channel_latch_count(struct pit_channel *channel, uint64_t tick);
void pit_channel_latch_status(struct pit_channel *channel, uint64_t tick);
void pit_channel_settle(struct pit_channel *channel, uint64_t tick);
bool pit_channel_output(const struct pit_channel *channel, uint64_t tick);
/* First tick after `tick` at which the output rises, or UINT64_MAX. */
uint64_t pit_channel_next_rise(const struct pit_channel *channel, uint64_t tick);

#endif
