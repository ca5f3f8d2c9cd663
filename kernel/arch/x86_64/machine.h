/* SPDX-License-Identifier: MIT */
/* Functions that the files of this folder offer each other, in the order in which boot.c calls them. */
#ifndef KERNEL_ARCH_X86_64_MACHINE_H
#define KERNEL_ARCH_X86_64_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct ec;
struct memory_map;
struct registers;

/* console.c */
void console_init(void);
/* Makes the console work again, for a panic's last words. */
void console_force(void);

/* feature.c: switches on what the processor has (CR0, CR4, EFER, PAT) and notes it in boot_info.features; the second one
   does the same to a further CPU. */
void feature_init(void);
void feature_cpu_init(void);

/* multiboot.c: the boot loader's information: memory map, and modules into boot_info. Panics if it is unusable. */
void multiboot_read(uint32_t magic, uint64_t information, struct memory_map *map);

/* kernel_map.c: the final page table: physmap of all RAM, image W^X, guard pages. */
#define DEVICE_WINDOW 0xffffffffc0000000ull
#define STACK_WINDOW  0xffffffffd0000000ull
#define MAP_WRITE     (1u << 0)
#define MAP_EXECUTE   (1u << 1)
#define MAP_UNCACHED  (1u << 2)
void kernel_map_init(const struct memory_map *map);
/* One page of device registers, mapped uncached for ever. */
volatile uint32_t *device_map(uint64_t physical);
/* The same for a while; NULL: there are too many already. Whoever used one has no translation left when it has been stopped. */
volatile void *device_map_unit(uint64_t physical);
void device_unmap_unit(volatile void *registers);
/* The stacks of one further CPU, at a place of their own below CPU_MAX. */
struct cpu_stacks *kernel_map_stacks(unsigned place);
/* Makes phys_to_virt() work for firmware tables outside RAM. */
void physmap_cover(uint64_t physical, uint64_t size);
uint64_t kernel_page_table(void);
/* Copies the kernel's half into a new page table. */
void kernel_map_share(uint64_t *root);

/* descriptor.c: GDT, TSS, IDT, stacks, GS base and system-call registers of this CPU, whose tables and stacks are in cpu->arch
   unless it is CPU 0. */
void descriptor_init(struct cpu *cpu);

/* acpi.c */
struct madt;
/* Reads the firmware's interrupt description; without ACPI the PC's classical addresses. Sets boot_info.acpi_rsdp and .acpi_root. */
void acpi_read(struct madt *out);

/* apic.c: vectors: exceptions below 32, one for each line (GSIs, messages) from VECTOR_LINE, the CPU's own on top. */
#define VECTOR_LINE     0x30u
#define VECTOR_LINE_END 0xf0u
#define VECTOR_TIMER    0xf0u
#define VECTOR_IPI      0xf1u
#define VECTOR_SPURIOUS 0xffu
/* The boot processor's, and what all have in common; then each other's. */
void apic_init(struct cpu *cpu, const struct madt *madt);
void apic_cpu_init(struct cpu *cpu);
/* This CPU's number in messages; 0 before apic_init(). */
uint32_t apic_id(void);
/* "xAPIC" or "x2APIC", for the log. */
const char *apic_mode(void);
/* In x2APIC mode? */
bool apic_extended(void);
/* Can messages name this CPU? */
bool apic_reaches(uint32_t apic_id);
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint32_t address);
void apic_send_nmi(uint32_t apic_id);
uint32_t apic_timer_count(void);
void apic_eoi(void);

/* ioapic.c */
void ioapic_init(const struct madt *madt);
void line_raised(unsigned line);

/* tsc.c: TSC and APIC timer frequencies. */
struct clock_rates {
    uint64_t tsc_khz;
    uint64_t apic_khz; /* timer ticks with the divider set to 1 */
};
void clock_calibrate(struct clock_rates *out);
void timer_calibrated(const struct clock_rates *rates);
/* Each CPU, after the above. */
void timer_init(struct cpu *cpu);
/* Timer interrupt: true if the time has come. */
bool timer_fired(void);

/* fpu.c: once on the boot processor; then on each. */
void fpu_init(void);
void fpu_cpu_init(struct cpu *cpu);
/* Puts a context's state into the registers, out of any thread's reach; what guests need. */
void fpu_own(struct cpu *cpu, struct ec *context);
/* The same, and lets the thread that runs next use them. */
void fpu_load(struct cpu *cpu, struct ec *context);
void fpu_off(struct cpu *cpu);
/* The host's XCR0, which XSAVE and XRSTOR of a context's area need. */
extern uint64_t fpu_xcr0;

/* entry.S */
_Noreturn void entry_return_fast(struct ec *thread);
_Noreturn void entry_return_full(struct ec *thread);
_Noreturn void entry_idle(uint64_t stack_top);
void entry_syscall(void);
void entry_syscall_compatibility(void);
extern const uint64_t entry_vectors[256];

/* panic.c */
struct panic_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rdx, rcx, rbx, rax;
    uint64_t vector, error_code;
    uint64_t rip, cs, rflags, rsp, ss;
};
_Noreturn void panic_exception(const struct panic_frame *frame);
/* Stops all other CPUs for ever, by NMI. */
void cpus_halt_others(void);

#endif
