/* SPDX-License-Identifier: MIT */
/*
 * Local APIC in xAPIC and x2APIC mode, one for each virtual CPU.
 *
 * Source: Intel SDM volume 3A, chapter "Advanced Programmable Interrupt Controller (APIC)" (10 in editions up
 * to 2022, 11 later); section numbers in the sources are those of chapter 10. Version 0x14, six LVT entries.
 *
 * The glue of the virtual CPU
 *   - asks before each entry whether there is something to inject (irq_pending() in ../irq.h, which asks
 *     lapic_pending()), and takes it (irq_acknowledge());
 *   - is told by `notify` of what it cannot poll for: NMI, SMI, INIT, STARTUP, and LAPIC_INTERRUPT when
 *     a vector came in or became deliverable: without it, there is nothing new to inject. `notify` must not
 *     call back into the model;
 *   - hands accesses to the page at LAPIC_BASE to lapic_read/write, ahead of the MMIO bus (each CPU has its
 *     own), if lapic_mapped();
 *   - hands MSRs 0x1B, 0x6E0 and 0x800 to 0x83F to lapic_read_msr/lapic_write_msr (an error is the guest's
 *     #GP), CR8 to lapic_set_cr8.
 *
 * The timer counts at 1 GHz before the divider, so that counts and nanoseconds are the same thing.
 *
 * Invariants: a vector in IRR or ISR is at least 16; `summary` of a set has a bit for each word that is not
 * zero.
 *
 * Not modelled: EOI-broadcast suppression, CMCI, remote read, focus processor, level-triggered fixed interrupts at LINT0 and LINT1 (taken as edges); LVT entries of the
 * thermal sensor and the performance counters exist without a source.
 */
#ifndef VMM_DEVICE_LAPIC_LAPIC_H
#define VMM_DEVICE_LAPIC_LAPIC_H

#include "lib/base/status.h"
#include "vmm/device/apic_bus.h"
#include "vmm/device/device.h"

#define LAPIC_BASE             0xfee00000u
#define LAPIC_SIZE             0x1000u
#define LAPIC_TIMER_HZ         1000000000ull
#define LAPIC_MSR_APIC_BASE    0x1bu
#define LAPIC_MSR_TSC_DEADLINE 0x6e0u
#define LAPIC_MSR_X2APIC       0x800u /* register at page offset N: 0x800 + N / 16 */
#define LAPIC_MSR_X2APIC_LAST  0x83fu

enum lapic_event { LAPIC_INTERRUPT, LAPIC_NMI, LAPIC_SMI, LAPIC_INIT, LAPIC_STARTUP };

/* LVT entries, in the order of their registers from 0x320 on. */
enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERFORMANCE, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

/* The guest's time-stamp counter, for the deadline mode of the timer. */
struct lapic_tsc {
    uint64_t (*now)(void *context);
    void *context;
    uint64_t khz; /* 1 to 10^9 */
};

struct lapic_dependencies {
    struct apic_bus *bus;
    struct device_clock clock;
    struct lapic_tsc tsc;
    void (*notify)(void *context, enum lapic_event event, uint8_t vector);
    void *context;
};

/* 256 bits, and which of the eight words are not zero. */
struct lapic_set {
    uint32_t word[8];
    uint32_t summary;
};

struct lapic {
    struct lapic_set irr, isr, tmr;
    uint32_t tpr;
    uint32_t svr, ldr, dfr;
    uint32_t lvt[LVT_COUNT];
    uint32_t icr_low, icr_high;
    uint32_t esr, errors; /* as read, and gathered since the last write */
    uint32_t timer_initial, timer_divide;
    uint64_t timer_expiry; /* ns at which the count reaches zero or the deadline passes; DEVICE_NO_DEADLINE =
                              stopped */
    uint64_t tsc_deadline;
    uint64_t base;          /* IA32_APIC_BASE */
    uint8_t id;             /* below 255 */
    bool line[2];           /* levels at LINT0, LINT1 */
    uint64_t reads, writes; /* of registers in memory: statistics */
    struct lapic_dependencies with;
};

/* State after power-up. The dependencies are copied; the caller adds the model to the bus. */
void lapic_init(struct lapic *lapic, uint8_t id, bool bootstrap, const struct lapic_dependencies *with);

/* State after INIT: as after power-up, but ID and IA32_APIC_BASE stay (10.4.7.3). */
void lapic_reset(struct lapic *lapic);

/* What firmware does on the boot processor: enabled, LINT0 = ExtINT, LINT1 = NMI (virtual wire mode, MP
 * Spec 3.6.2.2). */
void lapic_set_virtual_wire(struct lapic *lapic);

/* Register page, from LAPIC_BASE if lapic_enabled(). Dword accesses at multiples of 16; narrower reads
 * work. */
uint64_t lapic_read(struct lapic *lapic, uint64_t offset, unsigned width);
void lapic_write(struct lapic *lapic, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops lapic_ops;

/* Has any interrupt come in that is not in service yet, of whatever priority? */
static inline bool lapic_requested(const struct lapic *lapic)
{
    return lapic->irr.summary;
}

/* What a write to the EOI register does. */
void lapic_end(struct lapic *lapic);

/* Is one interrupt in service, and nothing would notice when it ends: it is the only one, no other waits for its end, and no I/O APIC
   is told of it? */
bool lapic_end_unobserved(const struct lapic *lapic);

/* Whether the MSR is one of ours is the caller's question; errors are the guest's #GP. */
[[nodiscard]] enum status lapic_read_msr(struct lapic *lapic, uint32_t msr, uint64_t *value);
[[nodiscard]] enum status lapic_write_msr(struct lapic *lapic, uint32_t msr, uint64_t value);

/* The guest's TSC jumped (a write to IA32_TSC or IA32_TSC_ADJUST): an armed deadline is computed anew. */
void lapic_tsc_changed(struct lapic *lapic);

bool lapic_enabled(const struct lapic *lapic);
/* Are the registers in memory? Neither when disabled nor in x2APIC mode. */
bool lapic_mapped(const struct lapic *lapic);

/* CR8 is TPR bits 7 to 4 (10.8.6.1). */
void lapic_set_cr8(struct lapic *lapic, uint8_t cr8);
uint8_t lapic_cr8(const struct lapic *lapic);

/* Highest vector that may be delivered now, or -1; and its delivery (IRR to ISR), which returns the vector.
 */
int lapic_pending(const struct lapic *lapic);
uint8_t lapic_acknowledge(struct lapic *lapic);

/* Is LINT0 asserted and does it reach the processor as ExtINT? */
bool lapic_extint_pending(const struct lapic *lapic);

/* Inputs LINT0 (pin 0) and LINT1 (pin 1). */
void lapic_set_lint(struct lapic *lapic, unsigned pin, bool level);

uint64_t lapic_deadline(const struct lapic *lapic);
void lapic_expire(struct lapic *lapic, uint64_t now);

/* For the APIC bus: does a message concern this APIC, can it take vectors, what is its priority; and take it.
 */
bool lapic_matches(const struct lapic *lapic, const struct apic_message *message);
bool lapic_accepts_fixed(const struct lapic *lapic);
uint8_t lapic_priority(const struct lapic *lapic);
bool lapic_deliver(struct lapic *lapic, const struct apic_message *message);

#endif
