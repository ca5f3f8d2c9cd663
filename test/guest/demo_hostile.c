/* SPDX-License-Identifier: MIT */
/*
 * A guest that means harm: test=hostile-SEED does random things to every device model and to the decoder of the monitor,
 * in rounds of the same kinds: port reads and writes of all widths, string port accesses, local APIC, I/O APIC and
 * addresses where nothing is, with instructions made at random, model-specific registers, CPUID leaves.
 *
 * Exceptions are expected everywhere. What would only switch this machine off or take away its console is left out.
 * test=wild-SEED leaves nothing out and runs random bytes, so how it ends is open, if it ends.
 */
#include "test/guest/guest.h"

#define ROUNDS      40u
#define ACCESSES    1500u
#define STREAM_SIZE 48u
#define PORT_UNUSED 0x5000u

extern uint64_t hostile_stack;
uint64_t hostile_stack; /* rsp across an instruction made at random */

static uint64_t state;
/* Named in assembly, so not static. */
extern uint8_t hostile_stream[STREAM_SIZE];
uint8_t hostile_stream[STREAM_SIZE] __attribute__((aligned(16)));
static unsigned long faults, done;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t below(uint64_t end)
{
    return (random64() >> 11) % end;
}

static uint64_t any_value(void)
{
    static const uint64_t values[] = {0, 1, 0xff, 0x80, 0x7fffffff, 0xffffffff, UINT64_MAX, 0xfffffff0};

    return below(2) ? values[below(8)] : random64();
}

static void count(void)
{
    done++;
    faults += trap_last.vector != TRAP_NONE;
}

/* ---- ports ---- */

/* Reset, power, keyboard controller's reset line and the console, also where the last of four bytes goes. */
static bool ends_machine(uint16_t port)
{
    const uint16_t ends[] = {PORT_RESET,
                             0x92,
                             0x64,
                             acpi.pm1_control_port,
                             (uint16_t)(acpi.pm1_control_port + 1),
                             acpi.sleep_control_port};

    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (ends[i] && port <= ends[i] && port + 3 >= ends[i])
            return true;
    return port >= 0x3f0 && port < 0x400;
}

static uint16_t any_port(void)
{
    static const uint16_t known[] = {0x20, 0xa0, 0x40,  0x43,  0x60,  0x70,  0x80,
                                     0xc0, 0x61, 0xcf8, 0xcfc, 0x600, 0x4d0, 0x71};
    uint16_t port = below(4) ? (uint16_t)(known[below(14)] + below(8)) : (uint16_t)random64();

    return ends_machine(port) ? PORT_UNUSED : port;
}

static void port_access(void)
{
    uint64_t port = any_port(), value = any_value();
    uint64_t buffer = (uint64_t)&hostile_stream[0];

    switch (below(8)) {
    case 0: TRAP_TRY("mov %[p], %%rdx; inb %%dx, %%al", [p] "r"(port)); break;
    case 1: TRAP_TRY("mov %[p], %%rdx; inw %%dx, %%ax", [p] "r"(port)); break;
    case 2: TRAP_TRY("mov %[p], %%rdx; inl %%dx, %%eax", [p] "r"(port)); break;
    case 3:
        TRAP_TRY("mov %[p], %%rdx; mov %[v], %%rax; outb %%al, %%dx", [p] "r"(port), [v] "r"(value));
        break;
    case 4:
        TRAP_TRY("mov %[p], %%rdx; mov %[v], %%rax; outw %%ax, %%dx", [p] "r"(port), [v] "r"(value));
        break;
    case 5:
        TRAP_TRY("mov %[p], %%rdx; mov %[v], %%rax; outl %%eax, %%dx", [p] "r"(port), [v] "r"(value));
        break;
    case 6:
        TRAP_TRY("push %%rsi; mov %[p], %%rdx; mov %[b], %%rsi; mov $5, %%ecx; rep outsb; pop %%rsi",
                 [p] "r"(port), [b] "r"(buffer));
        break;
    default:
        TRAP_TRY("push %%rdi; mov %[p], %%rdx; mov %[b], %%rdi; mov $5, %%ecx; rep insb; pop %%rdi",
                 [p] "r"(port), [b] "r"(buffer));
    }
    count();
}

/* ---- registers ---- */

static void register_access(void)
{
    static const uint32_t known[] = {0x10,  0x11,       0x17,       0x3a,       0x3b,       0x8b,
                                     0xfe,  0x174,      0x175,      0x176,      0x1a0,      0x200,
                                     0x277, 0x2ff,      0x6e0,      0x800,      0x802,      0x80b,
                                     0x830, 0xc0000081, 0xc0000084, 0xc0000103, 0xc0010015, 0xc0010117,
                                     0x400, 0x4b564d02, 0x40000000, 0xc001001f};
    uint64_t index = below(3) ? known[below(sizeof(known) / 4)] : (uint32_t)random64();
    uint64_t value = any_value(), leaf = below(2) ? below(0x20) : any_value();

    if (index == MSR_EFER || index == MSR_APIC_BASE || index == 0x830)
        return; /* the guest would only saw off its own branch */
    switch (below(3)) {
    case 0: TRAP_TRY("mov %[i], %%rcx; rdmsr", [i] "r"(index)); break;
    case 1:
        TRAP_TRY("mov %[i], %%rcx; mov %[v], %%rax; mov %[v], %%rdx; shr $32, %%rdx; wrmsr", [i] "r"(index),
                 [v] "r"(value));
        break;
    default:
        TRAP_TRY(
            "push %%rbx; mov %[l], %%rax; mov %[v], %%rcx; cpuid; pop %%rbx", [l] "r"(leaf), [v] "r"(value));
    }
    count();
}

/* ---- instructions at device memory ---- */

static uint64_t any_device_address(void)
{
    switch (below(5)) {
    case 0: return ioapic_base + below(0x40);
    case 1: return ioapic_base + (below(2) << 4);
    case 2: return 0xfed00000 + below(0x400000);
    default: {
        uint64_t offset = below(0x400);

        if (offset >= LAPIC_ICR_LOW - 8 && offset < LAPIC_ICR_HIGH)
            offset = LAPIC_VERSION; /* an INIT to itself ends the machine */
        return lapic_base + offset;
    }
    }
}

/* What a group's opcode takes in the register field, the others take anything but the stack pointer. */
static unsigned any_field(uint8_t opcode, bool extended)
{
    unsigned field = (unsigned)below(8);

    if (extended)
        return opcode == 0xba ? 4 + field / 2 : field == 4 ? 3 : field;
    switch (opcode) {
    case 0xc6:
    case 0xc7: return 0;
    case 0xf6:
    case 0xf7: return field < 4 ? 0 : field < 6 ? 2 : 3;
    case 0xfe: return field & 1;
    default: return field == 4 ? 3 : field;
    }
}

static uint8_t any_of(const uint8_t *bytes, unsigned number)
{
    return bytes[below(number)];
}

/* One instruction with a memory operand that the processor takes, then INT3s. Or anything at all. */
static void stream_make(bool wild)
{
    static const uint8_t prefixes[] = {0x66, 0x2e, 0x3e, 0x67};
    static const uint8_t simple[] = {0x00, 0x01, 0x02, 0x03, 0x08, 0x0b, 0x10, 0x13, 0x18, 0x1b, 0x20, 0x23,
                                     0x28, 0x2b, 0x30, 0x33, 0x38, 0x3b, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86,
                                     0x87, 0x88, 0x89, 0x8a, 0x8b, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe};
    static const uint8_t extended[] = {0xb6, 0xb7, 0xbe, 0xbf, 0xb0, 0xb1, 0xc0, 0xc1, 0xba};
    static const uint8_t strings[] = {0xaa, 0xab, 0xac, 0xad};
    unsigned at = 0, rm = (unsigned)below(8);
    bool two = below(3) == 0;
    uint8_t opcode = two ? any_of(extended, sizeof(extended)) : any_of(simple, sizeof(simple));

    for (unsigned i = 0; i < STREAM_SIZE; i++)
        hostile_stream[i] = wild && i < 15 ? (uint8_t)random64() : 0xcc;
    if (wild)
        return;
    if (below(3) == 0)
        hostile_stream[at++] = any_of(prefixes, sizeof(prefixes));
    if (below(2))
        hostile_stream[at++] = (uint8_t)(0x40 | below(16));
    if (below(6) == 0) {
        hostile_stream[at] = any_of(strings, sizeof(strings));
        return;
    }
    if (two)
        hostile_stream[at++] = 0x0f;
    hostile_stream[at++] = opcode;
    hostile_stream[at] = (uint8_t)(any_field(opcode, two) << 3 | (rm == 4 || rm == 5 ? 6 : rm));
    /* An immediate, where there is one, is made of the INT3s. */
}

/* All registers but the stack pointer hold the address, a few of them small numbers. */
static void stream_run(uint64_t address)
{
    trap_last.vector = TRAP_NONE;
    asm volatile("push %%rbp\n\t push %%rbx\n\t mov %%rsp, hostile_stack(%%rip)\n\t"
                 "lea 77f(%%rip), %%rcx\n\t mov %%rcx, trap_resume(%%rip)\n\t"
                 "mov $3, %%ecx\n\t mov %%rax, %%rdx\n\t mov %%rax, %%rbx\n\t mov %%rax, %%rbp\n\t"
                 "mov %%rax, %%rsi\n\t mov %%rax, %%rdi\n\t mov %%rax, %%r8\n\t mov %%rax, %%r9\n\t"
                 "mov %%rax, %%r10\n\t mov %%rax, %%r11\n\t mov %%rax, %%r12\n\t mov %%rax, %%r13\n\t"
                 "mov %%rax, %%r14\n\t mov %%rax, %%r15\n\t"
                 "jmp hostile_stream\n\t"
                 "77:\n\t mov hostile_stack(%%rip), %%rsp\n\t movq $0, trap_resume(%%rip)\n\t"
                 "cld\n\t pop %%rbx\n\t pop %%rbp"
                 : "+a"(address)
                 :
                 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
                   "cc");
    count();
}

/* ---- all of it ---- */

static void hostile_round(bool wild)
{
    for (unsigned i = 0; i < ACCESSES; i++) {
        switch (below(4)) {
        case 0: port_access(); break;
        case 1: register_access(); break;
        default: stream_make(wild); stream_run(any_device_address());
        }
    }
}

void demo_hostile(uint64_t seed)
{
    state = seed * 2 + 1;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        hostile_round(false);
        interrupts_disable();
        print("guest: hostile round %u, %lu accesses, %lu exceptions\n", round, done, faults);
    }
}

_Noreturn void demo_wild(uint64_t seed)
{
    state = seed * 2 + 1;
    print("guest: hostile without limits\n");
    for (;;)
        hostile_round(true);
}
