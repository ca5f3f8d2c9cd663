/* SPDX-License-Identifier: MIT */
/*
 * Cases: device registers reached by every instruction form that a monitor must decode. Two registers serve as
 * scratch: the IOAPIC's index register (8 bits that read back, any width) and the initial count of the local APIC's
 * timer (32 bits that read back; its interrupt is masked).
 */
#include "test/guest/cases.h"

#define INDEX ((volatile void *)ioapic_base)
#define COUNT ((volatile void *)(lapic_base + LAPIC_TIMER_INITIAL))

static uint8_t index_get(void)
{
    return (uint8_t) * (volatile uint32_t *)ioapic_base;
}

static void index_set(uint8_t value)
{
    *(volatile uint32_t *)ioapic_base = value;
}

enum outcome case_ioapic_registers(void)
{
    uint32_t id = ioapic_read(0);
    ioapic_write(0, 0x05000000);
    EXPECT_EQ(ioapic_read(0), 0x05000000);
    ioapic_write(0, id);
    uint32_t version = ioapic_read(1);
    ioapic_write(1, ~version);
    EXPECT_EQ(ioapic_read(1), version); /* read-only */
    for (uint8_t pin = 0; pin <= (version >> 16 & 0xff); pin++) {
        ioapic_write((uint8_t)(0x11 + 2 * pin), 0xa5000000);
        ioapic_write((uint8_t)(0x10 + 2 * pin), IOAPIC_MASKED | 0xa000 | (0x30 + pin));
        EXPECT_EQ(ioapic_read((uint8_t)(0x11 + 2 * pin)), 0xa5000000);
        EXPECT_EQ(ioapic_read((uint8_t)(0x10 + 2 * pin)), IOAPIC_MASKED | 0xa000 | (0x30 + pin));
    }
    return OUTCOME_OK;
}

static enum outcome check_loads(void)
{
    uint64_t r;
    index_set(0x9c);
    asm volatile("movq $-1, %0; movb (%1), %b0" : "=&q"(r) : "r"(INDEX));
    EXPECT_EQ(r, 0xffffffffffffff9c);
    asm volatile("movq $-1, %0; movw (%1), %w0" : "=&r"(r) : "r"(INDEX));
    EXPECT_EQ(r, 0xffffffffffff009c);
    asm volatile("movq $-1, %0; movl (%1), %k0" : "=&r"(r) : "r"(INDEX));
    EXPECT_EQ(r, 0x9c);
    asm volatile("movq (%1), %0" : "=r"(r) : "r"(INDEX));
    EXPECT_EQ(r & 0xff, 0x9c);
    asm volatile("movq $-1, %0; movzbl (%1), %k0" : "=&r"(r) : "r"(INDEX));
    EXPECT_EQ(r, 0x9c);
    asm volatile("movzbq (%1), %0" : "=r"(r) : "r"(INDEX));
    EXPECT_EQ(r, 0x9c);
    asm volatile("movq $-1, %0; movzwl (%1), %k0" : "=&r"(r) : "r"(INDEX));
    EXPECT_EQ(r, 0x9c);
    asm volatile("movsbl (%1), %k0" : "=r"(r) : "r"(INDEX));
    EXPECT_EQ(r, 0xffffff9c);
    asm volatile("movsbq (%1), %0" : "=r"(r) : "r"(INDEX));
    EXPECT_EQ(r, 0xffffffffffffff9c);
    asm volatile("movl $0x1234, %%edx; movb (%1), %%dh; movl %%edx, %k0" : "=r"(r) : "r"(INDEX) : "rdx");
    EXPECT_EQ(r, 0x9c34); /* the second byte of a register */
    return OUTCOME_OK;
}

static enum outcome check_stores(void)
{
    asm volatile("movb %b1, (%0)" : : "r"(INDEX), "q"(0x41) : "memory");
    EXPECT_EQ(index_get(), 0x41);
    asm volatile("movl $0x4300, %%edx; movb %%dh, (%0)" : : "r"(INDEX) : "rdx", "memory");
    EXPECT_EQ(index_get(), 0x43);
    asm volatile("movw %w1, (%0)" : : "r"(INDEX), "r"(0x44) : "memory");
    EXPECT_EQ(index_get(), 0x44);
    asm volatile("movb $0x45, (%0)" : : "r"(INDEX) : "memory");
    EXPECT_EQ(index_get(), 0x45);
    asm volatile("movw $0x46, (%0)" : : "r"(INDEX) : "memory");
    EXPECT_EQ(index_get(), 0x46);
    asm volatile("movl $0x47, (%0)" : : "r"(INDEX) : "memory");
    EXPECT_EQ(index_get(), 0x47);
    asm volatile("movb %%r9b, (%0)"
                 :
                 : "r"(INDEX), "r"(0)
                 : "memory"); /* any value: only its length matters */
    asm volatile("movl %k1, (%0)" : : "r"(COUNT), "r"(0x89abcdef) : "memory");
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x89abcdef);
    asm volatile("movl $0x12345678, (%0)" : : "r"(COUNT) : "memory");
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x12345678);
    return OUTCOME_OK;
}

enum outcome case_mmio_moves(void)
{
    enum outcome outcome = check_loads();
    return outcome == OUTCOME_OK ? check_stores() : outcome;
}

enum outcome case_mmio_arithmetic(void)
{
    uint64_t r;
    index_set(0xf0);
    asm volatile("andb $0x3c, (%0)" : : "r"(INDEX) : "memory", "cc");
    EXPECT_EQ(index_get(), 0x30);
    asm volatile("orb $0x07, (%0)" : : "r"(INDEX) : "memory", "cc");
    EXPECT_EQ(index_get(), 0x37);
    asm volatile("xorb $0xff, (%0)" : : "r"(INDEX) : "memory", "cc");
    EXPECT_EQ(index_get(), 0xc8);
    lapic_write(LAPIC_TIMER_INITIAL, 0xff00ff00);
    asm volatile("andl $0x0ff0fff0, (%0)" : : "r"(COUNT) : "memory", "cc");
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x0f00ff00);
    asm volatile("orl $0x70000001, (%0)" : : "r"(COUNT) : "memory", "cc");
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x7f00ff01);
    asm volatile("xorl $-1, (%0)" : : "r"(COUNT) : "memory", "cc"); /* sign-extended byte */
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x80ff00fe);
    uint8_t zero, sign;
    asm volatile("andl $0, (%2); setz %0; sets %1" : "=q"(zero), "=q"(sign) : "r"(COUNT) : "memory", "cc");
    EXPECT(zero && !sign);
    asm volatile("stc; orl $0x80000000, (%2); setc %0; sets %1"
                 : "=q"(zero), "=q"(sign)
                 : "r"(COUNT)
                 : "memory", "cc");
    EXPECT(!zero && sign); /* flags as the instruction defines them */
    lapic_write(LAPIC_TIMER_INITIAL, 0x11112222);
    asm volatile("movl $0x33334444, %k0; xchgl %k0, (%1)" : "=&r"(r) : "r"(COUNT) : "memory");
    EXPECT_EQ(r, 0x11112222);
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x33334444);
    index_set(0x21);
    asm volatile("movq $-1, %0; movb $0x22, %b0; xchgb %b0, (%1)" : "=&q"(r) : "r"(INDEX) : "memory");
    EXPECT_EQ(r, 0xffffffffffffff21);
    EXPECT_EQ(index_get(), 0x22);
    return OUTCOME_OK;
}

static void move_strings(const volatile void *from, volatile void *to, uint64_t count)
{
    asm volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
}

enum outcome case_mmio_strings(void)
{
    static uint32_t words[8];
    volatile void *to = COUNT;
    uint64_t count = 1;
    asm volatile("stosl" : "+D"(to) : "a"(0x51525354) : "memory");
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x51525354);
    EXPECT_EQ((uintptr_t)to, (uintptr_t)COUNT + 4);
    to = COUNT;
    asm volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(0x61626364) : "memory");
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x61626364);
    EXPECT_EQ(count, 0);
    to = INDEX;
    asm volatile("std; stosb; cld" : "+D"(to) : "a"(0x17) : "memory", "cc");
    EXPECT_EQ(index_get(), 0x17);
    EXPECT_EQ((uintptr_t)to, ioapic_base - 1);
    /* five registers of the local APIC in one go: its ID is the first, its version the last */
    move_strings((const volatile void *)(lapic_base + LAPIC_ID), words, 5);
    EXPECT_EQ(words[0], lapic_read(LAPIC_ID));
    EXPECT_EQ(words[4], lapic_read(LAPIC_VERSION));
    words[0] = 0x71727374;
    move_strings(words, COUNT, 1);
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x71727374);
    move_strings(words, COUNT, 0); /* nothing happens */
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x71727374);
    return OUTCOME_OK;
}

enum outcome case_mmio_addressing(void)
{
    uint64_t r;
    lapic_write(LAPIC_TIMER_INITIAL, 0x01020304);
    asm volatile("movl 0x380(%1), %k0" : "=r"(r) : "r"(lapic_base));
    EXPECT_EQ(r, 0x01020304);
    asm volatile("movl -0x10(%1), %k0" : "=r"(r) : "r"(lapic_base + LAPIC_TIMER_INITIAL + 0x10));
    EXPECT_EQ(r, 0x01020304);
    asm volatile("movl 0x300(%1,%2,8), %k0" : "=r"(r) : "r"(lapic_base), "r"(0x10ul));
    EXPECT_EQ(r, 0x01020304);
    asm volatile("movq %1, %%r12; movl (%%r12), %%r13d; movl %%r13d, %k0"
                 : "=r"(r)
                 : "r"(COUNT)
                 : "r12", "r13");
    EXPECT_EQ(r, 0x01020304); /* base R12 needs a SIB byte */
    asm volatile("movq %1, %%r13; movl (%%r13), %%r15d; movl %%r15d, %k0"
                 : "=r"(r)
                 : "r"(COUNT)
                 : "r13", "r15");
    EXPECT_EQ(r, 0x01020304); /* base R13 needs a displacement */
    asm volatile("movl $0x380, %%edx; movl (%1,%%rdx), %k0" : "=r"(r) : "r"(lapic_base) : "rdx");
    EXPECT_EQ(r, 0x01020304);
    asm volatile("movl (%k1), %k0" : "=r"(r) : "r"(COUNT)); /* 32-bit address */
    EXPECT_EQ(r, 0x01020304);
    if (lapic_base == 0xfee00000) {
        asm volatile("movabsl 0xfee00380, %%eax; movq %%rax, %0" : "=r"(r) : : "rax");
        EXPECT_EQ(r, 0x01020304);
        asm volatile("movl $0x05060708, %%eax; movabsl %%eax, 0xfee00380" : : : "rax", "memory");
        EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x05060708);
    }
    wrmsr(MSR_FS_BASE, lapic_base + 0x300);
    asm volatile("movl %%fs:0x80, %k0" : "=r"(r));
    EXPECT_EQ(r, lapic_read(LAPIC_TIMER_INITIAL));
    /* an instruction that lies across a page boundary */
    asm volatile("jmp 1f; .balign 4096; .skip 4093; 1: movl $0x0a0b0c0d, (%0)" : : "r"(COUNT) : "memory");
    EXPECT_EQ(lapic_read(LAPIC_TIMER_INITIAL), 0x0a0b0c0d);
    return OUTCOME_OK;
}
