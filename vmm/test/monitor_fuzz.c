/* SPDX-License-Identifier: MIT */
/*
 * Whatever a guest does stops at most that guest, with a message that says what and where.
 *
 * Random exits with random state, instructions, page tables and device accesses against the whole monitor logic, built
 * with sanitizers. After each, the invariants of abi/vcpu.h: what is injected may be injected, only known groups and
 * controls are asked for, a halted processor wakes, a stopped one has said why.
 *
 *     build/test/vmm_monitor_fuzz [EXITS [SEED]]
 */
#include "vmm/test/machine_fixture.h"

#include "test/check.h"

#define RFLAGS_IF     (1u << 9)
#define EXITS_DEFAULT 500000ul

static unsigned long stops, sleeps, injections;

static uint64_t below(uint64_t limit)
{
    return fake_random() % limit;
}

static bool one_in(unsigned n)
{
    return below(n) == 0;
}

static uint64_t interesting_address(void)
{
    static const uint64_t bases[] = {
        0,          0x1000,     0x100000,           FIXTURE_LOW,  0xfec00000,
        0xfee00000, 0x80000000, 0x100000000,        0xffffffff,   0x7ffffffff000,
        0x8000,     0x200000,   0xffffffff80000000, 0x1001fffff0, 0xffffffffffffffff};

    return bases[below(sizeof(bases) / 8)] + (one_in(2) ? below(0x1000) : 0) - (one_in(4) ? below(16) : 0);
}

static uint64_t any_register(void)
{
    switch (below(4)) {
    case 0: return below(0x100);
    case 1: return interesting_address();
    case 2: return (uint32_t)fake_random();
    default: return fake_random();
    }
}

/* Beginnings of instructions that exits are about; the rest is random. */
static const uint8_t beginnings[][4] = {
    {0x89, 0x00},
    {0x8b, 0x03},
    {0xc7, 0x07},
    {0xa4},
    {0xf3, 0xa5},
    {0xf3, 0x48, 0xab},
    {0xac},
    {0x0f, 0xb6},
    {0x0f, 0xbe},
    {0xf0, 0x0f, 0xb1},
    {0x87},
    {0x0f, 0xa2},
    {0x0f, 0x32},
    {0x0f, 0x30},
    {0xf4},
    {0x66, 0xed},
    {0x6c},
    {0xf3, 0x6e},
    {0xf3, 0x6d},
    {0x44, 0x0f, 0x22},
    {0x0f, 0x20, 0xc0},
    {0x80, 0x3f},
    {0x83, 0x0f},
    {0xff, 0x07},
    {0x65, 0x8b},
    {0x67, 0x8b},
    {0x0f, 0xba, 0x2f},
    {0x48, 0xa1},
};

static void place_code(uint64_t physical)
{
    uint8_t *code = guest_ram_at(&fixture.ram, physical, 16);
    size_t which = below(sizeof(beginnings) / 4 + 4);

    if (!code)
        return;
    for (unsigned i = 0; i < 16; i++)
        code[i] = (uint8_t)fake_random();
    if (which < sizeof(beginnings) / 4)
        memcpy(code, beginnings[which], beginnings[which][2] ? 3 : 2);
}

/* Tables at 2 MiB with random entries, many of which are present and point to themselves or to low memory. */
static void place_tables(void)
{
    uint64_t *entry = (uint64_t *)(fixture.ram.low + (2u << 20));

    for (unsigned i = 0; i < 64; i++)
        entry[below(1024)] = (interesting_address() & ~0xfffull) | below(256) | (one_in(4) ? 0 : 1);
    entry[0] = 0x200000 | 7;
    entry[512] = 0x80 | 7;
}

static void random_mode(struct vcpu_state *state)
{
    static const uint16_t code[] = {0xa9b, 0xc9b, 0x9b, 0xafb, 0xcfb};

    state->cr0 = one_in(4) ? 0x80000001u >> below(2) * 31 : one_in(2) ? 0x80010031 : 0x31;
    state->cr3 = one_in(4) ? interesting_address() : 0x200000;
    state->cr4 = one_in(4) ? fake_random() : 0x30 & ~(below(2) << 5);
    state->efer = one_in(3) ? 0 : 0xd01;
    state->cs = (struct vcpu_segment){8, code[below(5)], 0xffffffff, one_in(4) ? fake_random() : 0};
    state->ss = (struct vcpu_segment){16, one_in(4) ? 0xcf3 : 0xc93, 0xffffffff, 0};
    state->ds = state->es = state->fs = state->gs = state->ss;
    state->fs.base = any_register();
    state->es.base = one_in(8) ? any_register() : 0;
}

static void random_exit(struct vcpu_state *state)
{
    static const uint16_t ports[] = {0x20, 0x21, 0x40,  0x43,  0x60,  0x64,  0x70,
                                     0x71, 0x80, 0xcf8, 0xcfc, 0x3f8, 0x600, 0x4d0};
    uint64_t width = one_in(32) ? below(8) : 1ull << below(3);
    uint64_t port = one_in(3) ? below(0x10000) : ports[below(14)] + below(8);

    state->instruction_length = one_in(2) ? (uint32_t)below(16) : 0;
    state->instruction_valid = one_in(3) ? (uint32_t)below(17) : 0;
    for (unsigned i = 0; i < 16; i++)
        state->instruction[i] = (uint8_t)fake_random();
    memcpy(state->instruction, beginnings[below(sizeof(beginnings) / 4)], 2);
    state->guest_physical = one_in(4)   ? interesting_address()
                            : one_in(2) ? 0xfee00000 + (below(0x40) << 4)
                                        : 0xfec00000 + (below(2) << 4);
    state->qualification = port | width << VCPU_IO_WIDTH_SHIFT | (below(8) << 16);
    if (one_in(2))
        state->qualification &= ~(uint64_t)VCPU_IO_STRING;
    state->event_info = one_in(16) ? VCPU_EVENT_VALID | VCPU_EVENT_EXCEPTION | (uint32_t)below(32) : 0;
    state->event_error = (uint32_t)fake_random();
    state->interruptibility = one_in(4) ? (uint32_t)below(16) & 11 : 0;
}

static void random_state(struct vcpu_state *state)
{
    uint64_t *general = &state->rax;
    static const uint32_t msrs[] = {0x10,       0x11,  0x12,       0x1b,       0x3b,       0x174,
                                    0x277,      0x6e0, 0xc0000080, 0xc0000100, 0x4b564d00, 0x4b564d01,
                                    0x4b564d04, 0x200, 0xfe,       0x8b,       0xc0011029, 0xc0000081};

    for (unsigned i = 0; i < 15; i++)
        general[i] = any_register();
    if (one_in(3))
        state->rcx = one_in(8) ? fake_random() : msrs[below(sizeof(msrs) / 4)];
    if (one_in(8))
        state->rax = below(0x18), state->rcx = below(4);
    state->rip = one_in(4) ? interesting_address() : 0x1000 + below(0x10000);
    state->rsp = any_register();
    state->rflags = 2 | (one_in(2) ? RFLAGS_IF : 0) | (one_in(16) ? 1u << 8 : 0) |
                    (one_in(8) ? 1u << 10 : 0) | (one_in(32) ? 1u << 17 : 0);
    random_mode(state);
    random_exit(state);
    place_code(state->rip);
}

static bool good(bool condition, const char *what)
{
    if (!condition)
        printf("violated: %s\n", what);
    return condition;
}

/* What the entry after a reply must obey. */
static bool entry_allowed(void)
{
    const struct vcpu_state *state = &fake.state;
    bool shadow = state->interruptibility & (VCPU_BLOCKED_BY_STI | VCPU_BLOCKED_BY_MOV_SS);
    uint32_t info = state->inject_info;
    bool ok =
        good(!(state->controls & ~(VCPU_CONTROL_INTERRUPT_WINDOW | VCPU_CONTROL_NMI_WINDOW)), "controls");

    ok &= good(state->controls == fixture.vcpu.controls, "controls are known");
    ok &= good(state->xcr0 & 1 || !state->xcr0, "xcr0");
    if (!(info & VCPU_EVENT_VALID))
        return ok & good(!irq_pending(&fixture.machine.lapic[0]) || state->controls,
                         "a pending interrupt is waited for");
    injections++;
    if ((info >> 8 & 7) == 0)
        ok &= good(state->rflags & RFLAGS_IF && !shadow, "external interrupt allowed");
    if ((info >> 8 & 7) == 2 && !(state->event_info & VCPU_EVENT_VALID))
        ok &= good(!(state->interruptibility & VCPU_BLOCKED_BY_NMI), "NMI allowed");
    return ok;
}

static bool stop_told(void)
{
    bool ok = good(fixture.stopped, "the end was told");

    if (fixture.machine.stop == MACHINE_RUNNING)
        ok &= good(fake.errors == 1 && !strncmp(fake.error, "guest stopped: ", 15), "one message says why");
    stops++;
    return ok;
}

static bool wakes(void)
{
    sleeps++;
    if (!good(fixture.vcpu.run == VCPU_IDLE, "parked without a reason"))
        return false;
    for (unsigned i = 0; i < 64 && fake.parked && fixture.vcpu.run == VCPU_IDLE; i++)
        fixture_expire(1000000);
    if (fixture.vcpu.run == VCPU_IDLE) { /* no timer: a device does it */
        fixture.vcpu.nmi = true;
        vcpu_kick(&fixture.vcpu);
    }
    if (fixture.vcpu.run == VCPU_STOPPED)
        return stop_told();
    return good(fake.running && fixture.vcpu.run == VCPU_RUNNING, "woken") && entry_allowed();
}

static void environment(void)
{
    static const char input[64] = "the quick brown fox";

    if (one_in(4))
        fixture_expire(below(2000000));
    if (one_in(16)) {
        fake.input_opt = input;
        fake.input_length = below(sizeof(input));
        fixture.console.terminal.changed(&fixture.console.terminal);
    }
    if (one_in(8)) {
        fake.output_length = 0;
        fake.output_room = one_in(2) ? sizeof(fake.output) : below(64);
    }
    if (one_in(32)) { /* from an I/O APIC */
        const struct apic_message message = {.delivery = (uint8_t)below(8), .vector = (uint8_t)fake_random()};

        lapic_deliver(&fixture.machine.lapic[0], &message);
        vcpu_kick(&fixture.vcpu);
    }
    fake.write_status = one_in(64) ? ERR_INVALID : OK;
    if (one_in(64))
        fake.terminal_status = one_in(2) ? ERR_PEER_GONE : OK;
    struct timeout *timeout = one_in(8) ? timeout_queue_pop(&env.entrypoint.timeouts, UINT64_MAX) : NULL;

    if (timeout)
        timeout->expired(timeout);
    if (one_in(16))
        place_tables();
}

static bool step(void)
{
    static const uint8_t often[] = {VCPU_EXIT_IO,    VCPU_EXIT_IO,    VCPU_EXIT_MEMORY, VCPU_EXIT_MEMORY,
                                    VCPU_EXIT_CPUID, VCPU_EXIT_RDMSR, VCPU_EXIT_WRMSR,  VCPU_EXIT_HLT,
                                    VCPU_EXIT_CR,    VCPU_EXIT_XSETBV};
    enum vcpu_exit reason =
        one_in(4) ? (enum vcpu_exit)below(VCPU_EXIT_COUNT) : (enum vcpu_exit)often[below(10)];

    environment();
    if (fixture.vcpu.run == VCPU_STOPPED)
        return stop_told();
    random_state(&fake.state);
    if (fake.recalled) {
        reason = VCPU_EXIT_RECALL;
        fake.recalled = false;
    }
    if (reason == VCPU_EXIT_MEMORY)
        fake.state.qualification = one_in(64) ? below(16) : below(2);
    if (fixture_exit(reason))
        return entry_allowed();
    return fixture.vcpu.run == VCPU_STOPPED ? stop_told() : wakes();
}

/* The devices keep what they have been through: a guest that is stopped by one instruction would hardly reach them. */
static void revive(void)
{
    fixture.stopped = false;
    fixture.vcpu.run = VCPU_RUNNING;
    fake.errors = 0;
    fake.running = true;
    fake.parked = false;
    fake.state.controls = fixture.vcpu.controls;
}

int main(int argc, char **argv)
{
    unsigned long exits = argc > 1 ? strtoul(argv[1], NULL, 0) : EXITS_DEFAULT;

    fake.random = argc > 2 ? strtoull(argv[2], NULL, 0) | 1 : 0x5851f42d4c957f2d;
    CASE("random exits");
    REQUIRE(fixture_build());
    for (unsigned long i = 0; i < exits; i++) {
        bool ok = step();

        if (!ok)
            printf("exit %lu, last error: %s\n", i, fake.error);
        REQUIRE(ok);
        if (fixture.vcpu.run == VCPU_STOPPED && fixture.machine.stop == MACHINE_RUNNING)
            revive();
        if (fixture.machine.stop != MACHINE_RUNNING || one_in(5000))
            REQUIRE(fixture_build());
    }
    CHECK(stops && sleeps && injections);
    printf("%lu exits: %lu stops, %lu sleeps, %lu injections\n", exits, stops, sleeps, injections);
    return check_finish();
}
