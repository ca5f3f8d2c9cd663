/* SPDX-License-Identifier: MIT */
/*
 * Processors as the host tests see them: entering user mode jumps back to the test, time is a variable, interrupt lines
 * are flags, and what CPUs do to each other is up to the test. See kernel/test/machine.h for how a test drives it.
 */
#include "kernel/test/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/arch/space_flush.h"
#include "kernel/object/space.h"
#include "kernel/sched/sched.h"

_Thread_local struct cpu *host_cpu;
uint8_t *host_memory;
uint8_t *frame_kind;
uint64_t frame_count;
static struct host_machine first_machine;
_Thread_local struct host_machine *host_machine = &first_machine;
struct host_hooks host_hooks;

void arch_thread_enter(struct ec *thread, bool full)
{
    (void)full;
    processor.entered = thread;
    longjmp(processor.back, MACHINE_ENTERED);
}

void arch_thread_return(struct ec *thread, struct cpu *cpu)
{
    (void)cpu;
    arch_thread_enter(thread, false);
}

void arch_vcpu_enter(struct ec *vcpu)
{
    processor.entered = vcpu;
    longjmp(processor.back, MACHINE_ENTERED);
}

void arch_idle(void)
{
    processor.entered = 0;
    longjmp(processor.back, MACHINE_ENTERED);
}

void arch_restart(void (*function)(struct ec *context), struct ec *context)
{
    processor.restart = function;
    processor.restart_argument = context;
    longjmp(processor.back, MACHINE_RESTART);
}

void arch_ec_forget(struct ec *context)
{
    (void)context;
}

void arch_host_space_forget(struct host_space *space)
{
    (void)space;
}

void arch_port_space_forget(struct port_space *space)
{
    (void)space;
}

void arch_host_space_flush(struct host_space *space, uint64_t start, uint64_t end)
{
    (void)space;
    (void)start;
    (void)end;
}

void arch_kernel_share(uint64_t *root)
{
    (void)root;
}

void arch_ipi(struct cpu *target)
{
    if (host_hooks.ipi_opt)
        host_hooks.ipi_opt(target);
}

void arch_pause(void)
{
    if (host_hooks.pause_opt)
        host_hooks.pause_opt();
}

void arch_cpu_quiesce(void) {}

void arch_ec_release(struct ec *context)
{
    (void)context;
}

bool arch_cpu_has_space(const struct cpu *cpu, uint64_t root)
{
    (void)cpu;
    (void)root;
    return true;
}

uint64_t arch_tsc(void)
{
    return processor.tsc;
}

void arch_timer_set(uint64_t tsc)
{
    processor.timer = tsc;
}

unsigned arch_gsi_count(void)
{
    return HOST_LINES;
}

unsigned arch_line_count(void)
{
    return HOST_LINES + HOST_MESSAGES;
}

struct message arch_message(unsigned line)
{
    return (struct message){0xfee00000, line};
}

void arch_gsi_configure(unsigned line, bool level, bool active_low)
{
    (void)level;
    (void)active_low;
    processor.unmasked[line] = false;
}

void arch_gsi_mask(unsigned line)
{
    processor.unmasked[line] = false;
}

void arch_gsi_unmask(unsigned line)
{
    processor.unmasked[line] = true;
}

uint64_t arch_fpu_size(void)
{
    return 512;
}

void arch_fpu_init(void *area)
{
    memset(area, 0, 512);
}

void arch_fpu_flush(struct ec *context)
{
    (void)context;
}

void arch_fpu_write(struct ec *context, const void *image)
{
    memcpy(context->fpu->state, image, 512);
}

bool arch_vcpu_supported(void)
{
    return true;
}

bool arch_vcpu_create(struct ec *vcpu, struct pd *account)
{
    vcpu->vcpu_arch = account_frame_alloc(account);
    return vcpu->vcpu_arch;
}

void arch_vcpu_destroy(struct ec *vcpu, struct pd *account)
{
    account_frame_free(account, vcpu->vcpu_arch);
}

void arch_vcpu_read(struct ec *vcpu, uint64_t groups, struct vcpu_state *out)
{
    if (groups & VCPU_GROUP_IP)
        out->rip = vcpu->regs.rip;
}

bool arch_vcpu_write(struct ec *vcpu, uint64_t groups, const struct vcpu_state *in)
{
    if (groups & VCPU_GROUP_IP && in->rip == HOST_BAD_RIP)
        return false;
    if (groups & VCPU_GROUP_IP)
        vcpu->regs.rip = in->rip;
    return true;
}

void arch_console_write(char character)
{
    (void)character;
}

void arch_console_off(void) {}

void arch_machine_reset(void)
{
    abort();
}

void arch_machine_exit(uint64_t code)
{
    exit((int)code);
}

void panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    abort();
}
