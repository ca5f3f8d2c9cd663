/* SPDX-License-Identifier: MIT */
/*
 * An HBA with one port and a disk, for tests: registers with the side effects of AHCI 1.3.1, a disk of FAKE_BLOCKS blocks in
 * memory, and a clock. Addresses on the bus are pointers.
 *
 * Commands wait in the device until the test completes them, in any order, well or not. The fake knows the rules that a
 * driver has to keep, and counts what breaks one in `violations`.
 */
#ifndef DRIVER_BLOCK_AHCI_TEST_FAKE_HBA_H
#define DRIVER_BLOCK_AHCI_TEST_FAKE_HBA_H

#include "driver/block/ahci/ahci_hba.h"
#include "driver/block/ahci/ahci_port.h"
#include "lib/device/device.h"

#include <stdbool.h>
#include <stdint.h>

#define FAKE_BLOCKS 4096u
#define FAKE_NONE   UINT64_MAX

struct fake_hba {
    uint32_t hba[0x40];  /* by register / 4 */
    uint32_t port[0x20]; /* port 0 */
    uint64_t now, wake;
    bool interrupt; /* the line */

    /* the disk */
    uint8_t blocks[FAKE_BLOCKS][512];
    uint8_t identify[512];
    uint32_t active; /* slots with a command in the device */
    uint32_t held;   /* of those: an error has stopped the queue, until READ LOG or a COMRESET */
    bool halted;     /* the HBA takes no commands, until its list is stopped (AHCI 6.2.2.1) */
    bool trimmed[FAKE_BLOCKS];
    unsigned flushes, fua_writes, most_active;
    int failed_tag; /* for the log; -1: none */
    uint8_t failed_error;

    /* what is wrong with it */
    bool no_disk, atapi, dead_link; /* dead_link: after a COMRESET it does not come back */
    bool lose_interrupts;
    uint32_t late; /* PxIS bits that come after an interrupt has been taken */
    bool no_log;   /* aborts READ LOG EXT, as QEMU's does */
    bool spoilt_log, wrong_log;
    bool mute_log;   /* never answers READ LOG EXT */
    bool short_page; /* IDENTIFY and READ LOG send half a page */
    bool sticky_cr;  /* the command list does not stop, until a COMRESET */
    bool busy_after_error;
    bool keep_queue; /* as QEMU 7.2: CI and SACT survive a stop, and only a COMRESET cancels commands */
    bool spoilt_identify, other_serial;
    bool firmware_holds; /* BOHC: the BIOS never lets go */
    bool stuck_reset;

    /* what happened */
    unsigned rests, checks, comresets, log_reads, hba_resets, violations, register_accesses;
    enum ahci_event events[256];
    uint32_t details[256];
    unsigned event_count;

    struct ahci_access access;
    struct ahci_memory memory;
};

/* The fake, with an identity page of an NCQ disk of 512-byte blocks. */
void fake_start(struct fake_hba *fake, unsigned slots);
void fake_stop(struct fake_hba *fake);
void fake_identity_sum(struct fake_hba *fake);

/* The first block of the command in this slot, FAKE_NONE if it has none. */
uint64_t fake_lba(const struct fake_hba *fake, unsigned slot);

/* The command in this slot ends: well, with its data moved; or with this error register. */
void fake_complete(struct fake_hba *fake, unsigned slot);
void fake_fail(struct fake_hba *fake, unsigned slot, uint8_t error);

/* A command that is not queued ends with the status bit DF, about which the HBA says nothing. */
void fake_fault(struct fake_hba *fake, unsigned slot);

/* PxIS bits from nowhere. */
void fake_raise(struct fake_hba *fake, uint32_t causes);

unsigned fake_events(const struct fake_hba *fake, enum ahci_event event);

#endif
