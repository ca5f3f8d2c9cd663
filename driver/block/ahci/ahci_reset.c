/* SPDX-License-Identifier: MIT */
/*
 * The way through a reset, and at first into work:
 *
 *     RESETTING -> LINKING -> SETTLING -> IDENTIFYING -> RUNNING
 *
 * What goes wrong on it begins it again, AHCI_RESETS_MAX times. After it nobody knows who was guilty: all that were in flight become
 * suspects and go to the disk one by one (P4). It must be the same disk, or nobody gets it.
 */
#include "driver/block/ahci/ahci_port.h"
#include "lib/string/string.h"

#define COMRESET_TIME (2 * AHCI_MILLISECOND) /* at least 1 ms, 10.4.2 */
#define LINK_TIME     AHCI_SECOND
#define SETTLE_TIME   (30 * AHCI_SECOND) /* a disk that spins up */

/* The disk is of no use: whoever waits for it is told so. */
static void give_up(struct ahci_port *port, uint32_t signature)
{
    uint32_t waiting = port->all & ~port->free;

    port_command(port, PORT_CMD_ST | PORT_CMD_FRE, 0);
    port->state = AHCI_GONE;
    port->suspects = port->accused = 0;
    port_wake(port, AHCI_NEVER);
    port_event(port, AHCI_EVENT_GONE, signature);
    ahci_port_finish(port, waiting, ERR_PEER_GONE);
}

void ahci_reset_begin(struct ahci_port *port)
{
    if (++port->resets > AHCI_RESETS_MAX) {
        give_up(port, 0);
        return;
    }
    if (port->known)
        port_event(port, AHCI_EVENT_RESET, 0);
    port_command(port, PORT_CMD_ST, 0);
    port_write(port, PORT_SCTL, PORT_SCTL_NO_POWERSAVE | PORT_SCTL_DET_RESET);
    ahci_enter(port, AHCI_RESETTING, COMRESET_TIME);
}

static void resetting(struct ahci_port *port)
{
    if (port_now(port) < port->deadline)
        return;
    port_write(port, PORT_SCTL, PORT_SCTL_NO_POWERSAVE);
    ahci_enter(port, AHCI_LINKING, LINK_TIME);
}

static void linking(struct ahci_port *port)
{
    uint32_t detected = PORT_SSTS_DET(port_read(port, PORT_SSTS));

    if (detected == PORT_SSTS_DET_READY) {
        port_write(port, PORT_SERR, UINT32_MAX);
        ahci_enter(port, AHCI_SETTLING, SETTLE_TIME);
    } else if (port_now(port) >= port->deadline) {
        if (detected == PORT_SSTS_DET_NONE && !port->known)
            give_up(port, 0); /* an empty port: nothing to wait for */
        else
            ahci_reset_begin(port);
    }
}

static void settling(struct ahci_port *port)
{
    static const struct ata_command identify = {.command = ATA_IDENTIFY_DEVICE};
    bool ready = !(port_read(port, PORT_TFD) & (ATA_STATUS_BSY | ATA_STATUS_DRQ)) &&
                 !(port_read(port, PORT_CMD) & PORT_CMD_CR);

    if (!ready) {
        if (port_now(port) >= port->deadline)
            ahci_reset_begin(port);
        return;
    }
    uint32_t signature = port_read(port, PORT_SIG);
    if (signature != AHCI_SIGNATURE_DISK) {
        give_up(port, signature);
        return;
    }
    port->access->rested(port->access->context);
    ahci_start_list(port);
    ahci_internal_issue(port, &identify);
    ahci_enter(port, AHCI_IDENTIFYING, AHCI_COMMAND_TIME);
}

/* A disk that was not known before. */
static void adopt(struct ahci_port *port, const struct ata_identity *found)
{
    uint32_t depth = found->queue_depth < port->settings.slots ? found->queue_depth : port->settings.slots;

    port->identity = *found;
    port->settings.queued = port->settings.queued && depth >= 2;
    if (!port->settings.queued)
        depth =
            port->settings.slots < 2 ? 1 : 2; /* the second one waits here while the first is in the disk */
    port->all = port->free = (uint32_t)((1ull << depth) - 1);
    port->known = true;
    ahci_resume(port, false);
    port_event(port, AHCI_EVENT_READY, 0);
}

/* Another disk in its place must not get the requests that were meant for this one. */
static bool same_disk(const struct ata_identity *a, const struct ata_identity *b)
{
    return a->blocks == b->blocks && a->block_size == b->block_size && a->queue_depth == b->queue_depth &&
           memcmp(a->serial, b->serial, sizeof(a->serial)) == 0 &&
           memcmp(a->model, b->model, sizeof(a->model)) == 0;
}

/* Jobs whose memory has been freed do not go to the device again. */
static void go_on(struct ahci_port *port)
{
    uint32_t gone = 0;

    port->access->check(port->access->context);
    for (uint32_t rest = port->pending | port->accused; rest; rest &= rest - 1) {
        unsigned slot = (unsigned)__builtin_ctz(rest);
        gone |= block_job_gone(port->slots[slot].job) ? 1u << slot : 0;
    }
    port->suspects &= ~gone;
    port->accused &= ~gone;
    ahci_port_finish(port, gone, ERR_IO);
    ahci_resume(port, true);
}

static void identifying(struct ahci_port *port, uint32_t causes)
{
    enum status status = ahci_internal_result(port, causes);
    struct ata_identity found;

    if (status == ERR_AGAIN)
        return;
    if (status != OK) {
        ahci_reset_begin(port);
        return;
    }
    status = ata_identity_parse(port->memory->page->internal, &found);
    if (status == OK && !port->known)
        adopt(port, &found);
    else if (status == OK && same_disk(&found, &port->identity))
        go_on(port);
    else
        give_up(port, AHCI_SIGNATURE_DISK);
}

void ahci_reset_step(struct ahci_port *port, uint32_t causes)
{
    switch (port->state) {
    case AHCI_RESETTING: resetting(port); break;
    case AHCI_LINKING: linking(port); break;
    case AHCI_SETTLING: settling(port); break;
    default: identifying(port, causes);
    }
}

void ahci_port_start(struct ahci_port *port, const struct ahci_access *access,
                     const struct ahci_memory *memory, const struct ahci_settings *settings, unsigned number)
{
    *port = (struct ahci_port){.access = access,
                               .memory = memory,
                               .settings = *settings,
                               .base = AHCI_PORT(number),
                               .deadline = AHCI_NEVER};
    for (unsigned i = 0; i < settings->slots; i++) {
        memory->page->headers[i].table_low = (uint32_t)memory->slots[i].bus;
        memory->page->headers[i].table_high = (uint32_t)(memory->slots[i].bus >> 32);
    }
    uint64_t received = memory->page_bus + __builtin_offsetof(struct ahci_page, received);
    port_write(port, PORT_IE, 0);
    port_write(port, PORT_CLB, (uint32_t)memory->page_bus);
    port_write(port, PORT_CLBU, (uint32_t)(memory->page_bus >> 32));
    port_write(port, PORT_FB, (uint32_t)received);
    port_write(port, PORT_FBU, (uint32_t)(received >> 32));
    port_command(port, PORT_CMD_ST, PORT_CMD_FRE | PORT_CMD_SUD | PORT_CMD_POD | PORT_CMD_ICC_ACTIVE);
    ahci_reset_begin(port);
}
