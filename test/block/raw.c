/* SPDX-License-Identifier: MIT */
/*
 * A client of a RAM disk that speaks BLOCK without the library: first as it should be, then as it should not. A second instance does
 * only the first part, over and over, and must not notice. A line for each check.
 */
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/block/quota.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"
#include "test/block/queue.h"

#define BLOCK 4096u

static struct queue queue;
static unsigned failures;

static void check(bool good, const char *what)
{
    if (!good)
        log_info("%s: FAIL", what);
    failures += !good;
}

static void expect(enum status status, enum status wanted, const char *what)
{
    if (status != wanted)
        log_info("%s: %s", what, status_text(status));
    check(status == wanted, what);
}

/* ---- as it should be ---- */

static void fill(uint8_t *bytes, uint32_t size, uint32_t seed)
{
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((i ^ seed) * 2654435761u >> 24);
}

static void write_and_read(uint32_t seed)
{
    uint8_t *source = queue.source.address, *data = queue.data.address;
    uint64_t offset = seed % 16 * BLOCK;
    struct block_element element = queue_element(&queue, BLOCK_WRITE, offset, 8 * BLOCK, 1, 0);

    fill(source, 8 * BLOCK, seed);
    expect(queue_do(&queue, &element), OK, "WRITE");
    element = queue_element(&queue, BLOCK_FLUSH, 0, 0, 0, 0);
    expect(queue_do(&queue, &element), OK, "FLUSH");
    memset(data, 0, 9 * BLOCK);
    element = queue_element(&queue, BLOCK_READ, offset, 8 * BLOCK, 0, 100);
    expect(queue_do(&queue, &element), OK, "READ");
    check(memcmp(data + 100, source, 8 * BLOCK) == 0, "what was written is read");
    element = queue_element(&queue, BLOCK_WRITE_ZEROES, offset + BLOCK, 2 * BLOCK, 0, 0);
    element.flags = BLOCK_FUA | BLOCK_BARRIER;
    expect(queue_do(&queue, &element), OK, "WRITE_ZEROES");
    element = queue_element(&queue, BLOCK_READ, offset, 8 * BLOCK, 0, 0);
    expect(queue_do(&queue, &element), OK, "READ");
    memset(source + BLOCK, 0, 2 * BLOCK);
    check(memcmp(data, source, 8 * BLOCK) == 0, "WRITE_ZEROES is exact");
}

/* A queue full of requests, published once. */
static void many(void)
{
    struct block_completion completion;
    uint32_t seen = 0;

    for (uint32_t tag = 0; tag < DEPTH; tag++) {
        struct block_element element = {.operation = BLOCK_READ,
                                        .offset = tag * (uint64_t)BLOCK,
                                        .length = BLOCK,
                                        .tag = tag,
                                        .segment = 2 * tag,
                                        .segments = 2};

        queue.segments[2 * tag] = (struct block_segment){.offset = tag * BLOCK, .length = 1000};
        queue.segments[2 * tag + 1] =
            (struct block_segment){.offset = tag * BLOCK + 1000, .length = BLOCK - 1000};
        queue_stage(&queue, &element);
    }
    queue_kick(&queue);
    for (unsigned i = 0; i < DEPTH; i++) {
        expect(queue_next(&queue, &completion), OK, "completion");
        check(completion.status == OK && completion.done == BLOCK, "one of many");
        seen |= 1u << completion.tag;
    }
    check(seen == UINT32_MAX, "each tag once");
}

/* ---- requests that are wrong ---- */

static void wrong_requests(uint64_t size)
{
    struct block_element element = queue_element(&queue, BLOCK_READ, size, BLOCK, 0, 0);

    expect(queue_do(&queue, &element), ERR_RANGE, "beyond the end");
    element.offset = size - BLOCK;
    expect(queue_do(&queue, &element), OK, "the last block");
    element.offset = UINT64_MAX & ~(BLOCK - 1ull);
    expect(queue_do(&queue, &element), ERR_RANGE, "far beyond the end");
    element = queue_element(&queue, BLOCK_READ, 100, BLOCK, 0, 0);
    expect(queue_do(&queue, &element), ERR_INVALID, "misaligned");
    element = queue_element(&queue, BLOCK_READ, 0, 100, 0, 0);
    expect(queue_do(&queue, &element), ERR_INVALID, "part of a block");
    element = queue_element(&queue, BLOCK_CANCEL, 9, 0, 0, 0);
    expect(queue_do(&queue, &element), ERR_NOT_FOUND, "nothing to cancel");
}

/* ---- clients that are wrong ---- */

static void ends(const char *what, const char *reason)
{
    struct block_completion completion;
    struct block_info info = {0};

    queue_kick(&queue);

    enum status status = queue_next(&queue, &completion);

    while (status == OK) /* what came before */
        status = queue_next(&queue, &completion);
    expect(status, ERR_PEER_GONE, what);
    expect(block_info(queue.connection.slot, &info), OK, "INFO");
    check((info.flags & BLOCK_QUEUE_ENDED) && strcmp(info.reason, reason) == 0, what);
    if (strcmp(info.reason, reason) != 0)
        log_info("%s: \"%s\"", what, info.reason);
    check(((struct block_state *)queue.memory.address)->generation == info.generation, "told by the state");
    expect(queue_connect(&queue), OK, "a new queue");
}

static void bad_elements(void)
{
    struct block_element good = queue_element(&queue, BLOCK_READ, 0, BLOCK, 0, 0), element = good;

    element.tag = DEPTH;
    queue_stage(&queue, &element);
    ends("tag", "a tag beyond the depth");
    element = queue_element(&queue, 99, 0, 0, 0, 0);
    queue_stage(&queue, &element);
    ends("operation", "unknown operation");
    element = queue_element(&queue, BLOCK_READ, 0, BLOCK, 0, 0);
    element.reserved[3] = 1;
    queue_stage(&queue, &element);
    ends("reserved", "reserved bits");
    element = queue_element(&queue, BLOCK_READ, 0, BLOCK, 0, 0);
    element.segment = UINT32_MAX;
    queue_stage(&queue, &element);
    ends("table", "segments outside the table");
    element = queue_element(&queue, BLOCK_READ, 0, BLOCK, 0, 0);
    element.length = 2 * BLOCK;
    queue_stage(&queue, &element);
    ends("sum", "segments do not add up to the length");
}

static void bad_segments(void)
{
    struct block_element element = queue_element(&queue, BLOCK_READ, 0, BLOCK, 2, 0);

    queue_stage(&queue, &element);
    ends("region", "a segment outside its region");
    element = queue_element(&queue, BLOCK_READ, 0, BLOCK, 0, REGION_SIZE - BLOCK + 1);
    queue_stage(&queue, &element);
    ends("region's end", "a segment outside its region");
    element = queue_element(&queue, BLOCK_READ, 0, BLOCK, 0, UINT64_MAX - 100);
    queue_stage(&queue, &element);
    ends("wrap", "a segment outside its region");
    element = queue_element(&queue, BLOCK_READ, 0, BLOCK, 1, 0);
    queue_stage(&queue, &element);
    ends("READ into what may be read only", "READ into a region without write");
}

static void bad_ring(void)
{
    struct ring_shared *ring = (struct ring_shared *)(void *)((char *)queue.memory.address + SUBMISSION);

    ring->producer.index = 1000000;
    notification_signal(queue.server);
    ends("index", "an impossible index");
}

/* Sessions that cannot be, or lend too little. */
static void bad_sessions(void)
{
    struct queue other;

    expect(queue_open(&other, "second", "", 0), ERR_BUSY, "a second writer");
    expect(queue_open(&other, "second", "offset=100", 0), ERR_INVALID, "a view between blocks");
    expect(queue_open(&other, "second", "offset=1G", 0), ERR_RANGE, "a view beyond the end");
    expect(queue_open(&other, "second", "write=maybe", 0), ERR_INVALID, "arguments");
    expect(queue_open(&other, "second", "write=no", 1000), ERR_NO_RAM, "nothing lent");
    expect(queue_open(&other, "second", "write=no", BLOCK_SESSION_RAM), ERR_NO_RAM, "too little lent");
    expect(queue_open(&other, "refused", "", 0), ERR_DENIED, "a label without policy");
    expect(queue_open(&other, "reader", "write=yes", 0), OK, "a reader");

    struct block_element element = queue_element(&other, BLOCK_WRITE, 0, BLOCK, 1, 0);

    expect(queue_do(&other, &element), ERR_DENIED, "a reader writes");
    queue_close(&other);
}

/* Goes with requests in its queue, or in the device, and memory that is no longer there. */
static void leave(const char *label)
{
    struct queue other;

    for (unsigned i = 0; i < 20; i++) {
        expect(queue_open(&other, label, "", 0), OK, "once more");

        struct block_element element = queue_element(&other, BLOCK_READ, 0, BLOCK, 0, 0);

        for (element.tag = 0; element.tag < DEPTH; element.tag++)
            queue_stage(&other, &element);
        if (i % 2)
            memory_free(&other.data);
        queue_kick(&other);
        if (i % 4 > 1)
            memory_free(&other.memory);
        queue_close(&other);
    }
}

/* CONNECT while the device is at work: not yet, then the old ones are gone for good. */
static void queues_replaced(void)
{
    struct queue other;

    expect(queue_open(&other, "slow", "", 0), OK, "slow disk");
    for (unsigned i = 0; i < 5; i++) {
        struct block_element element = queue_element(&other, BLOCK_WRITE, i * BLOCK, BLOCK, 1, 0);

        for (element.tag = 0; element.tag < DEPTH; element.tag++) {
            element.segment = element.tag;
            other.segments[element.tag] = (struct block_segment){.length = BLOCK, .region = 1};
            queue_stage(&other, &element);
        }
        queue_kick(&other);
        expect(queue_connect(&other), OK, "a new queue while the device is at work");
        element = queue_element(&other, BLOCK_FLUSH, 0, 0, 0, 0);
        expect(queue_do(&other, &element), OK, "FLUSH of the new queue");
    }
    queue_close(&other);
}

int component_main(struct env *environment)
{
    struct xml_node config;
    struct block_info info = {0};
    bool hostile = false;
    enum status status = config_load(&config);

    (void)environment;
    if (status == OK)
        (void)xml_attribute_bool(config, "hostile", &hostile);
    if (status == OK)
        status = queue_open(&queue, "disk", "", 0);
    if (status == OK)
        status = block_info(queue.connection.slot, &info);
    if (status != OK) {
        log_error("no disk: %s", status_text(status));
        return 2;
    }
    log_info("%llu bytes, blocks of %u, depth %u", (unsigned long long)info.size, info.block_size,
             info.queue_depth);
    for (uint32_t i = 0; i < (hostile ? 10 : 300); i++)
        write_and_read(i);
    many();
    if (hostile) {
        wrong_requests(info.size);
        bad_elements();
        bad_segments();
        bad_ring();
        bad_sessions();
        leave("reader");
        leave("slow");
        queues_replaced();
        write_and_read(1);
    }
    queue_close(&queue);
    log_info("%s: %u failed", hostile ? "hostile" : "innocent", failures);
    return failures != 0;
}
