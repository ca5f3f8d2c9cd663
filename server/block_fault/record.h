/* SPDX-License-Identifier: MIT */
/*
 * The record: what went to the disk and when, on a disk of its own.
 *
 * It begins at byte 0 of the log disk, one entry behind the other: a header, in a place of RECORD_UNIT bytes, then the data of a
 * WRITE, filled up to whole units. Entries of one run have its number, and sequences from 0 without a gap: the record ends at the first place that
 * is no entry, of another run, or out of sequence. All numbers are little endian.
 *
 * A request that goes to the disk is a SUBMIT, before the disk has it, and a COMPLETE, after the disk has answered and before
 * the client hears of it. So whoever replays the record knows what the disk may have carried out at each point (SUBMIT without COMPLETE),
 * and never takes for durable what a FLUSH did not cover: that is what was completed before the SUBMIT of a FLUSH that has completed.
 *
 * Entries wait in a buffer until they are written. A request is not submitted while there is no room for its entries.
 */
#ifndef SERVER_BLOCK_FAULT_RECORD_H
#define SERVER_BLOCK_FAULT_RECORD_H

#include "lib/block/client.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORD_MAGIC 0x31304b4c42525354u /* "TSRBLK01" */
#define RECORD_UNIT  512u

enum record_kind {
    RECORD_START = 1,    /* length: size of the disk; flags: its block size */
    RECORD_SUBMIT = 2,   /* WRITE: with its data */
    RECORD_COMPLETE = 3, /* of `request` */
    RECORD_LOSS = 4, /* the disk's verifier has changed: completed writes that no FLUSH covered may be lost */
};

struct record_entry {
    uint64_t magic;
    uint64_t run; /* the same in all entries since a start */
    uint64_t sequence;
    uint64_t time;    /* nanoseconds */
    uint64_t request; /* number; of the requests in flight, no two are the same */
    uint64_t offset, length;
    uint32_t kind;      /* enum record_kind */
    uint32_t operation; /* enum block_operation */
    uint32_t flags;     /* BLOCK_FUA */
    uint32_t status;    /* COMPLETE: enum status, as the disk said */
    uint32_t data;      /* bytes that follow */
    uint32_t checksum;  /* CRC-32 of this header, with 0 here, and the data */
};

_Static_assert(sizeof(struct record_entry) == 80, "wire");

struct record {
    struct block_client *log_opt; /* NULL: nothing is recorded */
    uint8_t *buffer;
    uint32_t region, size; /* of the buffer: bytes, a multiple of RECORD_UNIT */
    uint64_t run, sequence;
    uint64_t appended, written; /* bytes since the start; their difference lies in the buffer */
    uint64_t room;              /* bytes of the log disk */
    uint64_t promised;          /* bytes, for COMPLETEs of what is in flight */
    bool writing;
    bool ended; /* the log disk is full, or fails */
    struct block_request request;
    struct block_client_piece piece;
    void (*moved)(struct record *record); /* there is room again, or it has ended */
    void (*failed)(struct record *record, const char *why);
    void *context;
};

/* `record` is zeroed but for log_opt, buffer, region, size, run, room and the functions. */
void record_start(struct record *record, uint64_t disk_size, uint32_t block_size, uint64_t time);

/* False: there is no room for a SUBMIT with so many bytes of data. */
bool record_fits(const struct record *record, uint64_t data);

/* The record has no more entries: with one left out it would be wrong. `failed` is called, once. */
void record_end(struct record *record, const char *why);

/* Of `entry`, kind and what belongs to it are filled in. SUBMIT: record_fits() was true; keeps room for the COMPLETE. */
void record_append(struct record *record, const struct record_entry *entry, const void *data_opt);

/* Writes what is in the buffer, if it is not being written already. */
void record_write(struct record *record);

#endif
