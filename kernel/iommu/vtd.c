/* SPDX-License-Identifier: MIT */
/* See vtd.h. Sections are those of Intel's specification, revision 3.x. */
#include "kernel/iommu/vtd.h"

#include "kernel/arch/arch.h"
#include "kernel/mem/frame.h"

#include <stddef.h>

#define QUEUE_ENTRIES (FRAME_SIZE / sizeof(struct vtd_entry))

/* Looks at a register or word; a second or more, whatever the machine. */
#define PATIENCE 200000000u

static uint32_t read32(const struct vtd *vtd, unsigned offset)
{
    return arch_iommu_read32(vtd->registers, offset);
}

static uint64_t read64(const struct vtd *vtd, unsigned offset)
{
    return arch_iommu_read64(vtd->registers, offset);
}

static void write32(const struct vtd *vtd, unsigned offset, uint32_t value)
{
    arch_iommu_write32(vtd->registers, offset, value);
}

static void write64(const struct vtd *vtd, unsigned offset, uint64_t value)
{
    arch_iommu_write64(vtd->registers, offset, value);
}

static void must_answer(const struct vtd *vtd, unsigned *looks)
{
    if (++*looks == PATIENCE)
        panic("an IOMMU does not answer: status %x, faults %x", read32(vtd, VTD_STATUS),
              read32(vtd, VTD_FAULT_STATUS));
    arch_pause();
}

/* What was written in memory, for a unit that looks past the processor's caches (ECAP.C). */
static void write_back(const struct vtd *vtd, const void *start, uint64_t size)
{
    if (!vtd->ability.coherent)
        arch_cache_write_back(start, size);
}

/* Sets or clears one bit of the global command; the others stay as the status says (11.4.4.1). */
static void command(const struct vtd *vtd, uint32_t bit, bool on)
{
    uint32_t state = read32(vtd, VTD_STATUS) & VTD_STATE;
    unsigned looks = 0;

    write32(vtd, VTD_COMMAND, on ? state | bit : state & ~bit);
    while (!(read32(vtd, VTD_STATUS) & bit) == on)
        must_answer(vtd, &looks);
}

static void write_buffer_flush(const struct vtd *vtd)
{
    unsigned looks = 0;

    if (!vtd->ability.write_buffer)
        return;
    write32(vtd, VTD_COMMAND, (read32(vtd, VTD_STATUS) & VTD_STATE) | VTD_WRITE_BUFFER);
    while (read32(vtd, VTD_STATUS) & VTD_WRITE_BUFFER)
        must_answer(vtd, &looks);
}

/* ---- invalidation (6.5.2). The queue is empty between two functions of this file. ---- */

static void submit(struct vtd *vtd, struct vtd_entry descriptor)
{
    struct vtd_entry *place = &vtd->queue[vtd->queue_tail];

    *place = descriptor;
    write_back(vtd, place, sizeof(*place));
    vtd->queue_tail = (vtd->queue_tail + 1) % QUEUE_ENTRIES;
}

static void wait(struct vtd *vtd)
{
    uint32_t number = ++vtd->wait_number;
    unsigned looks = 0;

    submit(vtd, vtd_wait(virt_to_phys(&vtd->wait_done), number));
    write64(vtd, VTD_QUEUE_TAIL, vtd->queue_tail * sizeof(struct vtd_entry));
    while (__atomic_load_n(&vtd->wait_done, __ATOMIC_ACQUIRE) != number)
        must_answer(vtd, &looks);
}

void vtd_forget_all(struct vtd *vtd)
{
    write_buffer_flush(vtd);
    submit(vtd, vtd_forget_contexts());
    wait(vtd); /* before the translations, which would come back through a context that is still known */
    submit(vtd, vtd_forget_translations(VTD_EVERY_DOMAIN, &vtd->ability));
    wait(vtd);
}

void vtd_forget_domain(struct vtd *vtd, uint16_t domain)
{
    write_buffer_flush(vtd);
    submit(vtd, vtd_forget_translations(domain, &vtd->ability));
    wait(vtd);
}

/* ---- beginning and end ---- */

bool vtd_probe(struct vtd *vtd)
{
    uint32_t version = read32(vtd, VTD_VERSION);

    if (version == 0 || version == UINT32_MAX)
        return false;
    vtd->ability = vtd_ability(read64(vtd, VTD_CAPABILITY), read64(vtd, VTD_EXTENDED));
    return vtd->ability.levels && vtd->ability.queue && vtd->ability.domains >= VTD_DOMAINS &&
           vtd->ability.fault_offset + vtd->ability.fault_records * sizeof(struct vtd_entry) <=
               VTD_REGISTERS_END;
}

static void queue_start(struct vtd *vtd)
{
    command(vtd, VTD_QUEUE, false);
    write64(vtd, VTD_QUEUE_TAIL, 0);
    write64(vtd, VTD_QUEUE_ADDRESS, virt_to_phys(vtd->queue)); /* one page of descriptors of 128 bits */
    vtd->queue_tail = 0;
    command(vtd, VTD_QUEUE, true);
}

/* Memory that firmware forbade to devices until here is the root table's to forbid (11.4.8). */
static void protected_off(const struct vtd *vtd)
{
    unsigned looks = 0;

    if (!vtd->ability.protected)
        return;
    write32(vtd, VTD_PROTECTED, 0);
    while (read32(vtd, VTD_PROTECTED) & VTD_PROTECTED_STATUS)
        must_answer(vtd, &looks);
}

void vtd_start(struct vtd *vtd)
{
    struct vtd_entry record;
    bool lost;

    vtd_fault_mask(vtd, true);
    command(vtd, VTD_REMAPPING, false);
    queue_start(vtd);
    write_back(vtd, vtd->root, FRAME_SIZE);
    write64(vtd, VTD_ROOT, virt_to_phys(vtd->root));
    command(vtd, VTD_SET_ROOT, true);
    vtd_forget_all(vtd);
    command(vtd, VTD_TRANSLATION, true);
    protected_off(vtd);
    while (vtd_fault_take(vtd, &record, &lost)) {} /* of what was before */
}

void vtd_stop(struct vtd *vtd)
{
    vtd_fault_mask(vtd, true);
    command(vtd, VTD_REMAPPING, false);
    command(vtd, VTD_TRANSLATION, false);
    vtd_forget_all(vtd);
    command(vtd, VTD_QUEUE, false);
}

/* ---- tables ---- */

struct vtd_entry *vtd_context(const struct vtd *vtd, uint16_t device)
{
    const struct vtd_entry *bus = &vtd->root[device >> 8];
    struct vtd_entry *table = phys_to_virt(bus->low & VTD_ADDRESS);

    return bus->low & VTD_PRESENT ? &table[device & 0xff] : NULL;
}

void vtd_context_table_set(struct vtd *vtd, uint16_t device, struct vtd_entry *table)
{
    write_back(vtd, table, FRAME_SIZE);
    vtd_entry_set(vtd, &vtd->root[device >> 8], vtd_root_entry(virt_to_phys(table)));
}

void vtd_entry_set(const struct vtd *vtd, struct vtd_entry *entry, struct vtd_entry value)
{
    __atomic_store_n(&entry->low, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&entry->high, value.high, __ATOMIC_RELEASE);
    write_back(vtd, entry, sizeof(*entry));
    __atomic_store_n(&entry->low, value.low, __ATOMIC_RELEASE);
    write_back(vtd, entry, sizeof(*entry));
}

void vtd_entry_clear(const struct vtd *vtd, struct vtd_entry *entry)
{
    vtd_entry_set(vtd, entry, (struct vtd_entry){0, 0});
}

/* ---- faults (7.3, 7.4) ---- */

static unsigned fault_register(const struct vtd *vtd, unsigned index)
{
    return vtd->ability.fault_offset + index * (unsigned)sizeof(struct vtd_entry);
}

/* An overflow is cleared with the record that it is told with; or without one: it may come while the last record is read, and
   nothing is recorded before it is cleared (7.2.1). */
bool vtd_fault_take(struct vtd *vtd, struct vtd_entry *out, bool *lost)
{
    uint32_t status = read32(vtd, VTD_FAULT_STATUS);
    unsigned first = (unsigned)vtd_bits(status, 8, 15); /* FRI: the oldest, if anything is pending */

    for (unsigned i = 0; i < vtd->ability.fault_records; i++) {
        unsigned at = fault_register(vtd, (first + i) % vtd->ability.fault_records);

        *out = (struct vtd_entry){read64(vtd, at), read64(vtd, at + 8)};
        if (!vtd_fault_valid(*out))
            continue;
        write32(vtd, at + 12, 1u << 31); /* F: the record is free again */
        *lost = status & VTD_FAULT_OVERFLOW;
        if (*lost)
            write32(vtd, VTD_FAULT_STATUS, VTD_FAULT_OVERFLOW);
        return true;
    }
    if (status & VTD_FAULT_OVERFLOW)
        write32(vtd, VTD_FAULT_STATUS, VTD_FAULT_OVERFLOW);
    return false;
}

void vtd_fault_mask(struct vtd *vtd, bool masked)
{
    write32(vtd, VTD_FAULT_CONTROL, masked ? VTD_FAULT_MASK : 0);
    (void)read32(vtd, VTD_FAULT_CONTROL);
}

void vtd_fault_event(struct vtd *vtd, uint64_t address, uint32_t data)
{
    vtd_fault_mask(vtd, true);
    write32(vtd, VTD_FAULT_DATA, data);
    write32(vtd, VTD_FAULT_ADDRESS, (uint32_t)address);
    write32(vtd, VTD_FAULT_UPPER, (uint32_t)(address >> 32));
}

/* ---- interrupts (5.1) ---- */

#define REMAP_EXTENDED (1u << 11) /* EIME */
#define REMAP_ENTRIES  7u         /* 2^(7 + 1) */

void vtd_remap_start(struct vtd *vtd, bool extended)
{
    write_back(vtd, vtd->remap_opt, FRAME_SIZE);
    write64(vtd, VTD_REMAP_ADDRESS,
            virt_to_phys(vtd->remap_opt) | (extended ? REMAP_EXTENDED : 0u) | REMAP_ENTRIES);
    command(vtd, VTD_SET_REMAP, true);
    submit(vtd, vtd_forget_interrupts());
    wait(vtd);
    command(vtd, VTD_COMPATIBILITY, false);
    command(vtd, VTD_REMAPPING, true);
    vtd->remaps = true;
}

void vtd_remap_set(struct vtd *vtd, unsigned index, struct vtd_entry entry)
{
    vtd_entry_set(vtd, &vtd->remap_opt[index], entry);
    submit(vtd, vtd_forget_interrupts());
    wait(vtd);
}
