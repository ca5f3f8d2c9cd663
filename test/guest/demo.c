/* SPDX-License-Identifier: MIT */
/*
 * What test=NAME can ask for besides the cases: guests that misbehave on purpose, and a small benchmark of exits.
 */
#include "test/guest/guest.h"

/* No vector table, then an exception: #BP, #GP for the missing gate, #DF, shutdown. */
static void demo_triple(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) empty = {0, 0};
    print("guest: triple fault on purpose\n");
    asm volatile("lidt %0; int3" : : "m"(empty));
}

/* The same when somebody types, so that a person or a test chooses the moment. Asleep between looks at the UART. */
static void demo_triple_on_key(void)
{
    ioapic_route_isa(0, VECTOR_TIMER);
    pit_start(2, PIT_HZ / 50);
    print("guest: press a key, and this machine triple-faults\n");
    while (!(inb(PORT_COM1 + 5) & 1)) /* LSR: data ready */
        asm volatile("sti; hlt; cli" : : : "memory");
    demo_triple();
}

/* One line each second, asleep in between, until the machine is switched off from outside. */
_Noreturn static void demo_spin(void)
{
    ioapic_route_isa(0, VECTOR_TIMER);
    pit_start(2, PIT_HZ / 100);
    for (unsigned beat = 1;; beat++) {
        print("guest: heartbeat %u\n", beat);
        uint64_t end = time_after_ms(1000);
        while (!time_passed(end))
            asm volatile("sti; hlt; cli" : : : "memory");
    }
}

static void exit_cpuid(void)
{
    (void)cpuid(0, 0);
}

static void exit_port(void)
{
    outb(PORT_COM1 + 7, 0); /* the scratch register: a device's, and without effects */
}

static void exit_lapic(void)
{
    lapic_write(LAPIC_TIMER_DIVIDE, 3);
}

static void exit_none(void) {}

static void measure(const char *name, void (*operation)(void), uint64_t count)
{
    asm("" : "+r"(operation)); /* keeps the compiler from looking into it, so that all loops are alike */
    operation();               /* warm */
    uint64_t start = rdtsc();
    for (uint64_t i = 0; i < count; i++)
        operation();
    uint64_t cycles = rdtsc() - start;
    print("BENCH guest_%s_tsc_delta %lu ticks\n", name, cycles);
    print("BENCH guest_%s_ns_each %lu ns\n", name, cycles * 1000 / tsc_khz * 1000 / count);
}

static uint64_t number_read(const char *text)
{
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (uint64_t)(*text - '0');
    return number;
}

static void demo_exits(const char *number)
{
    uint64_t count = number_read(number);
    if (count == 0 || count > 100000000) {
        print("guest: test=loop-exits=N wants N from 1 to 100000000\n");
        return;
    }
    print("BENCH guest_tsc_khz %lu kHz\n", tsc_khz);
    print("BENCH guest_loop_count %lu operations\n", count);
    measure("empty", exit_none, count);
    measure("cpuid", exit_cpuid, count);
    measure("port_write", exit_port, count);
    measure("lapic_write", exit_lapic, count);
    print("guest: loop-exits done\n");
}

bool demo_run(const char *name)
{
    if (text_starts_with(name, "triple-on-key")) {
        demo_triple_on_key();
    } else if (text_starts_with(name, "triple")) {
        demo_triple();
    } else if (text_starts_with(name, "spin")) {
        demo_spin();
    } else if (text_starts_with(name, "reset")) {
        print("guest: reset on purpose\n");
        power_reset();
    } else if (text_starts_with(name, "hostile-")) {
        demo_hostile(number_read(name + 8));
        demo_triple();
    } else if (text_starts_with(name, "wild-")) {
        demo_wild(number_read(name + 5));
    } else if (text_starts_with(name, "loop-exits=")) {
        demo_exits(name + 11);
    } else {
        return false;
    }
    return true;
}
