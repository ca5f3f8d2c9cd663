/* SPDX-License-Identifier: MIT */
/* Requests to the cache and to the disk behind it, and what each sector should hold. */
#ifndef TEST_BLOCK_CACHE_LOAD_H
#define TEST_BLOCK_CACHE_LOAD_H

#include "lib/base/memory.h"
#include "lib/block/client.h"

enum {
    LOAD_SECTORS = 8192, /* 4 MiB: the disk */
    LOAD_DEPTH = 24,
    LOAD_REQUEST = 256, /* sectors of one request, at most */
};

struct load_session {
    struct block_client client;
    uint32_t region;
};

struct load {
    struct load_session cached, behind;
    struct memory memory; /* a buffer for steps, and one for each request of the random load */
    uint64_t version;
    uint64_t versions[LOAD_SECTORS]; /* 0: zeroes */
    unsigned failures;
};

extern struct load load;

void load_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
[[nodiscard]] enum status load_open(struct entrypoint *entrypoint);

/* One request through the cache, waited for. */
void load_write(uint32_t first, uint32_t sectors, unsigned flags);
void load_zeroes(uint32_t first, uint32_t sectors);
void load_flush(void);
/* Into the steps' buffer, of which sector `index` is then looked at: its version; UINT64_MAX: no whole sector. */
void load_read(struct load_session *session, uint32_t first, uint32_t sectors);
uint64_t load_version(uint32_t index, uint32_t sector);

/* Reads and writes of any size anywhere, LOAD_DEPTH at a time, verified. */
void load_random(uint32_t requests);

/* Ticks a request: READs of a block each, of the same few blocks, LOAD_DEPTH at a time. */
uint64_t load_measure(struct load_session *session, uint32_t requests);

#endif
