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

void statistics_print(const struct vcpu *vcpu, struct machine *machine)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < VCPU_EXIT_COUNT; i++) {
        total += vcpu->exits[i];
        if (vcpu->exits[i])
            log_info("exits %s %lu", names[i], vcpu->exits[i]);
    }
    log_info("exits total %lu", total);
    print_bus(&machine->ports.bus, "(no port)");
    print_bus(&machine->mmio.bus, "(no memory)");
}
