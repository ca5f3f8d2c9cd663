/* SPDX-License-Identifier: MIT */
/* See monitor.h. */
#include "vmm/monitor.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"

#define DEVICE_PAUSE_NS 50000u /* a guest's timer of a nanosecond must not keep the processor busy */
#define STACK_SIZE      (32u << 10)

struct monitor monitor;

bool monitor_failed(enum status status, const char *what)
{
    if (status != OK)
        log_error("%s: %s", what, status_text(status));
    return status != OK;
}

/* ---- time ---- */

static uint64_t guest_ns(void *)
{
    return time_to_ns(time_now() - monitor.start);
}

static uint64_t guest_tsc(void *context)
{
    return time_now() + ((struct vcpu *)context)->tsc_offset;
}

/* Time at which the entry point shall wake. Devices that want to act all the time get their turn at intervals. */
static uint64_t wakeup_ticks(const struct wakeup *wakeup)
{
    uint64_t ticks = time_to_ticks(wakeup->deadline > wakeup->pause ? wakeup->deadline : wakeup->pause);
    uint64_t sum;

    return __builtin_add_overflow(ticks, monitor.start + 1, &sum) ? TIME_NEVER : sum;
}

/* On the entry point's thread. */
static void wakeup_set(struct wakeup *wakeup, uint64_t deadline)
{
    if (deadline == wakeup->deadline)
        return;
    wakeup->deadline = deadline;
    if (deadline == DEVICE_NO_DEADLINE)
        entrypoint_timeout_cancel(wakeup->entrypoint, &wakeup->timeout);
    else
        entrypoint_timeout_set(wakeup->entrypoint, &wakeup->timeout, wakeup_ticks(wakeup));
}

static void wakeup_init(struct wakeup *wakeup, struct entrypoint *entrypoint,
                        void (*expired)(struct timeout *timeout))
{
    wakeup->entrypoint = entrypoint;
    wakeup->timeout.expired = expired;
    wakeup->deadline = DEVICE_NO_DEADLINE;
}

/* The timeout has gone off; returns guest time. */
static uint64_t wakeup_taken(struct wakeup *wakeup)
{
    uint64_t now = guest_ns(NULL);

    wakeup->deadline = DEVICE_NO_DEADLINE;
    wakeup->pause = now + DEVICE_PAUSE_NS;
    return now;
}

/* ---- devices and console: the main thread, which is virtual CPU 0's ---- */

static uint64_t devices_deadline(void)
{
    uint64_t devices = machine_deadline(&monitor.machine), console = console_deadline(&monitor.console);

    return devices < console ? devices : console;
}

/* After anything on the main thread that may have changed devices; with the lock. */
static void devices_changed(void)
{
    vcpu_kick(&monitor.cpu[0]->vcpu);
    wakeup_set(&monitor.devices, devices_deadline());
}

static void devices_expired(struct timeout *)
{
    vcpu_set_lock(&monitor.set);

    uint64_t now = wakeup_taken(&monitor.devices);

    machine_expire(&monitor.machine, now);
    bool lost = console_expire(&monitor.console, now);
    devices_changed();
    vcpu_set_unlock(&monitor.set);
    if (lost)
        console_reopen(&monitor.console);
}

static void devices_moved(struct deferred *)
{
    vcpu_set_lock(&monitor.set);
    devices_changed();
    vcpu_set_unlock(&monitor.set);
}

static void console_signalled(void *)
{
    vcpu_set_lock(&monitor.set);
    console_service(&monitor.console);
    devices_changed();
    vcpu_set_unlock(&monitor.set);
}

/* ---- virtual CPUs ---- */

static void timer_expired(struct timeout *timeout)
{
    struct monitor_cpu *cpu =
        (struct monitor_cpu *)((char *)timeout - offsetof(struct monitor_cpu, timer.timeout));
    struct lapic *lapic = cpu->vcpu.lapic;

    vcpu_set_lock(&monitor.set);

    uint64_t now = wakeup_taken(&cpu->timer);

    if (lapic_deadline(lapic) <= now)
        lapic_expire(lapic, now);
    vcpu_kick(&cpu->vcpu);
    wakeup_set(&cpu->timer, lapic_deadline(lapic));
    vcpu_set_unlock(&monitor.set);
}

static void after_exit(struct vcpu *vcpu)
{
    struct monitor_cpu *cpu = (struct monitor_cpu *)vcpu;

    console_poll(&monitor.console);
    wakeup_set(&cpu->timer, lapic_deadline(vcpu->lapic));
    uint64_t deadline = devices_deadline();
    if (deadline == monitor.devices.deadline)
        return;
    if (vcpu->index == 0)
        wakeup_set(&monitor.devices, deadline);
    else
        entrypoint_defer(&env.entrypoint, &monitor.devices_moved);
}

/* On any virtual CPU's thread, with the lock; the first one counts. */
static void stopped(struct vcpu *)
{
    struct machine *machine = &monitor.machine;

    if (monitor.ended)
        return;
    monitor.ended = true;
    console_flush(&monitor.console);
    if (machine->stop == MACHINE_POWERED_OFF)
        log_info("guest powered off");
    else if (machine->stop == MACHINE_RESET_REQUESTED)
        log_info("guest asked for a reset: the virtual machine ends");
    monitor.exit_code = machine->stop == MACHINE_POWERED_OFF ? 0 : 1;
    if (machine->stop == MACHINE_RUNNING)
        machine->stop = MACHINE_FAILED;
    entrypoint_stop(&env.entrypoint);
}

static void cpu_policy(struct vcpu *vcpu)
{
    uint32_t khz = (uint32_t)time_tsc_khz();

    vcpu->cpuid = (struct cpuid_policy){
        .cpu_count = monitor.cpus,
        .tsc_khz = khz,
        .apic_khz = LAPIC_TIMER_HZ / 1000,
        .xcr0_allowed = CPUID_XCR0_X87 | CPUID_XCR0_SSE | CPUID_XCR0_AVX,
        .x2apic = true,
        .tsc_deadline = true,
        .tsc_adjust = true,
        .tsc_aux = true,
        .tsc_invariant = true,
        .kvmclock = true,
        .pv_eoi = true,
    };
    vcpu->clock.scale = kvmclock_scale_make(khz);
    vcpu->clock.boot_seconds = monitor.config.wall_clock;
    vcpu->tsc_offset = -monitor.start;
}

/* On the thread of `entrypoint`. */
static enum status cpu_init(unsigned index, struct entrypoint *entrypoint)
{
    struct monitor_cpu *cpu = monitor.cpu[index];
    struct vcpu *vcpu = &cpu->vcpu;

    vcpu->set = &monitor.set;
    vcpu->index = index;
    vcpu->entrypoint = entrypoint;
    vcpu->stopped = stopped;
    vcpu->after_exit = after_exit;
    cpu_policy(vcpu);
    wakeup_init(&cpu->timer, entrypoint, timer_expired);
    return vcpu_init(vcpu, cpu->slot, &monitor.machine, &monitor.ram);
}

static void cpu_thread(void *argument)
{
    struct monitor_cpu *cpu = monitor.cpu[(uintptr_t)argument];

    cpu->status = entrypoint_init(&cpu->own);
    if (cpu->status == OK)
        cpu->status = cpu_init((unsigned)(uintptr_t)argument, &cpu->own);
    __atomic_store_n(&cpu->ready, true, __ATOMIC_RELEASE);
    notification_signal(env.entrypoint.thread->notification);
    if (cpu->status == OK)
        entrypoint_run(&cpu->own);
}

/* On the CPU of its virtual CPU; returns when it is ready to serve. */
static enum status cpu_thread_start(unsigned index)
{
    struct monitor_cpu *cpu = monitor.cpu[index];
    struct thread_options options = {.name = "vcpu", .stack_size = STACK_SIZE};
    enum status status =
        thread_create_on(&options, cpu->cpu, cpu_thread, (void *)(uintptr_t)index, &cpu->thread);
    uint64_t bits;

    if (status != OK)
        return status;
    while (!__atomic_load_n(&cpu->ready, __ATOMIC_ACQUIRE))
        (void)notification_wait(thread_self()->notification, UINT64_MAX, &bits);
    return cpu->status;
}

/* ---- disks: on the main thread ---- */

static void disk_enter(void)
{
    vcpu_set_lock(&monitor.set);
}

static void disk_leave(void)
{
    devices_changed();
    vcpu_set_unlock(&monitor.set);
}

static bool disks_open(void)
{
    monitor.disk_machine = (struct disk_machine){.bus = &monitor.machine.pci_bus,
                                                 .apics = &monitor.machine.apic_bus,
                                                 .ram = &monitor.ram,
                                                 .ram_dataspace = monitor.ram_dataspace,
                                                 .entrypoint = &env.entrypoint,
                                                 .enter = disk_enter,
                                                 .leave = disk_leave};
    for (unsigned i = 0; i < monitor.config.disks; i++) {
        struct memory memory;

        if (monitor_failed(memory_alloc(sizeof(struct disk), &memory), "memory of a disk"))
            return false;
        monitor.disk[i] = memory.address;
        if (!disk_open(monitor.disk[i], &monitor.config.disk[i], &monitor.disk_machine))
            return false;
    }
    return !monitor_failed(pci_bus_assign(&monitor.machine.pci_bus), "PCI bus");
}

bool monitor_build(void)
{
    struct machine_dependencies with = {
        .clock = {.now_ns = guest_ns},
        .tsc = {.now = guest_tsc, .khz = time_tsc_khz()},
        .unix_seconds = monitor.config.wall_clock,
        .transmit = console_transmit,
        .context = &monitor.console,
        .cpus = monitor.cpus,
        .notify = vcpu_notified,
    };

    for (unsigned i = 0; i < monitor.cpus; i++)
        with.cpu_context[i] = &monitor.cpu[i]->vcpu;
    monitor.start = time_now();
    monitor.set.count = monitor.cpus;
    wakeup_init(&monitor.devices, &env.entrypoint, devices_expired);
    monitor.devices_moved.run = devices_moved;
    if (monitor_failed(machine_init(&monitor.machine, &with), "virtual machine"))
        return false;
    if (monitor_failed(console_open(&monitor.console, &env.entrypoint, &monitor.machine.uart, with.clock,
                                    console_signalled, NULL),
                       "TERMINAL session"))
        return false;
    return disks_open();
}

bool monitor_start(const struct vcpu_entry *entry)
{
    if (monitor_failed(cpu_init(0, &env.entrypoint), "virtual CPU"))
        return false;
    for (unsigned i = 1; i < monitor.cpus; i++)
        if (monitor_failed(cpu_thread_start(i), "thread of a virtual CPU"))
            return false;
    wakeup_set(&monitor.devices, devices_deadline());
    if (monitor.cpus == 1)
        log_info("starting %s with %lu MiB", monitor.config.kernel, monitor.config.ram >> 20);
    else
        log_info("starting %s with %lu MiB on %u CPUs", monitor.config.kernel, monitor.config.ram >> 20,
                 monitor.cpus);
    return !monitor_failed(vcpu_start(&monitor.cpu[0]->vcpu, entry), "start of the virtual CPU");
}
