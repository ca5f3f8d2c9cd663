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
    CHECK(lapic_matches(&cpu[1], 0x21, true));
    CHECK(lapic_matches(&cpu[1], 0xf1, true));
    CHECK(!lapic_matches(&cpu[1], 0x11, true));
    CHECK(!lapic_matches(&cpu[1], 0x22, true));

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
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_APIC_BASE, 0xfee00d00), ERR_INVALID);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_APIC_BASE, 1ull << 40), ERR_INVALID);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_APIC_BASE, 0xfed00800), OK);
    CHECK_EQ(lapic_base(&cpu[0]), 0xfed00000);
    CHECK_EQ(lapic_write_msr(&cpu[0], LAPIC_MSR_APIC_BASE, 0xfee00000), OK);
    CHECK(!lapic_enabled(&cpu[0]));
    CHECK_EQ(lapic_read_msr(&cpu[0], LAPIC_MSR_APIC_BASE, &value), OK);
    CHECK_EQ(value, 0xfee00100);
    lapic_set_lint(&cpu[0], 0, true);
    CHECK(lapic_extint_pending(&cpu[0]));
    CHECK_EQ(lapic_read_msr(&cpu[0], 0x10, &value), ERR_NOT_FOUND);
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
    return check_finish();
}
