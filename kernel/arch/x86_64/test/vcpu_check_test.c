/* SPDX-License-Identifier: MIT */
/* Each rule of vcpu_check.h: a state that keeps all of them, and one change that breaks exactly one. */
#include "kernel/arch/x86_64/vcpu_check.h"
#include "test/check.h"

#define LONG_CR0  0x80010031ull
#define LONG_EFER 0xd01ull

static struct vcpu_state long_state(void)
{
    struct vcpu_segment data = {0x18, 0xc93, 0xffffffff, 0};
    struct vcpu_state s = {
        .rip = 0xffffffff81000000,
        .rsp = 0xffff888000000000,
        .rflags = 0x202,
        .cr0 = LONG_CR0,
        .cr3 = 0x1000,
        .cr4 = 0xa0,
        .efer = LONG_EFER,
        .cs = {0x10, 0xa9b, 0xffffffff, 0},
        .dr7 = 0x400,
        .tr = {0x40, 0x8b, 0x67, 0xffffffff82000000},
        .gdtr = {.limit = 0x7f, .base = 0xffffffff82001000},
        .idtr = {.limit = 0xfff, .base = 0xffffffff82002000},
        .lstar = 0xffffffff81000100,
        .pat = 0x0007040600070406,
    };

    s.ss = s.ds = s.es = s.fs = s.gs = data;
    s.ldtr.attributes = VCPU_SEGMENT_UNUSABLE;
    return s;
}

static struct vcpu_state real_state(void)
{
    struct vcpu_segment data = {0, 0x93, 0xffff, 0};
    struct vcpu_state s = {
        .rip = 0xfff0,
        .rflags = 2,
        .cr0 = 0x60000010,
        .cs = {0xf000, 0x9b, 0xffff, 0xffff0000},
        .tr = {0, 0x8b, 0xffff, 0},
        .ldtr = {0, 0x82, 0xffff, 0},
        .gdtr = {.limit = 0xffff},
        .idtr = {.limit = 0xffff},
        .pat = 0x0007040600070406,
    };

    s.ss = s.ds = s.es = s.fs = s.gs = data;
    return s;
}

static void test_good(void)
{
    struct vcpu_state s = long_state();

    CASE("good states pass: 64-bit, user mode, reset, virtual-8086");
    CHECK_EQ(vcpu_check(&s, VCPU_GROUP_ALL), VCPU_RULE_NONE);
    s.cs.attributes &= (uint16_t)~1u;
    CHECK_EQ(vcpu_check(&s, VCPU_GROUP_IP | VCPU_GROUP_EVENT), VCPU_RULE_NONE); /* not the monitor's doing */
    s = long_state();
    s.ss.attributes |= VCPU_SEGMENT_UNUSABLE;
    CHECK_EQ(vcpu_check(&s, VCPU_GROUP_ALL), VCPU_RULE_NONE);
    s = long_state();
    s.cs.attributes = 0xafb;
    s.ss.attributes = 0xcf3;
    s.rip = 0x400000;
    CHECK_EQ(vcpu_check(&s, VCPU_GROUP_ALL), VCPU_RULE_NONE);
    s = real_state();
    CHECK_EQ(vcpu_check(&s, VCPU_GROUP_ALL), VCPU_RULE_NONE);
    s.cr0 = 0x11;
    s.rflags = 0x20002;
    s.cs = s.ss = s.ds = s.es = s.fs = s.gs = (struct vcpu_segment){0x1234, 0xf3, 0xffff, 0x12340};
    CHECK_EQ(vcpu_check(&s, VCPU_GROUP_ALL), VCPU_RULE_NONE);
    s.ds.base++;
    CHECK_EQ(vcpu_check(&s, VCPU_GROUP_ALL), VCPU_RULE_V86);
}

/* One field of the 64-bit state, changed. */
#define BREAKS(rule, field, value)                              \
    do {                                                        \
        struct vcpu_state s_ = long_state();                    \
                                                                \
        s_.field = value;                                       \
        CHECK_EQ(vcpu_check(&s_, VCPU_GROUP_ALL), VCPU_##rule); \
    } while (0)

static void test_control(void)
{
    CASE("control registers and MSRs");
    BREAKS(RULE_CR0, cr0, LONG_CR0 | 1ull << 32);
    BREAKS(RULE_CR0, cr0, LONG_CR0 & ~1ull);
    BREAKS(RULE_CR0, cr0, LONG_CR0 | 1u << 29);
    BREAKS(RULE_LMA, efer, LONG_EFER & ~0x400ull);
    BREAKS(RULE_LMA, cr0, 0x10031);
    BREAKS(RULE_LONG_PAE, cr4, 0x80);
    BREAKS(RULE_CR3, cr3, 1ull << 52);
    BREAKS(RULE_CR4, cr4, 0xa0 | 1ull << 40);
    BREAKS(RULE_EFER, efer, LONG_EFER | 2);
    BREAKS(RULE_DR7, dr7, 1ull << 33);
    BREAKS(RULE_CANONICAL_MSR, lstar, 1ull << 48);
    BREAKS(RULE_CANONICAL_MSR, sysenter_eip, 1ull << 47);
    BREAKS(RULE_PAT, pat, 0x0002040600070406);
    BREAKS(RULE_RIP, rip, 1ull << 47);
    BREAKS(RULE_RFLAGS, rflags, 0x200);
    BREAKS(RULE_RFLAGS, rflags, 0x20a);
}

static void test_segments(void)
{
    CASE("segments and tables");
    BREAKS(RULE_CS, cs.attributes, 0xa1b);
    BREAKS(RULE_CS, cs.attributes, 0xa9a);
    BREAKS(RULE_CS_DB, cs.attributes, 0xe9b);
    BREAKS(RULE_CPL, cs.attributes, 0xafb);
    BREAKS(RULE_SS, ss.attributes, 0xc91);
    BREAKS(RULE_DATA, ds.attributes, 0xc92);
    BREAKS(RULE_DATA, gs.attributes, 0xc13);
    BREAKS(RULE_GRANULARITY, es.attributes, 0x493);
    BREAKS(RULE_GRANULARITY, es.limit, 0xfffff000);
    BREAKS(RULE_BASE, ds.base, 1ull << 32);
    BREAKS(RULE_BASE, fs.base, 1ull << 47);
    BREAKS(RULE_TR, tr.attributes, 0x89);
    BREAKS(RULE_TR, tr.attributes, 0x83);
    BREAKS(RULE_TR, tr.attributes, 0x8b | VCPU_SEGMENT_UNUSABLE);
    BREAKS(RULE_TR, tr.selector, 0x44);
    BREAKS(RULE_LDTR, ldtr.attributes, 0x89);
    BREAKS(RULE_TABLE, gdtr.limit, 0x10000);
    BREAKS(RULE_TABLE, idtr.base, 1ull << 60);
}

static unsigned inject(uint32_t info, uint64_t rflags, uint32_t blocked, uint32_t length)
{
    struct vcpu_state s = long_state();

    s.inject_info = info;
    s.rflags = rflags;
    s.interruptibility = blocked;
    s.inject_length = length;
    return vcpu_check(&s, 0);
}

static void test_events(void)
{
    const uint32_t valid = VCPU_EVENT_VALID, page_fault = valid | VCPU_EVENT_EXCEPTION | 14;

    CASE("event injection");
    CHECK_EQ(inject(valid | 0x30, 0x202, 0, 0), VCPU_RULE_NONE);
    CHECK_EQ(inject(valid | 0x30, 0x002, 0, 0), VCPU_RULE_EVENT_IF);
    CHECK_EQ(inject(0x30, 0x002, 0, 0), VCPU_RULE_NONE);
    CHECK_EQ(inject(valid | 0x30, 0x202, VCPU_BLOCKED_BY_STI, 0), VCPU_RULE_EVENT_IF);
    CHECK_EQ(inject(valid | 0x30, 0x202, VCPU_BLOCKED_BY_NMI, 0), VCPU_RULE_NONE);
    CHECK_EQ(inject(valid | VCPU_EVENT_NMI | 2, 2, 0, 0), VCPU_RULE_NONE);
    CHECK_EQ(inject(valid | VCPU_EVENT_NMI | 2, 2, VCPU_BLOCKED_BY_NMI, 0), VCPU_RULE_EVENT_NMI);
    CHECK_EQ(inject(valid | VCPU_EVENT_NMI | 2, 0x202, VCPU_BLOCKED_BY_STI, 0), VCPU_RULE_EVENT_NMI);
    CHECK_EQ(inject(valid | VCPU_EVENT_NMI | 3, 2, 0, 0), VCPU_RULE_EVENT_TYPE);
    CHECK_EQ(inject(valid | 0x100 | 2, 2, 0, 0), VCPU_RULE_EVENT_TYPE);
    CHECK_EQ(inject(valid | 0x1000 | 0x30, 0x202, 0, 0), VCPU_RULE_EVENT_TYPE);
    CHECK_EQ(inject(page_fault | VCPU_EVENT_ERROR_CODE, 2, 0, 0), VCPU_RULE_NONE);
    CHECK_EQ(inject(page_fault, 2, 0, 0), VCPU_RULE_EVENT_ERROR);
    CHECK_EQ(inject(valid | VCPU_EVENT_EXCEPTION | 6 | VCPU_EVENT_ERROR_CODE, 2, 0, 0),
             VCPU_RULE_EVENT_ERROR);
    CHECK_EQ(inject(valid | VCPU_EVENT_SOFTWARE_INTERRUPT | 0x80, 2, 0, 2), VCPU_RULE_NONE);
    CHECK_EQ(inject(valid | VCPU_EVENT_PRIVILEGED_EXCEPTION | 1, 2, 0, 1), VCPU_RULE_NONE);
    CHECK_EQ(inject(valid | VCPU_EVENT_SOFTWARE_INTERRUPT | 0x80, 2, 0, 0), VCPU_RULE_EVENT_LENGTH);

    struct vcpu_state s = long_state();

    s.inject_info = page_fault | VCPU_EVENT_ERROR_CODE;
    s.inject_error = 0x7fff;
    CHECK_EQ(vcpu_check(&s, 0), VCPU_RULE_NONE);
    s.inject_error = 0x10000;
    CHECK_EQ(vcpu_check(&s, 0), VCPU_RULE_EVENT_ERROR);
    BREAKS(RULE_BLOCKING, interruptibility, VCPU_BLOCKED_BY_STI | VCPU_BLOCKED_BY_MOV_SS);
}

int main(void)
{
    test_good();
    test_control();
    test_segments();
    test_events();
    return check_finish();
}
