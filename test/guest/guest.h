/* SPDX-License-Identifier: MIT */
/*
 * The test guest's own small runtime: console, traps, time, interrupt controllers, ACPI, and what a case looks like.
 *
 * A case is a function that returns an outcome. It starts with interrupts disabled and every interrupt source masked
 * (platform_quiet), and may leave everything in disorder. EXPECT returns from it at the first thing that is wrong. An
 * exception that a case did not announce by trap_arm ends only that case.
 */
#ifndef TEST_GUEST_GUEST_H
#define TEST_GUEST_GUEST_H

#include "test/guest/machine.h"

enum outcome { OUTCOME_OK, OUTCOME_FAIL, OUTCOME_SKIP };

#define EXPECT(condition)                                     \
    do {                                                      \
        if (!(condition))                                     \
            return case_fail(__FILE__, __LINE__, #condition); \
    } while (0)

#define EXPECT_EQ(actual, expected)                                                  \
    do {                                                                             \
        uint64_t actual_ = (uint64_t)(actual), expected_ = (uint64_t)(expected);     \
        if (actual_ != expected_)                                                    \
            return case_fail_equal(__FILE__, __LINE__, #actual, actual_, expected_); \
    } while (0)

enum outcome case_fail(const char *file, int line, const char *what);
enum outcome case_fail_equal(const char *file, int line, const char *what, uint64_t actual,
                             uint64_t expected);
enum outcome case_skip(const char *reason);
enum outcome case_call(enum outcome (*function)(void));

/* console.c: COM1, polled */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void console_init(void);

/* text.c */
bool text_starts_with(const char *text, const char *prefix);
bool bytes_equal(const void *a, const void *b, size_t size);
void *memset(void *to, int value, size_t size);
void *memcpy(void *to, const void *from, size_t size);

/* trap.c */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* What the last announced exception was; vector is TRAP_NONE until one came. */
struct trap_record {
    uint64_t vector, error, address, rip;
};

enum {
    VECTOR_PIC = 0x20, /* 16 vectors */
    VECTOR_LOW = 0x40,
    VECTOR_MIDDLE = 0x60,
    VECTOR_HIGH = 0x80,
    VECTOR_TIMER = 0x50,
    VECTOR_SPURIOUS = 0xff,
    TRAP_NONE = 0x100,
};

extern volatile uint64_t trap_resume; /* where an announced exception continues; 0: none is announced */
extern struct trap_record trap_last;
extern volatile uint32_t trap_count[256];
extern void (*trap_hook[256])(struct trap_frame *frame);
extern uint8_t trap_log[64]; /* vectors of interrupts in order of arrival */
extern volatile uint32_t trap_log_length;
void trap_init(void);
void trap_load(void); /* the same vectors on this processor */
void trap_reset(void);
void trap_dispatch(struct trap_frame *frame);

/* Run instructions that may raise an exception; afterwards trap_last tells. Uses RAX; operands must avoid it. */
#define TRAP_TRY(instructions, ...)                                                              \
    do {                                                                                         \
        trap_last.vector = TRAP_NONE;                                                            \
        asm volatile("leaq 77f(%%rip), %%rax\n\tmovq %%rax, trap_resume(%%rip)\n\t" instructions \
                     "\n77:\n\tmovq $0, trap_resume(%%rip)"                                      \
                     :                                                                           \
                     : __VA_ARGS__                                                               \
                     : "rax", "rcx", "rdx", "memory", "cc");                                     \
    } while (0)

/* acpi.c */
struct acpi_info {
    uint64_t rsdp;
    unsigned tables;     /* found under the root table, checksums right */
    unsigned bad_tables; /* checksum wrong */
    bool has_fadt, has_madt, has_dsdt;
    uint16_t pm_timer_port; /* 0: none */
    bool pm_timer_32bit;
    uint16_t pm1_control_port;   /* 0: none */
    uint16_t sleep_control_port; /* of a hardware-reduced platform; 0: none */
    uint8_t sleep_type;          /* SLP_TYP of \_S5 */
    bool has_sleep_type;
    uint32_t lapic_address, lapic_count;
    uint32_t second_lapic; /* ID of the second one */
    uint32_t ioapic_address, ioapic_base;
    uint32_t override_pin[16]; /* IOAPIC pin of each ISA interrupt */
    uint16_t override_flags[16];
};
extern struct acpi_info acpi;
void acpi_scan(uint64_t rsdp);
bool acpi_sum_is_zero(uint64_t address, uint32_t size);

/* start_info.c: copies what the loader told, before anything may overwrite it */
struct memory_range {
    uint64_t base, size;
    uint32_t type, reserved;
};
struct start_info_copy {
    uint32_t magic, version, flags, modules;
    uint64_t rsdp;
    uint32_t range_count;
    struct memory_range ranges[32];
    char command_line[256];
};
extern struct start_info_copy start_info;
void start_info_read(void);
const char *command_line_value_opt(const char *name);
bool memory_is_ram(uint64_t base, uint64_t size);

/* time.c */
extern uint64_t tsc_khz;
void time_init(void);
uint64_t time_after_ms(unsigned milliseconds); /* TSC value */
bool time_passed(uint64_t tsc);
void time_delay_us(unsigned microseconds);
bool wait_for(const volatile uint32_t *counter, uint32_t value, unsigned milliseconds);

/* controller.c */
enum {
    LAPIC_ID = 0x20,
    LAPIC_VERSION = 0x30,
    LAPIC_TPR = 0x80,
    LAPIC_PPR = 0xa0,
    LAPIC_EOI = 0xb0,
    LAPIC_LDR = 0xd0,
    LAPIC_SVR = 0xf0,
    LAPIC_ISR = 0x100,
    LAPIC_IRR = 0x200,
    LAPIC_ICR_LOW = 0x300,
    LAPIC_ICR_HIGH = 0x310,
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_LVT_LINT0 = 0x350,
    LAPIC_LVT_LINT1 = 0x360,
    LAPIC_TIMER_INITIAL = 0x380,
    LAPIC_TIMER_CURRENT = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
    LVT_MASKED = 1 << 16,
    LVT_PERIODIC = 1 << 17,
    LVT_TSC_DEADLINE = 2 << 17,
    LVT_EXTERNAL = 7 << 8,
    ICR_SELF = 1 << 18,
    IOAPIC_LEVEL = 1 << 15,
    IOAPIC_LOW_ACTIVE = 1 << 13,
    IOAPIC_REMOTE_IRR = 1 << 14,
    IOAPIC_MASKED = 1 << 16,
};
extern uintptr_t lapic_base, ioapic_base;
void platform_init(void);
void platform_quiet(void);
uint32_t lapic_read(uint32_t offset);
void lapic_write(uint32_t offset, uint32_t value);
bool lapic_vector_pending(uint32_t bank, uint8_t vector);
uint32_t ioapic_read(uint8_t index);
void ioapic_write(uint8_t index, uint32_t value);
void ioapic_route_isa(unsigned irq, uint8_t vector); /* as ACPI describes the pin; unmasked */
unsigned ioapic_pin(unsigned irq);
void pic_set_mask(uint16_t mask);
void pit_start(uint8_t mode, uint16_t divisor);

/* power.c */
_Noreturn void power_off(void);
_Noreturn void power_reset(void);

/* demo.c: what the command line's test= can ask for besides the cases */
bool demo_run(const char *name);
void demo_hostile(uint64_t seed);
_Noreturn void demo_wild(uint64_t seed);

#endif
