/* SPDX-License-Identifier: MIT */
/*
 * Cases: exceptions with their error codes, page faults and page table changes, single step.
 */
#include "test/guest/cases.h"

enum { VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_UD = 6, VECTOR_GP = 13, VECTOR_PF = 14 };

enum outcome case_exceptions(void)
{
    TRAP_TRY("xorl %%eax, %%eax; xorl %%edx, %%edx; xorl %%ecx, %%ecx; divl %%ecx", "i"(0));
    EXPECT_EQ(trap_last.vector, VECTOR_DE);
    TRAP_TRY("ud2", "i"(0));
    EXPECT_EQ(trap_last.vector, VECTOR_UD);
    TRAP_TRY("int3", "i"(0));
    EXPECT_EQ(trap_last.vector, VECTOR_BP);
    TRAP_TRY("movw $0xfff8, %%cx; movw %%cx, %%fs", "i"(0)); /* selector behind the end of the table */
    EXPECT_EQ(trap_last.vector, VECTOR_GP);
    EXPECT_EQ(trap_last.error, 0xfff8);
    TRAP_TRY("movq (%0), %%rcx", "r"(0x8000000000000000ul)); /* not canonical */
    EXPECT_EQ(trap_last.vector, VECTOR_GP);
    EXPECT_EQ(trap_last.error, 0);
    TRAP_TRY("nop", "i"(0));
    EXPECT_EQ(trap_last.vector, TRAP_NONE);
    return OUTCOME_OK;
}

/* A window at 512 GiB with its own tables, so that the identity mapping stays untouched. */
#define WINDOW 0x8000000000ul

enum { PAGE_PRESENT = 1, PAGE_WRITE = 2, PAGE_ACCESSED = 1 << 5, PAGE_DIRTY = 1 << 6 };
#define PAGE_NO_EXECUTE (1ul << 63)

extern uint64_t page_map[512];
static uint64_t window_pointers[512] __attribute__((aligned(4096)));
static uint64_t window_directory[512] __attribute__((aligned(4096)));
static volatile uint64_t window_table[512] __attribute__((aligned(4096)));
static volatile uint64_t page_a[512] __attribute__((aligned(4096)));
static volatile uint64_t page_b[512] __attribute__((aligned(4096)));

static void window_map(unsigned index, volatile void *page, uint64_t flags)
{
    page_map[1] = (uint64_t)window_pointers | PAGE_PRESENT | PAGE_WRITE;
    window_pointers[0] = (uint64_t)window_directory | PAGE_PRESENT | PAGE_WRITE;
    window_directory[0] = (uint64_t)window_table | PAGE_PRESENT | PAGE_WRITE;
    window_table[index] = (uint64_t)page | flags;
    page_invalidate(WINDOW + index * 4096);
}

static volatile uint64_t *window(unsigned index)
{
    uintptr_t address = WINDOW + index * 4096;
    asm("" : "+r"(address)); /* the compiler must not reason about it */
    return (volatile uint64_t *)address;
}

enum outcome case_page_faults(void)
{
    window_map(0, page_a, 0);
    TRAP_TRY("movq (%0), %%rcx", "r"(window(0) + 1));
    EXPECT_EQ(trap_last.vector, VECTOR_PF);
    EXPECT_EQ(trap_last.error, 0);
    EXPECT_EQ(trap_last.address, WINDOW + 8);
    TRAP_TRY("movq %%rcx, (%0)", "r"(window(0) + 511));
    EXPECT_EQ(trap_last.vector, VECTOR_PF);
    EXPECT_EQ(trap_last.error, 2);
    EXPECT_EQ(trap_last.address, WINDOW + 4088);
    window_map(0, page_a, PAGE_PRESENT);
    TRAP_TRY("movq %%rcx, (%0)", "r"(window(0)));
    EXPECT_EQ(trap_last.vector, VECTOR_PF);
    EXPECT_EQ(trap_last.error, 3);
    window_map(0, page_a, PAGE_PRESENT | PAGE_NO_EXECUTE);
    TRAP_TRY("jmpq *%0", "r"(window(0) + 2));
    EXPECT_EQ(trap_last.vector, VECTOR_PF);
    EXPECT_EQ(trap_last.error, 0x11);
    EXPECT_EQ(trap_last.address, WINDOW + 16);
    EXPECT_EQ(trap_last.rip, WINDOW + 16);
    return OUTCOME_OK;
}

enum outcome case_page_tables(void)
{
    page_a[0] = 0xaaaa;
    page_b[0] = 0xbbbb;
    for (unsigned round = 0; round < 100; round++) {
        window_map(1, page_a, PAGE_PRESENT | PAGE_WRITE);
        EXPECT_EQ(*window(1), 0xaaaa);
        EXPECT_EQ(window_table[1] & (PAGE_ACCESSED | PAGE_DIRTY), PAGE_ACCESSED);
        window_map(1, page_b, PAGE_PRESENT | PAGE_WRITE);
        EXPECT_EQ(*window(1), 0xbbbb);
        *window(1) = 0xbbbb;
        EXPECT(window_table[1] & PAGE_DIRTY);
    }
    /* loading CR3 drops everything that is not global */
    window_table[1] = (uint64_t)page_a | PAGE_PRESENT;
    asm volatile("movq %%cr3, %%rax; movq %%rax, %%cr3" : : : "rax", "memory");
    EXPECT_EQ(*window(1), 0xaaaa);
    window_map(1, page_a, 0);
    TRAP_TRY("movq (%0), %%rcx", "r"(window(1)));
    EXPECT_EQ(trap_last.vector, VECTOR_PF);
    /* two virtual pages, one frame */
    window_map(2, page_a, PAGE_PRESENT | PAGE_WRITE);
    window_map(3, page_a, PAGE_PRESENT | PAGE_WRITE);
    *window(2) = 77;
    EXPECT_EQ(*window(3), 77);
    return OUTCOME_OK;
}

static unsigned steps;

static void count_step(struct trap_frame *frame)
{
    if (++steps == 5)
        frame->rflags &= ~0x100ul;
}

/* The trap flag traps after each instruction, also after one that causes an exit. */
enum outcome case_single_step(void)
{
    steps = 0;
    trap_hook[VECTOR_DB] = count_step;
    asm volatile(
        "pushfq; orl $0x100, (%%rsp); popfq; nop; xorl %%eax, %%eax; cpuid; outb %%al, $0x80; nop; nop"
        :
        :
        : "rax", "rbx", "rcx", "rdx", "memory", "cc");
    trap_hook[VECTOR_DB] = NULL;
    EXPECT_EQ(steps, 5);
    return OUTCOME_OK;
}
