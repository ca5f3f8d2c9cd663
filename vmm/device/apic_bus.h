/* SPDX-License-Identifier: MIT */
/*
 * The bus between I/O APICs and local APICs: interrupt messages to destinations, and EOIs back.
 *
 * Source: Intel SDM volume 3A, chapter "Advanced Programmable Interrupt Controller", sections "Determining
 * IPI Destination" and "Interrupt Distribution Mechanisms" (10.6.2 in editions up to 2022, 11.6.2 later).
 *
 * Lowest-priority delivery chooses the local APIC with the lowest processor priority; among equals, in turn.
 */
#ifndef VMM_DEVICE_APIC_BUS_H
#define VMM_DEVICE_APIC_BUS_H

#include "lib/base/status.h"
#include "vmm/device/device.h"

#define APIC_BUS_LOCAL_MAX 32

struct lapic;
struct ioapic;

/* The encoding that ICR, LVT, redirection entries and MSI data share. */
enum apic_delivery {
    APIC_FIXED = 0,
    APIC_LOWEST_PRIORITY = 1,
    APIC_SMI = 2,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_STARTUP = 6,
    APIC_EXTINT = 7,
};

struct apic_message {
    uint8_t delivery; /* enum apic_delivery */
    uint8_t vector;
    uint32_t destination; /* 8 bits, unless `wide` */
    bool wide;            /* from the ICR of a local APIC in x2APIC mode */
    bool logical;
    bool level; /* level-triggered: the EOI will be broadcast */
};

struct apic_bus {
    struct lapic *local[APIC_BUS_LOCAL_MAX];
    struct ioapic *io; /* one at most */
    unsigned locals;
    unsigned turn; /* where the search for the lowest priority starts */
};

void apic_bus_init(struct apic_bus *bus);
[[nodiscard]] enum status apic_bus_add_local(struct apic_bus *bus, struct lapic *lapic);
[[nodiscard]] enum status apic_bus_add_io(struct apic_bus *bus, struct ioapic *ioapic);

/* Returns whether any local APIC took the message. */
bool apic_bus_deliver(struct apic_bus *bus, const struct apic_message *message);
/* The same to all, or to all but one (destination shorthands of the ICR). */
bool apic_bus_broadcast(struct apic_bus *bus, const struct apic_message *message,
                        const struct lapic *except_opt);

/* A local APIC ended a level-triggered interrupt. */
void apic_bus_end(struct apic_bus *bus, uint8_t vector);

#endif
