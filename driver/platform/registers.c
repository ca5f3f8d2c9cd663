/* SPDX-License-Identifier: MIT */
/* Configuration space as memory or behind ports, see registers.h. */
#include "driver/platform/registers.h"

#include "contract/io_mem/client.h"
#include "contract/io_port/client.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/port_io.h"
#include "lib/base/session.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"

#define BUS_SIZE (1ull << 20)

enum port { PORT_ADDRESS = 0xcf8, PORT_DATA = 0xcfc, PORT_COUNT = 8 };

#define ADDRESS_ENABLE (1u << 31)

struct ecam {
    struct pci_access access; /* first */
    uint64_t base;
    volatile uint8_t *bus[PCI_BUSES]; /* NULL: not yet mapped */
    bool failed[PCI_BUSES];           /* cannot be mapped: said once */
};

/* ---- device memory ---- */

static enum status attach(uint32_t session, volatile void **out)
{
    struct io_mem_range range;
    uint32_t dataspace;
    void *address;
    enum status status = io_mem_dataspace(session, &range, &dataspace);

    if (status == OK)
        status = memory_attach(dataspace, PD_READ | PD_WRITE, &address);
    if (status == OK)
        *out = (uint8_t *)address + range.page_offset;
    return status;
}

enum status registers_map(uint64_t base, uint64_t size, struct connection *connection_opt,
                          volatile void **out)
{
    struct connection connection;
    char args[64];
    struct session_options options = {.service = "IO_MEM", .label_opt = "registers", .args_opt = args};

    fmt_format(args, sizeof(args), "base=0x%llx, size=0x%llx", (unsigned long long)base,
               (unsigned long long)size);
    enum status status = session_open(&options, &connection);

    if (status != OK)
        return status;
    status = attach(connection.slot, out);
    if (status != OK)
        session_close(&connection);
    else if (connection_opt)
        *connection_opt = connection;
    return status;
}

/* ---- ECAM ---- */

static volatile uint8_t *locate(const struct pci_access *access, uint16_t address, unsigned offset)
{
    struct ecam *ecam = (struct ecam *)access;
    unsigned bus = pci_bus(address);
    volatile void *memory;

    if (ecam->failed[bus])
        return NULL;
    if (!ecam->bus[bus]) {
        enum status status = registers_map(ecam->base + bus * BUS_SIZE, BUS_SIZE, NULL, &memory);

        if (status != OK) {
            log_error("configuration space of bus %02x cannot be reached: %s", bus, status_text(status));
            ecam->failed[bus] = true;
            return NULL;
        }
        ecam->bus[bus] = memory;
    }
    return ecam->bus[bus] + (address & 0xffu) * PCI_CONFIG_SIZE + offset;
}

static uint32_t ecam_read(const struct pci_access *access, uint16_t address, unsigned offset, unsigned width)
{
    volatile uint8_t *at = locate(access, address, offset);

    if (!at)
        return UINT32_MAX >> (32 - 8 * width);
    return width == 1 ? *at : width == 2 ? *(volatile uint16_t *)at : *(volatile uint32_t *)at;
}

static void ecam_write(const struct pci_access *access, uint16_t address, unsigned offset, unsigned width,
                       uint32_t value)
{
    volatile uint8_t *at = locate(access, address, offset);

    if (!at)
        return;
    if (width == 1)
        *at = (uint8_t)value;
    else if (width == 2)
        *(volatile uint16_t *)at = (uint16_t)value;
    else
        *(volatile uint32_t *)at = value;
}

enum status registers_ecam(const struct acpi_ecam *from, const struct pci_access **out)
{
    struct ecam *ecam = heap_alloc(sizeof(*ecam));

    if (!ecam)
        return ERR_NO_RAM;
    *ecam = (struct ecam){
        .access = {.read = ecam_read,
                   .write = ecam_write,
                   .size = PCI_CONFIG_SIZE,
                   .segment = from->segment,
                   .first_bus = from->first_bus,
                   .last_bus = from->last_bus},
        .base = from->base,
    };
    *out = &ecam->access;
    return OK;
}

uint64_t registers_physical(struct pci_function function)
{
    const struct ecam *ecam = (const struct ecam *)function.access;

    return function.access->read == ecam_read ? ecam->base + function.address * (uint64_t)PCI_CONFIG_SIZE : 0;
}

/* ---- mechanism #1 ---- */

static uint16_t select(uint16_t address, unsigned offset)
{
    port_out32(PORT_ADDRESS, ADDRESS_ENABLE | (uint32_t)address << 8 | (offset & 0xfcu));
    return (uint16_t)(PORT_DATA + (offset & 3));
}

static uint32_t port_read(const struct pci_access *access, uint16_t address, unsigned offset, unsigned width)
{
    (void)access;
    uint16_t port = select(address, offset);

    return width == 1 ? port_in8(port) : width == 2 ? port_in16(port) : port_in32(port);
}

static void port_write(const struct pci_access *access, uint16_t address, unsigned offset, unsigned width,
                       uint32_t value)
{
    (void)access;
    uint16_t port = select(address, offset);

    if (width == 1)
        port_out8(port, (uint8_t)value);
    else if (width == 2)
        port_out16(port, (uint16_t)value);
    else
        port_out32(port, value);
}

enum status registers_ports(const struct pci_access **out)
{
    static const struct pci_access ports = {
        .read = port_read, .write = port_write, .size = PCI_CONFIG_LEGACY, .last_bus = PCI_BUSES - 1};
    struct connection connection;
    struct io_port_range range;
    struct session_options options = {
        .service = "IO_PORT", .label_opt = "configuration", .args_opt = "port=0xcf8, size=8"};
    enum status status = session_open(&options, &connection);

    if (status == OK)
        status = io_port_enable(connection.slot, &range);
    if (status != OK)
        return status;
    *out = &ports;
    return OK;
}
