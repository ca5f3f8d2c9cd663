/* SPDX-License-Identifier: MIT */
/*
 * One 4 KiB read after another through a BLOCK server, beside a bare notification there and back between the same kinds of
 * protection domains (test/bench/ipc): what the block path adds to the two wake-ups that any answer of a server needs.
 */
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/session.h"
#include "lib/block/client.h"
#include "test/bench/ipc/measure.h"
#include "test/bench/ipc/wire.h"

#define BLOCK_BYTES 4096u

static struct block_client client;
static struct block_client_piece piece = {.length = BLOCK_BYTES};
static struct block_request request;
static struct entrypoint *entrypoint;
static uint64_t started;
static unsigned count;

/* ---- a bare notification ---- */

static enum status notifications_measure(void)
{
    struct session_options options = {.service = BENCH_SERVICE};
    struct connection server;
    uint32_t own, peer;
    uint64_t bits = 0;
    enum status status = session_open(&options, &server);

    if (status == OK)
        status = notification_create(&own);
    if (status != OK)
        return status;

    struct ipc ipc = {.portal = server.slot,
                      .opcode = BENCH_REFLECTOR,
                      .send = {own},
                      .send_rights = {RIGHT_NOTIFICATION_SIGNAL},
                      .send_count = 1};

    status = ipc_call_receive(&ipc, &peer);
    if (status != OK)
        return status;
    MEASURE("notification_round_trip", {
        CHECK(kernel_notification_signal(peer) == OK);
        CHECK(kernel_notification_wait(own, DEADLINE_NEVER, &bits) == OK && bits == 1);
    });
    return OK;
}

/* ---- a read ---- */

static void read_begin(void)
{
    request.offset = (uint64_t)(count * 37 % 1024) * BLOCK_BYTES;
    block_client_submit(&client, &request);
}

/* The library publishes what is submitted here. */
static void read_done(struct block_request *done)
{
    uint64_t now = measure_tsc();

    CHECK(done->status == OK);
    if (count >= MEASURE_WARM_UP)
        measure_samples[count - MEASURE_WARM_UP] = now - started;
    if (++count == MEASURE_WARM_UP + MEASURE_SAMPLES) {
        entrypoint_stop(entrypoint);
        return;
    }
    started = measure_tsc();
    read_begin();
}

static enum status reads_measure(void)
{
    struct block_client_options options = {.entrypoint = entrypoint};
    struct memory memory;
    enum status status = block_client_open(&client, &options);

    if (status == OK)
        status = memory_alloc(BLOCK_BYTES, &memory);
    if (status == OK)
        status = block_client_region_add(&client, memory.dataspace, 0, memory.size, true, &piece.region);
    if (status != OK)
        return status;
    request = (struct block_request){.operation = BLOCK_READ,
                                     .length = BLOCK_BYTES,
                                     .pieces = &piece,
                                     .piece_count = 1,
                                     .done = read_done};
    read_begin();
    block_client_kick(&client);
    entrypoint_run(entrypoint);
    measure_report("block_round_trip");
    return OK;
}

int component_main(struct env *environment)
{
    enum status status;

    entrypoint = &environment->entrypoint;
    measure_calibrate();
    status = notifications_measure();
    if (status == OK)
        status = reads_measure();
    if (status != OK || measure_failed()) {
        log_error("FAIL: the figures are worth nothing, status %u", status);
        return 1;
    }
    log_info("all measured");
    return 0;
}
