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

/* Records are 4-byte aligned in every guest; a misaligned one could not have an atomic version, with which they begin. It is
   odd while the rest changes. */
static enum status record_write(const struct guest_ram *ram, uint64_t address, const void *from,
                                size_t length)
{
    uint32_t *version = guest_ram_at(ram, address, length);

    if (!version || address % sizeof(*version) != 0)
        return ERR_RANGE;
    uint32_t odd = __atomic_load_n(version, __ATOMIC_RELAXED) | 1;
    __atomic_store_n(version, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    memcpy(version + 1, (const uint32_t *)from + 1, length - sizeof(*version));
    __atomic_store_n(version, odd + 1, __ATOMIC_RELEASE);
    return OK;
}

enum status kvmclock_write_time(const struct guest_ram *ram, uint64_t address,
                                const struct kvmclock_scale *scale, uint64_t tsc, uint64_t system_ns,
                                bool stable)
{
    struct kvmclock_time time = {
        .tsc_timestamp = tsc,
        .system_time = system_ns,
        .multiplier = scale->multiplier,
        .shift = scale->shift,
        .flags = stable ? KVMCLOCK_TSC_STABLE : 0,
    };

    return record_write(ram, address, &time, sizeof(time));
}

enum status kvmclock_write_wall(const struct guest_ram *ram, uint64_t address, uint64_t boot_seconds,
                                uint32_t boot_nanoseconds)
{
    struct kvmclock_wall wall = {.seconds = (uint32_t)boot_seconds, .nanoseconds = boot_nanoseconds};

    return record_write(ram, address, &wall, sizeof(wall));
}
