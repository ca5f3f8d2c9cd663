/* SPDX-License-Identifier: MIT */
/* One function for each family of rules; each returns the first one broken. */
#include "kernel/arch/x86_64/vcpu_check.h"

#include <stdbool.h>

#include "kernel/arch/x86_64/reg.h"

#define HIGH_HALF  0xffffffff00000000ull
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | 0xe000ull)

enum attribute {
    ATTRIBUTE_TYPE = 0xf,
    ATTRIBUTE_ACCESSED = 1,
    ATTRIBUTE_READ_WRITE = 2, /* readable code, writable data */
    ATTRIBUTE_CONFORMING = 4,
    ATTRIBUTE_CODE = 8,
    ATTRIBUTE_S = 1 << 4,
    ATTRIBUTE_P = 1 << 7,
    ATTRIBUTE_L = 1 << 9,
    ATTRIBUTE_DB = 1 << 10,
    ATTRIBUTE_G = 1 << 11,
    ATTRIBUTE_V86 = 0xf3,
    TYPE_LDT = 2,
    TYPE_TSS16_BUSY = 3,
    TYPE_TSS32_BUSY = 11,
};

static bool canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static bool usable(const struct vcpu_segment *segment)
{
    return !(segment->attributes & VCPU_SEGMENT_UNUSABLE);
}

static unsigned dpl(const struct vcpu_segment *segment)
{
    return segment->attributes >> 5 & 3;
}

static bool long_mode(const struct vcpu_state *s)
{
    return s->efer & EFER_LMA;
}

static unsigned check_control(const struct vcpu_state *s)
{
    bool paging = s->cr0 & CR0_PG;

    if (s->cr0 & HIGH_HALF || (paging && !(s->cr0 & CR0_PE)) || (s->cr0 & CR0_NW && !(s->cr0 & CR0_CD)))
        return VCPU_RULE_CR0;
    if (s->efer & ~EFER_KNOWN)
        return VCPU_RULE_EFER;
    if (long_mode(s) != (s->efer & EFER_LME && paging))
        return VCPU_RULE_LMA;
    if (long_mode(s) && !(s->cr4 & CR4_PAE))
        return VCPU_RULE_LONG_PAE;
    if (s->cr3 >> 52)
        return VCPU_RULE_CR3;
    if (s->cr4 & HIGH_HALF || (s->cr4 & CR4_PCIDE && !long_mode(s)))
        return VCPU_RULE_CR4;
    return s->dr7 & HIGH_HALF ? VCPU_RULE_DR7 : VCPU_RULE_NONE;
}

static unsigned check_msrs(const struct vcpu_state *s)
{
    if (!canonical(s->lstar) || !canonical(s->kernel_gs_base) || !canonical(s->sysenter_esp) ||
        !canonical(s->sysenter_eip))
        return VCPU_RULE_CANONICAL_MSR;
    for (unsigned i = 0; i < 64; i += 8) {
        unsigned type = s->pat >> i & 0xff;

        if (type > 7 || type == 2 || type == 3)
            return VCPU_RULE_PAT;
    }
    return VCPU_RULE_NONE;
}

/* A limit with ones in 31:20 needs G; one with a zero in 11:0 forbids it. */
static bool granularity_good(const struct vcpu_segment *segment)
{
    bool pages = segment->attributes & ATTRIBUTE_G;

    return pages ? (segment->limit & 0xfff) == 0xfff : !(segment->limit >> 20);
}

static bool v86_good(const struct vcpu_segment *segment)
{
    return segment->base == (uint64_t)segment->selector << 4 && segment->limit == 0xffff &&
           (segment->attributes & 0xff) == ATTRIBUTE_V86;
}

static unsigned check_v86(const struct vcpu_state *s)
{
    bool good = v86_good(&s->cs) && v86_good(&s->ss) && v86_good(&s->ds) && v86_good(&s->es) &&
                v86_good(&s->fs) && v86_good(&s->gs);

    return good ? VCPU_RULE_NONE : VCPU_RULE_V86;
}

static unsigned check_code(const struct vcpu_state *s)
{
    unsigned type = s->cs.attributes & ATTRIBUTE_TYPE;
    bool data =
        type == (ATTRIBUTE_ACCESSED | ATTRIBUTE_READ_WRITE); /* allowed to unrestricted guests, at DPL 0 */

    if (!usable(&s->cs) || !(s->cs.attributes & ATTRIBUTE_P) || !(s->cs.attributes & ATTRIBUTE_S) ||
        !(data || (type & ATTRIBUTE_CODE && type & ATTRIBUTE_ACCESSED)))
        return VCPU_RULE_CS;
    if (long_mode(s) && s->cs.attributes & ATTRIBUTE_L && s->cs.attributes & ATTRIBUTE_DB)
        return VCPU_RULE_CS_DB;
    if (data                          ? dpl(&s->cs) != 0
        : type & ATTRIBUTE_CONFORMING ? dpl(&s->cs) > dpl(&s->ss)
                                      : dpl(&s->cs) != dpl(&s->ss))
        return VCPU_RULE_CPL;
    if (!(s->cr0 & CR0_PE) && dpl(&s->ss))
        return VCPU_RULE_CPL;
    return granularity_good(&s->cs) ? VCPU_RULE_NONE : VCPU_RULE_GRANULARITY;
}

static unsigned check_stack(const struct vcpu_segment *ss)
{
    unsigned type = ss->attributes & ATTRIBUTE_TYPE;

    if (!usable(ss))
        return VCPU_RULE_NONE;
    if ((type != 3 && type != 7) || !(ss->attributes & ATTRIBUTE_S) || !(ss->attributes & ATTRIBUTE_P))
        return VCPU_RULE_SS;
    return granularity_good(ss) ? VCPU_RULE_NONE : VCPU_RULE_GRANULARITY;
}

static unsigned check_data(const struct vcpu_segment *segment)
{
    unsigned type = segment->attributes & ATTRIBUTE_TYPE;

    if (!usable(segment))
        return VCPU_RULE_NONE;
    if (!(type & ATTRIBUTE_ACCESSED) || (type & ATTRIBUTE_CODE && !(type & ATTRIBUTE_READ_WRITE)) ||
        !(segment->attributes & ATTRIBUTE_S) || !(segment->attributes & ATTRIBUTE_P))
        return VCPU_RULE_DATA;
    return granularity_good(segment) ? VCPU_RULE_NONE : VCPU_RULE_GRANULARITY;
}

static bool base_good(const struct vcpu_segment *segment)
{
    return !usable(segment) || !(segment->base & HIGH_HALF);
}

static unsigned check_system(const struct vcpu_state *s)
{
    unsigned tr = s->tr.attributes & ATTRIBUTE_TYPE, ldt = s->ldtr.attributes & ATTRIBUTE_TYPE;

    if (!usable(&s->tr) || s->tr.selector & 4 || !(s->tr.attributes & ATTRIBUTE_P) ||
        s->tr.attributes & ATTRIBUTE_S ||
        (tr != TYPE_TSS32_BUSY && (tr != TYPE_TSS16_BUSY || long_mode(s))) || !granularity_good(&s->tr) ||
        !canonical(s->tr.base))
        return VCPU_RULE_TR;
    if (usable(&s->ldtr) &&
        (s->ldtr.selector & 4 || ldt != TYPE_LDT || !(s->ldtr.attributes & ATTRIBUTE_P) ||
         s->ldtr.attributes & ATTRIBUTE_S || !granularity_good(&s->ldtr) || !canonical(s->ldtr.base)))
        return VCPU_RULE_LDTR;
    if (!canonical(s->gdtr.base) || !canonical(s->idtr.base) || s->gdtr.limit > 0xffff ||
        s->idtr.limit > 0xffff)
        return VCPU_RULE_TABLE;
    return VCPU_RULE_NONE;
}

static unsigned check_segments(const struct vcpu_state *s)
{
    const struct vcpu_segment *data[] = {&s->ds, &s->es, &s->fs, &s->gs};
    unsigned rule;

    if (s->rflags & RFLAGS_VM) {
        rule = check_v86(s);
        return rule ? rule : check_system(s);
    }
    rule = check_code(s);
    if (!rule)
        rule = check_stack(&s->ss);
    for (unsigned i = 0; !rule && i < 4; i++)
        rule = check_data(data[i]);
    if (rule)
        return rule;
    if (!base_good(&s->cs) || !base_good(&s->ss) || !base_good(&s->ds) || !base_good(&s->es) ||
        !canonical(s->fs.base) || !canonical(s->gs.base))
        return VCPU_RULE_BASE;
    return check_system(s);
}

static unsigned check_pointer(const struct vcpu_state *s)
{
    bool code64 = long_mode(s) && s->cs.attributes & ATTRIBUTE_L;

    if (code64 ? !canonical(s->rip) : (s->rip & HIGH_HALF) != 0)
        return VCPU_RULE_RIP;
    if (!(s->rflags & RFLAGS_FIXED) || s->rflags & 0xffffffffffc08028ull)
        return VCPU_RULE_RFLAGS;
    if (s->rflags & RFLAGS_VM && (long_mode(s) || !(s->cr0 & CR0_PE)))
        return VCPU_RULE_RFLAGS;
    return VCPU_RULE_NONE;
}

static bool pushes_error(unsigned vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

static unsigned check_injection(const struct vcpu_state *s)
{
    uint32_t info = s->inject_info, type = info & 0x700, vector = info & 0xff;
    uint32_t blocked = s->interruptibility;

    if ((type == VCPU_EVENT_NMI && vector != 2) || (type == VCPU_EVENT_EXCEPTION && vector > 31) ||
        type == 0x100 || type == 0x700 || info & 0x7ffff000)
        return VCPU_RULE_EVENT_TYPE;
    bool error = type == VCPU_EVENT_EXCEPTION && pushes_error(vector) && s->cr0 & CR0_PE;

    if (error != !!(info & VCPU_EVENT_ERROR_CODE) || (error && s->inject_error >> 16))
        return VCPU_RULE_EVENT_ERROR;
    if (type == VCPU_EVENT_EXTERNAL &&
        (!(s->rflags & RFLAGS_IF) || blocked & (VCPU_BLOCKED_BY_STI | VCPU_BLOCKED_BY_MOV_SS)))
        return VCPU_RULE_EVENT_IF;
    if (type == VCPU_EVENT_NMI &&
        blocked & (VCPU_BLOCKED_BY_STI | VCPU_BLOCKED_BY_MOV_SS | VCPU_BLOCKED_BY_NMI))
        return VCPU_RULE_EVENT_NMI;
    if (type >= VCPU_EVENT_SOFTWARE_INTERRUPT && (s->inject_length < 1 || s->inject_length > 15))
        return VCPU_RULE_EVENT_LENGTH;
    return VCPU_RULE_NONE;
}

static unsigned check_blocking(const struct vcpu_state *s)
{
    bool sti = s->interruptibility & VCPU_BLOCKED_BY_STI;

    return sti && (s->interruptibility & VCPU_BLOCKED_BY_MOV_SS || !(s->rflags & RFLAGS_IF))
               ? VCPU_RULE_BLOCKING
               : VCPU_RULE_NONE;
}

unsigned vcpu_check(const struct vcpu_state *s, uint64_t written)
{
    static const struct {
        uint64_t groups;
        unsigned (*check)(const struct vcpu_state *state);
    } families[] = {
        {VCPU_GROUP_CR | VCPU_GROUP_DR, check_control},
        {VCPU_GROUP_MSR, check_msrs},
        {VCPU_GROUP_CR | VCPU_GROUP_CODE | VCPU_GROUP_SEGMENT, check_segments},
        {VCPU_GROUP_CR | VCPU_GROUP_CODE | VCPU_GROUP_IP, check_pointer},
        {VCPU_GROUP_IP | VCPU_GROUP_INTERRUPT, check_blocking},
    };

    for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        unsigned rule = written & families[i].groups ? families[i].check(s) : VCPU_RULE_NONE;

        if (rule)
            return rule;
    }
    return s->inject_info & VCPU_EVENT_VALID ? check_injection(s) : VCPU_RULE_NONE;
}
