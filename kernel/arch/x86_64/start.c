/* SPDX-License-Identifier: MIT */
/*
 * Starts the further CPUs one after the other (SDM vol. 3, 9.4.4): each gets its structures first, then INIT and two
 * start-up interrupts; it prepares itself on its own stack, lets its time-stamp counter be compared, and goes to the dispatcher.
 *
 * A CPU that does not come, or whose counter cannot be made to agree, is left out: the machine runs without it, and the log
 * says so. `start_ticket` decides who comes too late.
 */
#include "kernel/arch/x86_64/start.h"

#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/descriptor.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/madt.h"
#include "kernel/arch/x86_64/print.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/speculation.h"
#include "kernel/arch/x86_64/stack.h"
#include "kernel/arch/x86_64/svm.h"
#include "kernel/arch/x86_64/tsc_sync.h"
#include "kernel/cpu.h"
#include "kernel/mem/memory.h"

#define INIT_DELAY_US    10000u
#define STARTUP_DELAY_US 200u
#define PATIENCE_US      1000000u /* an emulator may let its CPUs wait for each other */

#define ENTRY_RIGHTS 0x003u /* present, writable */
#define ENTRY_LARGE  0x083u

uint64_t start_ticket = (uint64_t)TICKET_NOBODY;
uint64_t start_page_table, start_stack;
struct cpu *start_cpu;

/* Real-mode code, and a page table with it and the kernel's half. */
static void trampoline_place(void)
{
    uint64_t *root = phys_to_virt(TRAMPOLINE_ROOT);
    uint64_t *pointers = phys_to_virt(TRAMPOLINE_POINTERS), *directory = phys_to_virt(TRAMPOLINE_DIRECTORY);

    memcpy(phys_to_virt(TRAMPOLINE), trampoline_begin, (size_t)(trampoline_end - trampoline_begin));
    memset(root, 0, FRAME_SIZE);
    memset(pointers, 0, FRAME_SIZE);
    memset(directory, 0, FRAME_SIZE);
    kernel_map_share(root);
    root[0] = TRAMPOLINE_POINTERS | ENTRY_RIGHTS;
    pointers[0] = TRAMPOLINE_DIRECTORY | ENTRY_RIGHTS;
    directory[0] = ENTRY_LARGE;
}

static bool taken(void)
{
    return __atomic_load_n(&start_ticket, __ATOMIC_ACQUIRE) == (uint64_t)TICKET_TAKEN;
}

/* True when the ticket is taken; false after the time. */
static bool wait_taken(uint64_t microseconds)
{
    uint64_t end = rdtsc() + microseconds * boot_info.tsc_khz / 1000;

    while (!taken()) {
        if (rdtsc() > end)
            return false;
        cpu_relax();
    }
    return true;
}

/* INIT, start-up, and once more if need be. False if the CPU did not come, and then it must not any more. */
static bool cpu_wake(uint32_t apic_id)
{
    uint64_t ticket = apic_id;

    __atomic_store_n(&start_ticket, ticket, __ATOMIC_SEQ_CST);
    apic_send_init(apic_id);
    wait_taken(INIT_DELAY_US);
    apic_send_startup(apic_id, TRAMPOLINE);
    if (wait_taken(STARTUP_DELAY_US))
        return true;
    apic_send_startup(apic_id, TRAMPOLINE);
    if (wait_taken(PATIENCE_US))
        return true;
    return !__atomic_compare_exchange_n(&start_ticket, &ticket, (uint64_t)TICKET_NOBODY, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static struct cpu *cpu_allocate(unsigned place)
{
    struct cpu *cpu = boot_alloc((sizeof(*cpu) + FRAME_SIZE - 1) / FRAME_SIZE, BOOT_MEMORY_KERNEL);

    cpu->arch.tables =
        boot_alloc((sizeof(*cpu->arch.tables) + FRAME_SIZE - 1) / FRAME_SIZE, BOOT_MEMORY_KERNEL);
    cpu->arch.stacks = kernel_map_stacks(place);
    svm_allocate(cpu);
    return cpu;
}

/* False: nothing is heard of the CPU; its structures may be another's. */
static bool cpu_start(struct cpu *cpu)
{
    start_cpu = cpu;
    start_stack = (uint64_t)(cpu->arch.stacks->main + sizeof(cpu->arch.stacks->main));
    start_page_table = kernel_page_table();
    if (!cpu_wake(cpu->arch.apic_id)) {
        print("Tessera: CPU with APIC id %u does not start: left out\n", cpu->arch.apic_id);
        return false;
    }
    return true;
}

void ap_main(struct cpu *cpu)
{
    descriptor_init(cpu);
    feature_cpu_init();
    speculation_cpu_init();
    apic_cpu_init(cpu);
    timer_init(cpu);
    fpu_cpu_init(cpu);
    svm_cpu_init(cpu);
    tsc_sync_follow();
    cpu_main(cpu);
}

void cpus_start(struct cpu *boot, const struct madt *madt)
{
    struct cpu *spare = NULL;

    cpus[0] = boot;
    cpu_count = 1;
    trampoline_place();
    for (uint32_t i = 0; i < madt->cpu_count; i++) {
        uint32_t apic_id = madt->apic_id[i];

        if (apic_id == boot->arch.apic_id)
            continue;
        if (cpu_count == CPU_MAX || !apic_reaches(apic_id)) {
            print("Tessera: CPU with APIC id %u is more than this version can use: left out\n", apic_id);
            continue;
        }
        if (!spare)
            spare = cpu_allocate(i);
        spare->id = cpu_count;
        spare->arch.apic_id = apic_id;
        if (!cpu_start(spare))
            continue;
        if (tsc_sync_lead(apic_id))
            cpus[cpu_count++] = spare;
        spare = NULL; /* a CPU that was refused halts, and keeps what it has */
    }
    start_ticket = (uint64_t)TICKET_NOBODY;
    if (madt->cpus_omitted)
        print("Tessera: %u further CPUs are left out\n", madt->cpus_omitted);
}
