/* SPDX-License-Identifier: MIT */
/*
 * A disk that misbehaves by rule, and what it was asked for. Hardware-free: jobs in (lib/block/server.h), requests out
 * (lib/block/client.h); the clock comes as a parameter.
 *
 *     job -> rules -> (copied) -> SUBMIT -> disk -> COMPLETE -> (delayed) -> (held until others have overtaken it) -> done
 *
 * Each request's data go through a buffer of ours: so what is recorded is what the disk was given, whatever a client does meanwhile.
 *
 * A rule *fits* a request by operation and range; of those that fit it, it lets the first `after` pass, then takes every `every`-th,
 * `count` times at most. The first rule that takes a request decides its fate, and no other one counts it.
 *
 * A *torn* write is carried out up to some byte, chosen by chance: the blocks before it are new, the block with it is new in front and old
 * behind (which takes a READ first), those behind are old; then it fails with ERR_IO. That is what G4 and G16 of doc/storage-guarantees.md allow.
 *
 * Invariants: F1 a job is in exactly one place: at the disk, in `delayed`, or in `held`; F2 `below` is the number of requests at the
 * disk; F3 with nothing below and nothing delayed, nothing is held.
 */
#ifndef SERVER_BLOCK_FAULT_FAULT_H
#define SERVER_BLOCK_FAULT_FAULT_H

#include "lib/block/client.h"
#include "lib/block/server.h"
#include "server/block_fault/record.h"

#define FAULT_DEPTH     32u
#define FAULT_TRANSFER  (64u << 10)
#define FAULT_BLOCK_MAX 4096u
#define FAULT_SLOT \
    (FAULT_TRANSFER + FAULT_BLOCK_MAX) /* bytes of buffer for a request; behind the data a block to be torn */
#define FAULT_RULES 32u
#define FAULT_NEVER UINT64_MAX

enum fault_kind {
    FAULT_NONE,         /* only delayed, perhaps */
    FAULT_ERROR_BEFORE, /* fails, and does not reach the disk */
    FAULT_ERROR_AFTER,  /* is carried out, and fails */
    FAULT_TORN,
};

struct fault_rule {
    unsigned operations;          /* a bit for each enum block_operation */
    uint64_t offset, size;        /* bytes; requests that touch it. FLUSH has no range, and fits any */
    uint64_t after, every, count; /* count 0: always */
    enum fault_kind kind;
    uint64_t delay; /* nanoseconds */

    uint64_t seen, taken;
};

struct fault;

struct fault_request {
    struct block_request request; /* first */
    struct block_client_piece piece;
    struct fault *fault;
    struct block_job *job_opt; /* NULL: free */
    struct fault_request *next;
    uint64_t number;
    uint64_t due; /* time */
    uint64_t delay;
    enum fault_kind kind;
    enum status status;
    uint64_t done;
    uint32_t kept;  /* TORN: bytes that are carried out; then whole blocks of them */
    bool reads_old; /* TORN: the block that will be torn is being read */
};

struct fault_statistics {
    uint64_t requests, errors, torn, delayed, overtaken, losses;
};

struct fault {
    struct block_client *disk;
    uint32_t region; /* of the buffers, FAULT_DEPTH of FAULT_SLOT bytes */
    uint8_t *buffers;
    struct record record;
    struct fault_rule rules[FAULT_RULES];
    unsigned rule_count;
    unsigned reorder; /* so many completions are gathered, then told in any order; 0: none */
    uint64_t random;
    uint64_t numbers;
    unsigned below, held_count;
    bool refused; /* a job, for want of room in the record */
    struct fault_request *free, *delayed, *held;
    struct fault_request requests[FAULT_DEPTH];
    struct fault_statistics statistics;

    uint64_t (*now)(void); /* nanoseconds */
    void (*told)(
        struct fault *fault); /* block_job_done() was called, or fault_tick() has something to wait for */
    void *context;
};

/* Before: all but the private state is filled in, the rest is zeroed. */
void fault_init(struct fault *fault);

/* As block_device_ops.submit. */
[[nodiscard]] enum status fault_submit(struct fault *fault, struct block_job *job);

/* Tells those whose time has come. The value is when to come again, or FAULT_NEVER. */
uint64_t fault_tick(struct fault *fault);

/* The disk has lost completed writes, perhaps. */
void fault_lost(struct fault *fault);

#endif
