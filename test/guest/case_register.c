/* SPDX-License-Identifier: MIT */
/*
 * Cases: model-specific registers, SYSCALL, and register state that must survive exits.
 */
#include "test/guest/cases.h"

enum { VECTOR_GP = 13, EXITS = 1000 };

enum outcome case_msr_unknown(void)
{
    TRAP_TRY("movl %0, %%ecx; rdmsr", "i"(0x4b560000));
    if (trap_last.vector == TRAP_NONE && cpuid(0x40000000, 0).ebx != 0x4b4d564b)
        return case_skip("this processor reads unknown MSRs as 0");
    EXPECT_EQ(trap_last.vector, VECTOR_GP);
    EXPECT_EQ(trap_last.error, 0);
    TRAP_TRY("movl %0, %%ecx; xorl %%eax, %%eax; xorl %%edx, %%edx; wrmsr", "i"(0x4b560000));
    EXPECT_EQ(trap_last.vector, VECTOR_GP);
    return OUTCOME_OK;
}

enum outcome case_msr_round_trip(void)
{
    static const uint32_t indices[] = {MSR_STAR,    MSR_LSTAR,   MSR_CSTAR,         MSR_SFMASK,
                                       MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE};
    for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        uint64_t value = indices[i] == MSR_SFMASK ? 0x47700 : 0xffff800012345000 + i;
        wrmsr(indices[i], value);
        (void)cpuid(0, 0); /* an exit in between */
        EXPECT_EQ(rdmsr(indices[i]), value);
    }
    uint64_t value = 0x1122334455667788, seen;
    wrmsr(MSR_GS_BASE, (uint64_t)&value);
    asm volatile("movq %%gs:0, %0" : "=r"(seen));
    EXPECT_EQ(seen, value);
    wrmsr(MSR_KERNEL_GS_BASE, 0x5000);
    asm volatile("swapgs");
    EXPECT_EQ(rdmsr(MSR_GS_BASE), 0x5000);
    asm volatile("swapgs");
    EXPECT_EQ(rdmsr(MSR_GS_BASE), (uint64_t)&value);
    TRAP_TRY("movl %0, %%ecx; xorl %%eax, %%eax; movl $0x80000000, %%edx; wrmsr", "i"(MSR_GS_BASE));
    if (trap_last.vector != TRAP_NONE) /* a base that is not canonical; QEMU's processor takes it */
        EXPECT_EQ(trap_last.vector, VECTOR_GP);
    EXPECT_EQ(rdmsr(MSR_EFER) & 0x501, 0x501); /* LMA, LME, SCE */
    return OUTCOME_OK;
}

/* SYSCALL from ring 0 is legal; what it loads shows that STAR, LSTAR and SFMASK are in force. */
enum outcome case_syscall(void)
{
    uint64_t target, flags, return_address, code, expected;
    wrmsr(MSR_STAR, 0x08ul << 32);
    wrmsr(MSR_SFMASK, 1);
    asm volatile("leaq 1f(%%rip), %0" : "=r"(target));
    asm volatile("leaq 1f(%%rip), %%rax; movq %%rax, %%rdx; shrq $32, %%rdx; movl %5, %%ecx; wrmsr;"
                 "leaq 2f(%%rip), %4; stc; syscall;"
                 "2: ud2;"
                 "1: pushfq; popq %1; movq %%rcx, %2; movl %%cs, %%eax; movl %%eax, %k3"
                 : "+r"(target), "=&r"(flags), "=&r"(return_address), "=&r"(code), "=&r"(expected)
                 : "i"(MSR_LSTAR)
                 : "rax", "rcx", "rdx", "r11", "memory", "cc");
    EXPECT_EQ(flags & 1, 0);
    EXPECT_EQ(return_address, expected);
    EXPECT_EQ(code & 0xffff, 0x08);
    return OUTCOME_OK;
}

static uint8_t vectors_in[16][32] __attribute__((aligned(32)));
static uint8_t vectors_out[16][32] __attribute__((aligned(32)));

static void fill_vectors(uint8_t seed)
{
    for (unsigned i = 0; i < sizeof(vectors_in); i++)
        ((uint8_t *)vectors_in)[i] = (uint8_t)(seed + i * 7);
}

#define ALL_REGISTERS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define SSE_LOAD(n)      "movups 32*" #n "(%0), %%xmm" #n "\n\t"
#define SSE_STORE(n)     "movups %%xmm" #n ", 32*" #n "(%0)\n\t"
#define AVX_LOAD(n)      "vmovups 32*" #n "(%0), %%ymm" #n "\n\t"
#define AVX_STORE(n)     "vmovups %%ymm" #n ", 32*" #n "(%0)\n\t"

/* The compiler uses no vector register here (-mgeneral-regs-only), so they hold what is loaded. */
static void exits_with_interrupts(void)
{
    ioapic_route_isa(0, VECTOR_TIMER);
    pit_start(2, 2000);
    interrupts_enable();
    for (unsigned i = 0; i < EXITS / 2; i++) {
        (void)cpuid(0, 0);
        outb(PORT_POST, (uint8_t)i);
    }
    interrupts_disable();
    platform_quiet();
}

enum outcome case_fpu_state(void)
{
    static const uint64_t number = 0x400921fb54442d18; /* some double */
    uint64_t back = 0;
    uint16_t control = 0x027f, control_back = 0;
    uint32_t mxcsr = 0x1fa0, mxcsr_back = 0;
    fill_vectors(3);
    asm volatile("fninit; fldcw %0; fldl %1; ldmxcsr %2" : : "m"(control), "m"(number), "m"(mxcsr));
    asm volatile(ALL_REGISTERS(SSE_LOAD) : : "r"(vectors_in) : "memory");
    exits_with_interrupts();
    asm volatile(ALL_REGISTERS(SSE_STORE) : : "r"(vectors_out) : "memory");
    asm volatile("fstpl %0; fnstcw %1; stmxcsr %2" : "=m"(back), "=m"(control_back), "=m"(mxcsr_back));
    for (unsigned i = 0; i < 16; i++)
        EXPECT(bytes_equal(vectors_in[i], vectors_out[i], 16));
    EXPECT_EQ(back, number);
    EXPECT_EQ(control_back, control);
    EXPECT_EQ(mxcsr_back, mxcsr);
    return OUTCOME_OK;
}

static uint64_t xgetbv(void)
{
    uint32_t low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void xsetbv(uint64_t value)
{
    asm volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

enum outcome case_xsetbv(void)
{
    if (!(cpuid(1, 0).ecx & 1 << 26))
        return case_skip("no XSAVE");
    bool avx = cpuid(1, 0).ecx & 1 << 28;
    asm volatile("movq %%cr4, %%rax; orl $0x40000, %%eax; movq %%rax, %%cr4" : : : "rax");
    EXPECT(cpuid(1, 0).ecx & 1 << 27); /* OSXSAVE follows CR4 */
    xsetbv(3);
    EXPECT_EQ(xgetbv(), 3);
    EXPECT_EQ(cpuid(0xd, 0).ebx, 576);
    TRAP_TRY("xorl %%ecx, %%ecx; xorl %%edx, %%edx; movl $2, %%eax; xsetbv", "i"(0)); /* x87 must be on */
    EXPECT_EQ(trap_last.vector, VECTOR_GP);
    EXPECT_EQ(xgetbv(), 3);
    if (!avx)
        return OUTCOME_OK;
    xsetbv(7);
    EXPECT_EQ(xgetbv(), 7);
    EXPECT_EQ(cpuid(0xd, 0).ebx, cpuid(0xd, 2).ebx + cpuid(0xd, 2).eax);
    fill_vectors(9);
    asm volatile(ALL_REGISTERS(AVX_LOAD) : : "r"(vectors_in) : "memory");
    exits_with_interrupts();
    asm volatile(ALL_REGISTERS(AVX_STORE) : : "r"(vectors_out) : "memory");
    EXPECT(bytes_equal(vectors_in, vectors_out, sizeof(vectors_in)));
    return OUTCOME_OK;
}

extern char mode_low_start[], mode_low_interrupt[], mode_low_end[], mode_low_mark[];
extern uint32_t mode_result_apic, mode_result_cpuid;
void mode_round_trip(void);

enum outcome case_modes(void)
{
    uintptr_t low = 0x8000;
    asm("" : "+r"(low));
    EXPECT(memory_is_ram(0, 0x9000));
    memcpy((void *)low, mode_low_start, (size_t)(mode_low_end - mode_low_start));
    volatile uint32_t *gate = (volatile uint32_t *)(low - 0x8000 + 0x81 * 4);
    *gate = 0x8000u << 12 | (uint32_t)(mode_low_interrupt - mode_low_start); /* segment 0x800, offset */
    for (unsigned i = 0; i < 3; i++) {
        mode_result_apic = mode_result_cpuid = 0;
        mode_round_trip();
        EXPECT_EQ(*(volatile uint16_t *)(low + (uintptr_t)(mode_low_mark - mode_low_start)), 0x2345);
        EXPECT_EQ(mode_result_apic, lapic_read(LAPIC_VERSION));
        EXPECT_EQ(mode_result_cpuid, cpuid(0, 0).ebx);
    }
    return OUTCOME_OK;
}
