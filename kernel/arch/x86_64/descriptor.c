/* SPDX-License-Identifier: MIT */
/* GDT, TSS, IDT and the system-call registers: how this CPU enters the kernel. */
#include "kernel/arch/x86_64/descriptor.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/stack.h"
#include "kernel/cpu.h"

struct idt_gate {
    uint16_t offset_low, selector;
    uint8_t ist, attributes;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "SDM vol. 3, 6.14.1");

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

#define GATE_INTERRUPT 0x8e
#define GATE_USER      0x60 /* DPL 3: INT n may name it */
#define VECTOR_NMI     2
#define VECTOR_BP      3
#define VECTOR_DF      8
#define VECTOR_MC      18

/* SYSCALL clears these: IF, DF, TF, AC, NT, IOPL, RF, VM, ID, and the arithmetic flags with them. */
#define SYSCALL_MASK 0x3f7fd5ull

static struct idt_gate idt[256];
static struct cpu_tables boot_tables;
struct cpu_stacks boot_stacks __attribute__((section(".stacks,\"aw\",@nobits#"), aligned(4096)));

static void idt_fill(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t entry = entry_vectors[i];
        struct idt_gate *gate = &idt[i];

        gate->offset_low = (uint16_t)entry;
        gate->offset_middle = (uint16_t)(entry >> 16);
        gate->offset_high = (uint32_t)(entry >> 32);
        gate->selector = SELECTOR_KERNEL_CODE;
        gate->attributes = GATE_INTERRUPT;
    }
    idt[VECTOR_BP].attributes |= GATE_USER;
    idt[VECTOR_NMI].ist = 1;
    idt[VECTOR_DF].ist = 2;
    idt[VECTOR_MC].ist = 3;
}

static void tss_fill(struct tss *t, struct cpu_stacks *stacks)
{
    uint64_t top = (uint64_t)(stacks->main + sizeof(stacks->main));

    t->rsp0_low = (uint32_t)top;
    t->rsp0_high = (uint32_t)(top >> 32);
    for (unsigned i = 0; i < CPU_IST_STACKS; i++) {
        uint64_t ist = (uint64_t)(stacks->ist[i].stack + sizeof(stacks->ist[i].stack));

        t->ist[i][0] = (uint32_t)ist;
        t->ist[i][1] = (uint32_t)(ist >> 32);
    }
    t->iomap_base = TSS_IOMAP_NONE;
    for (unsigned i = 0; i < sizeof(t->iomap_end); i++)
        t->iomap_end[i] = 0xff;
}

static void gdt_load(uint64_t *table, const struct tss *t)
{
    uint64_t base = (uint64_t)t, limit = sizeof(*t) - 1;
    struct table_pointer pointer = {8 * 8 - 1, (uint64_t)table};

    table[1] = 0x00209b0000000000; /* kernel code, 64-bit */
    table[2] = 0x0000930000000000; /* kernel data */
    table[4] = 0x0000f30000000000; /* user data */
    table[5] = 0x0020fb0000000000; /* user code, 64-bit */
    table[6] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    table[7] = base >> 32;
    asm volatile("lgdt %0" : : "m"(pointer));
    asm volatile("pushq %0; lea 1f(%%rip), %%rax; pushq %%rax; lretq; 1:"
                 :
                 : "i"(SELECTOR_KERNEL_CODE)
                 : "rax", "memory");
    asm volatile("mov %0, %%ss" : : "r"(SELECTOR_KERNEL_DATA) : "memory");
    asm volatile("ltr %w0" : : "r"(SELECTOR_TSS) : "memory");
}

void descriptor_init(struct cpu *cpu)
{
    struct table_pointer pointer = {sizeof(idt) - 1, (uint64_t)idt};

    if (cpu->id == 0) {
        idt_fill();
        cpu->arch.tables = &boot_tables;
        cpu->arch.stacks = &boot_stacks;
    }
    cpu->arch.tss = &cpu->arch.tables->tss;
    tss_fill(cpu->arch.tss, cpu->arch.stacks);
    gdt_load(cpu->arch.tables->gdt, cpu->arch.tss);
    asm volatile("lidt %0" : : "m"(pointer));
    asm volatile("lldt %w0" : : "r"(0));

    cpu->self = cpu;
    cpu->stack_top = (uint64_t)(cpu->arch.stacks->main + sizeof(cpu->arch.stacks->main));
    cpu->arch.cr3 = cr3_read();
    msr_write(MSR_GS_BASE, (uint64_t)cpu);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    msr_write(MSR_FS_BASE, 0);
    msr_write(MSR_STAR, (uint64_t)SELECTOR_SYSRET << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    msr_write(MSR_LSTAR, (uint64_t)entry_syscall);
    msr_write(MSR_CSTAR, (uint64_t)entry_syscall_compatibility);
    msr_write(MSR_SFMASK, SYSCALL_MASK);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE);
}
