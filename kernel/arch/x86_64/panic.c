/* SPDX-License-Identifier: MIT */
/*
 * The end: stops all other CPUs, says why, with registers and the functions that led there, and stops. Depends on the console and on frame
 * pointers only; a fault while it prints is told and ends it.
 */
#include "abi/symbols.h"
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/print.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/stack.h"
#include "kernel/arch/x86_64/start.h"
#include "kernel/cpu.h"
#include "kernel/mem/memory.h"

#define TRACE_DEPTH 24

extern char image_text[], image_rodata[], image_data[], image_end[];

#define HALT_PATIENCE_MS 50u
#define NOBODY           UINT64_MAX

static unsigned panic_depth;
static uint64_t panic_owner = NOBODY; /* APIC id of the CPU that stops all others */
static uint32_t halted;               /* how many have obeyed */

static bool in_image(uint64_t from, uint64_t address, uint64_t end)
{
    return address >= from && address < end;
}

static void print_place(uint64_t address)
{
    uint64_t offset = 0;
    bool known = in_image((uint64_t)image_text, address, (uint64_t)image_rodata);
    const char *name = known ? symbol_find(address, &offset) : NULL;

    if (name)
        print("    %016lx %s+0x%lx\n", address, name, offset);
    else
        print("    %016lx\n", address);
}

static bool in_stacks(uint64_t address)
{
    return in_image((uint64_t)image_data, address, (uint64_t)image_end - 16) ||
           in_image(STACK_WINDOW, address, STACK_WINDOW + CPU_MAX * sizeof(struct cpu_stacks) - 16);
}

/* Frame pointers lead upwards through one stack; anything else ends the trace. */
static void print_trace(uint64_t frame)
{
    for (unsigned i = 0; i < TRACE_DEPTH; i++) {
        uint64_t next, back;

        if (frame % 8 || !in_stacks(frame))
            return;
        next = ((const uint64_t *)frame)[0];
        back = ((const uint64_t *)frame)[1];
        if (!in_image((uint64_t)image_text, back, (uint64_t)image_rodata))
            return;
        print_place(back - 1);
        if (next <= frame)
            return;
        frame = next;
    }
}

static _Noreturn void halt_forever(void)
{
    for (;;)
        asm volatile("cli; hlt");
}

/* The first CPU here stops the others; one that comes later, or was called by the NMI, stays. Which CPU this is, its APIC
   says: an NMI may find any value in GS. */
void cpus_halt_others(void)
{
    uint64_t nobody = NOBODY, end = rdtsc() + HALT_PATIENCE_MS * boot_info.tsc_khz;

    if (!__atomic_compare_exchange_n(&panic_owner, &nobody, apic_id(), false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        if (panic_owner == apic_id())
            return;
        __atomic_fetch_add(&halted, 1, __ATOMIC_SEQ_CST);
        halt_forever();
    }
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i]->arch.apic_id != panic_owner)
            apic_send_nmi(cpus[i]->arch.apic_id);
    while (__atomic_load_n(&halted, __ATOMIC_SEQ_CST) + 1 < cpu_count && rdtsc() < end)
        cpu_relax();
}

/* Number of this CPU, as far as it can be known here. */
static unsigned cpu_number(void)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i]->arch.apic_id == apic_id())
            return i;
    return 0;
}

static void panic_begin(void)
{
    asm volatile("cli");
    cpus_halt_others();
    console_force();
    if (panic_depth++) {
        print("\npanic: once more while telling about the first\n");
        arch_panic_stop();
    }
    print("\npanic: ");
}

void panic(const char *format, ...)
{
    va_list arguments;

    panic_begin();
    va_start(arguments, format);
    print_list(format, arguments);
    va_end(arguments);
    print("\n");
    print("stack trace:\n");
    print_trace((uint64_t)__builtin_frame_address(0));
    arch_panic_stop();
}

void panic_exception(const struct panic_frame *f)
{
    panic_begin();
    print("CPU %u: exception %lu, error code 0x%lx, cr2 %016lx, cr3 %016lx\n", cpu_number(), f->vector,
          f->error_code, cr2_read(), cr3_read());
    print("rip %016lx rsp %016lx rflags %08lx cs %lx ss %lx\n", f->rip, f->rsp, f->rflags, f->cs, f->ss);
    print("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
    print("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
    print("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
    print("r13 %016lx r14 %016lx r15 %016lx\n", f->r13, f->r14, f->r15);
    print("stack trace:\n");
    print_place(f->rip);
    print_trace(f->rbp);
    arch_panic_stop();
}
