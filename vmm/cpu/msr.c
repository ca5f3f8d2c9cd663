/* SPDX-License-Identifier: MIT */
/*
 * The table of registers, sorted by index, and its interpreter. Numbers and meanings: Intel SDM volume 4, AMD APM volume 2
 * appendix A and the processor programming references; which of them matter: what Linux 6.1 touches while booting on
 * an EPYC. See msr.h.
 */
#include "vmm/cpu/msr.h"

#include <stddef.h>

enum rule_kind {
    RULE_FAULT = MSR_FAULT, /* known, and absent; this and the next five are the answer */
    RULE_VCPU = MSR_VCPU,
    RULE_APIC = MSR_APIC,
    RULE_TSC = MSR_TSC,
    RULE_CLOCK = MSR_CLOCK,
    RULE_PV_EOI = MSR_PV_EOI,
    RULE_CONSTANT,  /* reads `value`; a write of anything faults */
    RULE_IGNORED,   /* reads `value`; writes have no effect */
    RULE_STORED,    /* memory: bits outside `value` must be written as they are */
    RULE_MTRR,      /* memory: eight types, one a byte */
    RULE_MICROCODE, /* reads the revision */
};

/* When a rule applies. */
enum rule_condition { ALWAYS, IF_X2APIC, IF_TSC_DEADLINE, IF_TSC_ADJUST, IF_TSC_AUX, IF_KVMCLOCK, IF_PV_EOI };

struct rule {
    uint32_t first, last;
    uint8_t kind, condition, slot;
    uint64_t value;
};

#define MTRR_CAP     (UINT64_C(1) << 10 | UINT64_C(1) << 8 | MSR_MTRR_VARIABLE) /* WC, fixed ranges */
#define MTRR_DEFAULT (UINT64_C(3) << 10 | 0xff)                                 /* E, FE, type */
#define MTRR_ADDRESS UINT64_C(0x000fffffffffffff)
#define HWCR_WRITABLE \
    (UINT64_C(1) << 3 | UINT64_C(1) << 6 | UINT64_C(1) << 8 | UINT64_C(1) << 24) /* cache hints, IGNNE */
#define DE_CFG_LFENCE (UINT64_C(1) << 1) /* LFENCE waits for all instructions before it */
#define DE_CFG_ZEN1   (UINT64_C(1) << 9) /* denormal fix, which Linux sets on the first Zen */

static const struct rule rules[] = {
    {0x10, 0x10, RULE_TSC, ALWAYS, 0, 0},
    {0x11, 0x12, RULE_CLOCK, IF_KVMCLOCK, 0, 0},
    {0x1b, 0x1b, RULE_APIC, ALWAYS, 0, 0},
    {0x3b, 0x3b, RULE_TSC, IF_TSC_ADJUST, 0, 0},
    {0x48, 0x49, RULE_FAULT, ALWAYS, 0, 0}, /* SPEC_CTRL, PRED_CMD: not announced */
    {0x8b, 0x8b, RULE_MICROCODE, ALWAYS, 0, 0},
    {0xc1, 0xc8, RULE_FAULT, ALWAYS, 0, 0}, /* performance counters */
    {0xe7, 0xe8, RULE_FAULT, ALWAYS, 0, 0}, /* MPERF, APERF: not announced */
    {0xfe, 0xfe, RULE_CONSTANT, ALWAYS, 0, MTRR_CAP},
    {0x10a, 0x10a, RULE_FAULT, ALWAYS, 0, 0},    /* ARCH_CAPABILITIES: not announced */
    {0x174, 0x176, RULE_VCPU, ALWAYS, 0, 0},     /* SYSENTER */
    {0x179, 0x17b, RULE_CONSTANT, ALWAYS, 0, 0}, /* MCG_CAP: no banks; MCG_STATUS, MCG_CTL */
    {0x186, 0x18d, RULE_FAULT, ALWAYS, 0, 0},    /* performance event selectors */
    {0x1d9, 0x1d9, RULE_IGNORED, ALWAYS, 0, 0},  /* DEBUGCTL: no branch recording */
    {0x1db, 0x1de, RULE_CONSTANT, ALWAYS, 0, 0}, /* last branches and exceptions */
    {0x200, 0x20f, RULE_STORED, ALWAYS, MSR_SLOT_MTRR_VARIABLE, MTRR_ADDRESS},
    {0x250, 0x250, RULE_MTRR, ALWAYS, MSR_SLOT_MTRR_FIXED, 0},
    {0x258, 0x259, RULE_MTRR, ALWAYS, MSR_SLOT_MTRR_FIXED + 1, 0},
    {0x268, 0x26f, RULE_MTRR, ALWAYS, MSR_SLOT_MTRR_FIXED + 3, 0},
    {0x277, 0x277, RULE_VCPU, ALWAYS, 0, 0}, /* PAT */
    {0x2ff, 0x2ff, RULE_STORED, ALWAYS, MSR_SLOT_MTRR_DEFAULT, MTRR_DEFAULT},
    {0x309, 0x30b, RULE_FAULT, ALWAYS, 0, 0}, /* fixed performance counters */
    {0x345, 0x345, RULE_FAULT, ALWAYS, 0, 0}, /* PERF_CAPABILITIES */
    {0x38d, 0x390, RULE_FAULT, ALWAYS, 0, 0}, /* performance monitoring control */
    {0x480, 0x491, RULE_FAULT, ALWAYS, 0, 0}, /* VMX capabilities */
    {0x6e0, 0x6e0, RULE_APIC, IF_TSC_DEADLINE, 0, 0},
    {0x800, 0x83f, RULE_APIC, IF_X2APIC, 0, 0},
    {0xda0, 0xda0, RULE_FAULT, ALWAYS, 0, 0}, /* XSS: no XSAVES */
    {0x4b564d00, 0x4b564d01, RULE_CLOCK, IF_KVMCLOCK, 0, 0},
    {0x4b564d02, 0x4b564d03, RULE_FAULT, ALWAYS, 0, 0}, /* KVM's others: not announced */
    {0x4b564d04, 0x4b564d04, RULE_PV_EOI, IF_PV_EOI, 0, 0},
    {0x4b564d05, 0x4b564dff, RULE_FAULT, ALWAYS, 0, 0},
    {0xc0000080, 0xc0000084, RULE_VCPU, ALWAYS, 0, 0},  /* EFER, STAR, LSTAR, CSTAR, SFMASK */
    {0xc00000e7, 0xc00000e8, RULE_FAULT, ALWAYS, 0, 0}, /* read-only MPERF, APERF */
    {0xc0000100, 0xc0000102, RULE_VCPU, ALWAYS, 0, 0},  /* FS base, GS base, kernel GS base */
    {0xc0000103, 0xc0000103, RULE_VCPU, IF_TSC_AUX, 0, 0},
    {0xc0010000, 0xc0010007, RULE_FAULT, ALWAYS, 0, 0},   /* performance counters */
    {0xc0010010, 0xc0010010, RULE_IGNORED, ALWAYS, 0, 0}, /* SYSCFG: no memory encryption */
    {0xc0010015, 0xc0010015, RULE_STORED, ALWAYS, MSR_SLOT_HWCR, HWCR_WRITABLE},
    {0xc001001a, 0xc001001a, RULE_IGNORED, ALWAYS, 0, 0},     /* TOP_MEM */
    {0xc001001d, 0xc001001d, RULE_IGNORED, ALWAYS, 0, 0},     /* TOP_MEM2 */
    {0xc001001f, 0xc001001f, RULE_IGNORED, ALWAYS, 0, 0},     /* NB_CFG */
    {0xc0010020, 0xc0010020, RULE_IGNORED, ALWAYS, 0, 0},     /* microcode update trigger */
    {0xc0010055, 0xc0010055, RULE_IGNORED, ALWAYS, 0, 0},     /* INT_PENDING_MSG: no C1E */
    {0xc0010058, 0xc0010058, RULE_IGNORED, ALWAYS, 0, 0},     /* no memory-mapped PCI configuration */
    {0xc0010061, 0xc001006b, RULE_CONSTANT, ALWAYS, 0, 0},    /* P-state limit, control, status; none valid */
    {0xc0010112, 0xc0010113, RULE_IGNORED, ALWAYS, 0, 0},     /* SMM address and mask */
    {0xc0010114, 0xc0010114, RULE_CONSTANT, ALWAYS, 0, 0x18}, /* VM_CR: SVM locked off */
    {0xc0010117, 0xc0010117, RULE_FAULT, ALWAYS, 0, 0},       /* VM_HSAVE_PA */
    {0xc001011f, 0xc001011f, RULE_FAULT, ALWAYS, 0, 0},       /* virtual SPEC_CTRL: not announced */
    {0xc0010131, 0xc0010131, RULE_CONSTANT, ALWAYS, 0, 0},    /* SEV status */
    {0xc0010140, 0xc0010141, RULE_CONSTANT, ALWAYS, 0, 0},    /* OS-visible workarounds */
    {0xc0010200, 0xc001020b, RULE_FAULT, ALWAYS, 0, 0},       /* extended performance counters */
    {0xc0010299, 0xc001029b, RULE_FAULT, ALWAYS, 0, 0},       /* power units and energy */
    {0xc0011004, 0xc0011005, RULE_FAULT, ALWAYS, 0, 0},       /* CPUID overrides */
    {0xc0011020, 0xc0011023, RULE_IGNORED, ALWAYS, 0, 0},     /* LS_CFG, IC_CFG, DC_CFG */
    {0xc0011028, 0xc0011028, RULE_IGNORED, ALWAYS, 0, 0},     /* FP_CFG */
    {0xc0011029, 0xc0011029, RULE_STORED, ALWAYS, MSR_SLOT_DE_CFG, DE_CFG_LFENCE | DE_CFG_ZEN1},
    {0xc001102a, 0xc001102e, RULE_IGNORED, ALWAYS, 0, 0}, /* BU_CFG2, LS_CFG2 and between */
    {0xc0011030, 0xc001103d, RULE_FAULT, ALWAYS, 0, 0},   /* instruction-based sampling */
};
enum { RULE_COUNT = sizeof rules / sizeof *rules };

static bool rule_applies(const struct rule *rule, const struct cpuid_policy *policy)
{
    switch (rule->condition) {
    case IF_X2APIC: return policy->x2apic;
    case IF_TSC_DEADLINE: return policy->tsc_deadline;
    case IF_TSC_ADJUST: return policy->tsc_adjust;
    case IF_TSC_AUX: return policy->tsc_aux;
    case IF_KVMCLOCK: return policy->kvmclock;
    case IF_PV_EOI: return policy->pv_eoi;
    default: return true;
    }
}

/* NULL if the table does not know the register. */
static const struct rule *rule_find(uint32_t index)
{
    size_t low = 0, high = RULE_COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (index < rules[middle].first)
            high = middle;
        else if (index > rules[middle].last)
            low = middle + 1;
        else
            return &rules[middle];
    }
    return NULL;
}

/* The owner if it is another part of the monitor, MSR_FAULT or MSR_UNKNOWN if nobody; MSR_DONE: to be answered here. */
static enum msr_answer rule_owner(const struct rule *rule, const struct cpuid_policy *policy)
{
    if (!rule)
        return MSR_UNKNOWN;
    if (!rule_applies(rule, policy))
        return MSR_FAULT;
    return rule->kind <= RULE_PV_EOI ? (enum msr_answer)rule->kind : MSR_DONE;
}

void msr_state_reset(struct msr_state *state)
{
    *state = (struct msr_state){
        .slot =
            {
                [MSR_SLOT_MTRR_DEFAULT] = UINT64_C(1) << 11 | 6, /* enabled, write-back */
                [MSR_SLOT_HWCR] = UINT64_C(1) << 24,             /* the TSC counts at the P0 frequency */
                [MSR_SLOT_DE_CFG] = DE_CFG_LFENCE,
            },
    };
}

enum msr_answer msr_read(const struct cpuid_policy *policy, const struct msr_state *state, uint32_t index,
                         uint64_t *value)
{
    const struct rule *rule = rule_find(index);
    enum msr_answer owner = rule_owner(rule, policy);
    if (owner != MSR_DONE)
        return owner;
    switch (rule->kind) {
    case RULE_STORED:
    case RULE_MTRR: *value = state->slot[rule->slot + (index - rule->first)]; break;
    case RULE_MICROCODE: *value = policy->microcode; break;
    default: *value = rule->value; break;
    }
    return MSR_DONE;
}

/* Memory types: uncacheable 0, write-combining 1, write-through 4, write-protected 5, write-back 6. */
static bool memory_types_valid(uint64_t value, unsigned valid_types)
{
    for (unsigned i = 0; i < 8; i++) {
        uint64_t type = value >> 8 * i & 0xff;
        if (type > 7 || !(valid_types >> type & 1))
            return false;
    }
    return true;
}

bool msr_pat_valid(uint64_t value)
{
    return memory_types_valid(value, 0xf3); /* 7: uncacheable, unless an MTRR says write-combining */
}

enum msr_answer msr_write(const struct cpuid_policy *policy, struct msr_state *state, uint32_t index,
                          uint64_t value)
{
    const struct rule *rule = rule_find(index);
    enum msr_answer owner = rule_owner(rule, policy);
    if (owner != MSR_DONE)
        return owner;
    if (rule->kind == RULE_CONSTANT)
        return MSR_FAULT;
    if (rule->kind != RULE_STORED && rule->kind != RULE_MTRR)
        return MSR_DONE;
    uint64_t *slot = &state->slot[rule->slot + (index - rule->first)];
    bool valid =
        rule->kind == RULE_MTRR ? memory_types_valid(value, 0x73) : !((value ^ *slot) & ~rule->value);
    if (!valid)
        return MSR_FAULT;
    *slot = value;
    return MSR_DONE;
}
