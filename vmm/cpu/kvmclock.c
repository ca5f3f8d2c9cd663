/* SPDX-License-Identifier: MIT */
/*
 * The records are shared with running virtual CPUs, so they are written field by field with the version's two stores
 * ordered around them. The version is ours: what the guest left there only decides where counting goes on.
 */
#include "vmm/cpu/kvmclock.h"

#include "lib/string/string.h"

struct kvmclock_scale kvmclock_scale_make(uint32_t khz)
{
    /* multiplier = 10^6 / khz * 2^(32 - shift); each smaller shift doubles it, until it lies in [2^31, 2^32). */
    struct kvmclock_scale scale;
    int shift = 20; /* for 1 kHz */
    uint64_t multiplier = (UINT64_C(1000000) << (32 - shift)) / khz;
    while (multiplier < UINT32_C(1) << 31) {
        shift--;
        multiplier = (UINT64_C(1000000) << (32 - shift)) / khz;
    }
    scale.shift = (int8_t)shift;
    scale.multiplier = (uint32_t)multiplier;
    return scale;
}

/* 64 by 32 bits, high part: without a 128-bit type this works on every compiler. */
uint64_t kvmclock_scale_apply(const struct kvmclock_scale *scale, uint64_t tsc_difference)
{
    uint64_t shifted = scale->shift >= 0 ? tsc_difference << scale->shift : tsc_difference >> -scale->shift;
    return (shifted >> 32) * scale->multiplier + ((shifted & UINT32_MAX) * scale->multiplier >> 32);
}

/* Records are 4-byte aligned in every guest; a misaligned one could not have an atomic version. */
static enum status record_find(const struct guest_ram *ram, uint64_t address, uint64_t length, void **out)
{
    void *record = guest_ram_at(ram, address, length);
    if (!record || address % sizeof(uint32_t) != 0)
        return ERR_RANGE;
    *out = record;
    return OK;
}

/* Makes the version odd; returns the even one that follows. */
static uint32_t version_begin(uint32_t *version)
{
    uint32_t odd = __atomic_load_n(version, __ATOMIC_RELAXED) | 1;
    __atomic_store_n(version, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return odd + 1;
}

static void version_end(uint32_t *version, uint32_t even)
{
    __atomic_store_n(version, even, __ATOMIC_RELEASE);
}

enum status kvmclock_write_time(const struct guest_ram *ram, uint64_t address,
                                const struct kvmclock_scale *scale, uint64_t tsc, uint64_t system_ns,
                                bool stable)
{
    void *record;
    enum status status = record_find(ram, address, sizeof(struct kvmclock_time), &record);
    if (status != OK)
        return status;
    struct kvmclock_time time = {
        .tsc_timestamp = tsc,
        .system_time = system_ns,
        .multiplier = scale->multiplier,
        .shift = scale->shift,
        .flags = stable ? KVMCLOCK_TSC_STABLE : 0,
    };
    uint32_t next = version_begin(record);
    memcpy((uint8_t *)record + sizeof next, (uint8_t *)&time + sizeof next, sizeof time - sizeof next);
    version_end(record, next);
    return OK;
}

enum status kvmclock_write_wall(const struct guest_ram *ram, uint64_t address, uint64_t boot_seconds,
                                uint32_t boot_nanoseconds)
{
    void *record;
    enum status status = record_find(ram, address, sizeof(struct kvmclock_wall), &record);
    if (status != OK)
        return status;
    struct kvmclock_wall wall = {.seconds = (uint32_t)boot_seconds, .nanoseconds = boot_nanoseconds};
    uint32_t next = version_begin(record);
    memcpy((uint8_t *)record + sizeof next, (uint8_t *)&wall + sizeof next, sizeof wall - sizeof next);
    version_end(record, next);
    return OK;
}
