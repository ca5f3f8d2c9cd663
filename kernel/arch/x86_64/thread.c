/* SPDX-License-Identifier: MIT */
/*
 * Switching to user mode: page table, port bitmap, segment bases and FPU policy of a thread, each written only if the
 * processor holds something else. `loaded` makes the return to the same thread free of all checks.
 *
 * Code in user mode can change its segment bases by loading a selector. So they are written without looking whenever
 * the address space changes; inside one address space a thread can harm only its own kind.
 */
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/descriptor.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/cpu.h"
#include "kernel/object/ec.h"
#include "kernel/object/pd.h"
#include "kernel/object/space.h"
#include "kernel/mem/memory.h"

_Static_assert(offsetof(struct cpu, self) == CPU_SELF, "entry.S");
_Static_assert(offsetof(struct cpu, ec) == CPU_EC, "entry.S");
_Static_assert(offsetof(struct cpu, stack_top) == CPU_STACK_TOP, "entry.S");
_Static_assert(offsetof(struct cpu, scratch) == CPU_SCRATCH, "entry.S");
_Static_assert(offsetof(struct ec, regs) == EC_REGS, "entry.S");
_Static_assert(offsetof(struct ec, regs.rflags) == EC_RFLAGS, "entry.S");
_Static_assert(offsetof(struct ec, foreign) == EC_FOREIGN, "entry.S");
_Static_assert(offsetof(struct ec, full_restore) == EC_FULL_RESTORE, "entry.S");
_Static_assert(sizeof(struct registers) == 144, "entry.S");

#define FRAME_PORTS (4096u * 8)

/* Puts the bitmap of a PD's port space into the TSS, or takes it out of force. */
static void ports_load(struct cpu_arch *arch, struct port_space *ports)
{
    if (!ports) {
        arch->tss->iomap_base = TSS_IOMAP_NONE;
        arch->ports_on = false;
        return;
    }
    if (arch->ports != ports || arch->ports_generation != ports->generation) {
        memcpy(arch->tss->iomap, ports->bitmap[0], FRAME_PORTS / 8);
        memcpy(arch->tss->iomap + FRAME_PORTS / 8, ports->bitmap[1], FRAME_PORTS / 8);
        arch->ports = ports;
        arch->ports_generation = ports->generation;
    }
    arch->tss->iomap_base = TSS_IOMAP;
    arch->ports_on = true;
}

static inline void thread_load(struct cpu *cpu, struct ec *thread)
{
    struct cpu_arch *arch = &cpu->arch;
    struct pd *pd = thread->pd;
    uint64_t cr3 = pd->host_space ? pd->host_space->table.root : kernel_page_table();
    bool other = cr3 != arch->cr3;

    arch->loaded = thread;
    if (other) {
        arch->cr3 = cr3;
        cr3_write(cr3);
    }
    if (other || thread->fs_base != arch->fs_base) {
        arch->fs_base = thread->fs_base;
        msr_write(MSR_FS_BASE, thread->fs_base);
    }
    if (other || thread->gs_base != arch->gs_base) {
        arch->gs_base = thread->gs_base;
        msr_write(MSR_KERNEL_GS_BASE, thread->gs_base);
    }
    if (pd->port_space || arch->ports_on)
        ports_load(arch, pd->port_space);
    if (thread->fpu)
        fpu_load(cpu, thread);
    else if (!arch->fpu_off)
        fpu_off(cpu);
}

void arch_thread_enter(struct ec *thread, bool full)
{
    struct cpu *cpu = cpu_self();

    if (cpu->arch.loaded != thread)
        thread_load(cpu, thread);
    /* A `syscall` in the last bytes below the hole returns to a non-canonical address: a page fault instead of #GP in
       the kernel. */
    if (__builtin_expect(thread->regs.rip >= USER_ADDRESS_END, 0))
        thread->regs.rip = USER_ADDRESS_END;
    if (full) {
        thread->full_restore = false;
        entry_return_full(&thread->regs);
    }
    entry_return_fast(&thread->regs);
}

void arch_idle(void)
{
    entry_idle(cpu_self()->stack_top);
}

void arch_ec_forget(struct ec *context)
{
    struct cpu_arch *arch = &cpu_self()->arch;

    if (arch->loaded == context)
        arch->loaded = NULL;
    if (arch->fpu_owner == context)
        arch->fpu_owner = NULL;
    if (arch->guest == context)
        arch->guest = NULL;
}

void arch_host_space_forget(struct host_space *space)
{
    struct cpu_arch *arch = &cpu_self()->arch;

    if (arch->cr3 != space->table.root)
        return;
    arch->loaded = NULL;
    arch->cr3 = kernel_page_table();
    cr3_write(arch->cr3);
}

void arch_port_space_forget(struct port_space *space)
{
    struct cpu_arch *arch = &cpu_self()->arch;

    if (arch->ports == space) {
        ports_load(arch, NULL);
        arch->ports = NULL;
        arch->loaded = NULL;
    }
}
