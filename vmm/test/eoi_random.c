/* SPDX-License-Identifier: MIT */
/*
 * Ends of interrupts in memory (vmm/vcpu/eoi.c) make no difference: a guest like Linux takes random interrupts from two threads, and
 * ends them in whichever way it finds open, on a processor that has its own idea of what is requested and in service. After
 * each step: what is injected is what comes next, nothing that may come is forgotten, ISR reads as it is, and nothing is lent
 * that should not be.
 */
#include "vmm/test/machine_fixture.h"

#include "test/check.h"

#define DATA        0x3000u
#define RFLAGS_IF   (1u << 9)
#define VALID       VCPU_EVENT_VALID
#define OTHER_BITS  0x50u /* of the word with the flag: the guest's */
#define STEPS       200000u
#define MSR_EOI     (MSR_X2APIC_FIRST + 0xbu)
#define MSR_SVR     (MSR_X2APIC_FIRST + 0xfu)
#define MSR_ISR     (MSR_X2APIC_FIRST + 0x10u)
#define X2APIC_BASE 0xfee00d00u

static struct vcpu_state *const guest = &fake.state;

/* The processor as it should be. */
static bool requested[256], in_service[256];
static bool must_write;    /* found the flag clear, and is about to write the register */
static uint32_t delivered; /* the event whose delivery an exit interrupts */
static bool asleep;
static unsigned long ends_in_memory, ends_by_register;

static bool one_in(unsigned n)
{
    return fake_random() % n == 0;
}

static uint32_t *eoi_flag(void)
{
    return (uint32_t *)(fixture.ram.low + DATA);
}

static int highest(const bool set[256])
{
    for (int vector = 255; vector >= 0; vector--)
        if (set[vector])
            return vector;
    return -1;
}

/* The next to come, or -1. */
static int deliverable(void)
{
    int next = highest(requested), service = highest(in_service);

    return next >= 0 && (service < 0 || next >> 4 > service >> 4) ? next : -1;
}

static void entered(void)
{
    if (delivered) {
        CHECK_EQ(guest->inject_info, delivered);
        delivered = one_in(4) ? delivered : 0;
        return;
    }
    if (!(guest->inject_info & VALID))
        return;
    CHECK(guest->rflags & RFLAGS_IF);
    CHECK_EQ(guest->inject_info, VALID | (uint32_t)deliverable());
    requested[guest->inject_info & 0xff] = false;
    in_service[guest->inject_info & 0xff] = true;
    guest->rflags ^= one_in(2) ? RFLAGS_IF : 0;
    delivered = one_in(8) ? guest->inject_info : 0;
}

static void leave(enum vcpu_exit reason)
{
    guest->event_info = delivered;
    guest->instruction_length = 2;
    if (reason == VCPU_EXIT_RECALL)
        fake.recalled = false;
    asleep = !fixture_exit(reason);
    if (!asleep)
        entered();
}

static uint64_t msr(enum vcpu_exit access, uint32_t index, uint64_t value)
{
    guest->rcx = index;
    guest->rax = value;
    guest->rdx = 0;
    leave(access);
    return guest->rax;
}

static void woken(void)
{
    if (asleep && fake.running) {
        asleep = false;
        entered();
    }
}

static void kick(void)
{
    struct deferred *poke = &fixture.vcpu.poke;

    poke->queued = false;
    env.entrypoint.deferred = NULL;
    poke->run(poke);
    woken();
}

/* From another thread the kick comes later. */
static void interrupt(void)
{
    const struct apic_message message = {.delivery = APIC_FIXED,
                                         .vector = (uint8_t)(0x20 + fake_random() % 0x50)};
    static char other;
    bool own = one_in(2);

    requested[message.vector] = true;
    fake.thread_opt = own ? NULL : (struct thread *)&other;
    lapic_deliver(&fixture.machine.lapic[0], &message);
    fake.thread_opt = NULL;
    if (own)
        kick();
}

static void end(void)
{
    int vector = highest(in_service);

    if (vector < 0)
        return;
    if (!must_write && !(*eoi_flag() & 1)) {
        must_write = true; /* anything may come between */
        return;
    }
    in_service[vector] = false;
    if (must_write) {
        must_write = false;
        ends_by_register++;
        msr(VCPU_EXIT_WRMSR, MSR_EOI, 0);
    } else {
        *eoi_flag() &= ~1u;
        ends_in_memory++;
    }
}

static void read_service(void)
{
    unsigned word = 1 + (unsigned)(fake_random() % 3);
    uint32_t expected = 0;

    for (unsigned bit = 0; bit < 32; bit++)
        expected |= (uint32_t)in_service[word * 32 + bit] << bit;
    bool interrupted = delivered; /* then no instruction has been executed */
    uint64_t value = interrupted ? expected : msr(VCPU_EXIT_RDMSR, MSR_ISR + word, 0);
    CHECK_EQ(value, expected);
}

static void halt(void)
{
    if (highest(in_service) >= 0)
        return;
    guest->rflags |= RFLAGS_IF;
    leave(VCPU_EXIT_HLT);
}

static bool window(void)
{
    return guest->controls & VCPU_CONTROL_INTERRUPT_WINDOW;
}

static void run(void)
{
    switch (fake_random() % 8) {
    case 0: read_service(); break;
    case 1: guest->rflags ^= RFLAGS_IF; break;
    case 2: halt(); break;
    case 3: leave(VCPU_EXIT_PAUSE); break;
    case 4: leave(VCPU_EXIT_CPUID); break;
    default: end(); break;
    }
}

static void step(void)
{
    if (one_in(32))
        interrupt();
    else if (fixture.vcpu.poke.queued && one_in(2))
        kick();
    else if (asleep)
        return;
    else if (delivered || (fake.recalled && one_in(2)))
        leave(VCPU_EXIT_RECALL);
    else if (window() && guest->rflags & RFLAGS_IF)
        leave(VCPU_EXIT_INTERRUPT_WINDOW);
    else if (must_write && one_in(2))
        end();
    else if (!must_write)
        run();
}

static void check_lent(void)
{
    CHECK_EQ(*eoi_flag() & ~1u, OTHER_BITS);
    if (*eoi_flag() & 1)
        CHECK(highest(in_service) >= 0 && fixture.vcpu.eoi.lent);
    if (fixture.vcpu.eoi.lent)
        CHECK(highest(requested) < 0 || fixture.vcpu.poke.queued);
}

int main(void)
{
    check_begin("random interrupts, ended in memory or by the register");
    REQUIRE(fixture_build());
    fixture.set.count = 2; /* a lock that is taken twice aborts */
    fixture.vcpu.cpuid.x2apic = true;
    memset(guest, 0, sizeof(*guest));
    guest->rip = 0x100000;
    guest->rflags = 2 | RFLAGS_IF;
    *eoi_flag() = OTHER_BITS;
    msr(VCPU_EXIT_WRMSR, MSR_IA32_APIC_BASE, X2APIC_BASE);
    msr(VCPU_EXIT_WRMSR, MSR_SVR, 0x1ff);
    msr(VCPU_EXIT_WRMSR, MSR_KVM_PV_EOI_EN, DATA | 1);
    for (unsigned i = 0; i < STEPS; i++) {
        step();
        check_lent();
        if (deliverable() >= 0 && !delivered && !fixture.vcpu.poke.queued)
            CHECK(asleep ? !(guest->rflags & RFLAGS_IF) : fake.recalled || window());
    }
    CHECK_EQ(fake.errors, 0);
    CHECK(ends_in_memory > STEPS / 100 && ends_by_register > STEPS / 100);
    return check_finish();
}
