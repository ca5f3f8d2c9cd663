/* SPDX-License-Identifier: MIT */
/*
 * What Intel VT-d's units read, write and show (Intel Virtualization Technology for Directed I/O, revision 3.x), as pure
 * functions: registers (chapter 11), root and context entries (9.1, 9.3), second-level tables (9.8), invalidation descriptors
 * (6.5.2), interrupt remapping entries (9.10), fault records (11.4.7.5). Legacy mode only.
 */
#ifndef KERNEL_IOMMU_VTD_FORMAT_H
#define KERNEL_IOMMU_VTD_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

enum vtd_register {
    VTD_VERSION = 0x00,         /* VER_REG */
    VTD_CAPABILITY = 0x08,      /* CAP_REG */
    VTD_EXTENDED = 0x10,        /* ECAP_REG */
    VTD_COMMAND = 0x18,         /* GCMD_REG: write only */
    VTD_STATUS = 0x1c,          /* GSTS_REG: read only */
    VTD_ROOT = 0x20,            /* RTADDR_REG */
    VTD_FAULT_STATUS = 0x34,    /* FSTS_REG: bits 0, 4-6 are cleared by writing 1 */
    VTD_FAULT_CONTROL = 0x38,   /* FECTL_REG */
    VTD_FAULT_DATA = 0x3c,      /* FEDATA_REG */
    VTD_FAULT_ADDRESS = 0x40,   /* FEADDR_REG */
    VTD_FAULT_UPPER = 0x44,     /* FEUADDR_REG */
    VTD_PROTECTED = 0x64,       /* PMEN_REG */
    VTD_QUEUE_HEAD = 0x80,      /* IQH_REG: read only */
    VTD_QUEUE_TAIL = 0x88,      /* IQT_REG */
    VTD_QUEUE_ADDRESS = 0x90,   /* IQA_REG */
    VTD_REMAP_ADDRESS = 0xb8,   /* IRTA_REG */
    VTD_REGISTERS_END = 0x1000, /* what the kernel maps; fault records must lie in it */
};

/* Bits of COMMAND and STATUS, which correspond. */
#define VTD_TRANSLATION   (1u << 31) /* TE */
#define VTD_SET_ROOT      (1u << 30) /* SRTP: one-shot */
#define VTD_WRITE_BUFFER  (1u << 27) /* WBF: one-shot */
#define VTD_QUEUE         (1u << 26) /* QIE */
#define VTD_REMAPPING     (1u << 25) /* IRE */
#define VTD_SET_REMAP     (1u << 24) /* SIRTP: one-shot */
#define VTD_COMPATIBILITY (1u << 23) /* CFI */
#define VTD_STATE         (VTD_TRANSLATION | VTD_QUEUE | VTD_REMAPPING | VTD_COMPATIBILITY)

#define VTD_FAULT_OVERFLOW   (1u << 0) /* PFO */
#define VTD_FAULT_MASK       (1u << 31)
#define VTD_PROTECTED_ON     (1u << 31)
#define VTD_PROTECTED_STATUS 1u

#define VTD_ADDRESS 0x000ffffffffff000ull

static inline uint64_t vtd_bits(uint64_t value, unsigned first, unsigned last)
{
    return value >> first & ((2ull << (last - first)) - 1);
}

/* ---- what a unit can do ---- */

struct vtd_ability {
    unsigned levels;       /* of tables: 4 if it can, else 3; 0: neither */
    uint64_t address_end;  /* of addresses that it translates */
    unsigned domains;      /* domain ids that it tells apart */
    unsigned fault_offset; /* of the fault records, and how many */
    unsigned fault_records;
    bool large_pages, queue, coherent, snoop, remapping, extended;
    bool caches_absent; /* CM: entries that are not present, too */
    bool write_buffer;  /* RWBF: what was written needs a flush */
    bool protected;     /* PLMR or PHMR: memory that firmware may have forbidden */
    bool drain_read, drain_write;
};

static inline struct vtd_ability vtd_ability(uint64_t capability, uint64_t extended)
{
    unsigned widths = (unsigned)vtd_bits(capability, 8, 12); /* SAGAW: 1: 39 bits, 2: 48 bits */
    unsigned levels = widths & 1u << 2 ? 4 : widths & 1u << 1 ? 3 : 0;
    unsigned table_bits = 12 + 9 * levels, guest_bits = (unsigned)vtd_bits(capability, 16, 21) + 1; /* MGAW */

    return (struct vtd_ability){
        .levels = levels,
        .address_end = 1ull << (guest_bits < table_bits ? guest_bits : table_bits),
        .domains = 1u << (4 + 2 * vtd_bits(capability, 0, 2)),
        .fault_offset = (unsigned)vtd_bits(capability, 24, 33) * 16,
        .fault_records = (unsigned)vtd_bits(capability, 40, 47) + 1,
        .large_pages = capability & 1ull << 34,
        .queue = extended & 1ull << 1,
        .coherent = extended & 1ull << 0,
        .snoop = extended & 1ull << 7,
        .remapping = extended & 1ull << 3,
        .extended = extended & 1ull << 4,
        .caches_absent = capability & 1ull << 7,
        .write_buffer = capability & 1ull << 4,
        .protected = capability & 3ull << 5,
        .drain_read = capability & 1ull << 55,
        .drain_write = capability & 1ull << 54,
    };
}

/* ---- tables ---- */

#define VTD_PRESENT    1ull
#define VTD_PAGE_READ  1ull
#define VTD_PAGE_WRITE 2ull
#define VTD_PAGE_LARGE (1ull << 7)
#define VTD_PAGE_SNOOP (1ull << 11)

/* Entries of 128 bits: root, context, interrupt remapping, descriptors. Whoever fills one that a unit sees writes `low`, which
   has the present bit, last; and clears it first. */
struct vtd_entry {
    uint64_t low, high;
};

static inline struct vtd_entry vtd_root_entry(uint64_t context_table)
{
    return (struct vtd_entry){context_table | VTD_PRESENT, 0};
}

/* Requests are translated by second-level tables, translated ones (ATS) are blocked: type 0. */
static inline struct vtd_entry vtd_context_entry(uint64_t table, unsigned levels, uint16_t domain)
{
    return (struct vtd_entry){table | VTD_PRESENT, (uint64_t)domain << 8 | (levels - 2)};
}

static inline uint16_t vtd_context_domain(struct vtd_entry entry)
{
    return (uint16_t)vtd_bits(entry.high, 8, 23);
}

/* ---- invalidation ---- */

static inline struct vtd_entry vtd_forget_contexts(void)
{
    return (struct vtd_entry){1 | 1u << 4, 0}; /* all of them */
}

#define VTD_EVERY_DOMAIN UINT32_MAX

static inline struct vtd_entry vtd_forget_translations(uint32_t domain, const struct vtd_ability *ability)
{
    uint64_t scope = domain == VTD_EVERY_DOMAIN ? 1u << 4 : (uint64_t)domain << 16 | 2u << 4;

    return (struct vtd_entry){
        2 | scope | (ability->drain_write ? 1u << 6 : 0u) | (ability->drain_read ? 1u << 7 : 0u), 0};
}

static inline struct vtd_entry vtd_forget_interrupts(void)
{
    return (struct vtd_entry){4, 0};
}

/* When all before it is done, the unit writes `number` to a word of memory. */
static inline struct vtd_entry vtd_wait(uint64_t word, uint32_t number)
{
    return (struct vtd_entry){5 | 1u << 5 | 1u << 6 | (uint64_t)number << 32, word};
}

/* ---- interrupts ---- */

/* Fixed delivery to one CPU, only from this requester id. `extended`: ids of APICs have 32 bits (x2APIC). */
static inline struct vtd_entry vtd_remap_entry(uint8_t vector, uint32_t apic_id, bool extended, bool level,
                                               uint16_t source)
{
    uint64_t destination = extended ? apic_id : apic_id << 8;

    return (struct vtd_entry){
        VTD_PRESENT | (level ? 1u << 4 : 0u) | (uint64_t)vector << 16 | destination << 32, source | 1u << 18};
}

/* What a device writes to have entry `index`, below 32768, looked up (5.1.5.2); and the upper half of an I/O APIC's (5.1.5.1). */
static inline uint64_t vtd_message_address(unsigned index)
{
    return 0xfee00010ull | (uint64_t)index << 5;
}

static inline uint32_t vtd_redirection_high(unsigned index)
{
    return (uint32_t)index << 17 | 1u << 16;
}

/* ---- faults ---- */

static inline bool vtd_fault_valid(struct vtd_entry record)
{
    return record.high >> 63;
}

static inline uint64_t vtd_fault_address(struct vtd_entry record)
{
    return record.low & ~0xfffull;
}

static inline uint16_t vtd_fault_source(struct vtd_entry record)
{
    return (uint16_t)record.high;
}

static inline uint8_t vtd_fault_reason(struct vtd_entry record)
{
    return (uint8_t)vtd_bits(record.high, 32, 39);
}

static inline bool vtd_fault_is_write(struct vtd_entry record)
{
    return !(record.high >> 62 & 1);
}

#endif
