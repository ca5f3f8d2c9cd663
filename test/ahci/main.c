/* SPDX-License-Identifier: MIT */
/*
 * A client of a disk driver whose disk misbehaves: a verified load with many requests in flight, where it is known which ones must
 * fail.
 *
 *     write   every block of the range, in an order that jumps about, with a FLUSH now and then
 *     read    every block, in another order; what comes is what was written
 *     time    reads at random; how many ticks one takes, and how many of them the processor was not idle (instructions, under
 *             -icount shift=0)
 *
 * A block says of itself which one it is, and all of it depends on that: so does tool check-image see from outside what
 * is on the disk. Blocks that are named in `bad` (of 4096 bytes) must fail with ERR_IO, and no other may.
 */
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/time.h"
#include "lib/block/client.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#include "test/ahci/pattern.h"
#include "test/bench/idle/spare.h"

#define DEPTH_MAX 32u
#define BAD_MAX   16u

struct slot {
    struct block_request request; /* first */
    struct block_client_piece piece;
    uint64_t block;
    uint8_t *data;
};

static struct test {
    struct block_client client;
    struct entrypoint *entrypoint;
    struct slot slots[DEPTH_MAX];
    struct block_request flush;
    uint64_t blocks, depth, count, flush_every;
    uint64_t bad[BAD_MAX];
    unsigned bad_count;
    bool time_only, bad_flush, all_bad;

    /* of the present part */
    enum block_operation operation;
    bool timing;
    uint64_t issued, done, failed, wrong, flushes, began, busy;
} test;

static void next_part(void);

/* Every block once: an odd step through a power of two, skipping what lies beyond the range. */
static uint64_t jump(uint64_t index)
{
    uint64_t size = 1;

    while (size < test.blocks)
        size *= 2;
    static uint64_t position;
    if (index == 0)
        position = 0;
    do
        position = (position + (size * 5 / 8 | 1)) & (size - 1);
    while (position >= test.blocks);
    return position;
}

static bool is_bad(uint64_t block)
{
    if (test.all_bad)
        return true;
    for (unsigned i = 0; i < test.bad_count; i++)
        if (test.bad[i] == block)
            return true;
    return false;
}

static void judge(struct slot *slot)
{
    enum status wanted = is_bad(slot->block) ? ERR_IO : OK;

    test.done++;
    test.failed += slot->request.status != OK;
    if (slot->request.status != wanted) {
        test.wrong++;
        log_error("block %llu: %s", (unsigned long long)slot->block, status_text(slot->request.status));
    } else if (wanted == OK && test.operation == BLOCK_READ && !test.timing &&
               !pattern_matches(slot->data, slot->block)) {
        test.wrong++;
        log_error("block %llu: not what was written", (unsigned long long)slot->block);
    }
}

static void submit(struct slot *slot)
{
    slot->block = jump(test.issued++);
    slot->request.operation = test.operation;
    slot->request.offset = slot->block * PATTERN_BLOCK;
    slot->request.length = PATTERN_BLOCK;
    if (test.operation == BLOCK_WRITE)
        pattern_fill(slot->data, slot->block);
    block_client_submit(&test.client, &slot->request);
}

static void flushed(struct block_request *request)
{
    test.flushes++;
    if (request->status != (test.bad_flush ? ERR_IO : OK)) {
        test.wrong++;
        log_error("flush: %s", status_text(request->status));
    }
    if (test.done == test.count)
        next_part();
}

static void flush(void)
{
    test.flush = (struct block_request){.operation = BLOCK_FLUSH, .done = flushed};
    block_client_submit(&test.client, &test.flush);
}

static void done(struct block_request *request)
{
    struct slot *slot = (struct slot *)request;

    judge(slot);
    if (test.issued < test.count)
        submit(slot);
    if (test.operation == BLOCK_WRITE && (test.done % test.flush_every == 0 || test.done == test.count))
        flush();
    else if (test.done == test.count)
        next_part();
    block_client_kick(&test.client);
}

static void begin(enum block_operation operation, uint64_t count, bool timing)
{
    test.operation = operation;
    test.timing = timing;
    test.count = count;
    test.issued = test.done = test.failed = test.wrong = test.flushes = 0;
    test.began = time_now();
    test.busy = spare_others();
    for (unsigned i = 0; i < test.depth && test.issued < count; i++)
        submit(&test.slots[i]);
    block_client_kick(&test.client);
}

static void report(const char *what)
{
    uint64_t ticks = time_now() - test.began;

    if (test.timing)
        log_info("%s: %llu instructions a request, by all programs and the kernel; %llu notifications", what,
                 (unsigned long long)((spare_others() - test.busy) / test.done),
                 (unsigned long long)test.client.notifications_received);
    log_info("%s: %llu done, %llu failed, %llu wrong, %llu flushes, %llu ticks each, %llu ms", what,
             (unsigned long long)test.done, (unsigned long long)test.failed, (unsigned long long)test.wrong,
             (unsigned long long)test.flushes, (unsigned long long)(ticks / test.done),
             (unsigned long long)(time_to_ns(ticks) / 1000000));
}

static uint64_t timed;

/* The thread of the lowest priority knows what it did not get when it runs again: before and after what is timed it has
   the processor for itself. */
#define PAUSE_NS 20000000ull

static void paused(struct timeout *timeout)
{
    (void)timeout;
    next_part();
}

static void later(void)
{
    static struct timeout pause = {.expired = paused};

    entrypoint_timeout_set(test.entrypoint, &pause, time_after_ns(PAUSE_NS));
}

static void next_part(void)
{
    static unsigned part;

    part += part == 0 && test.time_only ? 2 : 0;

    switch (part++) {
    case 0: begin(BLOCK_WRITE, test.blocks, false); return;
    case 1:
        report("write");
        begin(BLOCK_READ, test.blocks, false);
        return;
    case 2:
        if (!test.time_only)
            report("read");
        if (timed && spare_start() == OK) {
            later();
            return;
        }
        break;
    case 3: begin(BLOCK_READ, timed, true); return;
    case 4: later(); return;
    default: report("time");
    }
    log_info("end of test");
}

/* ---- start ---- */

static enum status bad_blocks(struct xml_node config)
{
    char text[128];
    const char *rest = text;

    if (xml_attribute_copy(config, "bad", text, sizeof(text)) != OK)
        return OK;
    while (*rest && test.bad_count < BAD_MAX) {
        uint64_t value = 0;
        while (*rest >= '0' && *rest <= '9')
            value = value * 10 + (uint64_t)(*rest++ - '0');
        test.bad[test.bad_count++] = value;
        while (*rest == ' ' || *rest == ',')
            rest++;
    }
    return OK;
}

static enum status configure(void)
{
    static const char *const names[] = {"blocks",    "depth",   "bad",         "time", "time_only",
                                        "bad_flush", "all_bad", "flush_every", NULL};
    struct xml_node config;
    enum status status = config_load_or_empty(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status == OK)
        status = config_number(config, "blocks", 4096, 1, 1u << 20, &test.blocks);
    if (status == OK)
        status = config_number(config, "depth", DEPTH_MAX, 1, DEPTH_MAX, &test.depth);
    if (status == OK)
        status = config_number(config, "flush_every", 256, 1, 1u << 20, &test.flush_every);
    if (status == OK)
        status = config_number(config, "time", 0, 0, 1u << 24, &timed);
    if (status == OK && (xml_attribute_bool(config, "time_only", &test.time_only) == ERR_INVALID ||
                         xml_attribute_bool(config, "bad_flush", &test.bad_flush) == ERR_INVALID ||
                         xml_attribute_bool(config, "all_bad", &test.all_bad) == ERR_INVALID))
        status = ERR_INVALID;
    return status == OK ? bad_blocks(config) : status;
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
            .region = region, .length = PATTERN_BLOCK, .offset = i * PATTERN_BLOCK};
        slot->data = (uint8_t *)memory.address + slot->piece.offset;
        slot->request = (struct block_request){.pieces = &slot->piece, .piece_count = 1, .done = done};
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
        log_error("no disk: %s", status_text(status));
        return 1;
    }
    const struct block_info *info = block_client_info(&test.client);
    log_info("disk of %llu bytes, depth %u", (unsigned long long)info->size, info->queue_depth);
    next_part();
    entrypoint_run(&environment->entrypoint);
    return 0;
}
