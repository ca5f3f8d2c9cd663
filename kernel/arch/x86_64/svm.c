/* SPDX-License-Identifier: MIT */
/*
 * AMD-V with nested paging: what the processor offers, and creating virtual CPUs. svm_enter.c and svm_exit.c run them.
 *
 * Every port access and every MSR but those that VMLOAD switches leave the guest. Host interrupts leave it, too, and then
 * take the kernel's ordinary interrupt path. #DB and #AC always leave it and are put back at once: their delivery
 * could raise them again for ever without an interrupt being seen.
 */
#include "kernel/arch/x86_64/svm.h"

#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/cpu.h"
#include "kernel/mem/memory.h"
#include "kernel/object/ec.h"
#include "kernel/object/pd.h"
#include "kernel/object/space.h"

#define NESTED_ENABLE      1ull
#define CPUIDX1_ECX_SVM    (1u << 2)
#define CPUIDX1_EDX_RDTSCP (1u << 27)

#define ALWAYS_EXCEPTIONS (1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC)
#define ALWAYS1                                                                                             \
    (INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_INVD | \
     INTERCEPT_HLT | INTERCEPT_INVLPGA | INTERCEPT_IO | INTERCEPT_MSR | INTERCEPT_SHUTDOWN)
#define ALWAYS2                                                                                   \
    (INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE | INTERCEPT_STGI | \
     INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_WBINVD | INTERCEPT_MONITOR | INTERCEPT_MWAIT | \
     INTERCEPT_XSETBV | INTERCEPT_RDPRU)
#define CR8_BIT (1u << 8)

struct svm_features svm_features;

/* Shared by all virtual CPUs, never changed after svm_init(): one bit a port, two bits an MSR; set bits leave the guest. */
static uint8_t io_bitmap[3 * 4096] __attribute__((aligned(4096)));
static uint8_t msr_bitmap[2 * 4096] __attribute__((aligned(4096)));

/* Reads and writes of the MSR stay in the guest. */
static void msr_pass(uint32_t msr)
{
    uint32_t index = msr < 0x2000 ? msr : msr - 0xc0000000 + 0x2000; /* second range: byte 0x800 */

    msr_bitmap[index / 4] &= (uint8_t) ~(3u << index % 4 * 2);
}

static void bitmaps_init(void)
{
    static const uint32_t passed[] = {
        MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR,    MSR_LSTAR,
        MSR_CSTAR,       MSR_SFMASK,       MSR_FS_BASE,      MSR_GS_BASE, MSR_KERNEL_GS_BASE,
    };

    memset(io_bitmap, 0xff, sizeof(io_bitmap));
    memset(msr_bitmap, 0xff, sizeof(msr_bitmap));
    for (unsigned i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
        msr_pass(passed[i]);
}

/*
 * QEMU's TCG (7.2: do_vmexit, cpu_x86_update_cr0) does not load the host's CR0 when it leaves a guest that has EFER.LME, but
 * neither CR0.PG nor CR4.PAE: the host would go on without paging. Monitors must not make such a guest there.
 */
static bool emulated_by_tcg(void)
{
    return cpuid(1, 0).ecx >> 31 && cpuid(0x40000000, 0).ebx == 0x54474354; /* TCGT */
}

/* Does the time-stamp counter count instructions (QEMU's -icount)? Then the same two are always equally far apart, which a clock
   never shows. */
static bool time_is_counted(void)
{
    uint64_t first = 0;

    for (unsigned i = 0; i < 64; i++) {
        uint64_t begin = rdtsc(), ticks = rdtsc() - begin;

        if (i == 0)
            first = ticks;
        if (ticks != first)
            return false;
    }
    return true;
}

static bool features_read(void)
{
    struct cpuid svm;

    if (cpuid(0x80000000, 0).eax < 0x8000000a || !(cpuid(0x80000001, 0).ecx & CPUIDX1_ECX_SVM) ||
        msr_read(MSR_VM_CR) & VM_CR_SVMDIS)
        return false;
    svm = cpuid(0x8000000a, 0);
    if (!(svm.edx & 1u << 0) || svm.ebx < 2) /* nested paging; ASID 0 is the host's */
        return false;
    svm_features = (struct svm_features){
        .supported = true,
        .next_rip = svm.edx & 1u << 3,
        .decode_assists = svm.edx & 1u << 7,
        .loses_cr0 = emulated_by_tcg(),
        .repeats_interrupt = emulated_by_tcg() && time_is_counted(),
        .tsc_aux = cpuid(0x80000001, 0).edx & CPUIDX1_EDX_RDTSCP,
        .asids = svm.ebx,
        .clean = svm.edx & 1u << 5 ? CLEAN_ALL & ~(uint32_t)CLEAN_INTERRUPT : 0,
    };
    return true;
}

void svm_init(void)
{
    if (!features_read())
        return;
    bitmaps_init();
    boot_info.features |= BOOT_FEATURE_SVM;
}

/* The processor's own area, and behind it the one for VMSAVE. */
void svm_allocate(struct cpu *cpu)
{
    if (svm_features.supported)
        cpu->arch.host_vmcb = virt_to_phys(boot_alloc(2, BOOT_MEMORY_KERNEL)) + FRAME_SIZE;
}

void svm_cpu_init(struct cpu *cpu)
{
    if (!svm_features.supported)
        return;
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SVME);
    msr_write(MSR_VM_HSAVE_PA, cpu->arch.host_vmcb - FRAME_SIZE);
    if (svm_features.tsc_aux)
        msr_write(MSR_TSC_AUX, 0);
    cpu->arch.asid_next = svm_features.asids; /* the first entry flushes and begins at 1 */
    asm volatile("vmsave" : : "a"(cpu->arch.host_vmcb) : "memory");
}

bool arch_vcpu_supported(void)
{
    return svm_features.supported;
}

static uint64_t image_to_phys(const void *pointer)
{
    return (uint64_t)pointer - KERNEL_BASE;
}

void svm_controls_apply(struct vcpu_arch *vcpu)
{
    struct vmcb *vmcb = vcpu->vmcb;

    vmcb->intercept_exceptions = vcpu->exception_bitmap | ALWAYS_EXCEPTIONS;
    vmcb->intercept1 = ALWAYS1;
    vmcb->intercept2 = ALWAYS2;
    vcpu->virtual_interrupt = VIRTUAL_INTR_MASKING;
    if (vcpu->controls & VCPU_CONTROL_INTERRUPT_WINDOW) {
        vmcb->intercept1 |= INTERCEPT_VINTR;
        vcpu->virtual_interrupt |= VIRTUAL_IRQ | VIRTUAL_PRIORITY | VIRTUAL_IGNORE_TPR;
    }
    if (vcpu->controls & VCPU_CONTROL_RDTSC) {
        vmcb->intercept1 |= INTERCEPT_RDTSC;
        vmcb->intercept2 |= INTERCEPT_RDTSCP;
    }
    vmcb->intercept1 |= vcpu->controls & VCPU_CONTROL_PAUSE ? INTERCEPT_PAUSE : 0;
    vmcb->intercept1 |= vcpu->nmi_blocked ? INTERCEPT_IRET : 0;
    vmcb->clean &= ~(uint32_t)CLEAN_INTERCEPTS;
    vcpu->slow_entry = true;
}

/* Real mode at the reset vector, as after INIT (SDM vol. 3, table 9-1), with caches on. */
static void vmcb_reset(struct vmcb *vmcb)
{
    struct vmcb_segment data = {.attributes = 0x93, .limit = 0xffff};

    vmcb->es = vmcb->ss = vmcb->ds = vmcb->fs = vmcb->gs = data;
    vmcb->cs = (struct vmcb_segment){0xf000, 0x9b, 0xffff, 0xffff0000};
    vmcb->gdtr = vmcb->idtr = (struct vmcb_segment){.limit = 0xffff};
    vmcb->ldtr = (struct vmcb_segment){.attributes = 0x82, .limit = 0xffff};
    vmcb->tr = (struct vmcb_segment){.attributes = 0x8b, .limit = 0xffff};
    vmcb->cr0 = CR0_ET;
    vmcb->efer = EFER_SVME;
    vmcb->dr6 = 0xffff0ff0;
    vmcb->dr7 = 0x400;
    vmcb->pat = 0x0007040600070406;
    vmcb->rip = 0xfff0;
    vmcb->rflags = RFLAGS_FIXED;
}

bool arch_vcpu_create(struct ec *vcpu, struct pd *account)
{
    struct vcpu_arch *arch = account_object_alloc(account, OBJECT_NONE, sizeof(*arch));
    struct vmcb *vmcb;

    if (!arch)
        return false;
    vmcb = account_frame_alloc(account);
    if (!vmcb) {
        account_object_free(&arch->object);
        return false;
    }
    arch->vmcb = vmcb;
    arch->xcr0 = 1;
    vmcb->iopm = image_to_phys(io_bitmap);
    vmcb->msrpm = image_to_phys(msr_bitmap);
    vmcb->nested_control = NESTED_ENABLE;
    vmcb->nested_cr3 = vcpu->guest_space->table.root;
    vmcb->intercept_cr_read = vmcb->intercept_cr_write = CR8_BIT;
    vmcb_reset(vmcb);
    svm_controls_apply(arch);
    arch->new_asid = true;
    vcpu->vcpu_arch = arch;
    return true;
}

void arch_vcpu_destroy(struct ec *vcpu, struct pd *account)
{
    account_frame_free(account, vcpu->vcpu_arch->vmcb);
    account_object_free(&vcpu->vcpu_arch->object);
    vcpu->vcpu_arch = NULL;
}
