/* SPDX-License-Identifier: MIT */
/*
 * FPU, SSE and AVX registers. They stay with their owner until another context that declared FPU use runs; only then
 * they are saved and loaded. While a thread runs that did not declare, CR0.TS makes it fault instead of seeing them.
 * Invariant: CR0.TS = 0 <=> cpu_arch.fpu_open is the owner's area; and then all components are switched on in XCR0.
 *
 * fpu_xcr0 holds the components that threads and guests may use. XSAVE's standard format; without XSAVE, FXSAVE.
 */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/svm.h"
#include "kernel/cpu.h"
#include "kernel/mem/memory.h"
#include "kernel/object/ec.h"

#define XCR0_X87 1u
#define XCR0_SSE 2u
#define XCR0_AVX 4u

#define CPUID1_ECX_XSAVE  (1u << 26)
#define FXSAVE_SIZE       512u
#define XSAVE_HEADER      512u /* offset; begins with XSTATE_BV */
#define XSAVE_HEADER_SIZE 64u

/* Offsets in the area. */
#define AREA_MXCSR        24u
#define AREA_MXCSR_MASK   28u
#define MXCSR_MASK_OLDEST 0xffbfu /* of processors that store no mask (SDM vol. 1, 11.6.6) */

uint64_t fpu_xcr0; /* 0: the processor has no XSAVE */

static uint64_t fpu_size = FXSAVE_SIZE;
static uint32_t fpu_mxcsr_mask;
static uint8_t fpu_initial[sizeof(((struct fpu_area *)0)->state)] __attribute__((aligned(64)));

static void fpu_save(void *area)
{
    if (fpu_xcr0)
        asm volatile("xsave64 (%0)" : : "r"(area), "a"(UINT32_MAX), "d"(UINT32_MAX) : "memory");
    else
        asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

/* AMD's processors leave the last x87 instruction's addresses as they are when no exception is pending (APM vol. 2, 11.4.4):
   an instruction of our own hides what another context did. */
static void fpu_restore(const void *area)
{
    static const int32_t zero;

    asm volatile("fnclex; emms; fildl %0" : : "m"(zero));
    if (fpu_xcr0)
        asm volatile("xrstor64 (%0)" : : "r"(area), "a"(UINT32_MAX), "d"(UINT32_MAX) : "memory");
    else
        asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

void fpu_off(struct cpu *cpu)
{
    cr0_write(cr0_read() | CR0_TS);
    cpu->arch.fpu_open = NULL;
}

void fpu_cpu_init(struct cpu *cpu)
{
    if (fpu_xcr0)
        xcr0_write(fpu_xcr0);
    cpu->arch.xcr0 = fpu_xcr0;
    fpu_off(cpu);
}

void fpu_init(void)
{
    if (cpuid(1, 0).ecx & CPUID1_ECX_XSAVE) {
        fpu_xcr0 = cpuid(0xd, 0).eax & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
        xcr0_write(fpu_xcr0);
        fpu_size = cpuid(0xd, 0).ebx;
    }
    if (fpu_size > sizeof(fpu_initial))
        panic("FPU state of %lu bytes", fpu_size);
    asm volatile("fxsave64 (%0)" : : "r"(fpu_initial) : "memory");
    memcpy(&fpu_mxcsr_mask, fpu_initial + AREA_MXCSR_MASK, sizeof(fpu_mxcsr_mask));
    if (!fpu_mxcsr_mask)
        fpu_mxcsr_mask = MXCSR_MASK_OLDEST;
    memset(fpu_initial, 0, sizeof(fpu_initial));
    boot_info.xcr0 = fpu_xcr0;
    /* FCW 037f and MXCSR 1f80 as after FNINIT and reset; the empty XSTATE_BV asks for initial state of the rest. */
    fpu_initial[0] = 0x7f;
    fpu_initial[1] = 0x03;
    fpu_initial[24] = 0x80;
    fpu_initial[25] = 0x1f;
}

/* Saving and loading needs CR0.TS = 0 and all components switched on. */
static void fpu_access(struct cpu *cpu)
{
    svm_guest_release(cpu); /* may have changed XCR0 */
    if (!cpu->arch.fpu_open)
        clts();
    if (cpu->arch.xcr0 != fpu_xcr0) {
        cpu->arch.xcr0 = fpu_xcr0;
        xcr0_write(fpu_xcr0);
    }
}

void fpu_own(struct cpu *cpu, struct ec *context)
{
    struct ec *owner = cpu->arch.fpu_owner;

    if (owner == context)
        return;
    fpu_access(cpu);
    if (owner)
        fpu_save(owner->fpu->state);
    fpu_restore(context->fpu->state);
    cpu->arch.fpu_owner = context;
    fpu_off(cpu);
}

void fpu_load(struct cpu *cpu, struct ec *context)
{
    fpu_own(cpu, context);
    fpu_access(cpu);
    cpu->arch.fpu_open = context->fpu;
}

uint64_t arch_fpu_size(void)
{
    return fpu_size;
}

void arch_fpu_init(void *area)
{
    memcpy(area, fpu_initial, sizeof(fpu_initial));
}

void arch_fpu_flush(struct ec *context)
{
    struct cpu *cpu = cpu_self();

    if (cpu->arch.fpu_owner != context)
        return;
    fpu_access(cpu);
    fpu_save(context->fpu->state);
    fpu_off(cpu);
    cpu->arch.fpu_owner = NULL;
    cpu->arch.loaded = NULL;
}

/* XRSTOR refuses unknown components, anything else in the header, and reserved bits of MXCSR (SDM vol. 1, 13.8.1). */
void arch_fpu_write(struct ec *context, const void *image)
{
    uint8_t *area = context->fpu->state;
    uint64_t components;
    uint32_t mxcsr;

    arch_fpu_flush(context);
    memcpy(area, image, fpu_size);
    memcpy(&mxcsr, area + AREA_MXCSR, sizeof(mxcsr));
    mxcsr &= fpu_mxcsr_mask;
    memcpy(area + AREA_MXCSR, &mxcsr, sizeof(mxcsr));
    if (!fpu_xcr0)
        return;
    memcpy(&components, area + XSAVE_HEADER, sizeof(components));
    components &= fpu_xcr0;
    memset(area + XSAVE_HEADER, 0, XSAVE_HEADER_SIZE);
    memcpy(area + XSAVE_HEADER, &components, sizeof(components));
}
