/* SPDX-License-Identifier: MIT */
/*
 * MC146818 real-time clock with 128 bytes of battery-backed memory, as in a PC.
 *
 * Source: Motorola MC146818 datasheet ("Registers", "Update Cycle"), time base 32.768 kHz; ports and the
 * century byte at 0x32 as in the Intel ICH9 datasheet, 13.6, and the FADT.
 *
 * Idea: the time of day is the clock plus an offset, decoded when read. While the guest holds it (SET, or the
 * divider in reset) the ten registers are plain memory, and the offset is made anew when it lets go. Flags of
 * register C that became due are computed when it is read; a deadline exists only for enabled interrupts.
 *
 * UIP is up for the last 2228 us of a second (244 us notice and 1984 us update at this time base); UF comes
 * with the second.
 *
 * Not modelled: daylight saving (DSE), square wave, the 12-hour mode (24/12 reads 1); switching DM converts the time registers,
 * where the chip would leave them to be set again.
 */
#ifndef VMM_DEVICE_RTC_RTC_H
#define VMM_DEVICE_RTC_RTC_H

#include "vmm/device/device.h"

#define RTC_CENTURY 0x32u

/* Broken-down UTC. */
struct rtc_time {
    uint32_t year;
    uint8_t month, day; /* from 1 */
    uint8_t hour, minute, second;
    uint8_t weekday; /* 1 = Sunday */
};

struct rtc {
    struct device_clock clock;
    struct irq_line irq8;
    uint8_t index;
    uint8_t memory
        [128]; /* alarm bytes, registers A to C, NVRAM (0: a firmware without disks and floppies); the time while `held` */
    bool held; /* SET or divider reset: the time stands still */
    bool irq_level;
    uint64_t second_base; /* seconds since 1970 at `ns_base` */
    uint64_t ns_base;     /* guest time at which a second began */
    uint64_t seen_second; /* flags up to this second are in register C */
    uint64_t seen_period; /* the same for the periodic interrupt, in its periods */
    uint64_t deadline;
};

void rtc_init(struct rtc *rtc, struct device_clock clock, struct irq_line irq8, uint64_t unix_seconds);

/* Ports 0x70-0x71. */
uint64_t rtc_read(struct rtc *rtc, uint64_t offset, unsigned width);
void rtc_write(struct rtc *rtc, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops rtc_ops;

static inline uint64_t rtc_deadline(const struct rtc *rtc)
{
    return rtc->deadline;
}
void rtc_expire(struct rtc *rtc, uint64_t now);

/* Calendar arithmetic, in rtc_calendar.c. Fields out of range are taken modulo or clamped: a guest may write
 * anything. */
void rtc_time_from_seconds(uint64_t seconds, struct rtc_time *time);
uint64_t rtc_time_to_seconds(const struct rtc_time *time);

#endif
