/* SPDX-License-Identifier: MIT */
/* What the monitor makes of single exits: events, sleeping, instructions, memory operands, the ends of a guest. */
#include "vmm/test/machine_fixture.h"

#include "test/check.h"

#define CODE      0x1000u
#define DATA      0x3000u
#define RFLAGS_IF (1u << 9)
#define RFLAGS_TF (1u << 8)
#define VALID     VCPU_EVENT_VALID
#define GP        (VALID | VCPU_EVENT_EXCEPTION | VCPU_EVENT_ERROR_CODE | 13u)
#define PF        (VALID | VCPU_EVENT_EXCEPTION | VCPU_EVENT_ERROR_CODE | 14u)
#define VECTOR    0x41u

static struct vcpu_state *const guest = &fake.state;

/* 64-bit code without paging (no processor has that, the monitor does not mind) with interrupts on. */
static void begin(const char *name)
{
    check_begin(name);
    REQUIRE(fixture_build());
    memset(guest, 0, sizeof(*guest));
    guest->rip = CODE;
    guest->rsp = 0x2000;
    guest->rflags = 2 | RFLAGS_IF;
    guest->cr0 = 1;
    guest->xcr0 = 1;
    guest->cs.attributes = 0xa9b;
    guest->ss.attributes = 0xc93;
    lapic_write(&fixture.machine.lapic[0], 0xf0, 4, 0x1ff);
}

static void code(const void *bytes, size_t length)
{
    memset(fixture.ram.low + CODE, 0x90, 16);
    memcpy(fixture.ram.low + CODE, bytes, length);
}

static void message(enum apic_delivery delivery, uint8_t vector)
{
    const struct apic_message m = {.delivery = (uint8_t)delivery, .vector = vector};

    lapic_deliver(&fixture.machine.lapic[0], &m);
}

static bool told(const char *text)
{
    return fixture.stopped && fake.errors == 1 && strstr(fake.error, text);
}

static void test_events(void)
{
    begin("interrupt: injected if it may be, with a window if not");
    message(APIC_FIXED, VECTOR);
    guest->rflags = 2;
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, 0u);
    CHECK_EQ(guest->controls, VCPU_CONTROL_INTERRUPT_WINDOW);
    guest->rflags = 2 | RFLAGS_IF;
    guest->interruptibility = VCPU_BLOCKED_BY_STI;
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, 0u);
    guest->interruptibility = 0;
    CHECK(fixture_exit(VCPU_EXIT_INTERRUPT_WINDOW));
    CHECK_EQ(guest->inject_info, VALID | VECTOR);
    CHECK_EQ(guest->controls, 0);

    begin("interrupted delivery goes first, and unchanged");
    message(APIC_FIXED, VECTOR);
    guest->event_info = PF;
    guest->event_error = 6;
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, PF);
    CHECK_EQ(guest->inject_error, 6);
    CHECK_EQ(guest->controls, VCPU_CONTROL_INTERRUPT_WINDOW);

    begin("an exception of the emulation goes before an interrupt");
    message(APIC_FIXED, VECTOR);
    CHECK(fixture_exit(VCPU_EXIT_RDPMC));
    CHECK_EQ(guest->inject_info, GP);
    CHECK_EQ(guest->rip, CODE);
    CHECK_EQ(guest->controls, VCPU_CONTROL_INTERRUPT_WINDOW);
    guest->event_info = 0;
    CHECK(fixture_exit(VCPU_EXIT_INTERRUPT_WINDOW));
    CHECK_EQ(guest->inject_info, VALID | VECTOR);

    begin("the shadow ends with the emulated instruction");
    code("\x0f\xa2", 2);
    message(APIC_FIXED, VECTOR);
    guest->interruptibility = VCPU_BLOCKED_BY_STI;
    CHECK(fixture_exit(VCPU_EXIT_CPUID));
    CHECK_EQ(guest->rip, CODE + 2);
    CHECK_EQ(guest->interruptibility, 0);
    CHECK_EQ(guest->inject_info, VALID | VECTOR);
}

static void test_nmi(void)
{
    begin("NMI: ahead of interrupts, and not within another");
    message(APIC_NMI, 0);
    message(APIC_FIXED, VECTOR);
    guest->rflags = 2;
    guest->interruptibility = VCPU_BLOCKED_BY_NMI;
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, 0u);
    CHECK_EQ(guest->controls, VCPU_CONTROL_NMI_WINDOW | VCPU_CONTROL_INTERRUPT_WINDOW);
    guest->interruptibility = 0;
    CHECK(fixture_exit(VCPU_EXIT_NMI_WINDOW));
    CHECK_EQ(guest->inject_info, VALID | VCPU_EVENT_NMI | 2);
    CHECK_EQ(guest->controls, VCPU_CONTROL_INTERRUPT_WINDOW);

    begin("NMI behind an exception does not ask for a window that opens at once");
    message(APIC_NMI, 0);
    CHECK(fixture_exit(VCPU_EXIT_RDPMC));
    CHECK_EQ(guest->inject_info, GP);
    CHECK_EQ(guest->controls, VCPU_CONTROL_INTERRUPT_WINDOW);

    begin("NMI wakes a processor");
    code("\xf4", 1);
    CHECK(!fixture_exit(VCPU_EXIT_HLT));
    message(APIC_NMI, 0);
    vcpu_kick(&fixture.vcpu);
    CHECK(fake.running);
    CHECK_EQ(guest->inject_info, VALID | VCPU_EVENT_NMI | 2);

    begin("INIT between two exits ends the machine");
    message(APIC_INIT, 0);
    CHECK_EQ(fixture.machine.stop, MACHINE_RESET_REQUESTED);
    vcpu_kick(&fixture.vcpu);
    CHECK_EQ(fake.recalls, 1);
    CHECK(!fixture_exit(VCPU_EXIT_RECALL));
    CHECK(fixture.stopped);
}

static void test_sleep(void)
{
    begin("HLT: parked until an interrupt");
    code("\xf4", 1);
    CHECK(!fixture_exit(VCPU_EXIT_HLT));
    vcpu_kick(&fixture.vcpu);
    CHECK(fake.parked);
    message(APIC_FIXED, VECTOR);
    vcpu_kick(&fixture.vcpu);
    CHECK(fake.running);
    CHECK_EQ(guest->rip, CODE + 1);
    CHECK_EQ(guest->inject_info, VALID | VECTOR);

    begin("HLT with an interrupt pending does not sleep");
    code("\xf4", 1);
    message(APIC_FIXED, VECTOR);
    guest->interruptibility = VCPU_BLOCKED_BY_STI;
    CHECK(fixture_exit(VCPU_EXIT_HLT));
    CHECK_EQ(guest->inject_info, VALID | VECTOR);

    begin("HLT under single step does not sleep");
    code("\xf4", 1);
    guest->rflags |= RFLAGS_TF;
    CHECK(fixture_exit(VCPU_EXIT_HLT)); /* once more, with DR6 */
    CHECK_EQ(guest->rip, CODE);
    CHECK(fixture_exit(VCPU_EXIT_HLT));
    CHECK_EQ(guest->rip, CODE + 1);
    CHECK_EQ(guest->inject_info, VALID | VCPU_EVENT_EXCEPTION | 1);

    begin("HLT with interrupts off ends the guest and says so");
    code("\xf4", 1);
    guest->rflags = 2;
    CHECK(!fixture_exit(VCPU_EXIT_HLT));
    CHECK(told("HLT with interrupts off"));

    begin("a resume that fails ends the guest");
    code("\xf4", 1);
    CHECK(!fixture_exit(VCPU_EXIT_HLT));
    message(APIC_FIXED, VECTOR);
    fake.write_status = ERR_INVALID;
    vcpu_kick(&fixture.vcpu);
    CHECK(told("cannot resume after HLT"));

    begin("a running processor is recalled once");
    message(APIC_FIXED, VECTOR);
    vcpu_kick(&fixture.vcpu);
    vcpu_kick(&fixture.vcpu);
    CHECK_EQ(fake.recalls, 1);
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, VALID | VECTOR);
}

static void test_instructions(void)
{
    begin("length: told, plain, with prefixes, unknown");
    code("\x0f\xa2", 2);
    guest->instruction_length = 5;
    CHECK(fixture_exit(VCPU_EXIT_CPUID));
    CHECK_EQ(guest->rip, CODE + 5);
    guest->instruction_length = 0;
    guest->rip = CODE;
    guest->rax = 0;
    code("\x66\x0f\xa2", 3);
    CHECK(fixture_exit(VCPU_EXIT_CPUID));
    CHECK_EQ(guest->rip, CODE + 3);
    guest->rip = CODE;
    guest->rax = 0;
    code("\x90", 1);
    CHECK(!fixture_exit(VCPU_EXIT_CPUID));
    CHECK(told("cannot tell the length of the intercepted instruction 90"));

    begin("32-bit code wraps at 4 GiB, 64-bit code does not");
    guest->instruction_length = 2;
    guest->rip = 0xffffffff;
    CHECK(fixture_exit(VCPU_EXIT_IO)); /* once more, with CR0 and CS */
    CHECK(fixture_exit(VCPU_EXIT_IO));
    CHECK_EQ(guest->rip, 0x100000001);
    guest->rip = 0xffffffff;
    guest->cs.attributes = 0xc9b;
    CHECK(fixture_exit(VCPU_EXIT_IO));
    CHECK_EQ(guest->rip, 1);

    begin("single step over an exit");
    code("\x0f\xa2", 2);
    guest->rflags |= RFLAGS_TF | 1u << 16;
    guest->dr6 = 0xffff0ff0;
    CHECK(fixture_exit(VCPU_EXIT_CPUID));
    CHECK_EQ(guest->rip, CODE);
    CHECK(fixture_exit(VCPU_EXIT_CPUID));
    CHECK_EQ(guest->rip, CODE + 2);
    CHECK_EQ(guest->dr6, 0xffff4ff0);
    CHECK_EQ(guest->rflags, 2 | RFLAGS_IF | RFLAGS_TF);
    CHECK_EQ(guest->inject_info, VALID | VCPU_EVENT_EXCEPTION | 1);

    begin("CR8 is the task priority");
    code("\x44\x0f\x22\xc0", 4);
    guest->rax = 5;
    CHECK(fixture_exit(VCPU_EXIT_CR));
    CHECK_EQ(lapic_cr8(&fixture.machine.lapic[0]), 5);
    guest->rip = CODE;
    guest->rax = 16;
    CHECK(fixture_exit(VCPU_EXIT_CR));
    CHECK_EQ(guest->inject_info, GP);
    code("\x44\x0f\x20\xc3", 4);
    CHECK(fixture_exit(VCPU_EXIT_CR));
    CHECK_EQ(guest->rbx, 5);

    begin("XSETBV takes what CPUID offers");
    code("\x0f\x01\xd1", 3);
    guest->rax = 0;
    CHECK(fixture_exit(VCPU_EXIT_XSETBV));
    CHECK_EQ(guest->inject_info, GP);
    guest->rax = 1;
    CHECK(fixture_exit(VCPU_EXIT_XSETBV));
    CHECK_EQ(guest->rip, CODE + 3);
    guest->rip = CODE;
    guest->ss.attributes = 0xcf3;
    CHECK(fixture_exit(VCPU_EXIT_XSETBV));
    CHECK_EQ(guest->inject_info, GP);
}

static bool msr(bool write, uint32_t index, uint64_t value)
{
    code(write ? "\x0f\x30" : "\x0f\x32", 2);
    for (int i = 0; i < 2; i++) { /* the second time with all groups, if the first was not enough */
        guest->rip = CODE;
        guest->rcx = index;
        guest->rax = (uint32_t)value;
        guest->rdx = value >> 32;
        if (!fixture_exit(write ? VCPU_EXIT_WRMSR : VCPU_EXIT_RDMSR))
            return false;
        if (guest->rip != CODE || guest->inject_info)
            break;
    }
    return guest->rip == CODE + 2;
}

static void test_msr(void)
{
    struct kvmclock_time *record;

    begin("EFER: LMA is the processor's, LME stays while paging is on");
    CHECK(msr(true, 0xc0000080, 0x501));
    CHECK_EQ(guest->efer, 0x101);
    guest->cr0 = 0x80000001;
    guest->cr3 = 0x200000;
    guest->efer = 0x500;
    guest->instruction_length = 2;
    CHECK(!msr(true, 0xc0000080, 0));
    CHECK_EQ(guest->inject_info, GP);
    CHECK(msr(true, 0xc0000080, 0x900));
    CHECK_EQ(guest->efer, 0xd00);
    CHECK(!msr(true, 0xc0000080, 1u << 12));

    begin("PAT and unusual groups");
    CHECK(msr(true, 0x277, 0x0606060606060606));
    CHECK_EQ(guest->pat, 0x0606060606060606);
    CHECK(!msr(true, 0x277, 2));
    CHECK_EQ(guest->inject_info, GP);
    fixture.vcpu.cpuid.tsc_aux = true;
    CHECK(msr(true, 0xc0000103, 0x12345678));
    CHECK_EQ(guest->tsc_aux, 0x12345678);
    CHECK(!msr(true, 0xc0000103, 0x100000000));
    CHECK_EQ(guest->inject_info, GP);

    begin("TSC writes move TSC_ADJUST and the time record");
    record = (struct kvmclock_time *)(fixture.ram.low + DATA);
    CHECK(msr(true, MSR_KVM_SYSTEM_TIME_NEW, DATA | 1));
    CHECK(record->tsc_timestamp > 1000000);
    CHECK(msr(true, 0x10, 1000));
    CHECK(record->tsc_timestamp < 1u << 31);
    CHECK_EQ(record->version % 2, 0);
    CHECK_EQ(guest->tsc_offset, fixture.vcpu.tsc_offset);
    CHECK_EQ(fixture.vcpu.tsc_adjust, guest->tsc_offset);
    CHECK(msr(true, 0x3b, 0));
    CHECK_EQ(guest->tsc_offset, 0);
    CHECK(!msr(true, MSR_KVM_SYSTEM_TIME_NEW, (FIXTURE_LOW - 8) | 1));
    CHECK_EQ(fixture.vcpu.clock.system_time, DATA | 1);

    begin("the local APIC stays where it is");
    CHECK(msr(true, 0x1b, 0xfee00800));
    CHECK(!msr(true, 0x1b, 0xfed00800));
    CHECK_EQ(guest->inject_info, GP);
    CHECK(strstr(fake.info, "cannot be moved"));

    begin("where ends of interrupts are told: off, beyond the RAM, not aligned");
    CHECK(msr(true, MSR_KVM_PV_EOI_EN, (FIXTURE_LOW - 4) | 1));
    CHECK(!msr(true, MSR_KVM_PV_EOI_EN, (FIXTURE_LOW - 2) | 1));
    CHECK(!msr(true, MSR_KVM_PV_EOI_EN, FIXTURE_LOW | 1));
    CHECK(!msr(true, MSR_KVM_PV_EOI_EN, DATA | 3));
    CHECK(!msr(true, MSR_KVM_PV_EOI_EN, UINT64_MAX));
    CHECK(msr(false, MSR_KVM_PV_EOI_EN, 0));
    CHECK_EQ(guest->rax, (FIXTURE_LOW - 4) | 1);
    CHECK(msr(true, MSR_KVM_PV_EOI_EN, 0));

    begin("unknown registers: #GP, and only so many lines");
    for (unsigned i = 0; i < 1000; i++)
        CHECK(!msr(false, 0x7777, 0));
    CHECK_EQ(guest->inject_info, GP);
    CHECK(fake.infos <= 101);
}

/* Four-level tables at 2 MiB that map the first 2 MiB one to one, with `rights` on the page DATA. */
static void paging(uint64_t rights)
{
    uint64_t *table = (uint64_t *)(fixture.ram.low + 0x200000);

    memset(table, 0, 4 * 4096);
    for (unsigned i = 0; i < 3; i++)
        table[512 * i] = (0x201000 + 0x1000 * i) | 7;
    for (uint64_t i = 0; i < 512; i++)
        table[512 * 3 + i] = i << 12 | 7;
    table[512 * 3 + DATA / 4096] = DATA | rights;
    guest->cr0 = 0x80010001;
    guest->cr3 = 0x200000;
    guest->cr4 = 0x20;
    guest->efer = 0x500;
}

static bool string(const char *bytes, uint32_t flags)
{
    code(bytes, strlen(bytes));
    guest->rip = CODE;
    guest->rdx = 0x3ff;
    guest->qualification = 0x3ff | VCPU_IO_STRING | flags | 1u << VCPU_IO_WIDTH_SHIFT;
    fixture_exit(VCPU_EXIT_IO);
    if (!fixture.stopped && guest->rip == CODE && !guest->inject_info)
        fixture_exit(VCPU_EXIT_IO);
    return guest->rip != CODE;
}

static void test_strings(void)
{
    begin("OUTS and INS move through memory");
    fixture.ram.low[DATA] = 0x5a;
    guest->rsi = DATA;
    CHECK(string("\x6e", 0));
    CHECK_EQ(guest->rsi, DATA + 1);
    CHECK_EQ(fixture.machine.uart.scr, 0x5a);
    guest->rdi = DATA + 8;
    guest->rcx = 3;
    CHECK(string("\xf3\x6c", VCPU_IO_IN | VCPU_IO_REP));
    CHECK_EQ(guest->rcx, 0);
    CHECK_EQ(guest->rdi, DATA + 11);
    CHECK_EQ(fixture.ram.low[DATA + 10], 0x5a);

    begin("#PF in mid-string keeps what was done");
    paging(0);
    guest->rsi = DATA - 2;
    guest->rcx = 5;
    CHECK(!string("\xf3\x6e", VCPU_IO_REP));
    CHECK_EQ(guest->inject_info, PF);
    CHECK_EQ(guest->inject_error, 0);
    CHECK_EQ(guest->cr2, DATA);
    CHECK_EQ(guest->rcx, 3);
    CHECK_EQ(guest->rsi, DATA);

    begin("INS obeys the rights of the guest's pages");
    paging(1);
    guest->rdi = DATA;
    CHECK(!string("\x6c", VCPU_IO_IN));
    CHECK_EQ(guest->inject_error, 3);
    paging(3);
    CHECK(string("\x6c", VCPU_IO_IN));
    CHECK_EQ(((uint64_t *)(fixture.ram.low + 0x203000))[DATA / 4096], DATA | 0x63);
    guest->ss.attributes = 0xcf3;
    guest->rdi = DATA;
    CHECK(!string("\x6c", VCPU_IO_IN));
    CHECK_EQ(guest->inject_info, PF);
    CHECK_EQ(guest->inject_error, 7);
}

static bool access_at(uint64_t physical, uint64_t qualification)
{
    guest->rip = CODE;
    guest->guest_physical = physical;
    guest->qualification = qualification;
    return fixture_exit(VCPU_EXIT_MEMORY) && guest->rip != CODE;
}

static void test_memory(void)
{
    begin("a device register, by MOV and by MOVS from RAM");
    code("\x89\x03", 2);
    guest->rbx = 0xfee00080;
    guest->rax = 0x30;
    CHECK(access_at(0xfee00080, VCPU_MEMORY_WRITE));
    CHECK_EQ(lapic_cr8(&fixture.machine.lapic[0]), 3);
    code("\xa5", 1);
    guest->rsi = DATA;
    guest->rdi = 0xfee00080;
    memcpy(fixture.ram.low + DATA, "\x70\0\0\0", 4);
    CHECK(access_at(0xfee00080, VCPU_MEMORY_WRITE));
    CHECK_EQ(lapic_cr8(&fixture.machine.lapic[0]), 7);
    CHECK_EQ(guest->rsi, DATA + 4);
    guest->rsi = 0xfee00080;
    guest->rdi = DATA + 8;
    CHECK(access_at(0xfee00080, 0));
    CHECK_EQ(fixture.ram.low[DATA + 8], 0x70);

    begin("where nothing is: ones, and writes vanish");
    code("\x8b\x03", 2);
    guest->rbx = 0x90000000;
    CHECK(access_at(0x90000000, 0));
    CHECK_EQ(guest->rax, 0xffffffff);
    code("\x89\x03", 2);
    CHECK(access_at(0x90000000, VCPU_MEMORY_WRITE));
    CHECK(fixture.machine.mmio.bus.window[0].reads && fixture.machine.mmio.bus.window[0].writes);

    begin("an operand that leaves RAM in its middle");
    memcpy(fixture.ram.low + FIXTURE_LOW - 2, "\x11\x22", 2);
    code("\x8b\x03", 2);
    guest->rbx = FIXTURE_LOW - 2;
    CHECK(access_at(FIXTURE_LOW, 0));
    CHECK_EQ(guest->rax, 0xffff2211);
    code("\x89\x03", 2);
    guest->rax = 0x44332266;
    CHECK(access_at(FIXTURE_LOW, VCPU_MEMORY_WRITE));
    CHECK_EQ(fixture.ram.low[FIXTURE_LOW - 2], 0x66);

    begin("code changed at the same place is decoded anew");
    code("\x8b\x03", 2);
    guest->rbx = 0x90000000;
    CHECK(access_at(0x90000000, 0));
    CHECK_EQ(guest->rip, CODE + 2);
    code("\x66\x8b\x03", 3);
    guest->rax = 0;
    CHECK(access_at(0x90000000, 0));
    CHECK_EQ(guest->rip, CODE + 3);
    CHECK_EQ(guest->rax, 0xffff);

    begin("segments come when they are needed");
    code("\x65\x8b\x03", 3);
    guest->gs.base = 0xfee00000;
    guest->rbx = 0x30;
    CHECK(!access_at(0xfee00030, 0));
    CHECK(!fixture.stopped);
    CHECK(access_at(0xfee00030, 0));
    CHECK_EQ(guest->rax, 0x50014);

    begin("a user's MOVS from a device cannot write to the kernel's page");
    paging(3);
    guest->ss.attributes = 0xcf3;
    code("\xa4", 1);
    guest->rsi = 0x5000; /* mapped there by a stale translation: the exit tells where */
    guest->rdi = DATA;
    ((uint64_t *)(fixture.ram.low + 0x203000))[5] = 0x90000000 | 7;
    CHECK(!access_at(0x90000000, 0));
    CHECK_EQ(guest->inject_info, PF);
    CHECK_EQ(guest->inject_error, 7);
    CHECK_EQ(guest->cr2, DATA);
}

static void test_ends(void)
{
    begin("code where no RAM is");
    CHECK(!access_at(0x90000000, VCPU_MEMORY_EXECUTE));
    CHECK(told("execution at guest-physical 90000000"));
    begin("page tables where no RAM is");
    CHECK(!access_at(0x90000000, VCPU_MEMORY_TABLE_WALK));
    CHECK(told("page table at guest-physical 90000000"));
    begin("a stack where no RAM is");
    guest->event_info = VALID | VCPU_EVENT_EXCEPTION | 6;
    CHECK(!access_at(0x90000000, VCPU_MEMORY_WRITE));
    CHECK(told("delivery of an interrupt or exception at guest-physical 90000000"));
    begin("an instruction that reaches into an unmapped page");
    paging(3);
    guest->instruction_length = 0;
    ((uint64_t *)(fixture.ram.low + 0x203000))[2] = 0;
    memcpy(fixture.ram.low + 0x1ffe, "\x8b\x83", 2);
    guest->rip = 0x1ffe;
    guest->guest_physical = 0x90000000;
    CHECK(!fixture_exit(VCPU_EXIT_MEMORY));
    CHECK(told("cannot emulate 8b 83"));
    begin("triple fault");
    guest->rip = 0x1234;
    CHECK(!fixture_exit(VCPU_EXIT_TRIPLE_FAULT));
    CHECK(told("triple fault (cs 0 rip 1234"));
    begin("reset by port 0xcf9");
    guest->instruction_length = 2;
    guest->qualification = 0xcf9 | 1u << VCPU_IO_WIDTH_SHIFT;
    guest->rax = 6;
    CHECK(!fixture_exit(VCPU_EXIT_IO));
    CHECK_EQ(fixture.machine.stop, MACHINE_RESET_REQUESTED);
    CHECK(fixture.stopped && !fake.errors);
}

static void transmit(const char *text)
{
    for (; *text; text++)
        uart16550_write(&fixture.machine.uart, 0, 1, (uint8_t)*text);
}

static bool transmit_ready(void)
{
    return uart16550_read(&fixture.machine.uart, 5, 1) & 0x20;
}

static void test_console(void)
{
    struct terminal_client *terminal = &fixture.console.terminal;

    begin("console: lines go out at once, the rest after a moment");
    transmit("one\ntwo");
    CHECK_EQ(fake.output_length, 4);
    REQUIRE(console_deadline(&fixture.console) < 2000000);
    fixture_expire(1000000);
    CHECK(fake.output_length == 7 && !memcmp(fake.output, "one\ntwo", 7));

    begin("console: a slow terminal holds the guest, and nothing is lost");
    fake.output_room = 0;
    unsigned sent = 0;
    for (; transmit_ready() && sent < 2 * CONSOLE_BUFFER; sent++)
        transmit((const char[2]){(char)('a' + sent % 26), 0});
    CHECK_EQ(sent, CONSOLE_BUFFER + 1);
    for (unsigned i = 0; i < 200; i++) {
        fake.output_room = 100 < sizeof(fake.output) - fake.output_length ? 100 : 0;
        terminal->changed(terminal);
    }
    CHECK(transmit_ready());
    CHECK_EQ(fake.output_length, sent);
    bool same = true;
    for (unsigned i = 0; i < sent; i++)
        same &= fake.output[i] == (char)('a' + i % 26);
    CHECK(same);

    begin("console: room that comes with the byte that fills the buffer");
    fake.output_room = 0;
    for (unsigned i = 0; i < CONSOLE_BUFFER - 1; i++)
        transmit("x");
    fake.output_room = sizeof(fake.output);
    transmit("y");
    CHECK_EQ(fake.output_length, CONSOLE_BUFFER);
    CHECK(transmit_ready());

    begin("console: nobody listens, the guest goes on");
    fake.terminal_status = ERR_PEER_GONE;
    for (unsigned i = 0; i < 3 * CONSOLE_BUFFER; i++)
        transmit("x");
    CHECK(transmit_ready());

    begin("console: a terminal that died with a full buffer does not hold the guest for ever");
    fake.output_room = 0;
    while (transmit_ready())
        transmit("x");
    fixture_expire(1000000000);
    CHECK(!transmit_ready());
    fake.terminal_gone = true;
    fixture_expire(1000000000);
    CHECK(transmit_ready());
    CHECK_EQ(fake.terminal_closes, 1);
    for (unsigned i = 0; i < 3 * CONSOLE_BUFFER; i++)
        transmit("x");
    CHECK(transmit_ready());

    begin("console: a new terminal in place of the dead one gets what comes from then on");
    fake.terminal_gone = true;
    fixture_expire(1000000000);
    transmit("lost\n");
    fake.terminal_gone = false;
    fixture_expire(1000000000);
    transmit("kept\n");
    CHECK(fake.output_length == 5 && !memcmp(fake.output, "kept\n", 5));
    CHECK_EQ(fake.terminal_closes, 1);

    begin("console: a flood of input waits for its reader");
    static const char flood[100] = "0123456789abcdefghij";
    uart16550_write(&fixture.machine.uart, 2, 1, 1);
    fake.input_opt = flood;
    fake.input_length = 20;
    terminal->changed(terminal);
    CHECK_EQ(fake.input_length, 4);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_EQ(uart16550_read(&fixture.machine.uart, 0, 1), (uint8_t)flood[i]);
        console_poll(&fixture.console);
    }
    CHECK_EQ(fake.input_length, 0);
}

int main(void)
{
    test_events();
    test_nmi();
    test_sleep();
    test_instructions();
    test_msr();
    test_strings();
    test_memory();
    test_ends();
    test_console();
    return check_finish();
}
