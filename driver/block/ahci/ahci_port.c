/* SPDX-License-Identifier: MIT */
/*
 * The port in good times: jobs become commands, several of them are issued by one write, and an interrupt completes
 * all that have ended with three accesses to registers.
 */
#include "driver/block/ahci/ahci_port.h"

/* The disk's own copy of time-outs is coarse: commands are looked at twice in a time-out, and given up at the third look. */
static void watch_begin(struct ahci_port *port)
{
    port->watched = port->older = 0;
    port->deadline = port_now(port) + port->settings.timeout / 2;
    port_wake(port, port->deadline);
}

enum status ahci_port_submit(struct ahci_port *port, struct block_job *job)
{
    if (port->state == AHCI_GONE) {
        block_job_done(job, ERR_PEER_GONE, 0);
        return OK;
    }
    if (!port->free)
        return ERR_AGAIN;
    unsigned slot = (unsigned)__builtin_ctz(port->free);
    ahci_command_build(port, slot, job);
    port->slots[slot] = (struct ahci_slot){.job = job};
    port->free &= ~(1u << slot);
    port->pending |= 1u << slot;
    return OK;
}

/* Which commands may be issued now? All queued ones at once, as a rule (P3, P4). */
static uint32_t issuable(const struct ahci_port *port)
{
    uint32_t next = port->suspects ? port->suspects & port->pending : port->pending;

    if (!port->suspects && !((port->pending | port->issued) & ~port->queued))
        return next;
    return port->issued ? 0 : next & -next;
}

void ahci_port_kick(struct ahci_port *port)
{
    uint32_t next = port->state == AHCI_RUNNING ? issuable(port) : 0;

    if (!next)
        return;
    port->pending &= ~next;
    port->issued |= next;
    if (next & port->slow)
        port->slow_looks = 0;
    if (port->deadline == AHCI_NEVER)
        watch_begin(port);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* the HBA must find what was written before */
    if (next & port->queued)
        port_write(port, PORT_SACT, next);
    port_write(port, PORT_CI, next);
}

/* These slots are done, and free. */
void ahci_port_finish(struct ahci_port *port, uint32_t slots, enum status status)
{
    port->watched &= ~slots;
    port->older &= ~slots;
    port->issued &= ~slots;
    port->pending &= ~slots;
    port->free |= slots;
    while (slots) {
        struct block_job *job = port->slots[__builtin_ctz(slots)].job;
        slots &= slots - 1;
        block_job_done(job, status, status == OK ? job->length : 0);
    }
}

/* What has ended without an error. A queued command has ended when the disk has cleared its bit in SACT, another one when
   the HBA has cleared it in CI. */
void ahci_port_complete(struct ahci_port *port)
{
    bool plain = port->issued & ~port->queued;
    uint32_t done = port->issued & ~port_read(port, plain ? PORT_CI : PORT_SACT);

    if (plain && done && port_read(port, PORT_TFD) & (ATA_STATUS_ERR | ATA_STATUS_DF)) {
        ahci_recovery_begin(port, PORT_IS_TFES);
        return;
    }
    if (port->suspects & done) {
        port->suspects &= ~done;
        port->silent = 0;
    }
    ahci_port_finish(port, done, OK);
    if (port->pending)
        ahci_port_kick(port);
}

void ahci_port_interrupt(struct ahci_port *port)
{
    uint32_t causes = port_read(port, PORT_IS);

    port_write(port, PORT_IS, causes);
    if (port->state != AHCI_RUNNING)
        ahci_recovery_step(port, causes);
    else if (causes & PORT_IS_ERRORS)
        ahci_recovery_begin(port, causes);
    else
        ahci_port_complete(port);
}

/* The disk has not answered these commands for the whole time-out. FLUSH and TRIM are given more. */
static uint32_t overdue(struct ahci_port *port)
{
    uint32_t late = port->issued & port->older;

    if (late & port->slow && ++port->slow_looks < 2 * AHCI_SLOW_FACTOR)
        return 0;
    return late;
}

static void look(struct ahci_port *port)
{
    uint32_t late = overdue(port);

    if (late) {
        for (uint32_t rest = late; rest; rest &= rest - 1)
            port->slots[__builtin_ctz(rest)].tries++;
        port->silent++;
        ahci_recovery_begin(port, 0);
        return;
    }
    port->older = port->watched & port->issued;
    port->watched = port->issued;
    port->deadline = port->issued ? port_now(port) + port->settings.timeout / 2 : AHCI_NEVER;
    port_wake(port, port->deadline);
}

/* An interrupt may have been lost, so what has ended is looked for before the clock is. */
void ahci_port_step(struct ahci_port *port)
{
    if (port->state == AHCI_OFF || port->state == AHCI_GONE)
        return;
    ahci_port_interrupt(port);
    if (port->state == AHCI_RUNNING && port_now(port) >= port->deadline)
        look(port);
}

void ahci_port_limits(const struct ahci_port *port, struct block_limits *limits)
{
    const struct ata_identity *disk = &port->identity;
    unsigned depth = disk->queue_depth < port->settings.slots ? disk->queue_depth : port->settings.slots;

    *limits = (struct block_limits){
        .size = disk->blocks * disk->block_size,
        .block_size = disk->block_size,
        .physical_block_size = disk->physical_block_size,
        .depth = port->settings.queued && depth >= 2 ? depth : 2, /* the second one waits in its slot */
        .transfer_max = AHCI_TRANSFER_MAX,
        .pieces_max = AHCI_PIECES_MAX,
        .alignment = 2,
        .flags = disk->fua && port->settings.fua ? BLOCK_HAS_FUA : 0,
        .exclusive = true,
    };
    if (disk->trim) {
        limits->flags |= BLOCK_HAS_DISCARD;
        limits->discard_max = (uint64_t)ATA_TRIM_RANGES * ATA_TRIM_BLOCKS_MAX * disk->block_size;
        limits->discard_granularity = disk->physical_block_size;
    }
}
