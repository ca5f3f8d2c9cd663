/* SPDX-License-Identifier: MIT */
/*
 * The processor's instructions and the PC's fixed addresses, as far as the test guest needs them.
 */
#ifndef TEST_GUEST_MACHINE_H
#define TEST_GUEST_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PORT_PIC_MASTER = 0x20,
    PORT_PIC_SLAVE = 0xa0,
    PORT_PIT_CHANNEL0 = 0x40,
    PORT_PIT_CHANNEL2 = 0x42,
    PORT_PIT_COMMAND = 0x43,
    PORT_SYSTEM_CONTROL = 0x61, /* bit 0: gate of PIT channel 2, bit 5: its output */
    PORT_RTC_INDEX = 0x70,
    PORT_RTC_DATA = 0x71,
    PORT_POST = 0x80, /* free for diagnostic codes: nothing depends on it */
    PORT_COM1 = 0x3f8,
    PORT_RESET = 0xcf9,
    PIT_HZ = 1193182,
    PM_TIMER_HZ = 3579545,
};

#define MSR_APIC_BASE       0x1bu
#define MSR_TSC_DEADLINE    0x6e0u
#define MSR_EFER            0xc0000080u
#define MSR_STAR            0xc0000081u
#define MSR_LSTAR           0xc0000082u
#define MSR_CSTAR           0xc0000083u
#define MSR_SFMASK          0xc0000084u
#define MSR_FS_BASE         0xc0000100u
#define MSR_GS_BASE         0xc0000101u
#define MSR_KERNEL_GS_BASE  0xc0000102u
#define MSR_KVM_WALL_CLOCK  0x4b564d00u
#define MSR_KVM_SYSTEM_TIME 0x4b564d01u

static inline void outb(uint16_t port, uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t value)
{
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint64_t rdmsr(uint32_t index)
{
    uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t index, uint64_t value)
{
    asm volatile("wrmsr" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

struct cpuid_result {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline void interrupts_enable(void)
{
    asm volatile("sti; nop" : : : "memory");
}

static inline void interrupts_disable(void)
{
    asm volatile("cli" : : : "memory");
}

static inline void page_invalidate(uintptr_t address)
{
    asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

#endif
