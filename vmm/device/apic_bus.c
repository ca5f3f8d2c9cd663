/* SPDX-License-Identifier: MIT */
/*
 * Messages between APICs; see apic_bus.h.
 */
#include "vmm/device/apic_bus.h"

#include "lib/string/string.h"
#include "vmm/device/ioapic/ioapic.h"
#include "vmm/device/lapic/lapic.h"

void apic_bus_init(struct apic_bus *bus)
{
    memset(bus, 0, sizeof(*bus));
}

enum status apic_bus_add_local(struct apic_bus *bus, struct lapic *lapic)
{
    if (bus->locals == APIC_BUS_LOCAL_MAX)
        return ERR_OVERFLOW;
    bus->local[bus->locals++] = lapic;
    return OK;
}

enum status apic_bus_add_io(struct apic_bus *bus, struct ioapic *ioapic)
{
    if (bus->io)
        return ERR_OVERFLOW;
    bus->io = ioapic;
    return OK;
}

static bool deliver_lowest(struct apic_bus *bus, const struct apic_message *message)
{
    struct lapic *chosen_opt = NULL;
    unsigned start = bus->turn, chosen = 0;

    for (unsigned i = 0; i < bus->locals; i++) {
        unsigned at = (start + i) % bus->locals;
        struct lapic *lapic = bus->local[at];

        if (!lapic_accepts_fixed(lapic) || !lapic_matches(lapic, message))
            continue;
        if (chosen_opt && lapic_priority(lapic) >= lapic_priority(chosen_opt))
            continue;
        chosen_opt = lapic;
        chosen = at;
    }
    if (!chosen_opt)
        return false;
    bus->turn = (chosen + 1) % bus->locals;
    return lapic_deliver(chosen_opt, message);
}

bool apic_bus_deliver(struct apic_bus *bus, const struct apic_message *message)
{
    bool taken = false;

    if (message->delivery == APIC_LOWEST_PRIORITY && bus->locals > 1)
        return deliver_lowest(bus, message);
    for (unsigned i = 0; i < bus->locals; i++)
        if (lapic_matches(bus->local[i], message))
            taken |= lapic_deliver(bus->local[i], message);
    return taken;
}

bool apic_bus_broadcast(struct apic_bus *bus, const struct apic_message *message,
                        const struct lapic *except_opt)
{
    bool taken = false;

    for (unsigned i = 0; i < bus->locals; i++)
        if (bus->local[i] != except_opt)
            taken |= lapic_deliver(bus->local[i], message);
    return taken;
}

void apic_bus_end(struct apic_bus *bus, uint8_t vector)
{
    if (bus->io)
        ioapic_end(bus->io, vector);
}
