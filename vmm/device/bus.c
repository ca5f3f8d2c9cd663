/* SPDX-License-Identifier: MIT */
/*
 * Dispatch of port and memory-mapped accesses; the idea and the rules for splitting are in bus.h.
 */
#include "vmm/device/bus.h"

#include "lib/string/string.h"

typedef unsigned bus_find(struct bus *bus, uint64_t address);

static bool window_covers(const struct bus_window *window, uint64_t address)
{
    return address - window->base < window->size;
}

static unsigned bus_search(struct bus *bus, uint64_t address)
{
    if (window_covers(&bus->window[bus->last], address))
        return bus->last;
    for (unsigned i = 1; i < bus->windows; i++)
        if (window_covers(&bus->window[i], address))
            return bus->last = i;
    return 0;
}

/* The table can be found from the bus, since it is the first member. */
static unsigned port_find(struct bus *bus, uint64_t port)
{
    struct port_bus *ports = (struct port_bus *)(void *)bus;

    return port < PORT_BUS_DIRECT ? ports->owner[port] : bus_search(bus, port);
}

static void bus_init(struct bus *bus)
{
    memset(bus, 0, sizeof(*bus));
    bus->window[0].name = "unclaimed";
    bus->windows = 1;
}

void port_bus_init(struct port_bus *ports)
{
    bus_init(&ports->bus);
    memset(ports->owner, 0, sizeof(ports->owner));
}

void mmio_bus_init(struct mmio_bus *mmio)
{
    bus_init(&mmio->bus);
}

/* `last` is the highest address of the address space; the check is free of overflow. */
static enum status bus_free(const struct bus *bus, uint64_t base, uint64_t size, uint64_t last)
{
    if (size == 0 || base > last || size - 1 > last - base)
        return ERR_INVALID;
    for (unsigned i = 1; i < bus->windows; i++) {
        const struct bus_window *other = &bus->window[i];

        if (other->size && (base - other->base < other->size || other->base - base < size))
            return ERR_EXISTS;
    }
    return OK;
}

static enum status bus_claim(struct bus *bus, const struct bus_window *wanted, uint64_t last)
{
    enum status status = bus_free(bus, wanted->base, wanted->size, last);

    if (status != OK)
        return status;
    if ((wanted->widths & 15u) == 0)
        return ERR_INVALID;
    if (bus->windows == BUS_WINDOWS_MAX)
        return ERR_OVERFLOW;
    bus->window[bus->windows++] = *wanted;
    return OK;
}

enum status port_bus_claim(struct port_bus *ports, const char *name, uint32_t base, uint32_t size,
                           uint32_t widths, const struct device_ops *ops, void *device)
{
    struct bus_window wanted = {
        .base = base, .size = size, .widths = widths, .ops = ops, .device = device, .name = name};
    enum status status = bus_claim(&ports->bus, &wanted, 0xffff);

    if (status != OK)
        return status;
    for (uint32_t port = base; port < base + size && port < PORT_BUS_DIRECT; port++)
        ports->owner[port] = (uint8_t)(ports->bus.windows - 1);
    return OK;
}

enum status mmio_bus_claim(struct mmio_bus *mmio, const char *name, uint64_t base, uint64_t size,
                           uint32_t widths, const struct device_ops *ops, void *device)
{
    struct bus_window wanted = {
        .base = base, .size = size, .widths = widths, .ops = ops, .device = device, .name = name};

    return bus_claim(&mmio->bus, &wanted, UINT64_MAX);
}

enum status mmio_bus_reserve(struct mmio_bus *mmio, const char *name, uint32_t widths,
                             const struct device_ops *ops, void *device, unsigned *window)
{
    struct bus *bus = &mmio->bus;

    if (bus->windows == BUS_WINDOWS_MAX)
        return ERR_OVERFLOW;
    *window = bus->windows++;
    bus->window[*window] = (struct bus_window){.widths = widths, .ops = ops, .device = device, .name = name};
    return OK;
}

enum status mmio_bus_place(struct mmio_bus *mmio, unsigned window, uint64_t base, uint64_t size)
{
    struct bus_window *moved = &mmio->bus.window[window];

    moved->size = 0;
    enum status status = size ? bus_free(&mmio->bus, base, size, UINT64_MAX) : OK;
    if (status != OK)
        return status;
    moved->base = base;
    moved->size = size;
    return OK;
}

/* The widest cycle, at most `width`, that the window takes. 0: the device takes only wider ones. */
static unsigned window_cycle(const struct bus_window *window, unsigned width)
{
    while (width && !(window->widths & width))
        width >>= 1;
    return width;
}

static bool width_valid(unsigned width)
{
    return width == 1 || width == 2 || width == 4 || width == 8;
}

/* How many bytes the next cycle of a split access takes; 0 when nobody answers the byte at `address`. */
static unsigned split_cycle(const struct bus_window *window, uint64_t address, unsigned left)
{
    uint64_t room = window->base + window->size - address;
    unsigned width = 8;

    if (!window->ops)
        return 0;
    while (width > left || width > room)
        width >>= 1;
    return window_cycle(window, width);
}

static uint64_t read_split(struct bus *bus, bus_find *find, uint64_t address, unsigned width)
{
    uint64_t value = 0;

    if (!width_valid(width))
        return UINT64_MAX;
    for (unsigned done = 0; done < width;) {
        struct bus_window *window = &bus->window[find(bus, address + done)];
        unsigned cycle = split_cycle(window, address + done, width - done);
        uint64_t part = 0xff;

        window->reads++;
        if (cycle)
            part =
                window->ops->read(window->device, address + done - window->base, cycle) & device_ones(cycle);
        else
            cycle = 1;
        value |= part << (8 * done);
        done += cycle;
    }
    return value;
}

static void write_split(struct bus *bus, bus_find *find, uint64_t address, unsigned width, uint64_t value)
{
    if (!width_valid(width))
        return;
    for (unsigned done = 0; done < width;) {
        struct bus_window *window = &bus->window[find(bus, address + done)];
        unsigned cycle = split_cycle(window, address + done, width - done);

        window->writes++;
        if (cycle)
            window->ops->write(window->device, address + done - window->base, cycle,
                               (value >> (8 * done)) & device_ones(cycle));
        else
            cycle = 1;
        done += cycle;
    }
}

/* One cycle suffices: inside the window, and a width that the device takes (which also rules out odd ones).
 */
static inline bool window_direct(const struct bus_window *window, uint64_t offset, unsigned width)
{
    return offset < window->size && width <= window->size - offset && (window->widths & width) &&
           !(width & (width - 1));
}

static inline uint64_t bus_read(struct bus *bus, bus_find *find, uint64_t address, unsigned width)
{
    struct bus_window *window = &bus->window[find(bus, address)];
    uint64_t offset = address - window->base;

    if (!window_direct(window, offset, width))
        return read_split(bus, find, address, width);
    window->reads++;
    return window->ops->read(window->device, offset, width) & device_ones(width);
}

static inline void bus_write(struct bus *bus, bus_find *find, uint64_t address, unsigned width,
                             uint64_t value)
{
    struct bus_window *window = &bus->window[find(bus, address)];
    uint64_t offset = address - window->base;
    bool direct = window_direct(window, offset, width);

    if (!direct && width != 1) {
        write_split(bus, find, address, width, value);
        return;
    }
    window->writes++;
    if (direct) /* else it is lost, as Linux' delays at port 0x80 are */
        window->ops->write(window->device, offset, width, value & device_ones(width));
}

uint64_t port_bus_read(struct port_bus *ports, uint16_t port, unsigned width)
{
    return bus_read(&ports->bus, port_find, port, width);
}

void port_bus_write(struct port_bus *ports, uint16_t port, unsigned width, uint64_t value)
{
    bus_write(&ports->bus, port_find, port, width, value);
}

uint64_t mmio_bus_read(struct mmio_bus *mmio, uint64_t address, unsigned width)
{
    return bus_read(&mmio->bus, bus_search, address, width);
}

void mmio_bus_write(struct mmio_bus *mmio, uint64_t address, unsigned width, uint64_t value)
{
    bus_write(&mmio->bus, bus_search, address, width, value);
}

const struct bus_window *bus_window_opt(const struct bus *bus, unsigned index)
{
    return index < bus->windows ? &bus->window[index] : NULL;
}
