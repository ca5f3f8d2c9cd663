/* SPDX-License-Identifier: MIT */
/*
 * The port in bad times. Its start is a recovery with nothing in flight.
 *
 *     error of a command:  STOPPING -> READING_LOG -> RUNNING       the disk says which one (AHCI 6.2.2, ACS-4 9.14)
 *                          STOPPING -> RUNNING                      of one that was not queued
 *     all else:            a reset (ahci_reset.c), in which the upper ways end too when they fail
 *
 * The port's interrupts are off meanwhile; it looks after itself every millisecond.
 *
 * A command whose error is its own fails at once. One that was spoilt on the way or was not answered has settings.tries
 * tries; if in all that time no other was answered either, the disk answers nobody, and all suspects fail with it.
 */
#include "driver/block/ahci/ahci_port.h"

#define STOP_TIME (500 * AHCI_MILLISECOND) /* 10.4.2 */

void ahci_enter(struct ahci_port *port, enum ahci_state state, uint64_t time)
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

void ahci_start_list(struct ahci_port *port)
{
    port_write(port, PORT_SERR, UINT32_MAX);
    port_write(port, PORT_IS, UINT32_MAX);
    port_command(port, 0, PORT_CMD_ST);
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

void ahci_resume(struct ahci_port *port, bool isolate)
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

    ahci_start_list(port);
    ahci_internal_issue(port, &command);
    ahci_enter(port, AHCI_READING_LOG, AHCI_COMMAND_TIME);
}

/* A list that has stopped forgets its commands (3.3.13, 3.3.14). An HBA that keeps them may still be at work on them: QEMU
   before 8.1 does and is, until a COMRESET. */
static bool at_rest(const struct ahci_port *port)
{
    return !(port_read(port, PORT_TFD) & (ATA_STATUS_BSY | ATA_STATUS_DRQ)) && !port_read(port, PORT_SACT) &&
           !port_read(port, PORT_CI);
}

static void stopping(struct ahci_port *port, uint32_t causes)
{
    if (causes & PORT_IS_LINK) {
        ahci_reset_begin(port);
    } else if (port_read(port, PORT_CMD) & PORT_CMD_CR) {
        if (port_now(port) >= port->deadline)
            ahci_reset_begin(port);
    } else if (!at_rest(port)) {
        ahci_reset_begin(port);
    } else if (port->accused & port->queued) {
        read_log(port);
    } else {
        ahci_start_list(port);
        ahci_resume(port, false);
    }
}

static void reading_log(struct ahci_port *port, uint32_t causes)
{
    enum status status = ahci_internal_result(port, causes);
    unsigned slot = 0;
    uint8_t error = 0;

    if (status == ERR_AGAIN)
        return;
    if (status == OK)
        status = ata_error_log_parse(port->memory->page->internal, &slot, &error);
    if (status != OK || !(port->accused & 1u << slot)) {
        ahci_reset_begin(port);
        return;
    }
    if (!single(port->accused)) /* else it has been blamed before */
        blame(port, slot, error);
    ahci_resume(port, false);
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

/* A disk that loses its power makes errors of other kinds first, and a COMRESET of ours looks like the loss of the link: so it
   is looked for until there, and again when the link is up. */
static void link_lost(struct ahci_port *port)
{
    port_write(port, PORT_SERR, UINT32_MAX);
    if (port->known)
        port_event(port, AHCI_EVENT_LINK_LOST, 0);
}

void ahci_recovery_begin(struct ahci_port *port, uint32_t causes)
{
    uint32_t active = port_read(port, PORT_SACT) | port_read(port, PORT_CI);
    uint32_t link = (causes | port_read(port, PORT_IS)) & PORT_IS_LINK;

    port_write(port, PORT_IE, 0);
    ahci_port_finish(port, port->issued & port->queued & ~active, OK);
    port->suspects &= ~port->free;
    port->accused = port->issued;
    port->issued = port->watched = port->older = 0;
    port_event(port, AHCI_EVENT_ERROR, causes);
    if (link)
        link_lost(port);
    if (port->accused)
        accuse(port, causes);
    if (port->accused && causes & PORT_IS_TFES && !link && !(causes & PORT_IS_FATAL)) {
        port_command(port, PORT_CMD_ST, 0);
        ahci_enter(port, AHCI_STOPPING, STOP_TIME);
    } else {
        ahci_reset_begin(port);
    }
}

void ahci_recovery_step(struct ahci_port *port, uint32_t causes)
{
    enum ahci_state before = port->state;

    if (before == AHCI_OFF || before == AHCI_RUNNING || before == AHCI_GONE)
        return;
    if (causes & PORT_IS_LINK && before != AHCI_RESETTING && before != AHCI_LINKING)
        link_lost(port);
    if (before == AHCI_STOPPING)
        stopping(port, causes);
    else if (before == AHCI_READING_LOG)
        reading_log(port, causes);
    else
        ahci_reset_step(port, causes);
    if (port->state == before)
        port_wake(port, port_now(port) + AHCI_MILLISECOND);
}
