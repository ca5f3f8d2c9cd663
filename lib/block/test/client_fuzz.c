/* SPDX-License-Identifier: MIT */
/*
 * A server that sends anything: completions of any kind, other indices, other limits, deaths. Whatever comes, the client's invariants hold,
 * and each request is done once.
 */
#include "lib/block/client_core.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH = 4, REQUESTS = 6, DATA = 1 << 16 };

static struct block_core core;
static struct block_part parts[DEPTH];
static struct block_request requests[REQUESTS];
static bool in_flight[REQUESTS], kept[REQUESTS];
static struct block_client_piece piece = {.length = 8192};
static _Alignas(64) uint8_t memory[16384];
static uint8_t data[DATA];
static struct ring_producer completion;
static struct block_info info;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void released(struct block_request *request)
{
    if (!kept[request - requests])
        abort();
    kept[request - requests] = false;
}

static void done(struct block_request *request)
{
    bool writes = request->operation == BLOCK_WRITE || request->operation == BLOCK_WRITE_ZEROES;

    if (!in_flight[request - requests])
        abort();
    in_flight[request - requests] = false;
    kept[request - requests] =
        writes && request->status == OK && !(request->flags & BLOCK_FUA) && core.settings.retain;
}

static void attach(void)
{
    struct block_connect layout;

    block_core_layout(&core.settings, &layout);
    memset(memory, 0, sizeof(memory));
    if (block_core_attach(&core, &info, memory, sizeof(memory)) != OK ||
        ring_producer_open(memory + layout.completion_offset,
                           layout.segment_offset - layout.completion_offset, DEPTH,
                           sizeof(struct block_completion), &completion) != OK)
        abort();
}

static void submit(uint8_t a, uint8_t b)
{
    unsigned i = a % REQUESTS;
    bool data_moves = b % 6 == BLOCK_READ || b % 6 == BLOCK_WRITE;

    if (in_flight[i] || kept[i])
        return;
    requests[i] = (struct block_request){.operation = (enum block_operation)(b % 6),
                                         .flags = b >> 6,
                                         .offset = b % 6 == BLOCK_FLUSH ? 0 : (uint64_t)(a >> 4) * 4096,
                                         .length = b % 6 == BLOCK_FLUSH ? 0 : 8192,
                                         .pieces = &piece,
                                         .piece_count = data_moves,
                                         .done = done,
                                         .released_opt = released};
    in_flight[i] = true;
    block_core_submit(&core, &requests[i]);
}

static void complete(const uint8_t *bytes)
{
    struct block_completion out = {.tag = bytes[1] % (DEPTH + 1),
                                   .status = bytes[2] % (STATUS_COUNT + 1),
                                   .done = (uint64_t)bytes[3] * 512,
                                   .verifier = info.verifier + (bytes[2] >> 6)};
    bool notify;

    (void)ring_push(&completion, &out, &notify);
}

static void settle(void)
{
    do {
        block_core_poll(&core);
        block_core_finish(&core);
        if (core.broken)
            break;
        if (block_core_acknowledge_due(&core))
            block_core_acknowledged(&core);
        (void)block_core_publish(&core);
    } while (!block_core_may_sleep(&core) || core.finished.first);
}

static void step(const uint8_t *bytes)
{
    switch (bytes[0] % 8) {
    case 0: submit(bytes[1], bytes[2]); break;
    case 1: complete(bytes); break;
    case 2: settle(); break;
    case 3:
        if (in_flight[bytes[1] % REQUESTS])
            block_core_cancel(&core, &requests[bytes[1] % REQUESTS]);
        break;
    case 4:
        block_core_detach(&core);
        info.verifier += bytes[1] & 1;
        attach();
        break;
    case 5: block_core_acknowledge(&core); break;
    case 6: memcpy(memory + (bytes[1] << 3), bytes, 2); break; /* indices, and all else that is shared */
    default: info.size = (uint64_t)(bytes[1] % 32) * 4096; (void)block_core_update(&core, &info);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct block_core_settings settings = {.depth = DEPTH, .segments = 2, .retain = size & 1};
    uint32_t region;

    memset(in_flight, 0, sizeof(in_flight));
    memset(kept, 0, sizeof(kept));
    info = (struct block_info){.size = 1 << 17,
                               .block_size = 512,
                               .alignment = 4,
                               .segments_max = 2,
                               .transfer_max = 4096,
                               .verifier = 1};
    block_core_init(&core, &settings, parts);
    if (block_core_region_add(
            &core,
            &(struct block_core_region){.address_opt = data, .size = DATA, .write = true, .registered = true},
            &region) != OK)
        abort();
    attach();
    for (size_t at = 0; at + 4 <= size && !core.broken; at += 4) {
        step(bytes + at);
        if (!core.broken && !block_core_check(&core))
            abort();
    }
    block_core_give_up(&core);
    block_core_finish(&core);
    for (unsigned i = 0; i < REQUESTS; i++)
        if (in_flight[i] || kept[i])
            abort();
    return 0;
}
