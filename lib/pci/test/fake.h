/* SPDX-License-Identifier: MIT */
/*
 * A fake PCI segment for host tests: functions with configuration space, of which the bits in `writable` keep what is written.
 */
#ifndef LIB_PCI_TEST_FAKE_H
#define LIB_PCI_TEST_FAKE_H

#include "lib/pci/pci.h"

#define FAKE_FUNCTIONS 32u

struct fake_function {
    uint16_t address;
    uint8_t space[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE];
    unsigned flr_offset; /* a byte whose bits `flr_bit` reset the function when written; 0: none */
    uint8_t flr_bit;
    unsigned resets;
    bool decoded_while_measured; /* a base address was all ones while memory was decoded */
};

struct fake_segment {
    struct pci_access access; /* first */
    struct fake_function functions[FAKE_FUNCTIONS];
    unsigned count;
    unsigned misaligned; /* accesses that no bus has */
};

void fake_init(struct fake_segment *segment);

/* A function with ids, class and command register. */
struct fake_function *fake_add(struct fake_segment *segment, uint16_t address, uint16_t vendor,
                               uint16_t device, uint32_t class_code);
struct fake_function *fake_add_bridge(struct fake_segment *segment, uint16_t address, uint8_t secondary);

void fake_set(struct fake_function *function, unsigned offset, unsigned width, uint32_t value);
void fake_set_writable(struct fake_function *function, unsigned offset, unsigned width, uint32_t mask);
uint32_t fake_get(const struct fake_function *function, unsigned offset, unsigned width);

/* A memory register of this size; `wide` takes the next one, too. */
void fake_bar(struct fake_function *function, unsigned index, uint64_t address, uint64_t size, bool wide);

/* Puts a capability at `offset`, in front of the list. */
void fake_capability(struct fake_function *function, unsigned offset, uint8_t id);

struct pci_function fake_at(const struct fake_segment *segment, const struct fake_function *function);

#endif
