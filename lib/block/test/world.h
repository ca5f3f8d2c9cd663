/* SPDX-License-Identifier: MIT */
/*
 * A world around the engine: a device that does what it likes within its contract, and clients that speak through real rings. Everything is
 * checked where it happens; what must not be ends the program with the seed.
 *
 * The engine runs only when the framework would run it: when a client's ring asked for a notification, after completions of the device, when a run said
 * that there is more to do. Clients look at their rings only when they were notified, and may submit while the engine is at work. So a lost
 * wake-up leaves requests behind.
 *
 *   device.c      content, order and durability of each block; checks D1 to D7 of lib/block/server.h
 *   client.c      random requests; checks the guarantees of doc/storage-guarantees.md, named G1, G3, ...
 *   invariants.c  E1 to E6 of the engine
 */
#ifndef LIB_BLOCK_TEST_WORLD_H
#define LIB_BLOCK_TEST_WORLD_H

#include "lib/block/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORLD_BLOCK = 512,
    WORLD_BLOCKS = 1024,
    WORLD_CLIENTS = 5,
    WORLD_DEPTH = 16,       /* of a queue */
    WORLD_PIECES = 4,       /* of a request, at most */
    WORLD_SLICE = 64 << 10, /* bytes of a region for each tag */
    WORLD_PLACES = 32,      /* in the device, at most */
};

/* When each block was written, as a number of the device's clock; 0: never. */
struct versions {
    uint64_t of[WORLD_BLOCKS];
};

struct fake_device {
    struct block_device device; /* first */
    uint8_t disk[WORLD_BLOCKS * WORLD_BLOCK];
    struct versions written, durable, flushing; /* what a FLUSH in the device will make durable */
    uint64_t clock;
    struct block_job *jobs[WORLD_PLACES];
    unsigned count;
    bool inside;                     /* submit() or block_job_done() */
    bool wants_retry;                /* it said ERR_AGAIN; it will settle */
    unsigned errors, again, at_once; /* of 1000 */
    uint64_t submitted, flushes;
};

struct fake_request {
    bool used;
    bool cancelled; /* a CANCEL of it has succeeded */
    bool denied;    /* can only fail */
    bool in_device; /* was there */
    struct block_element element;
    struct block_segment segments[WORLD_PIECES];
    struct versions required;        /* durable before (barrier) or after (FLUSH) it */
    uint64_t order;                  /* of its execution by the device; 0: not yet */
    uint64_t first_version, version; /* of what it wrote, in one part or several */
    uint8_t expected[WORLD_SLICE];
};

struct fake_client {
    struct engine_session session; /* first */
    bool connected, notified, reconnects, may_write;
    bool signalled; /* its notification has not been heard yet */
    uint8_t *memory;
    struct engine_job *jobs;
    struct block_piece *pieces;
    struct ring_producer submission;
    struct ring_consumer completion;
    struct block_segment *segments;
    uint8_t *regions[2]; /* 1: without `write` */
    struct fake_request requests[WORLD_DEPTH];
    enum status last[WORLD_DEPTH]; /* how each tag completed last */
    uint64_t acknowledged;         /* verifier */
    uint64_t generation;           /* seen in the queue's state */
    uint64_t completions, notifications;
};

struct world {
    struct block_engine engine;
    struct fake_device device;
    struct fake_client *clients[WORLD_CLIENTS];
    unsigned leaving;          /* clients that are closed, with jobs in the device */
    struct versions completed; /* newest version of each block whose write has been told complete */
    struct engine_region zeroes;
    bool more;    /* the engine has asked to be run again */
    bool running; /* it is at work: a client's notification is heard later */
    unsigned seed, step;
};

extern struct world *world;

#define MUST(condition)                                                                           \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            printf("%s:%d: seed %u, step %u: %s\n", __FILE__, __LINE__, world->seed, world->step, \
                   #condition);                                                                   \
            exit(1);                                                                              \
        }                                                                                         \
    } while (0)

/* Below `limit`. */
unsigned chance(unsigned limit);

void world_make(unsigned seed);
void world_run(void); /* the engine */
void world_free(void);

/* device.c */
void device_make(struct fake_device *device);
void device_complete_some(struct fake_device *device, unsigned most);

/* client.c */
struct fake_client *client_make(const struct block_view *view);
void client_connect(struct fake_client *client);
void client_disconnect(struct fake_client *client);
void client_submit_some(struct fake_client *client, unsigned most);
bool client_busy(const struct fake_client *client);
void client_listen(struct fake_client *client);
void client_close(struct fake_client *client);
void client_free(struct fake_client *client);
void client_queue_free(struct fake_client *client);
struct fake_request *request_of(const struct block_job *job, struct fake_client **client);

/* invariants.c */
void block_engine_check(struct block_engine *engine);

#endif
