/* SPDX-License-Identifier: MIT */
/*
 * The port in bad times, and at its start, which is a recovery with nothing in flight.
 *
 *     error of a command:  STOPPING -> READING_LOG -> RUNNING       the disk says which one (AHCI 6.2.2, ACS-4 9.14)
 *                          STOPPING -> RUNNING                      of one that was not queued
 *     all else:            RESETTING -> LINKING -> SETTLING -> IDENTIFYING -> RUNNING
 *
 * What goes wrong on the upper ways ends in the lower one; what goes wrong there begins it again, AHCI_RESETS_MAX times. After
 * a reset nobody knows who was guilty: all that were in flight become suspects and go to the disk one by one (P4).
 * The port's interrupts are off meanwhile; it looks after itself every millisecond.
 *
 * A command whose error is its own fails at once. One that was spoilt on the way or was not answered has settings.tries
 * tries; if in all that time no other was answered either, the disk answers nobody, and all suspects fail with it.
 */
#include "driver/block/ahci/ahci_port.h"
#include "lib/string/string.h"

#define STOP_TIME     (500 * AHCI_MILLISECOND) /* 10.4.2 */
#define COMRESET_TIME (2 * AHCI_MILLISECOND)   /* at least 1 ms, 10.4.2 */
#define LINK_TIME     AHCI_SECOND
#define SETTLE_TIME   (30 * AHCI_SECOND) /* a disk that spins up */
#define COMMAND_TIME  (5 * AHCI_SECOND)

static void enter(struct ahci_port *port, enum ahci_state state, uint64_t time)
{
    uint64_t now = port_now(port);

    port->state = state;
    port->deadline = now + time;
    port_wake(port, now + AHCI_MILLISECOND);
}

static bool single(uint32_t mask)
{
    return mask && !(mask & (mask - 1));
}

static void change_command(struct ahci_port *port, uint32_t clear, uint32_t set)
{
    port_write(port, PORT_CMD, (port_read(port, PORT_CMD) & ~(clear | PORT_CMD_ICC_MASK)) | set);
}

/* 10.3.1: errors of before are forgotten, the command list runs. */
static void start_list(struct ahci_port *port)
{
    port_write(port, PORT_SERR, UINT32_MAX);
    port_write(port, PORT_IS, UINT32_MAX);
    change_command(port, 0, PORT_CMD_ST);
}

/* The disk is of no use: whoever waits for it is told so. */
static void give_up(struct ahci_port *port, uint32_t signature)
{
    uint32_t waiting = port->all & ~port->free;

    change_command(port, PORT_CMD_ST | PORT_CMD_FRE, 0);
    port->state = AHCI_GONE;
    port->suspects = port->accused = 0;
    port_wake(port, AHCI_NEVER);
    port_event(port, AHCI_EVENT_GONE, signature);
    ahci_port_finish(port, waiting, ERR_PEER_GONE);
}

/* Of the accused, those who have had their tries. The device cannot reach their memory any more. */
static void fail_hopeless(struct ahci_port *port)
{
    uint32_t hopeless = 0;

    for (uint32_t rest = port->accused; rest; rest &= rest - 1) {
        unsigned slot = (unsigned)__builtin_ctz(rest);
        hopeless |= port->slots[slot].tries >= port->settings.tries ? 1u << slot : 0;
    }
    if (hopeless && port->silent >= port->settings.tries) {
        hopeless = port->suspects | port->accused;
        port->silent = 0;
    }
    if (!hopeless)
        return;
    port_event(port, AHCI_EVENT_FAILED, port->error);
    port->suspects &= ~hopeless;
    port->accused &= ~hopeless;
    ahci_port_finish(port, hopeless, ERR_IO);
}

/* Back to work; `isolate`: the accused go to the disk one after another. */
static void resume(struct ahci_port *port, bool isolate)
{
    port->state = AHCI_RUNNING;
    port->deadline = AHCI_NEVER;
    port_wake(port, AHCI_NEVER);
    fail_hopeless(port);
    port->suspects = isolate ? port->suspects | port->accused : port->suspects & ~port->accused;
    port->pending |= port->accused;
    port->accused = 0;
    port->resets = 0;
    if (!port->suspects)
        port->silent = 0;
    port_write(port, PORT_IS, UINT32_MAX);
    port_write(port, PORT_IE, PORT_IS_WANTED);
    ahci_port_kick(port);
}

/* ---- which one was it? ---- */

static void blame(struct ahci_port *port, unsigned slot, uint8_t error)
{
    unsigned tries = error & ATA_ERROR_ICRC ? port->slots[slot].tries + 1u : port->settings.tries;

    port->slots[slot].tries = (uint8_t)tries;
    port->error = error;
}

static void read_log(struct ahci_port *port)
{
    static const struct ata_command command = {
        .command = ATA_READ_LOG_EXT, .count = 1, .lba = ATA_LOG_QUEUED};

    start_list(port);
    ahci_internal_issue(port, &command);
    enter(port, AHCI_READING_LOG, COMMAND_TIME);
}

/* A list that has stopped forgets its commands (3.3.13, 3.3.14). An HBA that keeps them may still be at work on them: QEMU
   before 8.1 does and is, until a COMRESET. */
static bool at_rest(const struct ahci_port *port)
{
    return !(port_read(port, PORT_TFD) & (ATA_STATUS_BSY | ATA_STATUS_DRQ)) && !port_read(port, PORT_SACT) &&
           !port_read(port, PORT_CI);
}

static void stopping(struct ahci_port *port)
{
    if (port_read(port, PORT_CMD) & PORT_CMD_CR) {
        if (port_now(port) >= port->deadline)
            ahci_recovery_reset(port);
    } else if (!at_rest(port)) {
        ahci_recovery_reset(port);
    } else if (port->accused & port->queued) {
        read_log(port);
    } else {
        start_list(port);
        resume(port, false);
    }
}

static void reading_log(struct ahci_port *port, uint32_t causes)
{
    enum status status = ahci_internal_result(port, causes);
    unsigned slot;
    uint8_t error;

    if (status == ERR_AGAIN)
        return;
    if (status == OK)
        status = ata_error_log_parse(port->memory->page->internal, &slot, &error);
    if (status != OK || !(port->accused & 1u << slot)) {
        ahci_recovery_reset(port);
        return;
    }
    if (!single(port->accused)) /* else it has been blamed before */
        blame(port, slot, error);
    resume(port, false);
}

/* ---- the way through a reset ---- */

void ahci_recovery_reset(struct ahci_port *port)
{
    if (++port->resets > AHCI_RESETS_MAX) {
        give_up(port, 0);
        return;
    }
    if (port->known)
        port_event(port, AHCI_EVENT_RESET, 0);
    change_command(port, PORT_CMD_ST, 0);
    port_write(port, PORT_SCTL, PORT_SCTL_NO_POWERSAVE | PORT_SCTL_DET_RESET);
    enter(port, AHCI_RESETTING, COMRESET_TIME);
}

static void resetting(struct ahci_port *port)
{
    if (port_now(port) < port->deadline)
        return;
    port_write(port, PORT_SCTL, PORT_SCTL_NO_POWERSAVE);
    enter(port, AHCI_LINKING, LINK_TIME);
}

static void linking(struct ahci_port *port)
{
    uint32_t detected = PORT_SSTS_DET(port_read(port, PORT_SSTS));

    if (detected == PORT_SSTS_DET_READY) {
        port_write(port, PORT_SERR, UINT32_MAX);
        enter(port, AHCI_SETTLING, SETTLE_TIME);
    } else if (port_now(port) >= port->deadline) {
        if (detected == PORT_SSTS_DET_NONE && !port->known)
            give_up(port, 0); /* an empty port: nothing to wait for */
        else
            ahci_recovery_reset(port);
    }
}

static void settling(struct ahci_port *port)
{
    static const struct ata_command identify = {.command = ATA_IDENTIFY_DEVICE};
    bool ready = !(port_read(port, PORT_TFD) & (ATA_STATUS_BSY | ATA_STATUS_DRQ)) &&
                 !(port_read(port, PORT_CMD) & PORT_CMD_CR);

    if (!ready) {
        if (port_now(port) >= port->deadline)
            ahci_recovery_reset(port);
        return;
    }
    uint32_t signature = port_read(port, PORT_SIG);
    if (signature != AHCI_SIGNATURE_DISK) {
        give_up(port, signature);
        return;
    }
    start_list(port);
    ahci_internal_issue(port, &identify);
    enter(port, AHCI_IDENTIFYING, COMMAND_TIME);
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
    resume(port, false);
    port_event(port, AHCI_EVENT_READY, 0);
}

/* Another disk in its place must not get the requests that were meant for this one. */
static bool same_disk(const struct ata_identity *a, const struct ata_identity *b)
{
    return a->blocks == b->blocks && a->block_size == b->block_size && a->queue_depth == b->queue_depth &&
           memcmp(a->serial, b->serial, sizeof(a->serial)) == 0 &&
           memcmp(a->model, b->model, sizeof(a->model)) == 0;
}

static void identifying(struct ahci_port *port, uint32_t causes)
{
    enum status status = ahci_internal_result(port, causes);
    struct ata_identity found;

    if (status == ERR_AGAIN)
        return;
    if (status != OK) {
        ahci_recovery_reset(port);
        return;
    }
    status = ata_identity_parse(port->memory->page->internal, &found);
    if (status == OK && !port->known)
        adopt(port, &found);
    else if (status == OK && same_disk(&found, &port->identity))
        resume(port, true);
    else
        give_up(port, AHCI_SIGNATURE_DISK);
}

/* ---- begin and go on ---- */

/* Why the port stopped, when exactly one command was in the device: it was this one's fault. */
static void accuse(struct ahci_port *port, uint32_t causes)
{
    unsigned slot = (unsigned)__builtin_ctz(port->accused);

    port->error = causes ? port_read(port, PORT_TFD) >> 8 & 0xff : UINT32_MAX;
    if (!single(port->accused) || !causes)
        return; /* of a time-out, look() has kept the books */
    if (causes & (PORT_IS_LINK | PORT_IS_FATAL))
        port->slots[slot].tries++;
    else
        blame(port, slot, (uint8_t)port->error);
}

void ahci_recovery_begin(struct ahci_port *port, uint32_t causes)
{
    uint32_t active = port_read(port, PORT_SACT) | port_read(port, PORT_CI);

    port_write(port, PORT_IE, 0);
    ahci_port_finish(port, port->issued & port->queued & ~active, OK);
    port->suspects &= ~port->free;
    port->accused = port->issued;
    port->issued = port->watched = port->older = 0;
    port_event(port, AHCI_EVENT_ERROR, causes);
    if (causes & PORT_IS_LINK)
        port_event(port, AHCI_EVENT_LINK_LOST, 0);
    if (port->accused)
        accuse(port, causes);
    if (port->accused && causes & PORT_IS_TFES && !(causes & (PORT_IS_LINK | PORT_IS_FATAL))) {
        change_command(port, PORT_CMD_ST, 0);
        enter(port, AHCI_STOPPING, STOP_TIME);
    } else {
        ahci_recovery_reset(port);
    }
}

void ahci_recovery_step(struct ahci_port *port, uint32_t causes)
{
    enum ahci_state before = port->state;

    switch (port->state) {
    case AHCI_STOPPING: stopping(port); break;
    case AHCI_READING_LOG: reading_log(port, causes); break;
    case AHCI_RESETTING: resetting(port); break;
    case AHCI_LINKING: linking(port); break;
    case AHCI_SETTLING: settling(port); break;
    case AHCI_IDENTIFYING: identifying(port, causes); break;
    default: return;
    }
    if (port->state == before && before != AHCI_RUNNING && before != AHCI_GONE)
        port_wake(port, port_now(port) + AHCI_MILLISECOND);
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
    change_command(port, PORT_CMD_ST, PORT_CMD_FRE | PORT_CMD_SUD | PORT_CMD_POD | PORT_CMD_ICC_ACTIVE);
    ahci_recovery_reset(port);
}
