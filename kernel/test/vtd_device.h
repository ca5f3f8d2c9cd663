/* SPDX-License-Identifier: MIT */
/*
 * VT-d units for the kernel under test: what stands behind arch_iommu_read32() and its like, and what their devices reach.
 *
 * A unit is as forgetful as it must be and as stubborn as it may be: it remembers context entries, pointers to tables, translations
 * and interrupt entries until it is told to forget them, and if it is not coherent it sees of memory only what was written
 * back. So a step that the kernel leaves out shows as an access that should have failed, or as one that does.
 */
#ifndef KERNEL_TEST_VTD_DEVICE_H
#define KERNEL_TEST_VTD_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#define HOST_UNITS    2u
#define HOST_UNIT(n)  (0xfed90000ull + (n)*4096ull) /* physical address of its registers */
#define HOST_NOT_UNIT 0xfed80000ull                 /* registers of something else */
#define HOST_IOAPIC   3u                            /* id of the one I/O APIC */

/* What a unit can do. */
struct vtd_device_kind {
    unsigned levels; /* 3, 4, or 0: neither */
    bool coherent, large_pages, caches_absent, write_buffer, remapping, no_queue;
    unsigned fault_records; /* 0: 1 */
};

/* All units, or one, as after power-on. */
void vtd_device_reset(const struct vtd_device_kind *kind);
void vtd_device_reset_unit(unsigned unit, const struct vtd_device_kind *kind);

/* Called whenever the kernel writes something back or reads a fault record: between two steps of it, devices go on. */
extern void (*vtd_device_meanwhile_opt)(void);

/* A device of the unit reads or writes memory. False: blocked (a fault is recorded). *physical: what it reached. */
bool vtd_device_access(unsigned unit, uint16_t device, uint64_t address, bool write, uint64_t *physical);

/* A device writes a message. False: blocked; else *vector. */
bool vtd_device_message(unsigned unit, uint16_t device, uint64_t address, uint32_t data, uint8_t *vector);

/* The I/O APIC raises a line, as it is set up. */
bool vtd_device_line(unsigned line, uint8_t *vector);

/* Is the unit translating; fault events that it has sent since the last look, and where to. */
bool vtd_device_translates(unsigned unit);
unsigned vtd_device_events(unsigned unit, uint64_t *address, uint32_t *data);

#endif
