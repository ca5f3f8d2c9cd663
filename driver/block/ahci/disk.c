/* SPDX-License-Identifier: MIT */
/*
 * Everything happens on the entry point's thread: submit and kick by the library, interrupts, and the port's steps at
 * the times it asks for. After each of the latter two the library goes on with what has completed.
 *
 * The interrupt's order (AHCI 10.7.2.1): the port clears PxIS and then looks what has ended, so an end in between raises
 * it again; IS is cleared after PxIS, and acknowledging comes last.
 */
#include "driver/block/ahci/disk.h"

#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/time.h"

static struct disk {
    struct block_device device;
    struct ahci_port port;
    struct controller *controller;
    struct entrypoint *entrypoint_opt; /* NULL: looking for the disk */
    struct signal interrupt;
    struct timeout timeout;
    uint64_t wake;   /* ns; before it is served */
    uint32_t bit;    /* in AHCI_IS */
    unsigned number; /* of the port */
    unsigned errors; /* so far */
    bool quiet;      /* the present one is not told */
    bool changed;    /* limits or verifier */
} disk;

/* ---- what the port says ---- */

/* Errors may come by the thousand: the first ones are told, and then each whose number is a power of two. */
static void error_begins(uint32_t causes)
{
    disk.errors++;
    disk.quiet = disk.errors > 16 && disk.errors & (disk.errors - 1);
    if (disk.quiet)
        return;
    if (causes)
        log_error("port %u: error %u, PxIS 0x%x", disk.number, disk.errors, causes);
    else
        log_error("port %u: error %u, no answer in time", disk.number, disk.errors);
}

static void gone(uint32_t signature)
{
    if (!disk.entrypoint_opt) {
        if (signature == AHCI_SIGNATURE_ATAPI)
            log_error("port %u: an ATAPI device, which this driver does not serve", disk.number);
        else if (signature)
            log_error("port %u: no disk that can be used (signature 0x%x)", disk.number, signature);
        return;
    }
    log_error("port %u: the disk is gone", disk.number);
    if (device_bus_master(&disk.controller->device, false) != OK)
        log_error("the HBA cannot be stopped");
    disk.device.limits.flags |= BLOCK_GONE;
    disk.changed = true;
}

static void event(void *context, enum ahci_event event, uint32_t detail)
{
    (void)context;
    if (event == AHCI_EVENT_GONE) {
        gone(detail);
    } else if (event == AHCI_EVENT_LINK_LOST) {
        log_error("port %u: the link was lost; what the disk had in its cache may be too", disk.number);
        disk.device.verifier = time_now();
        disk.changed = true;
    } else if (event == AHCI_EVENT_ERROR) {
        error_begins(detail);
    } else if (event == AHCI_EVENT_FAILED && !disk.quiet) {
        if (detail == UINT32_MAX)
            log_error("port %u: a command failed: no answer", disk.number);
        else
            log_error("port %u: a command failed: the disk's error 0x%x", disk.number, detail);
    } else if (event == AHCI_EVENT_RESET && !disk.quiet) {
        log_info("port %u: COMRESET", disk.number);
    }
}

static void wake(void *context, uint64_t time)
{
    (void)context;
    disk.wake = time;
    if (!disk.entrypoint_opt)
        return;
    if (time == AHCI_NEVER)
        entrypoint_timeout_cancel(disk.entrypoint_opt, &disk.timeout);
    else
        entrypoint_timeout_set(disk.entrypoint_opt, &disk.timeout, time_to_ticks(time));
}

static void rested(void *context)
{
    (void)context;
    if (device_bus_master(&disk.controller->device, true) != OK)
        log_error("the HBA may not reach memory");
}

static void check(void *context)
{
    (void)context;
    block_server_check_memory(&disk.device);
}

/* ---- the library's device ---- */

static void settle(void)
{
    if (disk.changed) {
        disk.changed = false;
        block_server_changed(&disk.device);
    } else {
        block_server_settle(&disk.device);
    }
}

static void interrupted(struct signal *signal)
{
    (void)signal;
    ahci_port_interrupt(&disk.port);
    controller_write(disk.controller, AHCI_IS, disk.bit);
    settle();
    if (interrupt_ack(disk.controller->interrupt) != OK)
        log_error("interrupt lost");
}

static void expired(struct timeout *timeout)
{
    (void)timeout;
    ahci_port_step(&disk.port);
    settle();
}

static enum status submit(struct block_device *device, struct block_job *job)
{
    (void)device;
    return ahci_port_submit(&disk.port, job);
}

static void kick(struct block_device *device)
{
    (void)device;
    ahci_port_kick(&disk.port);
}

static enum status region_map(struct block_device *device, uint32_t dataspace, uint64_t offset,
                              struct block_region *region)
{
    (void)device;
    return controller_region_map(disk.controller, dataspace, offset, region);
}

static void region_unmap(struct block_device *device, struct block_region *region)
{
    (void)device;
    controller_region_unmap(disk.controller, region);
}

static bool region_gone(struct block_device *device, const struct block_region *region)
{
    (void)device;
    return device_dma_gone(&disk.controller->device, region->mapping_opt);
}

/* ---- start ---- */

/* True if there is a disk on this port. */
static bool look_at(unsigned number, const struct ahci_settings *settings)
{
    static struct ahci_access access = {.read = controller_read,
                                        .write = controller_write,
                                        .now = controller_now,
                                        .wake = wake,
                                        .event = event,
                                        .rested = rested,
                                        .check = check};

    access.context = disk.controller;
    disk.number = number;
    disk.bit = 1u << number;
    ahci_port_start(&disk.port, &access, &disk.controller->memory, settings, number);
    while (disk.port.state != AHCI_RUNNING && disk.port.state != AHCI_GONE) {
        uint64_t now = controller_now(disk.controller);
        if (disk.wake > now)
            controller_pause(disk.controller, disk.wake - now);
        ahci_port_step(&disk.port);
    }
    return disk.port.state == AHCI_RUNNING;
}

static void tell(void)
{
    const struct ata_identity *found = &disk.port.identity;
    const struct block_limits *limits = &disk.device.limits;

    log_info("port %u: \"%s\", serial number \"%s\", %llu blocks of %u bytes, %s of %u commands, write cache "
             "%s%s%s",
             disk.number, found->model, found->serial, (unsigned long long)found->blocks, found->block_size,
             disk.port.settings.queued ? "NCQ" : "no NCQ, a queue", limits->depth,
             found->write_cache ? "on" : "off", limits->flags & BLOCK_HAS_FUA ? ", FUA" : "",
             limits->flags & BLOCK_HAS_DISCARD ? ", TRIM" : "");
}

enum status disk_find(struct controller *controller, const struct disk_settings *settings)
{
    const struct ahci_settings wanted = {
        .slots = controller->hba.slots,
        .queued = controller->hba.queued,
        .fua = settings->fua,
        .tries = (unsigned)settings->tries,
        .timeout = settings->timeout_ms * AHCI_MILLISECOND,
    };

    disk.controller = controller;
    for (unsigned number = 0; number < AHCI_PORTS_MAX; number++) {
        if (!(controller->hba.ports & 1u << number))
            continue;
        if (settings->port != DISK_ANY_PORT && settings->port != number)
            continue;
        if (!look_at(number, &wanted))
            continue;
        ahci_port_limits(&disk.port, &disk.device.limits);
        tell();
        return OK;
    }
    if (settings->port == DISK_ANY_PORT)
        log_error("no port has a disk");
    else
        log_error("port %u has no disk", (unsigned)settings->port);
    return ERR_NOT_FOUND;
}

enum status disk_serve(struct entrypoint *entrypoint,
                       enum status (*policy)(struct block_device *device, const char *label,
                                             struct block_view *view))
{
    static const struct block_device_ops ops = {.submit = submit,
                                                .kick = kick,
                                                .region_map = region_map,
                                                .region_unmap = region_unmap,
                                                .region_gone = region_gone};
    enum status status = signal_create(entrypoint, &disk.interrupt, interrupted);

    if (status == OK)
        status = controller_interrupt(disk.controller, disk.interrupt.slot);
    if (status != OK)
        return status;
    disk.timeout.expired = expired;
    disk.device.ops = &ops;
    disk.device.flush_drops = true; /* ACS, FLUSH CACHE EXT: the sector in error leaves the cache */
    disk.device.verifier =
        time_now(); /* the disk may have been without power since the driver before this one */
    disk.entrypoint_opt = entrypoint;
    return block_server_start(&disk.device, entrypoint, policy);
}
