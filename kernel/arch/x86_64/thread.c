/* SPDX-License-Identifier: MIT */
/*
 * Switching to user mode: page table, port bitmap, segment bases and FPU policy of a thread, each written only if the
 * processor holds something else. `loaded` makes the return to the same thread free of all checks.
 *
 * Code in user mode can replace its segment bases by 0, loading a selector. So bases other than 0 are written without looking
 * whenever the address space changes; inside one address space a thread can harm only its own kind.
 * A thread always has a host space: creating one needs it, and it lives as long as threads do.
 */
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/descriptor.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/thread_switch.h"
#include "kernel/arch/x86_64/svm.h"
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
_Static_assert(HYPERCALL_CALL == 0 && HYPERCALL_REPLY_WAIT == 1, "entry.S");
_Static_assert(HYPERCALL_NOTIFICATION_WAIT == 2 && HYPERCALL_NOTIFICATION_SIGNAL == 3, "entry.S");

/* Puts a bitmap in force, which the TSS must hold already, or none. */
static inline void ports_switch(struct cpu_arch *arch, struct port_space *ports)
{
    arch->ports = ports;
    arch->tss->iomap_base = ports ? TSS_IOMAP : TSS_IOMAP_NONE;
}

/* What few threads have: a GS base, ports, FPU state. */
static void special_load(struct cpu *cpu, struct ec *thread, bool other_space)
{
    struct port_space *ports = thread->pd->port_space;

    if (other_space ? (cpu->arch.gs_base | thread->gs_base) != 0 : cpu->arch.gs_base != thread->gs_base) {
        cpu->arch.gs_base = thread->gs_base;
        msr_write(MSR_KERNEL_GS_BASE, thread->gs_base);
    }
    if (ports && ports != cpu->arch.ports_copied) {
        memcpy(cpu->arch.tss->iomap, ports->bitmap[0], FRAME_SIZE);
        memcpy(cpu->arch.tss->iomap + FRAME_SIZE, ports->bitmap[1], FRAME_SIZE);
        cpu->arch.ports_copied = ports;
    }
    if (ports != cpu->arch.ports)
        ports_switch(&cpu->arch, ports);
    if (thread->fpu != cpu->arch.fpu_open) {
        if (thread->fpu)
            fpu_load(cpu, thread);
        else
            fpu_off(cpu);
    }
    cpu->arch.special = (uint64_t)cpu->arch.ports | (uint64_t)cpu->arch.fpu_open | cpu->arch.gs_base;
}

void thread_special_received(struct ec *handler, uint64_t tag, uint64_t portal_id, bool other_space)
{
    special_load(cpu_self(), handler, other_space);
    entry_return_received(handler, tag, portal_id);
}

void thread_special_answered(struct ec *caller, uint64_t tag, bool other_space)
{
    special_load(cpu_self(), caller, other_space);
    entry_return_answered(caller, tag);
}

/* The rare rest has a function of its own, so that the frequent path needs no stack. */
static _Noreturn __attribute__((noinline)) void special_return(struct ec *thread, struct cpu *cpu,
                                                               bool other_space)
{
    special_load(cpu, thread, other_space);
    entry_return_fast(thread);
}

void arch_thread_enter(struct ec *thread, bool full)
{
    struct cpu *cpu = cpu_self();

    if (cpu->arch.loaded != thread) {
        bool other = thread_load(&cpu->arch, thread);

        special_load(cpu, thread, other);
    }
    if (!full)
        entry_return_fast(thread);
    if (thread->regs.rip > USER_ADDRESS_END)
        thread->regs.rip = USER_ADDRESS_END;
    thread->full_restore = false;
    entry_return_full(thread);
}

void arch_thread_return(struct ec *thread, struct cpu *cpu)
{
    if (cpu->arch.loaded != thread) {
        bool other = thread_load(&cpu->arch, thread);

        if (thread_special(&cpu->arch, thread))
            special_return(thread, cpu, other);
    }
    entry_return_fast(thread);
}

void arch_idle(void)
{
    entry_idle(cpu_self()->stack_top);
}

void arch_ec_forget(struct ec *context)
{
    struct cpu *cpu = cpu_self();

    if (cpu->arch.loaded == context)
        cpu->arch.loaded = NULL;
    if (cpu->arch.fpu_owner == context) {
        cpu->arch.fpu_owner = NULL;
        if (cpu->arch.fpu_open)
            fpu_off(cpu);
    }
    if (cpu->arch.guest == context)
        cpu->arch.guest = NULL;
}

/* Page table and ports: nothing of any thread's is left. */
static void spaces_unload(struct cpu_arch *arch)
{
    arch->loaded = NULL;
    arch->ports_copied = NULL;
    ports_switch(arch, NULL);
    arch->cr3 = kernel_page_table();
    cr3_write(arch->cr3);
}

void arch_cpu_quiesce(void)
{
    struct cpu *cpu = cpu_self();

    if (cpu->arch.fpu_owner)
        arch_fpu_flush(cpu->arch.fpu_owner);
    svm_guest_release(cpu);
    spaces_unload(&cpu->arch);
}

void arch_ec_release(struct ec *context)
{
    struct cpu *cpu = cpu_self();

    arch_fpu_flush(context);
    if (cpu->arch.guest == context)
        svm_guest_release(cpu);
    if (cpu->arch.loaded == context)
        cpu->arch.loaded = NULL;
}

bool arch_cpu_has_space(const struct cpu *cpu, uint64_t root)
{
    return __atomic_load_n(&cpu->arch.cr3, __ATOMIC_SEQ_CST) == root;
}

void arch_pause(void)
{
    cpu_relax();
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

    if (arch->ports_copied == space)
        arch->ports_copied = NULL;
    arch->loaded = NULL; /* its PD may have had none when its thread was loaded */
    if (arch->ports == space)
        ports_switch(arch, NULL);
}
