/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine that runs: how time, console, devices and virtual CPUs are tied to threads.
 *
 * Virtual CPU n is served by an entry point of its own on the CPU where it runs itself, so no exit leaves its CPU. Number 0 has
 * the component's main thread, which also serves the console and the devices' timers; each local APIC's timer is its
 * own virtual CPU's. What another thread has to do is sent to its entry point (entrypoint_defer).
 */
#ifndef VMM_MONITOR_H
#define VMM_MONITOR_H

#include "lib/base/status.h"
#include "lib/base/timeout.h"
#include "vmm/config.h"
#include "vmm/console.h"
#include "vmm/disk.h"
#include "vmm/vcpu/vcpu.h"

struct thread;

/* A moment at which an entry point wakes for devices that act by themselves. */
struct wakeup {
    struct timeout timeout;
    struct entrypoint *entrypoint;
    uint64_t deadline; /* what the timeout is set to, guest nanoseconds */
    uint64_t pause;    /* no device acts by itself before */
};

struct monitor_cpu {
    struct vcpu vcpu;      /* first member */
    struct entrypoint own; /* of all but number 0 */
    struct wakeup timer;
    struct thread *thread;
    uint32_t slot;
    unsigned cpu;       /* of the component's, for both */
    enum status status; /* of its thread's start */
    bool ready;
};

struct monitor {
    struct vmm_config config;
    struct guest_ram ram;
    uint32_t ram_dataspace;
    struct machine machine;
    struct vcpu_set set;
    struct console console;
    struct wakeup devices;
    struct deferred devices_moved; /* their deadline, by another thread */
    struct monitor_cpu *cpu[MACHINE_CPUS_MAX];
    unsigned cpus;
    struct disk_machine disk_machine;
    struct disk *disk[CONFIG_DISKS_MAX];
    uint64_t start; /* TSC at guest time 0 */
    bool ended;
    int exit_code;
};

extern struct monitor monitor;

/* Board, console and disks. `config`, `ram`, `cpus` and the slots of the virtual CPUs are there. */
[[nodiscard]] bool monitor_build(void);

/* Threads and virtual CPUs; number 0 starts at `entry`. */
[[nodiscard]] bool monitor_start(const struct vcpu_entry *entry);

/* Says so in the log if it is an error. */
[[nodiscard]] bool monitor_failed(enum status status, const char *what);

#endif
