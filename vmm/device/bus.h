/* SPDX-License-Identifier: MIT */
/*
 * The two buses of the virtual machine: I/O ports and memory-mapped registers.
 *
 * Protocol: init, claim the windows of all devices, then read and write. A window names the access widths its
 * device takes in one cycle; a wider access is split into cycles of the widest such width, as the bridges of
 * a PC do (a word written to an 8-bit device becomes two bytes at consecutive ports). An access that leaves
 * its window, or starts where nobody answers, is split into bytes, each with its own owner. Bytes that nobody
 * owns read as ones; writes to them vanish. Both are counted.
 *
 * Windows of memory may move (mmio_bus_place): a PCI device's, when the guest writes its BARs. A window of size 0 is nowhere.
 *
 * Invariant: windows do not overlap; window 0 is the unclaimed remainder and has size 0, so the fast path's
 * bounds test fails for it without a test of its own.
 *
 * The fast path is one byte load, a bounds test, a counter and an indirect call: ports below PORT_BUS_DIRECT
 * have a table from port to window, everything else is found by search with the last hit tried first.
 */
#ifndef VMM_DEVICE_BUS_H
#define VMM_DEVICE_BUS_H

#include "lib/base/status.h"
#include "vmm/device/device.h"

#define BUS_WINDOWS_MAX 40
#define PORT_BUS_DIRECT 0x1000u

/* Widths of one cycle, OR-ed: the constants equal the widths. */
#define BUS_BYTE  1u
#define BUS_WORD  2u
#define BUS_DWORD 4u
#define BUS_QWORD 8u

struct bus_window {
    uint64_t base;
    uint64_t size;
    uint32_t widths;
    const struct device_ops *ops;
    void *device;
    const char *name; /* lent for the life of the bus */
    uint64_t reads;   /* cycles, not accesses: a split access counts its parts */
    uint64_t writes;
};

struct bus {
    struct bus_window window[BUS_WINDOWS_MAX];
    unsigned windows; /* used entries, including window 0 */
    unsigned last;    /* where the last search ended */
};

struct port_bus {
    struct bus bus;
    uint8_t owner[PORT_BUS_DIRECT]; /* port -> index of its window, 0 = unclaimed */
};

struct mmio_bus {
    struct bus bus;
};

void port_bus_init(struct port_bus *ports);
void mmio_bus_init(struct mmio_bus *mmio);

/*
 * ERR_INVALID: size 0, no widths, or an end beyond the address space (0x10000 for ports). ERR_EXISTS:
 * overlap. ERR_OVERFLOW: BUS_WINDOWS_MAX reached. `name`, `ops` and `device` are lent for the life of the
 * bus.
 */
[[nodiscard]] enum status port_bus_claim(struct port_bus *ports, const char *name, uint32_t base,
                                         uint32_t size, uint32_t widths, const struct device_ops *ops,
                                         void *device);
[[nodiscard]] enum status mmio_bus_claim(struct mmio_bus *mmio, const char *name, uint64_t base,
                                         uint64_t size, uint32_t widths, const struct device_ops *ops,
                                         void *device);

/*
 * A window that is nowhere yet, for mmio_bus_place, which moves it (size 0: takes it away). After an error of that
 * (ERR_INVALID, ERR_EXISTS) it is nowhere.
 */
[[nodiscard]] enum status mmio_bus_reserve(struct mmio_bus *mmio, const char *name, uint32_t widths,
                                           const struct device_ops *ops, void *device, unsigned *window);
[[nodiscard]] enum status mmio_bus_place(struct mmio_bus *mmio, unsigned window, uint64_t base,
                                         uint64_t size);

/* Width is 1, 2, 4 (ports and memory) or 8 (memory); any other reads ones and writes nothing. */
uint64_t port_bus_read(struct port_bus *ports, uint16_t port, unsigned width);
void port_bus_write(struct port_bus *ports, uint16_t port, unsigned width, uint64_t value);
uint64_t mmio_bus_read(struct mmio_bus *mmio, uint64_t address, unsigned width);
void mmio_bus_write(struct mmio_bus *mmio, uint64_t address, unsigned width, uint64_t value);

/* Entry `index` of the statistics, 0 being the unclaimed accesses (by byte); NULL beyond the last. */
const struct bus_window *bus_window_opt(const struct bus *bus, unsigned index);

#endif
