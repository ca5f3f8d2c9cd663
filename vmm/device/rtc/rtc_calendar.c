/* SPDX-License-Identifier: MIT */
/*
 * Gregorian calendar from 1970 on; see rtc.h.
 */
#include "vmm/device/rtc/rtc.h"

#define SECONDS_PER_DAY 86400u
#define YEAR_MAX        9999u

static bool is_leap(uint32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t days_in_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of January of `year`. */
static uint64_t days_before_year(uint32_t year)
{
    uint64_t past = year - 1;

    return 365ull * (year - 1970) + (past / 4 - past / 100 + past / 400) -
           (1969 / 4 - 1969 / 100 + 1969 / 400);
}

void rtc_time_from_seconds(uint64_t seconds, struct rtc_time *time)
{
    uint64_t days = seconds / SECONDS_PER_DAY;
    uint32_t rest = (uint32_t)(seconds % SECONDS_PER_DAY);
    uint64_t guess = 1970 + days / 366;
    uint32_t year = guess > YEAR_MAX ? YEAR_MAX : (uint32_t)guess;
    uint32_t month = 1;

    time->weekday = (uint8_t)((days + 4) % 7 + 1); /* 1970-01-01 was a Thursday */
    /* The guess is never late, and early by one year in about 480. */
    while (year < YEAR_MAX && days_before_year(year + 1) <= days)
        year++;
    days -= days_before_year(year);
    if (days > 364u + is_leap(year)) /* beyond the last year: stay at its end */
        days = 364u + is_leap(year);
    while (days >= days_in_month(year, month))
        days -= days_in_month(year, month++);
    time->year = year;
    time->month = (uint8_t)month;
    time->day = (uint8_t)(days + 1);
    time->hour = (uint8_t)(rest / 3600);
    time->minute = (uint8_t)(rest / 60 % 60);
    time->second = (uint8_t)(rest % 60);
}

uint64_t rtc_time_to_seconds(const struct rtc_time *time)
{
    uint32_t year = time->year < 1970 ? 1970 : time->year > YEAR_MAX ? YEAR_MAX : time->year;
    uint32_t month = time->month < 1 ? 1 : time->month > 12 ? 12 : time->month;
    uint64_t days = days_before_year(year);

    for (uint32_t i = 1; i < month; i++)
        days += days_in_month(year, i);
    if (time->day > 0)
        days += time->day - 1u;
    return ((days * 24 + time->hour % 24) * 60 + time->minute % 60) * 60 + time->second % 60;
}
