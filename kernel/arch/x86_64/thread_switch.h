/* SPDX-License-Identifier: MIT */
/*
 * From one thread to another inside a call or reply: what arch_thread_return() does, without what is known there. The other
 * thread is never the loaded one, it left user mode by `syscall`, and its results are in registers already.
 */
#ifndef KERNEL_ARCH_X86_64_THREAD_SWITCH_H
#define KERNEL_ARCH_X86_64_THREAD_SWITCH_H

#include "kernel/arch/x86_64/reg.h"
#include "kernel/cpu.h"
#include "kernel/object/ec.h"
#include "kernel/object/pd.h"

/* Functions of this path end in jumps and need no stack; a frame pointer would be for nobody. */
#ifdef __clang__
#define FAST_PATH
#else
#define FAST_PATH __attribute__((optimize("omit-frame-pointer")))
#endif

/* entry.S: to user mode, with OK, the portal's id, the tag and WAKE_CALL; and with OK, the tag. */
_Noreturn void entry_return_received(struct ec *handler, uint64_t tag, uint64_t portal_id);
_Noreturn void entry_return_answered(struct ec *caller, uint64_t tag);

/* thread.c: the same for threads that have more to load, or that come after such a one. */
_Noreturn void thread_special_received(struct ec *handler, uint64_t tag, uint64_t portal_id,
                                       bool other_space);
_Noreturn void thread_special_answered(struct ec *caller, uint64_t tag, bool other_space);

/* Loads page table and FS base; true if the page table is another one now. User mode can replace a base by 0, loading a
   selector: so the base is written whenever the page table changes. */
OBJECT_FAST bool thread_load(struct cpu_arch *arch, struct ec *thread)
{
    uint64_t cr3 = thread->page_table;

    arch->loaded = thread;
    if (cr3 == arch->cr3) {
        if (arch->fs_base != thread->fs_base) {
            arch->fs_base = thread->fs_base;
            msr_write(MSR_FS_BASE, thread->fs_base);
        }
        return false;
    }
    arch->cr3 = cr3;
    cr3_write(cr3);
    arch->fs_base = thread->fs_base;
    msr_write(MSR_FS_BASE, thread->fs_base);
    return true;
}

/* Has this thread, or the one before, any of what special_load() loads? Nearly always it is none. */
OBJECT_FAST bool thread_special(const struct cpu_arch *arch, const struct ec *thread)
{
    return __builtin_expect((uint64_t)thread->pd->port_space | thread->special | arch->special, 0);
}

static inline _Noreturn __attribute__((always_inline)) void arch_thread_received(struct ec *handler,
                                                                                 struct cpu *cpu,
                                                                                 uint64_t portal_id,
                                                                                 uint64_t tag)
{
    bool other = thread_load(&cpu->arch, handler);

    if (thread_special(&cpu->arch, handler))
        thread_special_received(handler, tag, portal_id, other);
    entry_return_received(handler, tag, portal_id);
}

static inline _Noreturn __attribute__((always_inline)) void arch_thread_answered(struct ec *caller,
                                                                                 struct cpu *cpu,
                                                                                 uint64_t tag)
{
    bool other = thread_load(&cpu->arch, caller);

    if (thread_special(&cpu->arch, caller))
        thread_special_answered(caller, tag, other);
    entry_return_answered(caller, tag);
}

#endif
