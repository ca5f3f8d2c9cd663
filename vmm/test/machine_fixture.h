/* SPDX-License-Identifier: MIT */
/*
 * A whole virtual machine for host tests: guest RAM, devices, console and virtual CPU on the fake kernel, wired as in
 * vmm/main.c. Guest time is set by hand.
 */
#ifndef VMM_TEST_MACHINE_FIXTURE_H
#define VMM_TEST_MACHINE_FIXTURE_H

#include <stdlib.h>

#include "lib/base/env.h"
#include "lib/base/time.h"
#include "vmm/console.h"
#include "vmm/test/fake_kernel.h"
#include "vmm/vcpu/vcpu.h"

#define FIXTURE_LOW  (4u << 20)
#define FIXTURE_HIGH (2u << 20)

struct fixture {
    struct machine machine;
    struct vcpu_set set;
    struct console console;
    struct vcpu vcpu;
    struct guest_ram ram;
    uint64_t now_ns;
    bool stopped;
};

static struct fixture fixture;

static uint64_t fixture_ns(void *context)
{
    (void)context;
    return fixture.now_ns;
}

static uint64_t fixture_tsc(void *context)
{
    return fixture.now_ns * 2 + ((struct vcpu *)context)->tsc_offset;
}

static void fixture_stopped(struct vcpu *vcpu)
{
    (void)vcpu;
    fixture.stopped = true;
}

static void fixture_after_exit(struct vcpu *vcpu)
{
    (void)vcpu;
    console_poll(&fixture.console);
}

static void fixture_signalled(void *context)
{
    (void)context;
    console_service(&fixture.console);
    vcpu_kick(&fixture.vcpu);
}

/* A new machine; the guest's RAM keeps its contents. */
static inline bool fixture_build(void)
{
    struct guest_ram ram = fixture.ram;
    struct machine_dependencies with = {
        .clock = {.now_ns = fixture_ns},
        .tsc = {.now = fixture_tsc, .khz = 2000000},
        .unix_seconds = 1767225600,
        .transmit = console_transmit,
        .context = &fixture.console,
        .cpus = 1,
        .notify = vcpu_notified,
        .cpu_context = {&fixture.vcpu},
    };

    if (!ram.low) {
        ram = (struct guest_ram){.low_size = FIXTURE_LOW, .high_size = FIXTURE_HIGH};
        ram.low = calloc(1, FIXTURE_LOW);
        ram.high = calloc(1, FIXTURE_HIGH);
    }
    env.entrypoint.timeouts = (struct timeout_queue){0};
    fixture = (struct fixture){.ram = ram, .now_ns = 1000};
    fake_reset();
    fixture.set.count = 1;
    fixture.vcpu.set = &fixture.set;
    fixture.vcpu.entrypoint = &env.entrypoint;
    if (machine_init(&fixture.machine, &with) != OK ||
        console_open(&fixture.console, &env.entrypoint, &fixture.machine.uart, with.clock, fixture_signalled,
                     NULL) != OK)
        return false;
    fixture.vcpu.cpuid = (struct cpuid_policy){.cpu_count = 1,
                                               .tsc_khz = 2000000,
                                               .apic_khz = 1000000,
                                               .xcr0_allowed = 7,
                                               .tsc_deadline = true,
                                               .tsc_adjust = true,
                                               .kvmclock = true,
                                               .pv_eoi = true};
    fixture.vcpu.clock.scale = kvmclock_scale_make(2000000);
    fixture.vcpu.stopped = fixture_stopped;
    fixture.vcpu.after_exit = fixture_after_exit;
    return vcpu_init(&fixture.vcpu, 7, &fixture.machine, &fixture.ram) == OK &&
           vcpu_start(&fixture.vcpu, &(struct vcpu_entry){.ip = 0x100000, .bx = 0x6000}) == OK;
}

static inline bool fixture_exit(enum vcpu_exit reason)
{
    return fake_exit(&fixture.vcpu.portal, reason);
}

static inline void fixture_expire(uint64_t ns)
{
    fixture.now_ns += ns;
    lapic_expire(&fixture.machine.lapic[0], fixture.now_ns);
    machine_expire(&fixture.machine, fixture.now_ns);
    if (console_expire(&fixture.console, fixture.now_ns))
        console_reopen(&fixture.console);
    vcpu_kick(&fixture.vcpu);
}

#endif
