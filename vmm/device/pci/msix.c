/* SPDX-License-Identifier: MIT */
/* See msix.h. */
#include "vmm/device/pci/msix.h"

#include "lib/range/range.h"
#include "lib/string/string.h"

#define CAPABILITY_ID   0x11u
#define CAPABILITY_SIZE 12u
#define CONTROL         2u /* offsets in the capability */
#define TABLE           4u
#define PENDING         8u
#define CONTROL_MASKED  (1u << 14)
#define CONTROL_ENABLED (1u << 15)
#define VECTOR_MASKED   1u

/* Message address and data (SDM, "Message Address Register Format" and "Message Data Register Format"). */
#define ADDRESS_BASE       0xfee00000u
#define ADDRESS_BASE_MASK  0xfff00000u
#define ADDRESS_REDIRECTED (1u << 3)
#define ADDRESS_LOGICAL    (1u << 2)
#define DATA_ASSERT        (1u << 14)
#define DATA_LEVEL         (1u << 15)

/* A message to an address that is no local APIC's would be a write to memory: nobody wants one from here. */
static void deliver(struct msix *msix, unsigned vector)
{
    const uint32_t *entry = msix->table[vector];
    uint32_t address = entry[MSIX_ADDRESS_LOW], data = entry[MSIX_DATA];
    struct apic_message message = {
        .delivery = data >> 8 & 7,
        .vector = (uint8_t)data,
        .destination = address >> 12 & 0xff,
        .logical = address & ADDRESS_LOGICAL,
        .level = data & DATA_LEVEL,
    };

    if (entry[MSIX_ADDRESS_HIGH] || (address & ADDRESS_BASE_MASK) != ADDRESS_BASE)
        return;
    if ((message.level && !(data & DATA_ASSERT)) || message.delivery == APIC_STARTUP)
        return;
    if (message.delivery > APIC_LOWEST_PRIORITY)
        message.level = false;
    if (message.delivery == APIC_FIXED && address & ADDRESS_REDIRECTED)
        message.delivery = APIC_LOWEST_PRIORITY;
    (void)apic_bus_deliver(msix->apics, &message);
}

static uint32_t control(const struct msix *msix)
{
    return pci_get(msix->function, msix->capability + CONTROL, 2);
}

bool msix_enabled(const struct msix *msix)
{
    return control(msix) & CONTROL_ENABLED;
}

static bool held(const struct msix *msix, uint32_t control_word, unsigned vector)
{
    return control_word & CONTROL_MASKED || msix->table[vector][MSIX_CONTROL] & VECTOR_MASKED ||
           !pci_is_master(msix->function);
}

void msix_send(struct msix *msix, unsigned vector)
{
    uint32_t word = control(msix);

    if (vector >= msix->vectors || !(word & CONTROL_ENABLED))
        return;
    if (held(msix, word, vector))
        msix->pending |= UINT64_C(1) << vector;
    else
        deliver(msix, vector);
}

static void release(struct msix *msix, unsigned vector)
{
    uint64_t bit = UINT64_C(1) << vector;
    uint32_t word = control(msix);

    if (!(msix->pending & bit) || !(word & CONTROL_ENABLED) || held(msix, word, vector))
        return;
    msix->pending &= ~bit;
    deliver(msix, vector);
}

void msix_written(struct msix *msix, unsigned offset, unsigned width)
{
    if (!pci_touches(offset, width, PCI_COMMAND, 2) &&
        !pci_touches(offset, width, msix->capability + CONTROL, 2))
        return;
    for (unsigned vector = 0; msix->pending && vector < msix->vectors; vector++)
        release(msix, vector);
}

static bool access_ok(const struct msix *msix, uint64_t offset, unsigned width)
{
    return (width == 4 || width == 8) && offset % width == 0 &&
           range_ok(offset, width, (uint64_t)msix->vectors * MSIX_ENTRY_SIZE);
}

uint64_t msix_table_read(const struct msix *msix, uint64_t offset, unsigned width)
{
    uint64_t value = 0;

    if (!access_ok(msix, offset, width))
        return device_ones(width);
    memcpy(&value, (const uint8_t *)msix->table + offset, width);
    return value;
}

void msix_table_write(struct msix *msix, uint64_t offset, unsigned width, uint64_t value)
{
    unsigned vector = (unsigned)(offset / MSIX_ENTRY_SIZE);

    if (!access_ok(msix, offset, width))
        return;
    memcpy((uint8_t *)msix->table + offset, &value, width);
    msix->table[vector][MSIX_CONTROL] &= VECTOR_MASKED;
    release(msix, vector);
}

uint64_t msix_pending_read(const struct msix *msix, uint64_t offset, unsigned width)
{
    if (offset % width || !range_ok(offset, width, sizeof(msix->pending)))
        return 0;
    return msix->pending >> 8 * offset & device_ones(width);
}

void msix_init(struct msix *msix, struct pci_function *function, struct apic_bus *apics,
               const struct msix_options *options)
{
    memset(msix, 0, sizeof(*msix));
    msix->function = function;
    msix->apics = apics;
    msix->vectors = options->vectors;
    for (unsigned i = 0; i < options->vectors; i++)
        msix->table[i][MSIX_CONTROL] = VECTOR_MASKED;
    msix->capability = pci_capability_add(function, CAPABILITY_ID, CAPABILITY_SIZE);
    pci_set(function, msix->capability + CONTROL, 2, options->vectors - 1);
    function->writable[msix->capability + CONTROL + 1] = (CONTROL_MASKED | CONTROL_ENABLED) >> 8;
    pci_set(function, msix->capability + TABLE, 4, options->table_offset | options->bar);
    pci_set(function, msix->capability + PENDING, 4, options->pending_offset | options->bar);
}
