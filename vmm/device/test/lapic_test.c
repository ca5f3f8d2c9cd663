/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: registers, priorities, EOI, LVT, errors, timer in its three modes, IPIs between two, MSRs.
 */
#include "vmm/device/lapic/lapic.h"
#include "vmm/device/test/fixture.h"

enum {
    ID = 0x20,
    TPR = 0x80,
    PPR = 0xa0,
    EOI = 0xb0,
    LDR = 0xd0,
    DFR = 0xe0,
    SVR = 0xf0,
    ISR = 0x100,
    IRR = 0x200,
    ESR = 0x280,
    ICR = 0x300,
    ICR2 = 0x310,
    TIMER = 0x320,
    LINT0 = 0x350,
    LINT1 = 0x360,
    ERROR_LVT = 0x370,
    INITIAL = 0x380,
    CURRENT = 0x390,
    DIVIDE = 0x3e0,
};

#define TSC_KHZ 2500000ull

static struct apic_bus bus;
static struct lapic cpu[2];
static unsigned events[2][5];
static uint8_t event_vector;
static uint64_t tsc_offset;

static void notify(void *context, enum lapic_event event, uint8_t vector)
{
    events[*(unsigned *)context][event]++;
    event_vector = vector;
}

static uint64_t tsc_now(void *context)
{
    (void)context;
    return fixture_ns * 5 / 2 + tsc_offset;
}

static uint32_t get(unsigned offset)
{
    return (uint32_t)lapic_read(&cpu[0], offset, 4);
}

static void put(unsigned offset, uint32_t value)
{
    lapic_write(&cpu[0], offset, 4, value);
}

static void setup(void)
{
    static unsigned number[2] = {0, 1};

    fixture_ns = 1000000;
    tsc_offset = 0;
    memset(events, 0, sizeof(events));
    apic_bus_init(&bus);
    for (unsigned i = 0; i < 2; i++) {
        struct lapic_dependencies with = {&bus, fixture_clock, {tsc_now, NULL, TSC_KHZ}, notify, &number[i]};

        lapic_init(&cpu[i], (uint8_t)i, i == 0, &with);
        REQUIRE(apic_bus_add_local(&bus, &cpu[i]) == OK);
        lapic_write(&cpu[i], SVR, 4, 0x1ff);
        lapic_write(&cpu[i], LDR, 4, 0x01000000u << i);
    }
}

static void self(uint8_t vector)
{
    put(ICR, 0x40000u | vector);
}

static void test_registers(void)
{
    CASE("power-up values");
    setup();
    lapic_init(&cpu[0], 0, true, &cpu[0].with);
    CHECK_EQ(get(0x30), 0x00050014);
    CHECK_EQ(get(SVR), 0xff);
    CHECK_EQ(get(DFR), 0xffffffff);
    CHECK_EQ(get(LDR), 0);
    for (unsigned lvt = TIMER; lvt <= ERROR_LVT; lvt += 0x10)
        CHECK_EQ(get(lvt), 0x10000);
    CHECK_EQ(lapic_read(&cpu[1], ID, 4), 0x01000000);

    CASE("LVT cannot be unmasked while software-disabled; disabling masks");
    put(LINT0, 0x700);
    CHECK_EQ(get(LINT0), 0x10700);
    put(SVR, 0x1ff);
    put(LINT0, 0x700);
    CHECK_EQ(get(LINT0), 0x700);
    put(SVR, 0xff);
    CHECK_EQ(get(LINT0), 0x10700);

    CASE("narrow reads; writes of any width but four are ignored");
    setup();
    CHECK_EQ(lapic_read(&cpu[0], SVR + 1, 1), 1);
    CHECK_EQ(lapic_read(&cpu[0], SVR + 4, 4), 0);
    lapic_write(&cpu[0], TPR, 1, 0x20);
    lapic_write(&cpu[0], TPR + 4, 4, 0x20);
    CHECK_EQ(get(TPR), 0);

    CASE("virtual wire: ExtINT on LINT0 reaches the processor while its entry is unmasked");
    lapic_set_virtual_wire(&cpu[0]);
    lapic_set_lint(&cpu[0], 0, true);
    CHECK(lapic_extint_pending(&cpu[0]));
    CHECK_EQ(events[0][LAPIC_INTERRUPT], 1);
    put(LINT0, 0x10700);
    CHECK(!lapic_extint_pending(&cpu[0]));
    lapic_set_lint(&cpu[0], 1, true);
    CHECK_EQ(events[0][LAPIC_NMI], 1);
}

static void test_priorities(void)
{
    CASE("highest vector first; a class in service blocks itself and what is below");
    setup();
    self(0x41);
    self(0x45);
    self(0x91);
    CHECK_EQ(lapic_pending(&cpu[0]), 0x91);
    CHECK_EQ(lapic_acknowledge(&cpu[0]), 0x91);
    CHECK_EQ(get(PPR), 0x90);
    CHECK_EQ(get(ISR + 0x40), 1u << 17);
    self(0x9f);
    CHECK_EQ(lapic_pending(&cpu[0]), -1);
    self(0xa0);
    CHECK_EQ(lapic_acknowledge(&cpu[0]), 0xa0);
    put(EOI, 0);
    CHECK_EQ(lapic_pending(&cpu[0]), -1);
    put(EOI, 0);
    CHECK_EQ(lapic_acknowledge(&cpu[0]), 0x9f);
    put(EOI, 0);
    CHECK_EQ(lapic_acknowledge(&cpu[0]), 0x45);
    CHECK_EQ(get(IRR + 0x20), 1u << 1);

    CASE("TPR and CR8 hold back classes up to their own");
    setup();
    self(0x41);
    put(TPR, 0x40);
    CHECK_EQ(lapic_pending(&cpu[0]), -1);
    CHECK_EQ(lapic_cr8(&cpu[0]), 4);
    lapic_set_cr8(&cpu[0], 3);
    CHECK_EQ(get(TPR), 0x30);
    CHECK_EQ(lapic_pending(&cpu[0]), 0x41);

    CASE("an acknowledge without a request gives the spurious vector and no ISR");
    put(TPR, 0xff);
    CHECK_EQ(lapic_acknowledge(&cpu[0]), 0xff);
    CHECK_EQ(get(PPR), 0xff);
    put(TPR, 0);
    CHECK_EQ(get(PPR), 0);

    CASE("an EOI without an interrupt in service does nothing");
    setup();
    put(EOI, 0);
    CHECK_EQ(lapic_pending(&cpu[0]), -1);
}

static void test_errors(void)
{
    CASE("illegal vectors and registers are seen after a write to ESR");
    setup();
    put(ERROR_LVT, 0xfe);
    self(0x0f);
    CHECK_EQ(get(ESR), 0);
    CHECK_EQ(lapic_acknowledge(&cpu[0]), 0xfe);
    put(EOI, 0);
    put(ESR, 0);
    CHECK_EQ(get(ESR), 0x20);
    put(ESR, 0);
    CHECK_EQ(get(ESR), 0);
    get(0x2f0);
    put(ESR, 0);
    CHECK_EQ(get(ESR), 0x80);

    CASE("an illegal error vector does not recurse");
    setup();
    put(ERROR_LVT, 0x05);
    self(0x03);
    put(ESR, 0);
    CHECK_EQ(get(ESR), 0x60);
}

static void test_timer(void)
{
    CASE("one-shot: count, deadline, one interrupt");
    setup();
    put(DIVIDE, 0xb);
    put(TIMER, 0xec);
    put(INITIAL, 1000);
    CHECK_EQ(lapic_deadline(&cpu[0]), 1001000);
    fixture_ns += 400;
    CHECK_EQ(get(CURRENT), 600);
    fixture_ns += 600;
    lapic_expire(&cpu[0], fixture_ns);
    CHECK_EQ(lapic_pending(&cpu[0]), 0xec);
    CHECK_EQ(get(CURRENT), 0);
    CHECK_EQ(lapic_deadline(&cpu[0]), DEVICE_NO_DEADLINE);
    CHECK_EQ(get(INITIAL), 1000);

    CASE("divider: 111 is 1, 000 is 2, 1010 is 128; a change keeps the count");
    setup();
    put(TIMER, 0x100ec);
    put(DIVIDE, 0x0);
    put(INITIAL, 1000);
    fixture_ns += 1000;
    CHECK_EQ(get(CURRENT), 500);
    put(DIVIDE, 0xa);
    CHECK_EQ(get(CURRENT), 500);
    fixture_ns += 1280;
    CHECK_EQ(get(CURRENT), 490);
    CHECK_EQ(lapic_deadline(&cpu[0]), DEVICE_NO_DEADLINE);

    CASE("periodic: reloads; late handling gives one interrupt");
    setup();
    put(DIVIDE, 0xb);
    put(TIMER, 0x200ec);
    put(INITIAL, 1000);
    fixture_ns += 1000;
    lapic_expire(&cpu[0], fixture_ns);
    CHECK_EQ(lapic_acknowledge(&cpu[0]), 0xec);
    put(EOI, 0);
    CHECK_EQ(lapic_deadline(&cpu[0]), 1002000);
    fixture_ns += 3300;
    lapic_expire(&cpu[0], fixture_ns);
    CHECK_EQ(lapic_deadline(&cpu[0]), 1005000);
    CHECK_EQ(get(CURRENT), 700);
    put(INITIAL, 0);
    CHECK_EQ(lapic_deadline(&cpu[0]), DEVICE_NO_DEADLINE);

    CASE("an expiry while masked is not made up for");
    setup();
    put(DIVIDE, 0xb);
    put(TIMER, 0x100ec);
    put(INITIAL, 1000);
    fixture_ns += 2000;
    put(TIMER, 0xec);
    CHECK_EQ(lapic_pending(&cpu[0]), -1);
}

static void test_tsc_deadline(void)
{
    uint64_t value = 1;

    CASE("TSC deadline: fires when the TSC gets there, then reads 0");
    setup();
    put(TIMER, 0x400ec);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_TSC_DEADLINE, tsc_now(NULL) + 2501), OK);
    CHECK_EQ(lapic_deadline(&cpu[0]), 1000000 + 1001);
    CHECK_EQ(get(CURRENT), 0);
    fixture_ns += 1000;
    lapic_expire(&cpu[0], fixture_ns);
    CHECK_EQ(lapic_pending(&cpu[0]), -1);
    fixture_ns += 1;
    lapic_expire(&cpu[0], fixture_ns);
    CHECK_EQ(lapic_pending(&cpu[0]), 0xec);
    CHECK_EQ(lapic_read_msr(&cpu[0], LAPIC_MSR_TSC_DEADLINE, &value), OK);
    CHECK_EQ(value, 0);

    CASE("TSC deadline: the past fires at once, 0 disarms, far future saturates");
    setup();
    put(TIMER, 0x400ec);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_TSC_DEADLINE, 5), OK);
    CHECK_EQ(lapic_pending(&cpu[0]), 0xec);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_TSC_DEADLINE, tsc_now(NULL) + 100), OK);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_TSC_DEADLINE, 0), OK);
    CHECK_EQ(lapic_deadline(&cpu[0]), DEVICE_NO_DEADLINE);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_TSC_DEADLINE, UINT64_MAX), OK);
    CHECK(lapic_deadline(&cpu[0]) > 7000000000000000000ull);

    CASE("TSC deadline: ignored in other modes; changing the mode disarms; INITIAL is ignored");
    put(TIMER, 0xec);
    CHECK_EQ(lapic_deadline(&cpu[0]), DEVICE_NO_DEADLINE);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_TSC_DEADLINE, tsc_now(NULL) + 100), OK);
    CHECK_EQ(lapic_deadline(&cpu[0]), DEVICE_NO_DEADLINE);
    put(TIMER, 0x400ec);
    put(INITIAL, 1000);
    CHECK_EQ(lapic_deadline(&cpu[0]), DEVICE_NO_DEADLINE);

    CASE("TSC deadline follows a jump of the TSC");
    setup();
    put(TIMER, 0x400ec);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_TSC_DEADLINE, tsc_now(NULL) + 2500), OK);
    tsc_offset = 1250;
    lapic_tsc_changed(&cpu[0]);
    CHECK_EQ(lapic_deadline(&cpu[0]), 1000500);
}

static void send(uint8_t destination, uint32_t command)
{
    put(ICR2, (uint32_t)destination << 24);
    put(ICR, command);
}

/* Does a logical destination concern this CPU? */
static bool concerns(unsigned number, uint32_t destination, bool wide)
{
    const struct apic_message message = {.destination = destination, .logical = true, .wide = wide};

    return lapic_matches(&cpu[number], &message);
}

static void test_ipi(void)
{
    CASE("physical, logical flat, broadcast, shorthands");
    setup();
    send(1, 0x50);
    CHECK_EQ(lapic_pending(&cpu[1]), 0x50);
    CHECK_EQ(lapic_pending(&cpu[0]), -1);
    send(3, 0x851);
    CHECK_EQ(lapic_pending(&cpu[0]), 0x51);
    CHECK_EQ(lapic_pending(&cpu[1]), 0x51);
    send(0xff, 0x52);
    CHECK_EQ(lapic_pending(&cpu[0]), 0x52);
    CHECK_EQ(lapic_pending(&cpu[1]), 0x52);
    put(ICR, 0xc0053);
    CHECK_EQ(lapic_pending(&cpu[0]), 0x52);
    CHECK_EQ(lapic_pending(&cpu[1]), 0x53);
    put(ICR, 0x80054);
    CHECK_EQ(lapic_pending(&cpu[0]), 0x54);
    CHECK_EQ(get(ICR), 0x80054);
    CHECK_EQ(get(ICR2), 0xff000000);

    CASE("logical cluster model");
    setup();
    lapic_write(&cpu[1], DFR, 4, 0);
    lapic_write(&cpu[1], LDR, 4, 0x21000000);
    CHECK(concerns(1, 0x21, false));
    CHECK(concerns(1, 0xf1, false));
    CHECK(!concerns(1, 0x11, false));
    CHECK(!concerns(1, 0x22, false));

    CASE("lowest priority goes to the less busy, and in turn among equals");
    setup();
    put(TPR, 0x50);
    send(3, 0x960);
    CHECK_EQ(lapic_pending(&cpu[1]), 0x60);
    CHECK_EQ(get(IRR + 0x30), 0);
    put(TPR, 0);
    send(3, 0x961);
    send(3, 0x962);
    CHECK_EQ(get(IRR + 0x30) != 0, 1);

    CASE("NMI, INIT and STARTUP; INIT resets the target but not its ID");
    setup();
    send(1, 0x4400);
    CHECK_EQ(events[1][LAPIC_NMI], 1);
    send(1, 0x50);
    send(1, 0xc500);
    CHECK_EQ(events[1][LAPIC_INIT], 1);
    CHECK_EQ(lapic_pending(&cpu[1]), -1);
    CHECK_EQ(lapic_read(&cpu[1], ID, 4), 0x01000000);
    CHECK_EQ(lapic_read(&cpu[1], SVR, 4), 0xff);
    send(1, 0x8500);
    CHECK_EQ(events[1][LAPIC_INIT], 1);
    send(1, 0x4698);
    CHECK_EQ(events[1][LAPIC_STARTUP], 1);
    CHECK_EQ(event_vector, 0x98);

    CASE("a software-disabled APIC takes no vectors");
    send(1, 0x50);
    CHECK_EQ(lapic_pending(&cpu[1]), -1);
}

static void test_msr(void)
{
    uint64_t value = 0;

    CASE("IA32_APIC_BASE: BSP, reserved bits, relocation, global disable");
    setup();
    CHECK_EQ(lapic_read_msr(&cpu[0], LAPIC_MSR_APIC_BASE, &value), OK);
    CHECK_EQ(value, 0xfee00900);
    CHECK_EQ(lapic_read_msr(&cpu[1], LAPIC_MSR_APIC_BASE, &value), OK);
    CHECK_EQ(value, 0xfee00800);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_APIC_BASE, 0xfee00900 | 1 << 9), ERR_INVALID);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_APIC_BASE, 1ull << 40), ERR_INVALID);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_APIC_BASE, 0xfed00800), OK);
    CHECK_EQ(cpu[0].base & ~0xfffull, 0xfed00000);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_APIC_BASE, 0xfee00000), OK);
    CHECK(!lapic_enabled(&cpu[0]));
    CHECK_EQ(lapic_read_msr(&cpu[0], LAPIC_MSR_APIC_BASE, &value), OK);
    CHECK_EQ(value, 0xfee00100);
    lapic_set_lint(&cpu[0], 0, true);
    CHECK(lapic_extint_pending(&cpu[0]));
    CHECK_EQ(lapic_read_msr(&cpu[0], 0x10, &value), ERR_NOT_FOUND);
}

static enum status extended(unsigned number, unsigned offset, uint64_t value)
{
    return lapic_write_msr(&cpu[number], LAPIC_MSR_X2APIC + offset / 16, value);
}

static uint64_t extended_get(unsigned number, unsigned offset)
{
    uint64_t value = UINT64_MAX;

    CHECK_EQ(lapic_read_msr(&cpu[number], LAPIC_MSR_X2APIC + offset / 16, &value), OK);
    return value;
}

static enum status base(unsigned number, uint64_t flags)
{
    return lapic_write_msr(&cpu[number], LAPIC_MSR_APIC_BASE, LAPIC_BASE | flags);
}

static void test_modes(void)
{
    CASE("modes: x2APIC only from xAPIC, and out of it only by switching off");
    setup();
    CHECK_EQ(base(1, 1 << 10), ERR_INVALID);
    CHECK(lapic_mapped(&cpu[1]));
    CHECK_EQ(base(1, 3 << 10), OK);
    CHECK(!lapic_mapped(&cpu[1]) && lapic_enabled(&cpu[1]));
    CHECK_EQ(base(1, 1 << 11), ERR_INVALID);
    CHECK_EQ(base(1, 1 << 10), ERR_INVALID);
    CHECK_EQ(base(1, 3 << 10), OK);
    CHECK_EQ(base(1, 0), OK);
    CHECK(!lapic_mapped(&cpu[1]) && !lapic_enabled(&cpu[1]));
    CHECK_EQ(base(1, 3 << 10), ERR_INVALID);
    CHECK_EQ(base(1, 1 << 11), OK);
    CHECK_EQ(lapic_read(&cpu[1], SVR, 4), 0xff);

    CASE("the registers of x2APIC mode fault in the others");
    uint64_t value;
    setup();
    CHECK_EQ(extended(0, TPR, 0), ERR_INVALID);
    CHECK_EQ(lapic_read_msr(&cpu[0], LAPIC_MSR_X2APIC + TPR / 16, &value), ERR_INVALID);
}

static void setup_extended(void)
{
    setup();
    CHECK_EQ(base(0, 3 << 10), OK);
    CHECK_EQ(base(1, 3 << 10), OK);
}

static void test_extended_registers(void)
{
    uint64_t value;

    CASE("x2APIC: IDs in full, the logical one derived, registers kept over the change");
    setup_extended();
    CHECK_EQ(extended_get(1, ID), 1);
    CHECK_EQ(extended_get(0, LDR), 1);
    CHECK_EQ(extended_get(1, LDR), 2);
    CHECK_EQ(extended_get(1, SVR), 0x1ff);
    CHECK_EQ(extended_get(1, 0x30), 0x50014);
    cpu[1].id = 0x23;
    lapic_reset(&cpu[1]);
    CHECK_EQ(extended_get(1, LDR), 0x20008);

    CASE("x2APIC: reserved bits, read-only and absent registers fault");
    setup_extended();
    CHECK_EQ(extended(0, TPR, 0x100), ERR_INVALID);
    CHECK_EQ(extended(0, TPR, 0x30), OK);
    CHECK_EQ(lapic_cr8(&cpu[0]), 3);
    CHECK_EQ(extended(0, EOI, 1), ERR_INVALID);
    CHECK_EQ(extended(0, ESR, 1), ERR_INVALID);
    CHECK_EQ(extended(0, SVR, 0x1000), ERR_INVALID);
    CHECK_EQ(extended(0, TIMER, 1 << 19), ERR_INVALID);
    CHECK_EQ(extended(0, ICR, 1 << 12), ERR_INVALID);
    CHECK_EQ(extended(0, LDR, 0), ERR_INVALID);
    CHECK_EQ(extended(0, ID, 0), ERR_INVALID);
    CHECK_EQ(extended(0, ICR2, 0), ERR_INVALID);
    CHECK_EQ(extended(0, 0x3f0, 0x100), ERR_INVALID);
    CHECK_EQ(lapic_read_msr(&cpu[0], LAPIC_MSR_X2APIC + EOI / 16, &value), ERR_INVALID);
    CHECK_EQ(lapic_read_msr(&cpu[0], LAPIC_MSR_X2APIC + DFR / 16, &value), ERR_INVALID);
    CHECK_EQ(lapic_read_msr(&cpu[0], LAPIC_MSR_X2APIC + 0x3f, &value), ERR_INVALID);
}

static void test_extended_ipi(void)
{
    CASE("x2APIC: self IPI, and ICR in one write");
    setup_extended();
    CHECK_EQ(extended(0, 0x3f0, 0x44), OK);
    CHECK_EQ(lapic_pending(&cpu[0]), 0x44);
    CHECK_EQ(extended(0, ICR, 1ull << 32 | 0x50), OK);
    CHECK_EQ(lapic_pending(&cpu[1]), 0x50);
    CHECK_EQ(extended_get(0, ICR), 1ull << 32 | 0x50);
    CHECK_EQ(extended_get(1, IRR + 0x20), 1u << 16);
    CHECK_EQ(extended(0, ICR, 0xffull << 32 | 0x60), OK);
    CHECK_EQ(lapic_pending(&cpu[1]), 0x50);
    CHECK_EQ(extended(0, ICR, 0xffffffffull << 32 | 0x61), OK);
    CHECK_EQ(lapic_pending(&cpu[0]), 0x61);
    CHECK_EQ(lapic_pending(&cpu[1]), 0x61);

    CASE("x2APIC: logical destinations are cluster and mask");
    CHECK(concerns(1, 2, true) && !concerns(1, 1, true) && !concerns(1, 0x10002, true));
    CHECK(concerns(1, 0xffffffff, true));
    CHECK_EQ(extended(0, ICR, 3ull << 32 | 0x862), OK);
    CHECK_EQ(lapic_pending(&cpu[0]), 0x62);
    CHECK_EQ(lapic_pending(&cpu[1]), 0x62);

    CASE("x2APIC: messages of the I/O APIC, with eight bits");
    CHECK(concerns(1, 3, false));
    const struct apic_message all = {.destination = 0xff, .vector = 0x70};
    CHECK(apic_bus_deliver(&bus, &all));
    CHECK_EQ(lapic_pending(&cpu[0]), 0x70);
    CHECK_EQ(lapic_pending(&cpu[1]), 0x70);

    CASE("x2APIC: INIT keeps the mode, EOI ends");
    CHECK_EQ(lapic_acknowledge(&cpu[0]), 0x70);
    CHECK_EQ(extended(0, EOI, 0), OK);
    CHECK_EQ(lapic_pending(&cpu[0]), 0x62);
    CHECK_EQ(extended(0, ICR, 1ull << 32 | 0x4500), OK);
    CHECK_EQ(events[1][LAPIC_INIT], 1);
    CHECK_EQ(extended_get(1, LDR), 2);
    CHECK_EQ(extended_get(1, SVR), 0xff);
}

int main(void)
{
    test_registers();
    test_priorities();
    test_errors();
    test_timer();
    test_tsc_deadline();
    test_ipi();
    test_msr();
    test_modes();
    test_extended_registers();
    test_extended_ipi();
    return check_finish();
}
