/* SPDX-License-Identifier: MIT */
/*
 * One port of an AHCI host bus adapter with the disk behind it: commands, completions, and what is done about errors.
 *
 * Hardware-free: registers, clock and memory come from outside (struct ahci_access, struct ahci_memory), jobs go back by
 * block_job_done(). All times are nanoseconds of the clock given. Nothing waits: what takes time is a state with a deadline,
 * and ahci_port_step() is called when the time has come that was told by access->wake.
 *
 * A job is in exactly one of these sets of slots, which are masks of bits:
 *
 *     free -> pending -> issued -> free           submit, kick, completion
 *                  ^        |
 *                  +-- accused                    an error stopped the port: these were in the device, and go there again
 *
 * Invariants
 *   P1  every slot is in exactly one of free, pending, issued and accused; accused is empty in AHCI_RUNNING
 *   P2  a job is told done exactly once, and only when the device cannot reach its memory any more: it has completed, or
 *       the port was stopped or reset
 *   P3  commands that are not queued are alone in the device
 *   P4  while there are suspects, they alone are issued, one after another: so the one that fails is known. Suspects are
 *       those accused whose culprit the disk could not name, until they have ended
 */
#ifndef DRIVER_BLOCK_AHCI_PORT_H
#define DRIVER_BLOCK_AHCI_PORT_H

#include "driver/block/ahci/ahci_register.h"
#include "driver/block/ahci/ata.h"
#include "lib/block/server.h"

#define AHCI_NEVER        UINT64_MAX
#define AHCI_TRANSFER_MAX (1u << 20) /* bytes */
#define AHCI_PIECES_MAX   124u /* with the pages of the longest transfer, each on its own: AHCI_PRDS at most */
#define AHCI_RESETS_MAX   3u   /* that do not help, one after another */
#define AHCI_SLOW_FACTOR  6u   /* FLUSH and TRIM may take so many times as long as other commands */
#define AHCI_COMMAND_TIME (5 * AHCI_SECOND) /* of the port's own commands */
#define AHCI_MILLISECOND  1000000ull
#define AHCI_SECOND       (1000 * AHCI_MILLISECOND)

struct ahci_port;

enum ahci_event {
    AHCI_EVENT_READY,  /* the disk can be used; its limits are known */
    AHCI_EVENT_ERROR,  /* the port begins to recover; detail: PORT_IS, 0 after a time-out */
    AHCI_EVENT_FAILED, /* a command failed for good; detail: the error register, UINT32_MAX after time-outs */
    AHCI_EVENT_RESET,  /* COMRESET */
    AHCI_EVENT_LINK_LOST, /* the disk may have lost its power, and what was in its cache */
    AHCI_EVENT_GONE, /* no disk, or one that cannot be used; detail: the signature. Stop the device's bus master. */
};

struct ahci_access {
    uint32_t (*read)(void *context, uint32_t offset);
    void (*write)(void *context, uint32_t offset, uint32_t value);
    uint64_t (*now)(void *context);
    void (*wake)(void *context, uint64_t time); /* call ahci_port_step() then; AHCI_NEVER: not needed */
    void (*event)(void *context, enum ahci_event event, uint32_t detail);
    void (*rested)(void *context); /* the port is at rest: it may reach memory, again if need be */
    void (*check)(void *context);  /* block_server_check_memory(): nothing of a job has been issued since */
    void *context;
};

/* What the HBA reads and writes by itself, apart from the data. One page; the tables are elsewhere. */
struct ahci_page {
    struct ahci_header headers[AHCI_SLOTS_MAX];
    uint8_t received[AHCI_RECEIVED_FIS_SIZE];
    uint8_t unused[768];
    uint8_t internal[ATA_PAGE_SIZE]; /* data of IDENTIFY and READ LOG */
    uint8_t trim[ATA_PAGE_SIZE];
    uint8_t internal_table[1024]; /* the beginning of a struct ahci_table */
};
_Static_assert(sizeof(struct ahci_page) == 4096, "one page");

struct ahci_memory {
    struct ahci_page *page; /* zeroed, as the tables */
    uint64_t page_bus;      /* its address for the device: whole pages */
    struct {
        struct ahci_table *table;
        uint64_t bus;
    } slots[AHCI_SLOTS_MAX]; /* as many as the HBA has */
};

struct ahci_settings {
    unsigned slots;   /* that the HBA has: AHCI_CAP_SLOTS */
    bool queued;      /* the HBA can queue: AHCI_CAP_SNCQ */
    bool fua;         /* use the disk's own FUA if it has it */
    unsigned tries;   /* of a command that the disk does not answer */
    uint64_t timeout; /* a command is in the device for at least this time before it is given up */
};

enum ahci_state {
    AHCI_OFF,
    AHCI_RUNNING,
    AHCI_STOPPING,    /* until the command list is idle */
    AHCI_READING_LOG, /* which command has failed? */
    AHCI_RESETTING,   /* COMRESET is on the cable */
    AHCI_LINKING,     /* until the disk answers */
    AHCI_SETTLING,    /* until it is ready, and has told its signature */
    AHCI_IDENTIFYING,
    AHCI_GONE,
};

struct ahci_slot {
    struct block_job *job;
    uint8_t tries;
};

struct ahci_port {
    const struct ahci_access *access;
    const struct ahci_memory *memory;
    struct ahci_settings settings;
    struct ata_identity identity; /* valid from AHCI_EVENT_READY on */
    uint32_t base;                /* of its registers */
    enum ahci_state state;

    uint32_t all, free, pending, issued;
    uint32_t suspects;       /* each is pending, issued or accused */
    uint32_t accused;        /* were in the device when an error stopped the port */
    uint32_t queued, slow;   /* kinds of the commands that are in a slot */
    uint32_t watched, older; /* issued before the last, and before the last but one look at the clock */
    struct ahci_slot slots[AHCI_SLOTS_MAX];

    uint64_t deadline;        /* of the state; of the next look at commands in AHCI_RUNNING */
    struct ahci_header saved; /* slot 0's, while an internal command uses its place */
    bool internal;            /* it does */
    uint32_t error;           /* error register of the last one that failed, UINT32_MAX after a time-out */
    unsigned slow_looks, resets, silent; /* silent: time-outs without a completion between them */
    bool known;                          /* the disk has been identified before */
};

/* The disk is looked for from now on: AHCI_EVENT_READY or AHCI_EVENT_GONE follows. */
void ahci_port_start(struct ahci_port *port, const struct ahci_access *access,
                     const struct ahci_memory *memory, const struct ahci_settings *settings, unsigned number);

/* What the disk and the port can do, for the server's library; `verifier` and `ops` are untouched. */
void ahci_port_limits(const struct ahci_port *port, struct block_limits *limits);

enum status ahci_port_submit(struct ahci_port *port, struct block_job *job);
void ahci_port_kick(struct ahci_port *port);

/* The port's bit in AHCI_IS was set, or may have been. */
void ahci_port_interrupt(struct ahci_port *port);
void ahci_port_step(struct ahci_port *port);

/* ---- between the port's own files ---- */

/* ahci_command.c: fills table and header of a slot. */
void ahci_command_build(struct ahci_port *port, unsigned slot, const struct block_job *job);
/* A command of the driver's own that reads one page into page->internal; it takes the place of slot 0's header. */
void ahci_internal_issue(struct ahci_port *port, const struct ata_command *command);
/* ERR_AGAIN: not yet. ERR_IO: it failed. Slot 0 is as before, unless ERR_AGAIN. */
[[nodiscard]] enum status ahci_internal_result(struct ahci_port *port, uint32_t causes);

/* ahci_port.c */
void ahci_port_finish(struct ahci_port *port, uint32_t slots, enum status status);
void ahci_port_complete(struct ahci_port *port);

/* ahci_recovery.c */
void ahci_recovery_begin(struct ahci_port *port, uint32_t causes);
void ahci_recovery_step(struct ahci_port *port, uint32_t causes);
/* A state of the recovery, at most for this time. */
void ahci_enter(struct ahci_port *port, enum ahci_state state, uint64_t time);
/* 10.3.1: errors of before are forgotten, the command list runs. */
void ahci_start_list(struct ahci_port *port);
/* Back to work; `isolate`: the accused become suspects. */
void ahci_resume(struct ahci_port *port, bool isolate);

/* ahci_reset.c */
void ahci_reset_begin(struct ahci_port *port);
void ahci_reset_step(struct ahci_port *port, uint32_t causes);

static inline uint32_t port_read(const struct ahci_port *port, enum ahci_port_register offset)
{
    return port->access->read(port->access->context, port->base + offset);
}

static inline void port_write(const struct ahci_port *port, enum ahci_port_register offset, uint32_t value)
{
    port->access->write(port->access->context, port->base + offset, value);
}

static inline void port_command(struct ahci_port *port, uint32_t clear, uint32_t set)
{
    port_write(port, PORT_CMD, (port_read(port, PORT_CMD) & ~(clear | PORT_CMD_ICC_MASK)) | set);
}

static inline void port_event(const struct ahci_port *port, enum ahci_event event, uint32_t detail)
{
    port->access->event(port->access->context, event, detail);
}

/* Sets the time of the next ahci_port_step(). */
static inline void port_wake(struct ahci_port *port, uint64_t time)
{
    port->access->wake(port->access->context, time);
}

static inline uint64_t port_now(const struct ahci_port *port)
{
    return port->access->now(port->access->context);
}

#endif
