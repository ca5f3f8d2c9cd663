/* SPDX-License-Identifier: MIT */
/*
 * What the generic kernel needs from the processor, and what the processor's entry code calls in the generic kernel.
 *
 * The kernel runs with interrupts off on one stack a CPU. Each entry stores the interrupted registers in the current
 * execution context, continues on the CPU's stack from its top and ends in a function that does not return. The only
 * place where interrupts are on in kernel mode is arch_idle().
 */
#ifndef KERNEL_ARCH_ARCH_H
#define KERNEL_ARCH_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/status.h"

struct cpu;
struct ec;
struct pd;
struct host_space;
struct port_space;
struct guest_space;
struct iommu;
struct vcpu_state;

/* Same order as struct thread_state and struct vcpu_state (abi/), so that groups move by one copy. */
struct registers {
    uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rsp, rflags;
};

/* ---- implemented by arch, called by the generic kernel ---- */

/* Returns to user mode with the registers of a thread, its FS/GS base and its FPU policy. Address space, port space are
   switched here if they differ from what is loaded (per-CPU cache). `full` restores all registers by IRET; otherwise
   the fast SYSRET path may be taken (rcx, r11 are lost), after the canonical check of rip. */
_Noreturn void arch_thread_enter(struct ec *thread, bool full);

/* The same for a thread that comes from a hypercall: fast, and on the path of every call. */
_Noreturn void arch_thread_return(struct ec *thread, struct cpu *cpu);

/* Enters guest mode; comes back through vcpu_exit() below, or through the interrupt path. */
_Noreturn void arch_vcpu_enter(struct ec *vcpu);

/* Waits for an interrupt with interrupts on; the interrupt path ends in sched_dispatch(). */
_Noreturn void arch_idle(void);

/* Calls `function`, which does not return, with nothing left on the CPU's stack. */
_Noreturn void arch_restart(void (*function)(struct ec *context), struct ec *context);

/* Forgets cached references before an object's memory is reused. */
void arch_ec_forget(struct ec *context);
void arch_host_space_forget(struct host_space *space);
void arch_port_space_forget(struct port_space *space);

uint64_t arch_tsc(void);
/* One-shot timer at an absolute TSC value. A time in the past fires at once. */
void arch_timer_set(uint64_t tsc);

/* Interrupts: `line` is a global system interrupt below arch_gsi_count(), then one of the messages below arch_line_count().
   Configured lines start masked. */
unsigned arch_gsi_count(void);
unsigned arch_line_count(void);
void arch_gsi_configure(unsigned line, bool level, bool active_low);
void arch_gsi_mask(unsigned line);
void arch_gsi_unmask(unsigned line);

/* What a device must write, and where, to raise the line of a message. */
struct message {
    uint64_t address;
    uint32_t data;
};
struct message arch_message(unsigned line);

/* The same for an interrupt remapping table: vector, and the CPU by its APIC's id, of 32 bits if `extended`. */
struct line_target {
    uint8_t vector;
    bool extended;
    uint32_t apic_id;
};
struct line_target arch_line_target(unsigned line);

/* Lines of an I/O APIC go through the unit's table at their own numbers from now on, on behalf of requester id `source`;
   without a unit they do not any more. False: no such I/O APIC. */
bool arch_ioapic_remap(uint8_t id, struct iommu *unit_opt, uint16_t source);
/* No I/O APIC goes through this unit any more. */
void arch_ioapic_forget(const struct iommu *unit);

/* A page of an IOMMU's registers, and accesses to it. map: NULL with *status = ERR_RANGE: not a device's; ERR_EXISTS: too many. */
volatile void *arch_iommu_map(uint64_t physical, enum status *status);
void arch_iommu_unmap(volatile void *registers);
uint32_t arch_iommu_read32(const volatile void *registers, unsigned offset);
uint64_t arch_iommu_read64(const volatile void *registers, unsigned offset);
void arch_iommu_write32(volatile void *registers, unsigned offset, uint32_t value);
void arch_iommu_write64(volatile void *registers, unsigned offset, uint64_t value);
/* Memory that somebody reads past the processor's caches. */
void arch_cache_write_back(const void *start, uint64_t size);

/* FPU area of a context that declared FPU use: size in bytes, initial image, and forced write-back before somebody reads
   `ec->fpu` of a context whose state may still be in the registers. */
uint64_t arch_fpu_size(void);
void arch_fpu_init(void *area);
void arch_fpu_flush(struct ec *context);
/* Takes an XSAVE image of arch_fpu_size() bytes from user level; components and bits that the processor would refuse
   are cleared. */
void arch_fpu_write(struct ec *context, const void *image);

/* Virtual CPUs. create allocates what the architecture needs on the account of `account` and stores it in vcpu->vcpu_arch;
   false: account empty. read/write move the groups; write checks values that could harm the host and returns false
   (nothing changed) for those. arch_vcpu_supported is false when the processor lacks AMD-V with nested paging. */
bool arch_vcpu_supported(void);
bool arch_vcpu_create(struct ec *vcpu, struct pd *account);
void arch_vcpu_destroy(struct ec *vcpu, struct pd *account);
void arch_vcpu_read(struct ec *vcpu, uint64_t groups, struct vcpu_state *out);
bool arch_vcpu_write(struct ec *vcpu, uint64_t groups, const struct vcpu_state *in);

/* Several CPUs (kernel/smp.h). An IPI makes its target enter the kernel soon, where the interrupt path calls cpu_interrupted()
   and then sched_dispatch(). It may be sent to oneself. */
void arch_ipi(struct cpu *target);
/* Hint to the processor that this is a loop that waits for another CPU. */
void arch_pause(void);
/* Writes back into contexts whatever this CPU's registers still hold of them (FPU, guest state), forgets all cached
   references, and drops all translations of user addresses and of guests. */
void arch_cpu_quiesce(void);
/* The same for one context, whose state somebody else is going to read or write, on whatever CPU it may run next. */
void arch_ec_release(struct ec *context);
/* Does this CPU, another one, perhaps hold translations of the address space whose page table is at `root`? */
bool arch_cpu_has_space(const struct cpu *cpu, uint64_t root);

/* Debug console and machine control. */
void arch_console_write(char character);
void arch_console_off(void);
_Noreturn void arch_machine_reset(void);
_Noreturn void arch_machine_exit(uint64_t code);
_Noreturn void arch_panic_stop(void);
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- implemented by the generic kernel, called by arch ---- */

/* `syscall` by a thread that is not foreign; number and arguments are in context->regs. For calls and replies it is ipc_call()
   and ipc_reply_wait() (kernel/ipc/ipc.h), to which arch may go at once. */
_Noreturn void hypercall_entry(struct ec *context);
/* `syscall` by a foreign thread; rip is already behind the instruction. */
_Noreturn void foreign_syscall_entry(struct ec *context);
/* Exception in user mode. fault_address is CR2 for #PF, else 0. */
_Noreturn void exception_entry(struct ec *context, uint64_t vector, uint64_t error_code,
                               uint64_t fault_address);
/* A guest left guest mode for a reason of enum vcpu_exit that is not a host interrupt. */
_Noreturn void vcpu_exit(struct ec *vcpu, unsigned reason);

/* Called by the interrupt path, from user mode, guest mode and idle; then it must call sched_dispatch(). */
void sched_timer_expired(void); /* local APIC timer */
void interrupt_raised(
    unsigned line); /* masked by arch before this is called if level triggered; EOI is arch's work */
_Noreturn void sched_dispatch(void); /* chooses who runs next (perhaps the same) and goes there */

/* An IPI arrived, from user mode, guest mode or idle; sched_dispatch() follows. */
void cpu_interrupted(void);
/* Each further CPU, when it is ready, with interrupts off on its own stack. `cpus` and `cpu_count` may not be complete yet,
   but nothing reaches this CPU before they are. */
_Noreturn void cpu_main(struct cpu *cpu);

/* Called once by boot after memory, CPU and interrupts are ready: creates the root task and runs it. */
struct boot_info;
struct root_image {
    const void *elf; /* the module `core`, physmap pointer */
    uint64_t elf_size;
};
_Noreturn void kernel_main(const struct root_image *image, const struct boot_info *info);

#endif
