/* SPDX-License-Identifier: MIT */
/* See vtd_device.h. Written after the specification, not after kernel/iommu. */
#include "kernel/test/vtd_device.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/arch/arch.h"
#include "kernel/iommu/iommu.h"
#include "kernel/mem/frame.h"
#include "kernel/test/machine.h"

#define CACHED        64u
#define FAULT_RECORDS 4u
#define FAULT_OFFSET  0x220u

enum reason {
    ROOT_ABSENT = 1,
    CONTEXT_ABSENT = 2,
    WRITE_DENIED = 5,
    READ_DENIED = 6,
    REMAP_ABSENT = 0x22,
    REMAP_FORMAT = 0x25,
    REMAP_SOURCE = 0x26,
};

/* Something remembered: a context entry, a table, a page or an interrupt entry, by what it was found for. */
struct memory {
    enum { NOTHING, CONTEXT, TABLE, PAGE, INTERRUPT } kind;
    uint16_t domain;
    uint64_t key, low, high;
};

struct unit {
    uint64_t capability, extended;
    uint32_t status, fault_status, fault_control, fault_data, fault_address, fault_upper, protected;
    uint64_t root_set, root, queue_address, remap_set, remap, tail, head;
    uint64_t records[FAULT_RECORDS][2];
    unsigned records_used, record_next, events;
    bool coherent, caches_absent;
    bool mapped;
    struct memory cache[CACHED];
    unsigned cache_next;
};

void (*vtd_device_meanwhile_opt)(void);

static struct unit units[HOST_UNITS + 1]; /* the last one is no unit */
static uint8_t *written;                  /* memory as an incoherent unit sees it */
static uint64_t written_size;
static struct {
    struct iommu *unit_opt;
    uint16_t source;
} ioapic;

void vtd_device_reset_unit(unsigned number, const struct vtd_device_kind *kind)
{
    unsigned records = kind->fault_records ? kind->fault_records : 1;

    units[number] = (struct unit){
        .coherent = kind->coherent,
        .caches_absent = kind->caches_absent,
        .capability = 6 | (kind->write_buffer ? 1ull << 4 : 0) | 3ull << 5 |
                      (kind->caches_absent ? 1ull << 7 : 0) |
                      (kind->levels == 4   ? 4ull
                       : kind->levels == 3 ? 2ull
                                           : 0)
                          << 8 |
                      47ull << 16 | (uint64_t)(FAULT_OFFSET / 16) << 24 |
                      (kind->large_pages ? 1ull << 34 : 0) | (uint64_t)(records - 1) << 40 | 3ull << 54,
        .extended = (kind->coherent ? 1u : 0u) | (kind->no_queue ? 0u : 2u) | (kind->remapping ? 8u : 0u),
        .protected = 1u << 31 | 1,
        .records_used = records,
        .fault_control = 1u << 31,
    };
}

void vtd_device_reset(const struct vtd_device_kind *kind)
{
    for (unsigned i = 0; i < HOST_UNITS; i++)
        vtd_device_reset_unit(i, kind);
    ioapic.unit_opt = NULL;
    if (written)
        memset(written, 0xa5, written_size);
}

static struct unit *unit_of(const volatile void *registers)
{
    return (struct unit *)(uintptr_t)registers;
}

/* ---- memory as a unit sees it ---- */

static uint64_t read_memory(const struct unit *unit, uint64_t physical)
{
    uint64_t value;

    if (physical / FRAME_SIZE >= frame_count)
        abort();
    if (unit->coherent)
        return *(uint64_t *)(host_memory + physical);
    if (physical >= written_size)
        return 0xa5a5a5a5a5a5a5a5;
    memcpy(&value, written + physical, sizeof(value));
    return value;
}

void arch_cache_write_back(const void *start, uint64_t size)
{
    uint64_t first = ((uint64_t)start - (uint64_t)host_memory) & ~63ull;
    uint64_t end = ((uint64_t)start - (uint64_t)host_memory + size + 63) & ~63ull;

    if (written_size < frame_count * FRAME_SIZE) {
        written = realloc(written, frame_count * FRAME_SIZE);
        memset(written + written_size, 0xa5, frame_count * FRAME_SIZE - written_size);
        written_size = frame_count * FRAME_SIZE;
    }
    memcpy(written + first, host_memory + first, end - first);
    if (vtd_device_meanwhile_opt)
        vtd_device_meanwhile_opt();
}

/* ---- what a unit remembers ---- */

static const struct memory *recall(const struct unit *unit, unsigned kind, uint16_t domain, uint64_t key)
{
    for (unsigned i = 0; i < CACHED; i++)
        if (unit->cache[i].kind == kind && unit->cache[i].domain == domain && unit->cache[i].key == key)
            return &unit->cache[i];
    return NULL;
}

static void remember(struct unit *unit, struct memory memory)
{
    unit->cache[unit->cache_next++ % CACHED] = memory;
}

static void forget(struct unit *unit, uint64_t low)
{
    unsigned scope = low >> 4 & 3;
    uint16_t domain = (uint16_t)(low >> 16);

    for (unsigned i = 0; i < CACHED; i++) {
        struct memory *memory = &unit->cache[i];
        bool translation = memory->kind == TABLE || memory->kind == PAGE;

        switch (low & 15) {
        case 1:
            if (memory->kind == CONTEXT && (scope == 1 || memory->domain == domain))
                memory->kind = NOTHING;
            break;
        case 2:
            if (translation && (scope == 1 || memory->domain == domain))
                memory->kind = NOTHING;
            break;
        case 4:
            if (memory->kind == INTERRUPT)
                memory->kind = NOTHING;
            break;
        default: abort();
        }
    }
}

static void queue_run(struct unit *unit)
{
    while (unit->status & VTD_QUEUE && unit->head != unit->tail) {
        uint64_t at = (unit->queue_address & VTD_ADDRESS) + unit->head;
        uint64_t low = read_memory(unit, at), high = read_memory(unit, at + 8);

        unit->head = (unit->head + 16) % FRAME_SIZE;
        if ((low & 15) == 5)
            *(uint32_t *)(host_memory + high) = (uint32_t)(low >> 32);
        else
            forget(unit, low);
    }
}

/* ---- registers ---- */

static void command(struct unit *unit, uint32_t value)
{
    if (value & VTD_SET_ROOT) {
        unit->root = unit->root_set;
        unit->status |= VTD_SET_ROOT;
    }
    if (value & VTD_SET_REMAP) {
        unit->remap = unit->remap_set;
        unit->status |= VTD_SET_REMAP;
    }
    if (!(value & VTD_QUEUE))
        unit->head = 0;
    unit->status = (unit->status & ~VTD_STATE) | (value & VTD_STATE);
}

void arch_iommu_write32(volatile void *registers, unsigned offset, uint32_t value)
{
    struct unit *unit = unit_of(registers);

    if (unit == &units[HOST_UNITS])
        return;
    switch (offset) {
    case VTD_COMMAND: command(unit, value); break;
    case VTD_FAULT_STATUS: unit->fault_status &= ~(value & 0x71); break;
    case VTD_FAULT_CONTROL: unit->fault_control = value & 1u << 31; break;
    case VTD_FAULT_DATA: unit->fault_data = value; break;
    case VTD_FAULT_ADDRESS: unit->fault_address = value; break;
    case VTD_FAULT_UPPER: unit->fault_upper = value; break;
    case VTD_PROTECTED: unit->protected = value & 1u << 31 ? value | 1 : 0; break;
    default:
        if (offset < FAULT_OFFSET || (offset - FAULT_OFFSET) / 16 >= unit->records_used || offset % 16 != 12)
            abort();
        if (value >> 31)
            unit->records[(offset - FAULT_OFFSET) / 16][1] &= ~(1ull << 63);
    }
}

void arch_iommu_write64(volatile void *registers, unsigned offset, uint64_t value)
{
    struct unit *unit = unit_of(registers);

    switch (offset) {
    case VTD_ROOT: unit->root_set = value; break;
    case VTD_QUEUE_ADDRESS: unit->queue_address = value; break;
    case VTD_REMAP_ADDRESS: unit->remap_set = value; break;
    case VTD_QUEUE_TAIL:
        unit->tail = value;
        queue_run(unit);
        break;
    default: abort();
    }
}

static bool any_record(const struct unit *unit)
{
    for (unsigned i = 0; i < unit->records_used; i++)
        if (unit->records[i][1] >> 63)
            return true;
    return false;
}

/* The ring is filled in order, from `record_next` on. */
static unsigned oldest(const struct unit *unit)
{
    for (unsigned i = 0; i < unit->records_used; i++)
        if (unit->records[(unit->record_next + i) % unit->records_used][1] >> 63)
            return (unit->record_next + i) % unit->records_used;
    return 0;
}

uint32_t arch_iommu_read32(const volatile void *registers, unsigned offset)
{
    struct unit *unit = unit_of(registers);

    if (unit == &units[HOST_UNITS])
        return UINT32_MAX;
    switch (offset) {
    case VTD_VERSION: return 0x10;
    case VTD_STATUS: return unit->status;
    case VTD_FAULT_STATUS: return unit->fault_status | (any_record(unit) ? 2u : 0u) | oldest(unit) << 8;
    case VTD_FAULT_CONTROL: return unit->fault_control;
    case VTD_PROTECTED: return unit->protected;
    default: abort();
    }
}

uint64_t arch_iommu_read64(const volatile void *registers, unsigned offset)
{
    struct unit *unit = unit_of(registers);

    switch (offset) {
    case VTD_CAPABILITY: return unit->capability;
    case VTD_EXTENDED: return unit->extended;
    default:
        if (vtd_device_meanwhile_opt)
            vtd_device_meanwhile_opt();
        return unit->records[(offset - FAULT_OFFSET) / 16][offset % 16 / 8];
    }
}

volatile void *arch_iommu_map(uint64_t physical, enum status *status)
{
    struct unit *unit = physical == HOST_NOT_UNIT ? &units[HOST_UNITS]
                        : physical - HOST_UNIT(0) < HOST_UNITS * 4096
                            ? &units[(physical - HOST_UNIT(0)) / 4096]
                            : NULL;

    *status = ERR_RANGE;
    if (!unit)
        return NULL;
    *status = ERR_EXISTS;
    if (unit->mapped)
        abort();
    unit->mapped = true;
    return unit;
}

void arch_iommu_unmap(volatile void *registers)
{
    unit_of(registers)->mapped = false;
}

/* ---- requests ---- */

static bool fault(struct unit *unit, uint16_t device, uint64_t address, bool write, enum reason reason)
{
    uint64_t *record = unit->records[unit->record_next];

    if (unit->fault_status & VTD_FAULT_OVERFLOW) /* 7.2.1: nothing is recorded until it is cleared */
        return false;
    if (record[1] >> 63) {
        unit->fault_status |= VTD_FAULT_OVERFLOW;
        return false;
    }
    if (!any_record(unit) && !(unit->fault_control >> 31))
        unit->events++;
    record[0] = reason >= REMAP_ABSENT ? address << 48 : address & ~0xfffull;
    record[1] = device | (uint64_t)reason << 32 | (write ? 0 : 1ull << 62) | 1ull << 63;
    unit->record_next = (unit->record_next + 1) % unit->records_used;
    return false;
}

static bool context_find(struct unit *unit, uint16_t device, uint64_t *low, uint64_t *high,
                         enum reason *reason)
{
    const struct memory *known = recall(unit, CONTEXT, 0, device);
    uint64_t root, at;

    if (known) {
        *low = known->low;
        *high = known->high;
        *reason = CONTEXT_ABSENT;
        return *low & 1;
    }
    root = read_memory(unit, (unit->root & VTD_ADDRESS) + (device >> 8) * 16u);
    *reason = ROOT_ABSENT;
    if (!(root & 1))
        return false;
    at = (root & VTD_ADDRESS) + (device & 0xff) * 16u;
    *low = read_memory(unit, at);
    *high = read_memory(unit, at + 8);
    *reason = CONTEXT_ABSENT;
    if (*low & 1 || unit->caches_absent)
        remember(unit, (struct memory){CONTEXT, 0, device, *low, *high});
    return *low & 1;
}

/* The entry that maps the address; 0: none. */
static uint64_t walk(struct unit *unit, uint64_t address, uint64_t context_low, uint64_t context_high)
{
    uint16_t domain = (uint16_t)(context_high >> 8);
    unsigned levels = (unsigned)(context_high & 7) + 2;
    const struct memory *known = recall(unit, PAGE, domain, address >> 12);
    uint64_t table = context_low & VTD_ADDRESS, entry = 0;

    if (known)
        return known->low;
    if (levels < 3 || levels > 4)
        abort(); /* nothing that the kernel means */
    if (address >> (12 + 9 * levels))
        return 0;
    unsigned level = levels - 1;

    for (unsigned l = 0; l < levels; l++) { /* the deepest table that it remembers */
        const struct memory *pointer = recall(unit, TABLE, domain, address >> (21 + 9 * l) << 4 | l);

        if (pointer) {
            table = pointer->low;
            level = l;
            break;
        }
    }
    for (;; level--) {
        entry = read_memory(unit, table + (address >> (12 + 9 * level) & 511) * 8);
        if (!(entry & 3))
            break;
        if (level == 0 || entry & 1u << 7) {
            if (level)
                entry += address & 0x1ff000;
            break;
        }
        table = entry & VTD_ADDRESS;
        remember(unit,
                 (struct memory){TABLE, domain, address >> (12 + 9 * level) << 4 | (level - 1), table, 0});
    }
    entry = entry & 3 ? entry : 0;
    if (entry || unit->caches_absent)
        remember(unit, (struct memory){PAGE, domain, address >> 12, entry, 0});
    return entry;
}

bool vtd_device_access(unsigned number, uint16_t device, uint64_t address, bool write, uint64_t *physical)
{
    struct unit *unit = &units[number];
    uint64_t low, high, entry;
    enum reason reason;

    *physical = address;
    if (!(unit->status & VTD_TRANSLATION))
        return true;
    if (unit->protected >> 31)
        return false;
    if (!context_find(unit, device, &low, &high, &reason))
        return fault(unit, device, address, write, reason);
    entry = walk(unit, address, low, high);
    if (!(entry & (write ? 2 : 1)))
        return fault(unit, device, address, write, write ? WRITE_DENIED : READ_DENIED);
    *physical = (entry & VTD_ADDRESS) | (address & 0xfff);
    return true;
}

static bool remapped(struct unit *unit, uint16_t device, unsigned index, uint8_t *vector)
{
    const struct memory *known = recall(unit, INTERRUPT, 0, index);
    uint64_t at = (unit->remap & VTD_ADDRESS) + index * 16ull, low, high;

    if (index >= 2u << (unit->remap & 15))
        return fault(unit, device, index, true, 0x21);
    low = known ? known->low : read_memory(unit, at);
    high = known ? known->high : read_memory(unit, at + 8);
    if (!(low & 1))
        return fault(unit, device, index, true, REMAP_ABSENT);
    remember(unit, (struct memory){INTERRUPT, 0, index, low, high});
    if ((high >> 18 & 3) != 1 || (high >> 16 & 3) != 0 || (uint16_t)high != device)
        return fault(unit, device, index, true, REMAP_SOURCE);
    *vector = (uint8_t)(low >> 16);
    return true;
}

bool vtd_device_message(unsigned number, uint16_t device, uint64_t address, uint32_t data, uint8_t *vector)
{
    struct unit *unit = &units[number];

    if (unit->status & VTD_REMAPPING && address & 1u << 4)
        return data == 0 && remapped(unit, device, (unsigned)(address >> 5 & 0x7fff), vector);
    if (unit->status & VTD_REMAPPING && !(unit->status & VTD_COMPATIBILITY))
        return fault(unit, device, 0, true, REMAP_FORMAT);
    *vector = (uint8_t)data;
    return !(address & 1u << 4);
}

bool vtd_device_translates(unsigned unit)
{
    return units[unit].status & VTD_TRANSLATION;
}

unsigned vtd_device_events(unsigned number, uint64_t *address, uint32_t *data)
{
    struct unit *unit = &units[number];
    unsigned events = unit->events;

    *address = unit->fault_address | (uint64_t)unit->fault_upper << 32;
    *data = unit->fault_data;
    unit->events = 0;
    return events;
}

/* ---- the I/O APIC ---- */

struct line_target arch_line_target(unsigned line)
{
    return (struct line_target){(uint8_t)(0x30 + line), false, 0};
}

bool arch_ioapic_remap(uint8_t id, struct iommu *unit_opt, uint16_t source)
{
    if (id != HOST_IOAPIC)
        return false;
    ioapic.unit_opt = unit_opt;
    ioapic.source = source;
    for (unsigned line = 0; line < HOST_LINES; line++)
        iommu_line_set(unit_opt, line, source, false);
    return true;
}

void arch_ioapic_forget(const struct iommu *unit)
{
    if (ioapic.unit_opt == unit)
        ioapic.unit_opt = NULL;
}

bool vtd_device_line(unsigned line, uint8_t *vector)
{
    struct unit *unit = ioapic.unit_opt ? unit_of(ioapic.unit_opt->vtd.registers) : NULL;

    if (unit && unit->status & VTD_REMAPPING)
        return remapped(unit, ioapic.source, line, vector);
    *vector = (uint8_t)(0x30 + line);
    return true;
}
