/* SPDX-License-Identifier: MIT */
/*
 * A client of a disk that misbehaves: many requests in flight, of which it is known which ones must fail.
 *
 * A part is a series of requests of one kind, each of one block of 4096 bytes. What is written says of itself which block it is
 * (pattern.h), and what is read must be what was last written, or zeroes. After a write that failed, and after a discard, a
 * block may hold anything. Each request must be done once, with the status that the part says for its block.
 */
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/time.h"
#include "lib/block/client.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "test/bench/idle/spare.h"
#include "test/disk/part.h"
#include "test/disk/pattern.h"

#define DEPTH_MAX 32u
#define PARTS_MAX 24u
#define REST      5000000u /* ns */

enum content { CONTENT_ZEROES, CONTENT_PATTERN, CONTENT_UNKNOWN };

struct slot {
    struct block_request request; /* first */
    struct block_client_piece piece;
    uint64_t block;
    uint8_t *data;
    bool in_flight;
};

static struct test {
    struct entrypoint *entrypoint;
    struct block_client client;
    struct slot slots[DEPTH_MAX];
    struct block_request flush;
    uint8_t *contents; /* enum content, by block */
    uint64_t depth, block_count;
    struct part parts[PARTS_MAX];
    unsigned part_count, part_next;

    /* of the present part */
    struct part *part;
    uint64_t position, issued, done, failed, wrong, flushes, began, ended, busy;
    struct timeout rest;
    bool flushing, flush_due;

    bool flush_failed; /* what it should have written may be gone: the next one may say so (G7, G19) */
} test;

static void part_begin(void);

/* Every block of the range once, then again: an odd step through a power of two, skipping what lies beyond. */
static uint64_t jump(void)
{
    uint64_t size = 1;

    while (size < test.part->blocks)
        size *= 2;
    do
        test.position = (test.position + (size * 5 / 8 | 1)) & (size - 1);
    while (test.position >= test.part->blocks);
    return test.part->first + test.position;
}

/* ---- what must come of it ---- */

static void wrong(uint64_t block, const char *what)
{
    if (test.wrong++ < 10)
        log_error("%s of block %llu: %s", test.part->name, (unsigned long long)block, what);
}

static void judge_data(const struct slot *slot)
{
    uint8_t content = test.contents[slot->block];

    if (content == CONTENT_PATTERN ? !pattern_matches(slot->data, slot->block)
                                   : content == CONTENT_ZEROES && !pattern_zeroes(slot->data))
        wrong(slot->block, "not what must be there");
}

static bool status_right(const struct block_request *request, enum status wanted)
{
    bool flushes = request->operation == BLOCK_FLUSH || request->flags & BLOCK_BARRIER;
    bool lost = flushes && test.flush_failed && request->status == ERR_LOST;

    if (flushes && request->status != ERR_LOST)
        test.flush_failed = request->status == ERR_IO;
    if (lost)
        block_client_acknowledge(&test.client);
    return request->status == wanted || lost;
}

static void judge(struct slot *slot)
{
    const struct block_request *request = &slot->request;
    enum status wanted = part_is_bad(test.part, slot->block) ? ERR_IO : OK;
    bool good = request->status == OK;

    if (!slot->in_flight)
        wrong(slot->block, "done twice");
    slot->in_flight = false;
    test.done++;
    test.failed += !good;
    if (!status_right(request, wanted) && !(test.part->fails && request->status == ERR_PEER_GONE))
        wrong(slot->block, status_text(request->status));
    if (request->operation == BLOCK_READ) {
        if (good && !test.part->time)
            judge_data(slot);
    } else if (request->operation != BLOCK_FLUSH) {
        test.contents[slot->block] = !good || request->operation == BLOCK_DISCARD ? CONTENT_UNKNOWN
                                     : request->operation == BLOCK_WRITE          ? CONTENT_PATTERN
                                                                                  : CONTENT_ZEROES;
    }
}

/* ---- requests ---- */

static void submit(struct slot *slot)
{
    enum block_operation operation = test.part->operation;
    bool data = operation == BLOCK_READ || operation == BLOCK_WRITE, range = operation != BLOCK_FLUSH;

    test.issued++;
    slot->block = range ? jump() : 0;
    slot->in_flight = true;
    slot->request.operation = operation;
    slot->request.flags = test.part->flags;
    slot->request.offset = slot->block * PATTERN_BLOCK;
    slot->request.length = range ? PATTERN_BLOCK : 0;
    slot->request.piece_count = data;
    if (operation == BLOCK_WRITE)
        pattern_fill(slot->data, slot->block);
    block_client_submit(&test.client, &slot->request);
}

static void report(void)
{
    uint64_t ticks = test.ended - test.began;

    if (test.part->time)
        log_info("%s: %llu instructions a request, by all programs and the kernel; %llu ticks",
                 test.part->name, (unsigned long long)((spare_others() - test.busy) / test.done),
                 (unsigned long long)(ticks / test.done));
    log_info("%s: %llu done, %llu failed, %llu wrong, %llu flushes, %llu ms", test.part->name,
             (unsigned long long)test.done, (unsigned long long)test.failed, (unsigned long long)test.wrong,
             (unsigned long long)test.flushes, (unsigned long long)(time_to_ns(ticks) / 1000000));
}

/* The spare thread must have run before, to know how long a round of its takes when nobody interrupts it, and after, to
   count the last of us. */
static void rest(void (*then)(struct timeout *timeout))
{
    test.rest.expired = then;
    entrypoint_timeout_set(test.entrypoint, &test.rest, time_after_ns(REST));
}

static void rested_after(struct timeout *timeout)
{
    (void)timeout;
    report();
    part_begin();
}

static void go_on(void)
{
    if (test.done < test.part->requests || test.flushing)
        return;
    test.ended = time_now();
    if (test.part->time)
        rest(rested_after);
    else
        rested_after(NULL);
}

static void flushed(struct block_request *request);

/* One at a time: what is due meanwhile follows. */
static void flush_issue(void)
{
    if (!test.flush_due || test.flushing)
        return;
    test.flushing = true;
    test.flush_due = false;
    test.flush = (struct block_request){.operation = BLOCK_FLUSH, .done = flushed};
    block_client_submit(&test.client, &test.flush);
}

static void flushed(struct block_request *request)
{
    test.flushing = false;
    test.flushes++;
    if (!status_right(request, test.part->flush_fails ? ERR_IO : OK))
        wrong(0, "flush");
    flush_issue();
    go_on();
}

static void done(struct block_request *request)
{
    struct slot *slot = (struct slot *)request;
    const struct part *part = test.part;

    judge(slot);
    if (test.issued < part->requests)
        submit(slot);
    if (part->operation == BLOCK_WRITE && part->flush_every &&
        (test.done % part->flush_every == 0 || test.done == part->requests))
        test.flush_due = true;
    flush_issue();
    go_on();
    block_client_kick(&test.client);
}

static void rested_before(struct timeout *timeout)
{
    (void)timeout;
    test.began = time_now();
    test.busy = spare_others();
    for (unsigned i = 0; i < test.depth && test.issued < test.part->requests; i++)
        submit(&test.slots[i]);
    block_client_kick(&test.client);
}

static void part_begin(void)
{
    if (test.part_next == test.part_count) {
        log_info("end of test");
        return;
    }
    test.part = &test.parts[test.part_next++];
    test.position = test.issued = test.done = test.failed = test.wrong = test.flushes = 0;
    if (test.part->time && spare_start() == OK)
        rest(rested_before);
    else
        rested_before(NULL);
}

/* ---- start ---- */

static enum status parts_read(struct xml_node config)
{
    struct xml_node node;

    for (bool more = xml_first_child_named(config, "part", &node); more;
         more = xml_next_sibling_named(node, "part", &node)) {
        if (test.part_count == PARTS_MAX)
            return ERR_RANGE;
        if (part_read(node, &test.parts[test.part_count]) != OK) {
            config_complain(node, "operation", "no such part, or something in it");
            return ERR_INVALID;
        }
        test.part_count++;
    }
    if (test.part_count == 0) {
        part_default("write", &test.parts[0]);
        part_default("read", &test.parts[1]);
        test.part_count = 2;
    }
    return OK;
}

static enum status configure(void)
{
    static const char *const names[] = {"depth", NULL};
    struct xml_node config;
    enum status status = config_load_or_empty(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status == OK)
        status = config_number(config, "depth", DEPTH_MAX, 1, DEPTH_MAX, &test.depth);
    if (status == OK)
        status = parts_read(config);
    for (unsigned i = 0; i < test.part_count; i++)
        if (test.parts[i].first + test.parts[i].blocks > test.block_count)
            test.block_count = test.parts[i].first + test.parts[i].blocks;
    test.contents = heap_alloc(test.block_count);
    return status != OK ? status : test.contents ? OK : ERR_NO_RAM;
}

static enum status slots_make(void)
{
    struct memory memory;
    uint32_t region;
    enum status status = memory_alloc(DEPTH_MAX * PATTERN_BLOCK, &memory);

    if (status == OK)
        status = block_client_region_add(&test.client, memory.dataspace, 0, memory.size, true, &region);
    for (unsigned i = 0; i < DEPTH_MAX && status == OK; i++) {
        struct slot *slot = &test.slots[i];
        slot->piece = (struct block_client_piece){
            .region = region, .length = PATTERN_BLOCK, .offset = (uint64_t)i * PATTERN_BLOCK};
        slot->data = (uint8_t *)memory.address + slot->piece.offset;
        slot->request = (struct block_request){.pieces = &slot->piece, .done = done};
    }
    return status;
}

int component_main(struct env *environment)
{
    struct block_client_options options = {.entrypoint = &environment->entrypoint, .depth = DEPTH_MAX};
    enum status status = configure();

    test.entrypoint = &environment->entrypoint;
    if (status == OK)
        status = block_client_open(&test.client, &options);
    if (status == OK)
        status = slots_make();
    if (status != OK) {
        log_error("no configuration or no disk: %s", status_text(status));
        return 1;
    }
    const struct block_info *info = block_client_info(&test.client);
    log_info("disk of %llu bytes, blocks of %u, depth %u", (unsigned long long)info->size, info->block_size,
             info->queue_depth);
    part_begin();
    entrypoint_run(&environment->entrypoint);
    return 0;
}
