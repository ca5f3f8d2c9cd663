/* SPDX-License-Identifier: MIT */
/*
 * A BLOCK server for tests of its clients: it carries requests out in any order, loses its write cache, dies, comes back, refuses,
 * or lies, as the test wants.
 *
 * Two images: `view` is what READs see, `platter` what survives a power cut. A write goes to the view; FLUSH copies all of it, FUA
 * its own blocks, and any block may get there by itself.
 */
#ifndef LIB_BLOCK_TEST_FAKE_DISK_H
#define LIB_BLOCK_TEST_FAKE_DISK_H

#include "lib/block/client_core.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FAKE_BLOCK = 512,
    FAKE_BLOCKS = 64,
    FAKE_DEPTH_MAX = 64,
    FAKE_REGION = 1 << 20, /* bytes of each region */
};

struct fake_job {
    struct block_element element;
    struct block_segment segments[16];
    bool used, executed;
    uint64_t arrived; /* order */
    uint32_t status;
    uint64_t done;
};

struct fake_disk {
    struct block_core_settings settings; /* of the client: where its queue lies */
    struct block_info info;
    uint8_t view[FAKE_BLOCKS * FAKE_BLOCK], platter[FAKE_BLOCKS * FAKE_BLOCK];
    uint8_t *regions[BLOCK_REGIONS_MAX];
    void *queue;
    struct ring_consumer submission;
    struct ring_producer completion;
    struct fake_job jobs[FAKE_DEPTH_MAX];
    uint64_t arrivals;
    bool connected;
    uint64_t acknowledged; /* verifier that this session knows */
    unsigned io_error_percent;
    uint64_t notifications, elements, refused_flushes;
    const char *reason_opt; /* the client broke a rule */
    /* Is told before a write touches the view, with the data's first bytes. */
    void (*executing_opt)(struct fake_disk *disk, const struct fake_job *job);
};

unsigned fake_random(unsigned below);
void fake_seed(uint64_t seed);

void fake_init(struct fake_disk *disk, const struct block_core_settings *settings, uint32_t depth);
/* A new session; the queue is fresh. */
void fake_connect(struct fake_disk *disk, void *queue);
/* The rings are looked at: all new elements are taken. */
void fake_take(struct fake_disk *disk);
/* Carries out one job, if one can be. False: none. */
bool fake_execute(struct fake_disk *disk);
/* Tells of one that is carried out. True: the client is to be notified. */
bool fake_complete(struct fake_disk *disk);
/* All of it, in order of arrival. */
void fake_run(struct fake_disk *disk);
/* Some blocks of the cache get to the platter by themselves. */
void fake_write_back(struct fake_disk *disk);
/* What is in flight is half done, and the cache is gone. `lose`: with another verifier; else the cache is kept. */
void fake_die(struct fake_disk *disk, bool lose);
/* The same in a session that goes on: the cache is lost, the jobs are not. */
void fake_lose(struct fake_disk *disk);
void fake_acknowledge(struct fake_disk *disk, uint64_t verifier);

#endif
