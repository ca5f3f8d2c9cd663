/* SPDX-License-Identifier: MIT */
/* Ends of interrupts that a guest tells in its memory (vmm/vcpu/eoi.c): when it may, and what becomes of them. */
#include "vmm/test/machine_fixture.h"

#include "test/check.h"

#define DATA      0x3000u
#define RFLAGS_IF (1u << 9)
#define VALID     VCPU_EVENT_VALID
#define VECTOR    0x41u
#define LOWER     (VECTOR - 0x10u)

static struct vcpu_state *const guest = &fake.state;

static void message(uint8_t vector, bool level)
{
    const struct apic_message m = {.delivery = APIC_FIXED, .vector = vector, .level = level};

    lapic_deliver(&fixture.machine.lapic[0], &m);
}

static uint32_t *eoi_flag(void)
{
    return (uint32_t *)(fixture.ram.low + DATA);
}

static void eoi_write(void)
{
    lapic_write(&fixture.machine.lapic[0], 0xb0, 4, 0);
}

/* A guest that has told where it ends interrupts, and is in the handler of VECTOR. */
static void begin_in_service(const char *name)
{
    check_begin(name);
    REQUIRE(fixture_build());
    memset(guest, 0, sizeof(*guest));
    guest->rflags = 2 | RFLAGS_IF;
    lapic_write(&fixture.machine.lapic[0], 0xf0, 4, 0x1ff);
    *eoi_flag() = 0;
    CHECK(vcpu_eoi_write(&fixture.vcpu, DATA | 1));
    message(VECTOR, false);
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, VALID | VECTOR);
}

static void test_ends(void)
{
    begin_in_service("an interrupt that the guest ends in memory is over at the next exit");
    CHECK_EQ(*eoi_flag(), 1);
    *eoi_flag() = 0;
    message(LOWER, false);
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, VALID | LOWER);

    begin_in_service("one that it has not ended stays in service, and ends by the register");
    message(LOWER, false);
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, 0);
    CHECK_EQ(*eoi_flag(), 0); /* the other one waits for its end */
    eoi_write();
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, VALID | LOWER);
    CHECK_EQ(*eoi_flag(), 1);
    eoi_write(); /* though it might have done without */
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(*eoi_flag(), 0);

    begin_in_service("what is no interrupt does not matter");
    vcpu_kick(&fixture.vcpu);
    CHECK_EQ(*eoi_flag(), 1);

    begin_in_service("what comes in behind an end in memory makes the processor exit");
    message(LOWER, false);
    vcpu_kick(&fixture.vcpu);
    CHECK_EQ(fake.recalls, 0);
    CHECK_EQ(*eoi_flag(), 0);
    begin_in_service("the same, ended");
    *eoi_flag() = 0;
    message(LOWER, false);
    vcpu_kick(&fixture.vcpu);
    CHECK_EQ(fake.recalls, 1);

    begin_in_service("with two in service, each ends by the register");
    message(VECTOR + 0x10, false);
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, VALID | (VECTOR + 0x10));
    CHECK_EQ(*eoi_flag(), 0);
    begin_in_service("the same, far from each other");
    message(VECTOR + 0x60, false);
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, VALID | (VECTOR + 0x60));
    CHECK_EQ(*eoi_flag(), 0);

    begin_in_service("a level-triggered one ends by the register");
    *eoi_flag() = 0;
    message(LOWER, true);
    CHECK(fixture_exit(VCPU_EXIT_RECALL));
    CHECK_EQ(guest->inject_info, VALID | LOWER);
    CHECK_EQ(*eoi_flag(), 0);
}

static bool locked;

static void see_lock(struct vcpu *vcpu)
{
    locked = vcpu->set->lock.state;
}

/* Each exit asks the local APIC whether the interrupt has ended, and that belongs to all. */
static void test_lock(void)
{
    begin_in_service("an exit that takes the flag back has the lock, whatever it is for");
    fixture.set.count = 2;
    fixture.vcpu.after_exit = see_lock;
    guest->rip = 0x100000;
    guest->instruction_length = 2;
    locked = false;
    CHECK(fixture_exit(VCPU_EXIT_PAUSE));
    CHECK(locked);
    CHECK_EQ(*eoi_flag(), 0);
    CHECK_EQ(fixture.set.lock.state, 0);
    locked = false;
    CHECK(fixture_exit(VCPU_EXIT_PAUSE));
    CHECK(!locked);
}

static void test_init(void)
{
    static const struct apic_message init = {.delivery = APIC_INIT},
                                     startup = {.delivery = APIC_STARTUP, .vector = 8};

    for (unsigned ended = 0; ended < 2; ended++) {
        begin_in_service(ended ? "the same, behind an end"
                               : "INIT forgets where ends are told, and takes the flag back");
        fixture.vcpu.index = 1; /* of number 0, it ends the machine */
        *eoi_flag() &= ended ? 0 : UINT32_MAX;
        lapic_deliver(&fixture.machine.lapic[0], &init);
        CHECK(!fixture_exit(VCPU_EXIT_RECALL));
        CHECK_EQ(*eoi_flag(), 0);
        CHECK(!fixture.vcpu.eoi.lent);
        lapic_deliver(&fixture.machine.lapic[0], &startup);
        vcpu_kick(&fixture.vcpu);
        CHECK(fake.running);
        CHECK_EQ(fixture.vcpu.eoi.msr, 0);
        lapic_write(&fixture.machine.lapic[0], 0xf0, 4, 0x1ff);
        guest->rflags = 2 | RFLAGS_IF;
        message(VECTOR, false);
        CHECK(fixture_exit(VCPU_EXIT_RECALL));
        CHECK_EQ(guest->inject_info, VALID | VECTOR);
        CHECK_EQ(*eoi_flag(), 0);
    }
}

int main(void)
{
    test_ends();
    test_lock();
    test_init();
    return check_finish();
}
