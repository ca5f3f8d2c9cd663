/* SPDX-License-Identifier: MIT */
#include "kernel/arch/x86_64/speculation.h"

#include "kernel/arch/x86_64/reg.h"
#include "kernel/cpu.h"
#include "kernel/mem/memory.h"
#include "kernel/object/ec.h"

#define CPUIDX8_EBX_IBPB           (1u << 12)
#define CPUID7_EDX_IBPB            (1u << 26)
#define CPUIDX21_EAX_AUTOMATIC     (1u << 8)
#define PREDICTION_COMMAND_BARRIER 1u

static bool switched_off, has_automatic, has_barrier;

static bool word_is(const char *line, const char *word)
{
    while (*word && *line == *word)
        line++, word++;
    return !*word && (!*line || *line == ' ');
}

void speculation_command_line(const char *line)
{
    for (bool begins = true; *line; line++) {
        if (begins && word_is(line, "speculation=off"))
            switched_off = true;
        begins = *line == ' ';
    }
}

static bool extended_has(uint32_t leaf)
{
    return cpuid(0x80000000, 0).eax >= leaf;
}

void speculation_cpu_init(void)
{
    if (switched_off)
        return;
    has_barrier = (extended_has(0x80000008) && cpuid(0x80000008, 0).ebx & CPUIDX8_EBX_IBPB) ||
                  (cpuid(0, 0).eax >= 7 && cpuid(7, 0).edx & CPUID7_EDX_IBPB);
    has_automatic = extended_has(0x80000021) && cpuid(0x80000021, 0).eax & CPUIDX21_EAX_AUTOMATIC;
    if (has_automatic)
        msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_AUTOMATIC_IBRS);
}

const char *speculation_text(void)
{
    static const char *const texts[2][2] = {{"unmitigated", "IBPB"},
                                            {"automatic IBRS", "automatic IBRS, IBPB"}};

    return switched_off ? "off" : texts[has_automatic][has_barrier];
}

void speculation_guest_change(struct cpu *cpu, const struct ec *vcpu)
{
    uint64_t machine = vcpu->guest_space_ref.serial;

    if (!has_barrier || cpu->arch.last_machine == machine)
        return;
    cpu->arch.last_machine = machine;
    msr_write(MSR_PREDICTION_COMMAND, PREDICTION_COMMAND_BARRIER);
}
