/* SPDX-License-Identifier: MIT */
/* See statistics.h. */
#include "vmm/statistics.h"

#include "lib/base/log.h"

static const char *const names[VCPU_EXIT_COUNT] = {
    [VCPU_EXIT_RECALL] = "recall",
    [VCPU_EXIT_INTERRUPT_WINDOW] = "interrupt-window",
    [VCPU_EXIT_NMI_WINDOW] = "nmi-window",
    [VCPU_EXIT_EXCEPTION] = "exception",
    [VCPU_EXIT_TRIPLE_FAULT] = "triple-fault",
    [VCPU_EXIT_INIT] = "init",
    [VCPU_EXIT_TASK_SWITCH] = "task-switch",
    [VCPU_EXIT_CPUID] = "cpuid",
    [VCPU_EXIT_HLT] = "hlt",
    [VCPU_EXIT_INVD] = "invd",
    [VCPU_EXIT_RDPMC] = "rdpmc",
    [VCPU_EXIT_HYPERCALL] = "hypercall",
    [VCPU_EXIT_VIRTUALIZATION] = "virtualization",
    [VCPU_EXIT_CR] = "cr",
    [VCPU_EXIT_DR] = "dr",
    [VCPU_EXIT_IO] = "io",
    [VCPU_EXIT_RDMSR] = "rdmsr",
    [VCPU_EXIT_WRMSR] = "wrmsr",
    [VCPU_EXIT_XSETBV] = "xsetbv",
    [VCPU_EXIT_MONITOR] = "monitor",
    [VCPU_EXIT_PAUSE] = "pause",
    [VCPU_EXIT_MEMORY] = "memory",
    [VCPU_EXIT_INVALID_STATE] = "invalid-state",
    [VCPU_EXIT_MACHINE_CHECK] = "machine-check",
    [VCPU_EXIT_OTHER] = "other",
};

static void print_bus(const struct bus *bus, const char *unclaimed)
{
    const struct bus_window *window;

    for (unsigned i = 0; (window = bus_window_opt(bus, i)); i++)
        if (window->reads || window->writes)
            log_info("device %s reads %lu writes %lu", i ? window->name : unclaimed, window->reads,
                     window->writes);
}

static uint64_t exits_of(const struct monitor_cpu *cpu)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < VCPU_EXIT_COUNT; i++)
        total += cpu->vcpu.exits[i];
    return total;
}

static void print_exits(const struct monitor *of)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < VCPU_EXIT_COUNT; i++) {
        uint64_t sum = 0;

        for (unsigned cpu = 0; cpu < of->cpus; cpu++)
            sum += of->cpu[cpu]->vcpu.exits[i];
        total += sum;
        if (sum)
            log_info("exits %s %lu", names[i], sum);
    }
    log_info("exits total %lu", total);
    for (unsigned cpu = 0; of->cpus > 1 && cpu < of->cpus; cpu++)
        log_info("vcpu %u on CPU %u exits %lu halts %lu", cpu, of->cpu[cpu]->cpu, exits_of(of->cpu[cpu]),
                 of->cpu[cpu]->vcpu.exits[VCPU_EXIT_HLT]);
}

void statistics_print(const struct monitor *of)
{
    uint64_t reads = 0, writes = 0;

    print_exits(of);
    print_bus(&of->machine.ports.bus, "(no port)");
    print_bus(&of->machine.mmio.bus, "(no memory)");
    for (unsigned i = 0; i < of->cpus; i++) {
        reads += of->machine.lapic[i].reads;
        writes += of->machine.lapic[i].writes;
    }
    for (unsigned i = 0; i < of->config.disks; i++)
        log_info("disk %s requests %lu flushes %lu errors %lu notifications %lu signals %lu",
                 of->config.disk[i].name, of->disk[i]->requests, of->disk[i]->flushes, of->disk[i]->errors,
                 of->disk[i]->client.notifications_sent, of->disk[i]->client.notifications_received);
    if (reads || writes)
        log_info("device local APIC reads %lu writes %lu", reads, writes);
}
