/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine monitor: one process, one virtual machine, no privileges.
 *
 * Sessions: ROM (config, kernel, initramfs), VM, TERMINAL (the guest's COM1), LOG. The component ends with the guest: exit
 * code 0 after power-off, 1 after a reset or a guest that could not go on, 2 if the machine could not be built.
 */
#include "contract/rom/client.h"
#include "contract/vm/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"
#include "vmm/config.h"
#include "vmm/console.h"
#include "vmm/firmware/firmware.h"
#include "vmm/image/image.h"
#include "vmm/memory/memory.h"
#include "vmm/statistics.h"
#include "vmm/vcpu/vcpu.h"

#define VCPU_PRIORITY   10u
#define DEVICE_PAUSE_NS 50000u /* a guest's timer of a nanosecond must not keep the processor busy */

struct vmm {
    struct vmm_config config;
    struct guest_ram ram;
    struct machine machine;
    struct vcpu vcpu;
    struct console console;
    struct timeout device_timeout;
    uint64_t device_deadline; /* what the timeout is set to, guest nanoseconds */
    uint64_t device_pause;    /* no device acts by itself before */
    uint64_t start;           /* TSC at guest time 0 */
    int exit_code;
};

static struct vmm vmm;

static uint64_t guest_ns(void *context)
{
    (void)context;
    return time_to_ns(time_now() - vmm.start);
}

static uint64_t guest_tsc(void *context)
{
    (void)context;
    return time_now() + vmm.vcpu.tsc_offset;
}

/* Time at which the entry point shall wake. Devices that want to act all the time get their turn at intervals. */
static uint64_t deadline_ticks(uint64_t deadline)
{
    uint64_t ticks = time_to_ticks(deadline > vmm.device_pause ? deadline : vmm.device_pause);
    uint64_t sum;

    return __builtin_add_overflow(ticks, vmm.start + 1, &sum) ? TIME_NEVER : sum;
}

/* The entry point waits for the earliest device; called after whatever may have moved it. */
static void deadline_update(void)
{
    uint64_t deadline = machine_deadline(&vmm.machine);

    if (deadline == vmm.device_deadline)
        return;
    vmm.device_deadline = deadline;
    if (deadline == DEVICE_NO_DEADLINE)
        entrypoint_timeout_cancel(&env.entrypoint, &vmm.device_timeout);
    else
        entrypoint_timeout_set(&env.entrypoint, &vmm.device_timeout, deadline_ticks(deadline));
}

static void devices_expired(struct timeout *timeout)
{
    (void)timeout;
    vmm.device_deadline = DEVICE_NO_DEADLINE;
    machine_expire(&vmm.machine, guest_ns(NULL));
    vmm.device_pause = guest_ns(NULL) + DEVICE_PAUSE_NS;
    vcpu_kick(&vmm.vcpu);
    deadline_update();
}

static void console_changed(void *context)
{
    (void)context;
    vcpu_kick(&vmm.vcpu);
    deadline_update();
}

static void after_exit(struct vcpu *vcpu)
{
    (void)vcpu;
    console_poll(&vmm.console);
    deadline_update();
}

static void stopped(struct vcpu *vcpu)
{
    console_flush(&vmm.console);
    if (vmm.machine.stop == MACHINE_POWERED_OFF)
        log_info("guest powered off");
    else if (vmm.machine.stop == MACHINE_RESET_REQUESTED)
        log_info("guest asked for a reset: the virtual machine ends");
    vmm.exit_code = vmm.machine.stop == MACHINE_POWERED_OFF ? 0 : 1;
    if (vmm.config.statistics)
        statistics_print(vcpu, &vmm.machine);
    entrypoint_stop(&env.entrypoint);
}

/* There is no SMM, and a processor that runs ignores STARTUP (SDM vol. 3, 9.4.4). */
static void notify(void *context, enum lapic_event event, uint8_t vector)
{
    (void)context;
    (void)vector;
    if (event == LAPIC_NMI)
        vmm.vcpu.nmi = true;
    if (event != LAPIC_INIT)
        return;
    vcpu_note(&vmm.vcpu, "guest sent INIT to its only processor");
    vmm.machine.stop = MACHINE_RESET_REQUESTED;
}

static enum status rom_session(const char *label, struct rom *out)
{
    struct connection connection;
    struct session_options options = {.service = ROM_SERVICE, .label_opt = label};
    enum status status = session_open(&options, &connection);

    return status == OK ? rom_map(connection.slot, out) : status;
}

/* For the files that the configuration names. */
static bool file_open(const char *attribute, const char *label, struct rom *out)
{
    enum status status = rom_session(label, out);

    if (status == ERR_NOT_FOUND)
        log_error("%s=\"%s\": there is no ROM module of this name", attribute, label);
    else if (status != OK)
        log_error("%s=\"%s\": ROM session: %s", attribute, label, status_text(status));
    return status == OK;
}

static void complain_kernel(const struct image_error *error)
{
    log_error("kernel=\"%s\" %s (0x%lx): it cannot be started in %lu MiB", vmm.config.kernel, error->reason,
              error->value, vmm.config.ram >> 20);
}

static void complain_ram(void)
{
    struct pd_info info = {0};
    uint64_t left = pd_info(ENV_SLOT_PD_SESSION, &info) == OK ? info.ram_limit - info.ram_used : 0;

    log_error("guest RAM of %lu MiB is more than the %lu KiB that are left of this component's RAM quota",
              vmm.config.ram >> 20, left >> 10);
}

static bool failed(enum status status, const char *what)
{
    if (status != OK)
        log_error("%s: %s", what, status_text(status));
    return status != OK;
}

static bool config_read(void)
{
    struct rom rom;
    char error[CONFIG_ERROR_MAX];
    size_t length = 0;

    if (failed(rom_session("config", &rom), "ROM \"config\""))
        return false;
    while (length < rom.size && ((const char *)rom.data)[length])
        length++;
    if (vmm_config_parse(rom.data, length, &vmm.config, error) == OK)
        return true;
    log_error("%s", error);
    return false;
}

/* VM session, guest RAM, virtual CPU. */
static bool vm_create(uint32_t *vcpu_slot)
{
    struct session_options options = {.service = VM_SERVICE, .ram = 256 << 10, .caps = 8};
    struct connection vm;
    enum status status = session_open(&options, &vm);

    if (status == ERR_UNSUPPORTED) {
        log_error("this processor has no virtualization that Tessera can use (AMD-V with nested paging): "
                  "no virtual machine");
        return false;
    }
    if (failed(status, "VM session"))
        return false;
    status = guest_memory_create(vm.slot, vmm.config.ram, &vmm.ram);
    if (status == ERR_NO_RAM) {
        complain_ram();
        return false;
    }
    if (failed(status, "guest RAM"))
        return false;
    return !failed(vm_vcpu_create(vm.slot, VCPU_PRIORITY, vcpu_slot), "virtual CPU");
}

static bool guest_load(struct vcpu_entry *entry)
{
    struct rom kernel;
    struct rom initramfs = {0};
    struct image_loaded image;
    struct image_error image_error;
    struct firmware_placed placed;
    struct firmware_error error;

    if (!file_open("kernel", vmm.config.kernel, &kernel))
        return false;
    if (image_load(kernel.data, kernel.size, &vmm.ram, &image, &image_error) != OK) {
        complain_kernel(&image_error);
        return false;
    }
    rom_unmap(&kernel);
    if (vmm.config.initramfs[0] && !file_open("initramfs", vmm.config.initramfs, &initramfs))
        return false;

    struct firmware_config firmware = {
        .acpi = {.cpu_count = 1,
                 .ioapic_id = MACHINE_IOAPIC_ID,
                 .sci_irq = MACHINE_SCI_IRQ,
                 .pm_port = MACHINE_PM_PORT},
        .command_line = vmm.config.command_line,
        .initramfs = initramfs.data,
        .initramfs_size = initramfs.size,
        .kernel = &image,
    };

    if (firmware_write(&firmware, &vmm.ram, &placed, &error) != OK) {
        log_error("guest RAM of %lu MiB: %s (%lu)", vmm.config.ram >> 20, error.reason, error.value);
        return false;
    }
    if (initramfs.data)
        rom_unmap(&initramfs);
    *entry = (struct vcpu_entry){.ip = image.entry, .bx = placed.start_info, .si = placed.boot_parameters};
    return true;
}

static void cpu_policy(struct vcpu *vcpu)
{
    uint32_t khz = (uint32_t)time_tsc_khz();

    vcpu->cpuid = (struct cpuid_policy){
        .cpu_count = 1,
        .tsc_khz = khz,
        .apic_khz = LAPIC_TIMER_HZ / 1000,
        .xcr0_allowed = CPUID_XCR0_X87 | CPUID_XCR0_SSE | CPUID_XCR0_AVX,
        .tsc_deadline = true,
        .tsc_adjust = true,
        .tsc_invariant = true,
        .kvmclock = true,
    };
    vcpu->msr_policy = (struct msr_policy){.tsc_deadline = true, .tsc_adjust = true, .kvmclock = true};
    vcpu->clock.scale = kvmclock_scale_make(khz);
    vcpu->clock.boot_seconds = vmm.config.wall_clock;
    vcpu->tsc_offset = -vmm.start;
}

static bool machine_build(void)
{
    struct machine_dependencies with = {
        .clock = {.now_ns = guest_ns},
        .tsc = {.now = guest_tsc, .khz = time_tsc_khz()},
        .unix_seconds = vmm.config.wall_clock,
        .transmit = console_transmit,
        .notify = notify,
        .context = &vmm.console,
    };

    vmm.start = time_now();
    vmm.device_deadline = DEVICE_NO_DEADLINE;
    vmm.device_timeout.expired = devices_expired;
    if (failed(machine_init(&vmm.machine, &with), "virtual machine"))
        return false;
    return !failed(console_open(&vmm.console, &vmm.machine.uart, console_changed, NULL), "TERMINAL session");
}

static bool start(void)
{
    struct vcpu_entry entry;
    uint32_t slot;

    if (!config_read() || !vm_create(&slot) || !guest_load(&entry) || !machine_build())
        return false;
    cpu_policy(&vmm.vcpu);
    vmm.vcpu.stopped = stopped;
    vmm.vcpu.after_exit = after_exit;
    if (failed(vcpu_init(&vmm.vcpu, slot, &vmm.machine, &vmm.ram), "virtual CPU"))
        return false;
    log_info("starting %s with %lu MiB", vmm.config.kernel, vmm.config.ram >> 20);
    return !failed(vcpu_start(&vmm.vcpu, &entry), "start of the virtual CPU");
}

int component_main(struct env *environment)
{
    if (!start())
        return 2;
    entrypoint_run(&environment->entrypoint);
    return vmm.exit_code;
}
