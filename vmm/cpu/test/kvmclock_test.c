/* SPDX-License-Identifier: MIT */
/*
 * The clock records: the scale's precision, bounds, and a reader in another thread that must never see a torn record.
 */
#include <pthread.h>

#include "test/check.h"
#include "vmm/cpu/kvmclock.h"

enum { RAM_SIZE = 4096, HIGH_SIZE = 64 };

/* As a guest does. 64 by 32 bits, high part: without a 128-bit type this works on every compiler. */
static uint64_t scale_apply(const struct kvmclock_scale *scale, uint64_t tsc_difference)
{
    uint64_t shifted = scale->shift >= 0 ? tsc_difference << scale->shift : tsc_difference >> -scale->shift;
    return (shifted >> 32) * scale->multiplier + ((shifted & UINT32_MAX) * scale->multiplier >> 32);
}

static _Alignas(64) uint8_t ram_bytes[RAM_SIZE];
static _Alignas(64) uint8_t high_bytes[HIGH_SIZE];
static const struct guest_ram ram = {ram_bytes, RAM_SIZE, high_bytes, HIGH_SIZE};

static void test_scale(void)
{
    static const uint32_t frequencies[] = {1,       999,     1000,    32768,   1000000,    999999,    1000001,
                                           2000000, 2499998, 3999999, 4000001, 1500000000, UINT32_MAX};
    CASE("scales are normalised and precise");
    for (unsigned i = 0; i < sizeof frequencies / sizeof *frequencies; i++) {
        uint32_t khz = frequencies[i];
        struct kvmclock_scale scale = kvmclock_scale_make(khz);
        CHECK(scale.multiplier >= UINT32_C(1) << 31);
        uint64_t ticks = (uint64_t)khz * 1000; /* one second */
        uint64_t ns = scale_apply(&scale, ticks);
        CHECK(ns <= 1000000000 && ns >= 1000000000 - 1000);
        __extension__ typedef unsigned __int128 wide;
        wide shifted = scale.shift >= 0 ? (wide)ticks << scale.shift : (wide)(ticks >> -scale.shift);
        CHECK_EQ(ns, (uint64_t)(shifted * scale.multiplier >> 32));
    }
    CASE("Linux reads the frequency back");
    struct kvmclock_scale scale = kvmclock_scale_make(2494123);
    uint64_t khz = (UINT64_C(1000000) << 32) / scale.multiplier;
    khz = scale.shift < 0 ? khz << -scale.shift : khz >> scale.shift;
    CHECK(khz >= 2494120 && khz <= 2494124);
}

static void test_records(void)
{
    struct kvmclock_scale scale = kvmclock_scale_make(2000000);
    struct kvmclock_time time;
    struct kvmclock_wall wall;
    CASE("contents and versions");
    CHECK_EQ(kvmclock_write_time(&ram, 0x40, &scale, 1234, 5678, true), OK);
    memcpy(&time, ram_bytes + 0x40, sizeof time);
    CHECK_EQ(time.version, 2);
    CHECK_EQ(time.tsc_timestamp, 1234);
    CHECK_EQ(time.system_time, 5678);
    CHECK_EQ(time.multiplier, scale.multiplier);
    CHECK_EQ(time.shift, scale.shift);
    CHECK_EQ(time.flags, 1);
    CHECK_EQ(kvmclock_write_time(&ram, 0x40, &scale, 1, 2, false), OK);
    memcpy(&time, ram_bytes + 0x40, sizeof time);
    CHECK_EQ(time.version, 4);
    CHECK_EQ(time.flags, 0);
    CHECK_EQ(kvmclock_write_wall(&ram, 0x80, 1700000000, 999999999), OK);
    memcpy(&wall, ram_bytes + 0x80, sizeof wall);
    CHECK_EQ(wall.version, 2);
    CHECK_EQ(wall.seconds, 1700000000);
    CHECK_EQ(wall.nanoseconds, 999999999);

    CASE("records outside guest RAM are refused, those at its edge are not");
    CHECK_EQ(kvmclock_write_time(&ram, RAM_SIZE - 32, &scale, 1, 2, true), OK);
    CHECK_EQ(kvmclock_write_time(&ram, RAM_SIZE - 28, &scale, 1, 2, true), ERR_RANGE);
    CHECK_EQ(kvmclock_write_time(&ram, UINT64_MAX - 3, &scale, 1, 2, true), ERR_RANGE);
    CHECK_EQ(kvmclock_write_time(&ram, GUEST_RAM_HIGH_BASE + HIGH_SIZE - 32, &scale, 1, 2, true), OK);
    CHECK_EQ(kvmclock_write_time(&ram, GUEST_RAM_HIGH_BASE + HIGH_SIZE - 28, &scale, 1, 2, true), ERR_RANGE);
    CHECK_EQ(kvmclock_write_time(&ram, 0x42, &scale, 1, 2, true), ERR_RANGE);
    CHECK_EQ(kvmclock_write_wall(&ram, RAM_SIZE - 8, 1, 2), ERR_RANGE);
}

static bool finished;

/* Reads as a guest does; the two numbers of a consistent record are equal. */
static void *reader(void *argument)
{
    unsigned *torn = argument;
    const struct kvmclock_time *record = (const struct kvmclock_time *)(ram_bytes + 0x100);
    while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE)) {
        uint32_t before = __atomic_load_n(&record->version, __ATOMIC_ACQUIRE);
        uint64_t tsc = *(const volatile uint64_t *)&record->tsc_timestamp;
        uint64_t ns = *(const volatile uint64_t *)&record->system_time;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        uint32_t after = __atomic_load_n(&record->version, __ATOMIC_RELAXED);
        if (!(before & 1) && before == after && tsc != ns)
            ++*torn;
    }
    return NULL;
}

static void test_version_protocol(void)
{
    CASE("a concurrent reader never sees half an update");
    struct kvmclock_scale scale = kvmclock_scale_make(2000000);
    unsigned torn = 0;
    pthread_t thread;
    REQUIRE(kvmclock_write_time(&ram, 0x100, &scale, 0, 0, true) == OK);
    REQUIRE(pthread_create(&thread, NULL, reader, &torn) == 0);
    for (uint64_t i = 1; i < 2000000; i++)
        REQUIRE(kvmclock_write_time(&ram, 0x100, &scale, i, i, true) == OK);
    __atomic_store_n(&finished, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    CHECK_EQ(torn, 0);
}

int main(void)
{
    test_scale();
    test_records();
    test_version_protocol();
    return check_finish();
}
