/* SPDX-License-Identifier: MIT */
/*
 * MC146818; see rtc.h. Register names are the datasheet's.
 */
#include "vmm/device/rtc/rtc.h"

#include "lib/string/string.h"
#include "vmm/device/ticks.h"

enum {
    SECONDS = 0x00,
    SECONDS_ALARM = 0x01,
    MINUTES = 0x02,
    MINUTES_ALARM = 0x03,
    HOURS = 0x04,
    HOURS_ALARM = 0x05,
    DAY_OF_WEEK = 0x06,
    DATE = 0x07,
    MONTH = 0x08,
    YEAR = 0x09,
    REGISTER_A = 0x0a,
    REGISTER_B = 0x0b,
    REGISTER_C = 0x0c,
    REGISTER_D = 0x0d,
};

enum {
    A_UIP = 1 << 7,
    A_DV_RESET = 0x60, /* both upper divider bits: the chain is held in reset */
    A_RS = 0x0f,
    B_24H = 1 << 1,
    B_DM = 1 << 2, /* 1 = binary, 0 = BCD */
    B_UIE = 1 << 4,
    B_AIE = 1 << 5,
    B_PIE = 1 << 6,
    B_SET = 1 << 7,
    C_UF = 1 << 4,
    C_AF = 1 << 5,
    C_PF = 1 << 6,
    C_IRQF = 1 << 7,
    C_FLAGS = C_UF | C_AF | C_PF,
    D_VRT = 1 << 7,
    ALARM_ANY = 0xc0, /* both upper bits set: "don't care" */
};

#define UPDATE_NS   2228000ull /* notice (tBUC) and update (tUC) before the second */
#define PERIODIC_HZ 32768ull
#define DAY_SECONDS 86400u
#define HALF_SECOND 500000000ull

/* --- encoding of one register --- */

static uint8_t encode(const struct rtc *rtc, uint8_t value)
{
    return rtc->memory[REGISTER_B] & B_DM ? value : (uint8_t)(value / 10 << 4 | value % 10);
}

static uint8_t decode(const struct rtc *rtc, uint8_t value)
{
    return rtc->memory[REGISTER_B] & B_DM ? value : (uint8_t)((value >> 4) * 10 + (value & 15));
}

static void encode_time(struct rtc *rtc, uint64_t seconds)
{
    struct rtc_time time;

    rtc_time_from_seconds(seconds, &time);
    rtc->memory[SECONDS] = encode(rtc, time.second);
    rtc->memory[MINUTES] = encode(rtc, time.minute);
    rtc->memory[HOURS] = encode(rtc, time.hour);
    rtc->memory[DAY_OF_WEEK] = encode(rtc, time.weekday);
    rtc->memory[DATE] = encode(rtc, time.day);
    rtc->memory[MONTH] = encode(rtc, time.month);
    rtc->memory[YEAR] = encode(rtc, (uint8_t)(time.year % 100));
    rtc->memory[RTC_CENTURY] = encode(rtc, (uint8_t)(time.year / 100));
}

static uint64_t decode_time(const struct rtc *rtc)
{
    struct rtc_time time = {
        .year = decode(rtc, rtc->memory[RTC_CENTURY]) * 100u + decode(rtc, rtc->memory[YEAR]),
        .month = decode(rtc, rtc->memory[MONTH]),
        .day = decode(rtc, rtc->memory[DATE]),
        .hour = decode(rtc, rtc->memory[HOURS]),
        .minute = decode(rtc, rtc->memory[MINUTES]),
        .second = decode(rtc, rtc->memory[SECONDS]),
    };

    return rtc_time_to_seconds(&time);
}

static bool is_time_register(unsigned index)
{
    return index == SECONDS || index == MINUTES ||
           (index >= HOURS && index <= YEAR && index != HOURS_ALARM) || index == RTC_CENTURY;
}

/* --- passing of time --- */

/* Seconds since 1970 at guest time `now`; meaningful while not held. */
static uint64_t second_at(const struct rtc *rtc, uint64_t now)
{
    return rtc->second_base + (now < rtc->ns_base ? 0 : (now - rtc->ns_base) / NANOSECONDS_PER_SECOND);
}

static uint64_t ns_of_second(const struct rtc *rtc, uint64_t second)
{
    return rtc->ns_base + (second - rtc->second_base) * NANOSECONDS_PER_SECOND;
}

/* Ticks of the 32.768 kHz chain in one period of the periodic interrupt; 0 = off ("Periodic Interrupt"). */
static uint64_t periodic_ticks(const struct rtc *rtc)
{
    unsigned rate = rtc->memory[REGISTER_A] & A_RS;

    if (rate == 0 || (rtc->memory[REGISTER_A] & A_DV_RESET) == A_DV_RESET)
        return 0;
    return 1ull << (rate < 3 ? rate + 6 : rate - 1);
}

static uint64_t period_at(const struct rtc *rtc, uint64_t now)
{
    uint64_t ticks = periodic_ticks(rtc);

    return ticks ? ticks_from_ns(now, PERIODIC_HZ) / ticks : 0;
}

/* First second after `second` that the alarm registers match, or DEVICE_NO_DEADLINE. */
static uint64_t next_alarm(const struct rtc *rtc, uint64_t second)
{
    uint8_t raw_second = rtc->memory[SECONDS_ALARM], raw_minute = rtc->memory[MINUTES_ALARM];
    uint8_t raw_hour = rtc->memory[HOURS_ALARM];
    bool any_second = raw_second >= ALARM_ANY, any_minute = raw_minute >= ALARM_ANY;
    bool any_hour = raw_hour >= ALARM_ANY;
    uint8_t at_second = decode(rtc, raw_second), at_minute = decode(rtc, raw_minute);
    uint8_t at_hour = decode(rtc, raw_hour);
    uint64_t time = second + 1;

    if ((!any_second && at_second > 59) || (!any_minute && at_minute > 59) || (!any_hour && at_hour > 23))
        return DEVICE_NO_DEADLINE;
    /* Each step skips a whole hour, minute or second that cannot match: at most 24 + 60 + 60 + 3 steps. */
    for (;;) {
        uint32_t of_day = (uint32_t)(time % DAY_SECONDS);

        if (!any_hour && of_day / 3600 != at_hour)
            time += 3600 - of_day % 3600;
        else if (!any_minute && of_day / 60 % 60 != at_minute)
            time += 60 - of_day % 60;
        else if (!any_second && of_day % 60 != at_second)
            time++;
        else
            return time;
    }
}

static void update_irq(struct rtc *rtc)
{
    uint8_t due = rtc->memory[REGISTER_C] & rtc->memory[REGISTER_B] & C_FLAGS;
    bool level = due != 0;

    if (level)
        rtc->memory[REGISTER_C] |= C_IRQF;
    else
        rtc->memory[REGISTER_C] &= (uint8_t)~C_IRQF;
    if (level == rtc->irq_level)
        return;
    rtc->irq_level = level;
    irq_line_set(&rtc->irq8, level);
}

/* Brings register C up to `now`. */
static void settle(struct rtc *rtc, uint64_t now)
{
    uint64_t second = second_at(rtc, now);
    uint64_t period = period_at(rtc, now);

    if (!rtc->held && second > rtc->seen_second) {
        rtc->memory[REGISTER_C] |= C_UF;
        if (next_alarm(rtc, rtc->seen_second) <= second)
            rtc->memory[REGISTER_C] |= C_AF;
        rtc->seen_second = second;
    }
    if (period > rtc->seen_period) {
        rtc->memory[REGISTER_C] |= C_PF;
        rtc->seen_period = period;
    }
}

/* The next moment at which an enabled flag that is not yet up will rise. */
static void schedule(struct rtc *rtc)
{
    uint8_t waiting = rtc->memory[REGISTER_B] & (uint8_t)~rtc->memory[REGISTER_C];
    uint64_t ticks = periodic_ticks(rtc);
    uint64_t deadline = DEVICE_NO_DEADLINE, second = DEVICE_NO_DEADLINE;

    if (!rtc->held && (waiting & B_UIE))
        second = rtc->seen_second + 1;
    else if (!rtc->held && (waiting & B_AIE))
        second = next_alarm(rtc, rtc->seen_second);
    if (second != DEVICE_NO_DEADLINE)
        deadline = ns_of_second(rtc, second);
    if ((waiting & B_PIE) && ticks) {
        uint64_t periodic = ticks_to_ns((rtc->seen_period + 1) * ticks, PERIODIC_HZ);

        if (periodic < deadline)
            deadline = periodic;
    }
    rtc->deadline = deadline;
}

void rtc_expire(struct rtc *rtc, uint64_t now)
{
    if (now < rtc->deadline)
        return;
    settle(rtc, now);
    update_irq(rtc);
    schedule(rtc);
}

/* --- registers --- */

/* Registers A and B decide whether the time stands still. The divider starts half a second before the next
 * update. */
static void set_control(struct rtc *rtc, unsigned index, uint8_t value, uint64_t now)
{
    bool was_reset = (rtc->memory[REGISTER_A] & A_DV_RESET) == A_DV_RESET;

    rtc->memory[index] = value;
    if (!rtc->held) /* keep what the time was */
        encode_time(rtc, second_at(rtc, now));
    if (index == REGISTER_A)
        rtc->seen_period = period_at(rtc, now);
    bool held = (rtc->memory[REGISTER_B] & B_SET) || (rtc->memory[REGISTER_A] & A_DV_RESET) == A_DV_RESET;
    if (rtc->held && !held) {
        uint64_t part = now < rtc->ns_base ? 0 : (now - rtc->ns_base) % NANOSECONDS_PER_SECOND;

        rtc->second_base = decode_time(rtc);
        rtc->ns_base = now - (was_reset ? (now < HALF_SECOND ? now : HALF_SECOND) : part);
        rtc->seen_second = rtc->second_base;
    }
    rtc->held = held;
}

/* A time register written without SET: the new time runs on within the present second. */
static void set_running_time(struct rtc *rtc, unsigned index, uint8_t value, uint64_t now)
{
    uint64_t second = second_at(rtc, now);

    encode_time(rtc, second);
    rtc->ns_base = ns_of_second(rtc, second);
    rtc->memory[index] = value;
    rtc->second_base = decode_time(rtc);
    rtc->seen_second = rtc->second_base;
}

static void write_data(struct rtc *rtc, uint8_t value)
{
    uint64_t now = device_now(&rtc->clock);
    unsigned index = rtc->index;

    settle(rtc, now);
    if (index == REGISTER_A)
        set_control(rtc, index, value & (uint8_t)~A_UIP, now);
    else if (index == REGISTER_B) /* "a 1 in SET clears UIE" */
        set_control(rtc, index, B_24H | (value & B_SET ? value & (uint8_t)~B_UIE : value), now);
    else if (index == REGISTER_C || index == REGISTER_D)
        return;
    else if (is_time_register(index) && !rtc->held)
        set_running_time(rtc, index, value, now);
    else
        rtc->memory[index] = value;
    update_irq(rtc);
    schedule(rtc);
}

static uint8_t read_register_a(const struct rtc *rtc, uint64_t now)
{
    uint64_t part = now < rtc->ns_base ? 0 : (now - rtc->ns_base) % NANOSECONDS_PER_SECOND;
    bool updating = !rtc->held && part >= NANOSECONDS_PER_SECOND - UPDATE_NS;

    return rtc->memory[REGISTER_A] | (updating ? A_UIP : 0);
}

/* "Register C is cleared by reading"; the interrupt goes with it. */
static uint8_t read_register_c(struct rtc *rtc, uint64_t now)
{
    settle(rtc, now);
    update_irq(rtc);
    uint8_t value = rtc->memory[REGISTER_C];
    rtc->memory[REGISTER_C] = 0;
    update_irq(rtc);
    schedule(rtc);
    return value;
}

static uint8_t read_data(struct rtc *rtc)
{
    uint64_t now = device_now(&rtc->clock);

    switch (rtc->index) {
    case REGISTER_A: return read_register_a(rtc, now);
    case REGISTER_C: return read_register_c(rtc, now);
    case REGISTER_D: return D_VRT;
    default: break;
    }
    if (is_time_register(rtc->index) && !rtc->held)
        encode_time(rtc, second_at(rtc, now));
    return rtc->memory[rtc->index];
}

uint64_t rtc_read(struct rtc *rtc, uint64_t offset, unsigned)
{
    return offset & 1 ? read_data(rtc) : 0xff; /* the index port cannot be read */
}

void rtc_write(struct rtc *rtc, uint64_t offset, unsigned, uint64_t value)
{
    if (offset & 1)
        write_data(rtc, (uint8_t)value);
    else
        rtc->index = value & 0x7f; /* bit 7 masks NMI, of which there is none */
}

void rtc_init(struct rtc *rtc, struct device_clock clock, struct irq_line irq8, uint64_t unix_seconds)
{
    memset(rtc, 0, sizeof(*rtc));
    rtc->clock = clock;
    rtc->irq8 = irq8;
    rtc->memory[REGISTER_A] = 0x26; /* 32.768 kHz, 1024 Hz: what firmware leaves */
    rtc->memory[REGISTER_B] = B_24H;
    rtc->ns_base = device_now(&clock);
    rtc->second_base = unix_seconds;
    rtc->seen_second = unix_seconds;
    rtc->seen_period = period_at(rtc, rtc->ns_base);
    rtc->deadline = DEVICE_NO_DEADLINE;
}

DEVICE_OPS(rtc, struct rtc);
