/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: registers, priorities and acceptance; see lapic.h.
 */
#include "lib/string/string.h"
#include "vmm/device/lapic/lapic_private.h"

#define VERSION   (0x14u | (LVT_COUNT - 1) << 16)
#define DFR_FLAT  0xffffffffu
#define DFR_FIXED 0x0fffffffu /* bits that read as ones */

static void set_add(struct lapic_set *set, uint8_t vector)
{
    set->word[vector >> 5] |= 1u << (vector & 31);
    set->summary |= 1u << (vector >> 5);
}

static void set_remove(struct lapic_set *set, uint8_t vector)
{
    set->word[vector >> 5] &= ~(1u << (vector & 31));
    if (set->word[vector >> 5] == 0)
        set->summary &= ~(1u << (vector >> 5));
}

static bool set_has(const struct lapic_set *set, uint8_t vector)
{
    return set->word[vector >> 5] >> (vector & 31) & 1;
}

static int set_highest(const struct lapic_set *set)
{
    if (set->summary == 0)
        return -1;
    int index = 31 - __builtin_clz(set->summary);
    return index * 32 + 31 - __builtin_clz(set->word[index]);
}

/* Processor priority (10.8.3.1): the class in service, unless the task's is at least as high. */
uint8_t lapic_priority(const struct lapic *lapic)
{
    int service = set_highest(&lapic->isr);
    uint8_t class = service < 0 ? 0 : (uint8_t)(service & 0xf0);

    return lapic->tpr >= class ? (uint8_t)lapic->tpr : class;
}

int lapic_pending(const struct lapic *lapic)
{
    int vector = set_highest(&lapic->irr);

    return vector >= 0 && (vector & 0xf0) > (lapic_priority(lapic) & 0xf0) ? vector : -1;
}

uint8_t lapic_acknowledge(struct lapic *lapic)
{
    int vector = lapic_pending(lapic);

    if (vector < 0) /* 10.9: the spurious vector, which leaves ISR alone */
        return (uint8_t)lapic->svr;
    set_remove(&lapic->irr, (uint8_t)vector);
    set_add(&lapic->isr, (uint8_t)vector);
    return (uint8_t)vector;
}

void lapic_accept(struct lapic *lapic, uint8_t vector, bool level)
{
    if (vector < 16) {
        lapic_raise_error(lapic, ESR_RECEIVE_ILLEGAL);
        return;
    }
    set_add(&lapic->irr, vector);
    if (level)
        set_add(&lapic->tmr, vector);
    else
        set_remove(&lapic->tmr, vector);
    lapic->with.notify(lapic->with.context, LAPIC_INTERRUPT, vector);
}

/* By an EOI or a lower task priority: what became deliverable is told. */
static void priority_lowered(struct lapic *lapic)
{
    int vector = lapic_pending(lapic);

    if (vector >= 0)
        lapic->with.notify(lapic->with.context, LAPIC_INTERRUPT, (uint8_t)vector);
}

/* 10.8.5: the highest interrupt in service ends; a level-triggered one is told to the I/O APICs. */
static void end_of_interrupt(struct lapic *lapic)
{
    int vector = set_highest(&lapic->isr);

    if (vector < 0)
        return;
    set_remove(&lapic->isr, (uint8_t)vector);
    if (!set_has(&lapic->tmr, (uint8_t)vector))
        return;
    apic_bus_end(lapic->with.bus, (uint8_t)vector);
}

void lapic_end(struct lapic *lapic)
{
    end_of_interrupt(lapic);
    priority_lowered(lapic);
}

bool lapic_end_unobserved(const struct lapic *lapic)
{
    int vector = set_highest(&lapic->isr);

    if (vector < 0 || lapic->irr.summary || set_has(&lapic->tmr, (uint8_t)vector))
        return false;
    return __builtin_popcount(lapic->isr.summary) == 1 &&
           __builtin_popcount(lapic->isr.word[vector >> 5]) == 1;
}

bool lapic_enabled(const struct lapic *lapic)
{
    return lapic->base & BASE_ENABLE;
}

bool lapic_mapped(const struct lapic *lapic)
{
    return (lapic->base & (BASE_ENABLE | BASE_EXTENDED)) == BASE_ENABLE;
}

uint32_t lapic_extended_ldr(const struct lapic *lapic)
{
    return (uint32_t)(lapic->id >> 4) << 16 | 1u << (lapic->id & 15);
}

bool lapic_accepts_fixed(const struct lapic *lapic)
{
    return lapic_enabled(lapic) && lapic_software_enabled(lapic);
}

/* 10.12.10.2: cluster in the upper half, one bit of 16 in the lower. */
static bool matches_extended(const struct lapic *lapic, const struct apic_message *message)
{
    uint32_t destination = message->destination;

    if (message->wide ? destination == UINT32_MAX : destination == 0xff && !message->logical)
        return true;
    if (!message->logical)
        return destination == lapic->id;
    return destination >> 16 == lapic->ldr >> 16 && (destination & lapic->ldr & 0xffff);
}

/* 10.6.2: physical ID or broadcast; logical by mask (flat) or cluster and mask. */
bool lapic_matches(const struct lapic *lapic, const struct apic_message *message)
{
    uint8_t own = (uint8_t)(lapic->ldr >> 24);
    uint32_t destination = message->destination;

    if (lapic_extended(lapic))
        return matches_extended(lapic, message);
    if (destination == (message->wide ? UINT32_MAX : 0xff) && !message->logical)
        return true;
    if (destination > 0xff)
        return false;
    if (!message->logical)
        return destination == lapic->id;
    if (lapic->dfr == DFR_FLAT)
        return (own & destination) != 0;
    if (destination >> 4 != own >> 4 && destination >> 4 != 15)
        return false;
    return (own & destination & 15) != 0;
}

/* 10.4.7.2: a software-disabled APIC still takes INIT, NMI, SMI and STARTUP. */
bool lapic_deliver(struct lapic *lapic, const struct apic_message *message)
{
    void (*notify)(void *, enum lapic_event, uint8_t) = lapic->with.notify;

    if (!lapic_enabled(lapic))
        return false;
    switch (message->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST_PRIORITY:
        if (!lapic_software_enabled(lapic))
            return false;
        lapic_accept(lapic, message->vector, message->level);
        return true;
    case APIC_SMI: notify(lapic->with.context, LAPIC_SMI, 0); return true;
    case APIC_NMI: notify(lapic->with.context, LAPIC_NMI, 0); return true;
    case APIC_INIT:
        lapic_reset(lapic);
        notify(lapic->with.context, LAPIC_INIT, 0);
        return true;
    case APIC_STARTUP: notify(lapic->with.context, LAPIC_STARTUP, message->vector); return true;
    default: return false; /* ExtINT comes by LINT0, never by message */
    }
}

static void write_svr(struct lapic *lapic, uint32_t value)
{
    lapic->svr = value & 0x1ff;
    if (!lapic_software_enabled(lapic))
        lapic_mask_all(lapic);
}

/* The eight registers of a 256-bit set lie 16 bytes apart. */
static uint32_t read_set(const struct lapic *lapic, unsigned offset)
{
    const struct lapic_set *set = offset < REG_TMR   ? &lapic->isr
                                  : offset < REG_IRR ? &lapic->tmr
                                                     : &lapic->irr;

    return set->word[(offset >> 4) & 7];
}

uint32_t lapic_register_read(struct lapic *lapic, unsigned offset)
{
    if (offset >= REG_ISR && offset < REG_ESR)
        return read_set(lapic, offset);
    if (offset >= REG_LVT && offset < REG_LVT + 0x10 * LVT_COUNT)
        return lapic->lvt[(offset - REG_LVT) >> 4];
    switch (offset) {
    case REG_ID: return (uint32_t)lapic->id << 24;
    case REG_VERSION: return VERSION;
    case REG_TPR: return lapic->tpr;
    case REG_APR:
    case REG_PPR: return lapic_priority(lapic); /* arbitration has no bus to arbitrate for */
    case REG_EOI:
    case REG_RRD: return 0;
    case REG_LDR: return lapic->ldr;
    case REG_DFR: return lapic->dfr;
    case REG_SVR: return lapic->svr;
    case REG_ESR: return lapic->esr;
    case REG_ICR_LOW: return lapic->icr_low;
    case REG_ICR_HIGH: return lapic->icr_high;
    case REG_TIMER_INITIAL: return lapic->timer_initial;
    case REG_TIMER_CURRENT: return lapic_timer_current(lapic);
    case REG_TIMER_DIVIDE: return lapic->timer_divide;
    default: lapic_raise_error(lapic, ESR_ILLEGAL_REGISTER); return 0;
    }
}

void lapic_register_write(struct lapic *lapic, unsigned offset, uint32_t value)
{
    if (offset >= REG_LVT && offset < REG_LVT + 0x10 * LVT_COUNT) {
        lapic_write_lvt(lapic, (enum lapic_lvt)((offset - REG_LVT) >> 4), value);
        return;
    }
    switch (offset) {
    case REG_EOI: lapic_end(lapic); break;
    case REG_ICR_LOW: lapic_write_icr(lapic, value); break;
    case REG_ICR_HIGH: lapic->icr_high = value & 0xff000000; break;
    case REG_TIMER_INITIAL: lapic_timer_set_initial(lapic, value); break;
    case REG_TIMER_DIVIDE: lapic_timer_set_divide(lapic, value); break;
    case REG_TPR:
        lapic->tpr = value & 0xff;
        priority_lowered(lapic);
        break;
    case REG_LDR: lapic->ldr = value & 0xff000000; break;
    case REG_DFR: lapic->dfr = value | DFR_FIXED; break;
    case REG_SVR: write_svr(lapic, value); break;
    case REG_ESR: /* 10.5.3: writing shows what was gathered, and starts anew */
        lapic->esr = lapic->errors;
        lapic->errors = 0;
        break;
    case REG_ID: /* the ID is fixed, as on later processors (10.4.6) */
    case REG_VERSION:
    case REG_APR:
    case REG_PPR:
    case REG_RRD:
    case REG_TIMER_CURRENT: break;
    default:
        if (offset < REG_ISR || offset >= REG_ESR)
            lapic_raise_error(lapic, ESR_ILLEGAL_REGISTER);
        break;
    }
}

uint64_t lapic_read(struct lapic *lapic, uint64_t offset, unsigned width)
{
    unsigned lane = (unsigned)offset & 15;

    if (lane > 3) /* the 12 bytes after a register are undefined (10.4.1) */
        return 0;
    return lapic_register_read(lapic, (unsigned)(offset & 0xff0)) >> (8 * lane) & device_ones(width);
}

void lapic_write(struct lapic *lapic, uint64_t offset, unsigned width, uint64_t value)
{
    if (width == 4 && (offset & 15) == 0)
        lapic_register_write(lapic, (unsigned)(offset & 0xff0), (uint32_t)value);
}

void lapic_set_cr8(struct lapic *lapic, uint8_t cr8)
{
    lapic->tpr = (uint32_t)(cr8 & 15) << 4;
    priority_lowered(lapic);
}

uint8_t lapic_cr8(const struct lapic *lapic)
{
    return (uint8_t)(lapic->tpr >> 4);
}

void lapic_reset(struct lapic *lapic)
{
    memset(&lapic->irr, 0, sizeof(lapic->irr));
    memset(&lapic->isr, 0, sizeof(lapic->isr));
    memset(&lapic->tmr, 0, sizeof(lapic->tmr));
    lapic->tpr = 0;
    lapic->svr = 0xff;
    lapic->ldr = lapic_extended(lapic) ? lapic_extended_ldr(lapic) : 0;
    lapic->dfr = DFR_FLAT;
    lapic->icr_low = 0;
    lapic->icr_high = 0;
    lapic->esr = 0;
    lapic->errors = 0;
    for (unsigned i = 0; i < LVT_COUNT; i++)
        lapic->lvt[i] = LVT_MASKED;
    lapic_timer_reset(lapic);
}

void lapic_set_virtual_wire(struct lapic *lapic)
{
    lapic->svr |= SVR_ENABLE;
    lapic_write_lvt(lapic, LVT_LINT0, APIC_EXTINT << LVT_DELIVERY_SHIFT);
    lapic_write_lvt(lapic, LVT_LINT1, APIC_NMI << LVT_DELIVERY_SHIFT);
}

void lapic_init(struct lapic *lapic, uint8_t id, bool bootstrap, const struct lapic_dependencies *with)
{
    struct lapic_dependencies kept = *with; /* `with` may be the model's own: a machine is reset so */

    memset(lapic, 0, sizeof(*lapic));
    lapic->with = kept;
    lapic->id = id;
    lapic->base = LAPIC_BASE | BASE_ENABLE | (bootstrap ? BASE_BSP : 0);
    lapic_reset(lapic);
}

DEVICE_OPS(lapic, struct lapic);
