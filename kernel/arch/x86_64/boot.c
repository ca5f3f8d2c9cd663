/* SPDX-License-Identifier: MIT */
/* Start of the boot processor: every part of the machine in the order in which one needs the other, then the other processors,
   then kernel_main(). */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/madt.h"
#include "kernel/arch/x86_64/print.h"
#include "kernel/arch/x86_64/speculation.h"
#include "kernel/arch/x86_64/start.h"
#include "kernel/arch/x86_64/svm.h"
#include "kernel/cpu.h"
#include "kernel/mem/memory.h"

#define ROOT_MODULE "core"

static struct cpu boot_cpu;

_Noreturn void boot_main(uint32_t magic, uint64_t information);

static void boot_devices(struct cpu *cpu)
{
    struct madt madt;
    struct clock_rates rates;

    acpi_read(&madt);
    /* The PIC is masked before LINT0 is: QEMU forgets to withdraw an ExtINT that was raised while LINT0 accepted it and
       fell afterwards, and then delivers vector -1 with the first STI. */
    ioapic_init(&madt);
    apic_init(cpu, &madt);
    clock_calibrate(&rates);
    timer_calibrated(&rates);
    timer_init(cpu);
    fpu_init();
    fpu_cpu_init(cpu);
    svm_init();
    svm_allocate(cpu);
    svm_cpu_init(cpu);
    cpus_start(cpu, &madt);
}

static void root_image_find(struct root_image *out)
{
    for (uint32_t i = 0; i < boot_info.module_count; i++) {
        const struct boot_module *module = &boot_info.modules[i];

        if (memcmp(module->name, ROOT_MODULE, sizeof(ROOT_MODULE)))
            continue;
        *out = (struct root_image){phys_to_virt(module->physical), module->size};
        return;
    }
    panic("no boot module is named %s: there is no root task", ROOT_MODULE);
}

void boot_main(uint32_t magic, uint64_t information)
{
    struct memory_map map = {0};
    struct root_image image;

    console_init();
    descriptor_init(&boot_cpu);
    feature_init();
    multiboot_read(magic, information, &map);
    speculation_cpu_init();
    boot_memory_init(&map);
    kernel_map_init(&map);
    boot_cpu.arch.cr3 = kernel_page_table();
    boot_frames_init();
    boot_devices(&boot_cpu);

    boot_info.magic = BOOT_MAGIC;
    boot_info.version = BOOT_VERSION;
    boot_info.cpus = cpu_count;
    print("Tessera: %u CPU%s (%s), TSC %lu MHz, %u interrupt lines, AMD-V %s, speculation: %s\n", cpu_count,
          cpu_count > 1 ? "s" : "", apic_mode(), boot_info.tsc_khz / 1000, boot_info.gsi_count,
          boot_info.features & BOOT_FEATURE_SVM ? "with nested paging" : "not available", speculation_text());
    root_image_find(&image);
    kernel_main(&image, &boot_info);
}
