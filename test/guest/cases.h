/* SPDX-License-Identifier: MIT */
/*
 * The list of cases, in the order in which they run: the first ones check what the later ones rely on.
 * X(function, name)
 */
#ifndef TEST_GUEST_CASES_H
#define TEST_GUEST_CASES_H

#include "test/guest/guest.h"

#define CASES(X)                                            \
    X(case_start_info, "start info")                        \
    X(case_acpi_tables, "ACPI tables")                      \
    X(case_cpuid_basic, "CPUID basic leaves")               \
    X(case_cpuid_hypervisor, "CPUID hypervisor leaves")     \
    X(case_cpuid_xsave, "CPUID leaf 0xD")                   \
    X(case_exceptions, "exceptions")                        \
    X(case_page_faults, "page faults")                      \
    X(case_page_tables, "page table changes")               \
    X(case_single_step, "single step")                      \
    X(case_msr_unknown, "unknown MSR")                      \
    X(case_msr_round_trip, "MSR round trip")                \
    X(case_syscall, "SYSCALL")                              \
    X(case_fpu_state, "FPU and SSE state")                  \
    X(case_xsetbv, "XSETBV and AVX state")                  \
    X(case_modes, "16-bit and 32-bit modes")                \
    X(case_clock_tsc, "TSC against other clocks")           \
    X(case_clock_kvm, "kvmclock")                           \
    X(case_pit_channel2, "PIT channel 2")                   \
    X(case_pit_counter, "PIT counter")                      \
    X(case_pit_pic, "PIT through PIC")                      \
    X(case_pit_ioapic, "PIT through IOAPIC")                \
    X(case_lapic_registers, "local APIC registers")         \
    X(case_lapic_one_shot, "local APIC timer one-shot")     \
    X(case_lapic_periodic, "local APIC timer periodic")     \
    X(case_lapic_deadline, "local APIC timer TSC-deadline") \
    X(case_self_ipi, "self-IPI")                            \
    X(case_delivered_once, "delivered once")                \
    X(case_priorities, "interrupt priorities")              \
    X(case_shadow, "interrupt shadow")                      \
    X(case_halt, "HLT")                                     \
    X(case_halt_race, "STI and HLT race")                   \
    X(case_ioapic_registers, "IOAPIC registers")            \
    X(case_mmio_moves, "MMIO moves")                        \
    X(case_mmio_arithmetic, "MMIO read-modify-write")       \
    X(case_mmio_strings, "MMIO string instructions")        \
    X(case_mmio_addressing, "MMIO addressing forms")        \
    X(case_port_strings, "port string instructions")        \
    X(case_uart_interrupt, "UART interrupt")                \
    X(case_level_interrupt, "level-triggered interrupt")    \
    X(case_rtc_time, "RTC time")                            \
    X(case_rtc_update, "RTC update interrupt")              \
    X(case_x2apic, "x2APIC mode")                           \
    X(case_second_start, "second processor")                \
    X(case_second_interrupts, "interrupts between two")     \
    X(case_second_sleeps, "two that wake each other")       \
    X(case_second_devices, "device interrupts to a second") \
    X(case_second_shootdown, "invalidation on a second")    \
    X(case_second_lock, "lock and clock of two")

#define DECLARE_CASE(function, name) enum outcome function(void);
CASES(DECLARE_CASE)
#undef DECLARE_CASE

#endif
