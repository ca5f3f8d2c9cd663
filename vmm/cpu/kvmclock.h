/* SPDX-License-Identifier: MIT */
/*
 * The paravirtual clock that Linux knows from KVM: two records in guest RAM from which the guest computes time by itself.
 *
 *     time since boot [ns] = system_time + ((tsc - tsc_timestamp) << shift) * multiplier / 2^32
 *     time of day at boot  = the wall-clock record
 *
 * The guest names the records' addresses by writing MSRs (msr.h tells which). The version protocol: a record's version is odd
 * while it changes, and grows; a reader repeats when it saw an odd or two different versions.
 */
#ifndef VMM_CPU_KVMCLOCK_H
#define VMM_CPU_KVMCLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/status.h"
#include "vmm/image/guest_ram.h"

enum {
    KVMCLOCK_ENABLE = 1 << 0, /* in the value of the system-time MSR; the rest is the address */
    KVMCLOCK_TSC_STABLE = 1 << 0,
};

struct kvmclock_time {
    uint32_t version;
    uint32_t reserved0;
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t multiplier;
    int8_t shift;
    uint8_t flags;
    uint8_t reserved1[2];
};
_Static_assert(sizeof(struct kvmclock_time) == 32, "layout known to guests");
_Static_assert(offsetof(struct kvmclock_time, flags) == 29, "layout known to guests");

struct kvmclock_wall {
    uint32_t version;
    uint32_t seconds;
    uint32_t nanoseconds;
};
_Static_assert(sizeof(struct kvmclock_wall) == 12, "layout known to guests");

/* Nanoseconds of a TSC difference: (difference << shift) * multiplier / 2^32; a negative shift goes right. */
struct kvmclock_scale {
    uint32_t multiplier; /* at least 2^31, for precision */
    int8_t shift;
};

/* khz: 1 to 2^32 - 1. */
struct kvmclock_scale kvmclock_scale_make(uint32_t khz);

/* The guest's TSC was `tsc` when its time since boot was `system_ns`. ERR_RANGE: the record is not within guest RAM. */
[[nodiscard]] enum status kvmclock_write_time(const struct guest_ram *ram, uint64_t address,
                                              const struct kvmclock_scale *scale, uint64_t tsc,
                                              uint64_t system_ns, bool stable);

/* Seconds and nanoseconds since 1970 at which the guest's time since boot was 0. */
[[nodiscard]] enum status kvmclock_write_wall(const struct guest_ram *ram, uint64_t address,
                                              uint64_t boot_seconds, uint32_t boot_nanoseconds);

#endif
