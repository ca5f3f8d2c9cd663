/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine monitor: one process, one virtual machine, no privileges.
 *
 * Sessions: ROM (config, kernel, initramfs), VM, TERMINAL (the guest's COM1), BLOCK (its disks), LOG. The component ends with the guest: exit
 * code 0 after power-off, 1 after a reset or a guest that could not go on, 2 if the machine could not be built.
 */
#include "contract/rom/client.h"
#include "contract/vm/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/base/memory.h"
#include "lib/fmt/status_text.h"
#include "vmm/firmware/firmware.h"
#include "vmm/image/image.h"
#include "vmm/memory/memory.h"
#include "vmm/monitor.h"
#include "vmm/statistics.h"

#define VCPU_PRIORITY 10u
/* Lent to the VM session: nested tables, and what each virtual CPU needs in the kernel. */
#define VM_RAM    (224u << 10)
#define VM_CAPS   6u
#define VCPU_RAM  (32u << 10)
#define VCPU_CAPS 2u

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
    log_error("kernel=\"%s\" %s (0x%lx): it cannot be started in %lu MiB", monitor.config.kernel,
              error->reason, error->value, monitor.config.ram >> 20);
}

static void complain_ram(void)
{
    struct pd_info info = {0};
    uint64_t left = pd_info(ENV_SLOT_PD_SESSION, &info) == OK ? info.ram_limit - info.ram_used : 0;

    log_error("guest RAM of %lu MiB is more than the %lu KiB that are left of this component's RAM quota",
              monitor.config.ram >> 20, left >> 10);
}

static bool config_read(void)
{
    struct rom rom;
    char error[CONFIG_ERROR_MAX];
    size_t length = 0;

    if (monitor_failed(rom_session("config", &rom), "ROM \"config\""))
        return false;
    while (length < rom.size && ((const char *)rom.data)[length])
        length++;
    if (vmm_config_parse(rom.data, length, &monitor.config, error) == OK)
        return true;
    log_error("%s", error);
    return false;
}

/* On the CPUs of this component's range, in turn. */
static enum status cpu_create(uint32_t vm, unsigned index)
{
    struct memory memory;
    enum status status = memory_alloc(sizeof(struct monitor_cpu), &memory);

    if (status != OK)
        return status;
    struct monitor_cpu *cpu = memory.address;

    monitor.cpu[index] = cpu;
    cpu->cpu = index % env.page->cpus;
    return vm_vcpu_create_on(vm, VCPU_PRIORITY, cpu->cpu, &cpu->slot);
}

static bool ram_create(uint32_t vm)
{
    enum status status = guest_memory_create(vm, monitor.config.ram, &monitor.ram, &monitor.ram_dataspace);

    if (status != ERR_NO_RAM)
        return !monitor_failed(status, "guest RAM");
    complain_ram();
    return false;
}

/* VM session, guest RAM, virtual CPUs. */
static bool vm_create(void)
{
    unsigned cpus = (unsigned)monitor.config.vcpus;
    struct session_options options = {
        .service = VM_SERVICE, .ram = VM_RAM + cpus * VCPU_RAM, .caps = VM_CAPS + cpus * VCPU_CAPS};
    struct connection vm;
    enum status status = session_open(&options, &vm);

    if (status == ERR_UNSUPPORTED) {
        log_error("this processor has no virtualization that Tessera can use (AMD-V with nested paging): "
                  "no virtual machine");
        return false;
    }
    if (monitor_failed(status, "VM session") || !ram_create(vm.slot))
        return false;
    for (monitor.cpus = 0; monitor.cpus < cpus; monitor.cpus++)
        if (monitor_failed(cpu_create(vm.slot, monitor.cpus), "virtual CPU"))
            return false;
    return true;
}

static bool guest_load(struct vcpu_entry *entry)
{
    struct rom kernel;
    struct rom initramfs = {0};
    struct image_loaded image;
    struct image_error image_error;
    struct firmware_placed placed;
    struct firmware_error error;

    if (!file_open("kernel", monitor.config.kernel, &kernel))
        return false;
    if (image_load(kernel.data, kernel.size, &monitor.ram, &image, &image_error) != OK) {
        complain_kernel(&image_error);
        return false;
    }
    rom_unmap(&kernel);
    if (monitor.config.initramfs[0] && !file_open("initramfs", monitor.config.initramfs, &initramfs))
        return false;

    struct firmware_config firmware = {
        .acpi = {.cpu_count = monitor.cpus,
                 .ioapic_id = MACHINE_IOAPIC_ID,
                 .sci_irq = MACHINE_SCI_IRQ,
                 .pm_port = MACHINE_PM_PORT},
        .command_line = monitor.config.command_line,
        .initramfs = initramfs.data,
        .initramfs_size = initramfs.size,
        .kernel = &image,
    };

    if (firmware_write(&firmware, &monitor.ram, &placed, &error) != OK) {
        log_error("guest RAM of %lu MiB: %s (%lu)", monitor.config.ram >> 20, error.reason, error.value);
        return false;
    }
    if (initramfs.data)
        rom_unmap(&initramfs);
    *entry = (struct vcpu_entry){.ip = image.entry, .bx = placed.start_info, .si = placed.boot_parameters};
    return true;
}

int component_main(struct env *environment)
{
    struct vcpu_entry entry;

    if (!config_read() || !vm_create() || !guest_load(&entry) || !monitor_build() || !monitor_start(&entry))
        return 2;
    entrypoint_run(&environment->entrypoint);
    if (monitor.config.statistics) {
        vcpu_set_lock(&monitor.set);
        statistics_print(&monitor);
    }
    return monitor.exit_code;
}
