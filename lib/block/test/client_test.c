/* SPDX-License-Identifier: MIT */
/* The client's core, case by case. What comes of it all together is client_random_test.c's. */
#include "lib/block/test/client_world.h"

#include "test/check.h"

static const struct world_options plain = {.depth = 8}, retain = {.depth = 8, .retain = true},
                                  bounce = {.depth = 8, .bounce = 65536};

static void begin(const struct world_options *options)
{
    world_init(options);
    world_connect();
}

/* Submits, lets everything be done, and returns the status. */
static enum status run(enum block_operation operation, unsigned flags, uint64_t block, uint64_t blocks)
{
    struct slot *slot = world_submit(operation, flags, block, blocks, 1);

    world_run();
    return slot->request.status;
}

static void test_refused(void)
{
    CASE("what cannot be is refused, and `done` is not called inside submit");
    begin(&plain);
    struct slot *slot = world_submit(BLOCK_READ, 0, FAKE_BLOCKS - 1, 2, 1);

    CHECK_EQ(slot->state, SLOT_SUBMITTED);
    block_core_finish(&world.core);
    CHECK_EQ(slot->state, SLOT_FREE);
    CHECK_EQ(slot->request.status, ERR_RANGE);
    CHECK_EQ(run(BLOCK_READ, BLOCK_FUA, 0, 1), ERR_INVALID);
    CHECK_EQ(run(BLOCK_WRITE, 8, 0, 1), ERR_INVALID);
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 0), ERR_INVALID);
    CHECK_EQ(run(BLOCK_CANCEL, 0, 0, 1), ERR_INVALID);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 1), ERR_INVALID);

    CASE("pieces that do not add up, or lie outside, or where a READ may not go");
    static const struct block_client_piece wrong[] = {
        {.region = 0, .length = 511},
        {.region = 9, .length = 512},
        {.region = 0, .length = 512, .offset = FAKE_REGION - 511},
        {.region = 0, .length = 512, .offset = FAKE_REGION},
        {.region = 1, .length = 512},
        {.region = BLOCK_NONE, .length = 512},
        {.region = 0, .length = 0}};

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        slot = world_submit(BLOCK_READ, 0, 0, 1, 1);
        world_run();
        slot->request.pieces = &wrong[i];
        slot->state = SLOT_SUBMITTED;
        world.submitted++;
        block_core_submit(&world.core, &slot->request);
        world_run();
        CHECK_EQ(slot->request.status, ERR_INVALID);
    }
    world_free();
}

static void test_split(void)
{
    CASE("long requests are split at the limits");
    begin(&plain);
    world.disk.elements = 0;
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 13), OK); /* 4 blocks each */
    CHECK_EQ(world.disk.elements, 4);
    world.disk.elements = 0;
    CHECK_EQ(run(BLOCK_WRITE_ZEROES, 0, 0, 13), OK); /* 6 */
    CHECK_EQ(world.disk.elements, 3);

    CASE("a DISCARD is cut at granules, so that none is lost at the seam");
    world.disk.elements = 0;
    world.disk.info.discard_max = 4 * FAKE_BLOCK;
    world.disk.info.generation++;
    ((struct block_state *)world.queue_opt)->generation++;
    world_settle();
    CHECK_EQ(run(BLOCK_DISCARD, 0, 1, 8), OK); /* 1-4, 4-8, 8-9 */
    CHECK_EQ(world.disk.elements, 3);

    CASE("of parts that fail, the first one in the request says how much was done");
    world.disk.io_error_percent = 100;
    for (unsigned i = 0; i < 20; i++) {
        struct slot *slot = world_submit(BLOCK_READ, 0, 0, 13, 1);

        world_run();
        CHECK_EQ(slot->request.status, ERR_IO);
        CHECK(slot->request.bytes_done < 4 * FAKE_BLOCK);
    }
    world.disk.io_error_percent = 0;
    world.statuses[OK] = world.done;

    CASE("more requests than tags wait for these");
    for (unsigned i = 0; i < WORLD_REQUESTS; i++)
        REQUIRE(world_submit(BLOCK_READ, 0, i, 1, 1));
    CHECK_EQ(world.core.in_flight, 8);
    world_run();
    CHECK_EQ(world.statuses[OK], world.done);
    world_free();
}

static void test_bounce(void)
{
    struct slot *slot;

    CASE("what is not aligned fails without a bounce buffer, and goes through it otherwise");
    begin(&plain);
    world.odd = true;
    slot = world_submit(BLOCK_READ, 0, 0, 1, 1);
    slot->pieces[0].offset |= 1;
    world_run();
    if (slot->request.status != ERR_INVALID) { /* issued before it was made odd */
        slot->state = SLOT_SUBMITTED;
        world.submitted++;
        block_core_submit(&world.core, &slot->request);
        world_run();
    }
    CHECK_EQ(slot->request.status, ERR_INVALID);
    world_free();

    begin(&bounce);
    world.odd = true;
    for (unsigned i = 0; i < 200; i++) {
        REQUIRE(world_submit(i % 2 ? BLOCK_READ : BLOCK_WRITE, 0, i % 50, 1 + i % 9, 8));
        world_run();
    }
    CHECK(world.core.statistic_bounced > 100);
    CHECK_EQ(world.statuses[OK], 200);
    world_free();
}

static void test_cancel(void)
{
    struct slot *first, *second;

    CASE("what the server has not begun is aborted, what waits as well");
    begin(&(struct world_options){.depth = 2});
    first = world_submit(BLOCK_WRITE, 0, 0, 1, 1);
    second = world_submit(BLOCK_WRITE, 0, 1, 13, 1); /* more than there are tags for */
    struct slot *third = world_submit(BLOCK_WRITE, 0, 20, 1, 1);

    block_core_cancel(&world.core, &third->request);
    block_core_cancel(&world.core, &first->request);
    block_core_cancel(&world.core, &second->request);
    world_run();
    CHECK_EQ(third->request.status, ERR_ABORTED);
    CHECK_EQ(second->request.status, ERR_ABORTED);
    CHECK_EQ(world.done, 3);

    CASE("what was issued to a server that died is no longer called aborted");
    first = world_submit(BLOCK_WRITE, 0, 0, 1, 1);
    world_settle();
    world_die(false);
    block_core_cancel(&world.core, &first->request);
    second = world_submit(BLOCK_WRITE, 0, 1, 1, 1);
    block_core_cancel(&world.core, &second->request);
    world_settle();
    CHECK_EQ(first->request.status, ERR_PEER_GONE);
    CHECK_EQ(second->request.status, ERR_ABORTED);
    world_free();
}

static void test_lost(void)
{
    CASE("with another verifier, FLUSH and barrier writes fail until the loss is acknowledged");
    begin(&plain);
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 1), OK);
    world_die(true);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), ERR_LOST);
    CHECK_EQ(run(BLOCK_WRITE, BLOCK_BARRIER, 1, 1), ERR_LOST);
    CHECK_EQ(run(BLOCK_WRITE, 0, 1, 1), OK);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), ERR_LOST);
    block_core_acknowledge(&world.core);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), OK);

    CASE("a second loss before that counts too");
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 1), OK);
    world_die(true);
    CHECK_EQ(run(BLOCK_WRITE, 0, 1, 1), OK);
    world_die(true);
    world_connect();
    CHECK_EQ(world.core.losses, 3);
    block_core_acknowledge(&world.core);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), OK);

    CASE("nothing is lost with the same verifier, after a FLUSH, or with FUA");
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 1), OK);
    world_die(false);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), OK);
    CHECK_EQ(run(BLOCK_WRITE, BLOCK_FUA, 0, 1), OK);
    world_die(true);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), OK);
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 1), OK);
    CHECK_EQ(run(BLOCK_WRITE, BLOCK_BARRIER | BLOCK_FUA, 1, 1), OK);
    world_die(true);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), OK);
    CHECK(!world.core.lost);

    CASE("a loss in a session that goes on is the same");
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 1), OK);
    fake_lose(&world.disk);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), ERR_LOST);
    CHECK(world.core.lost);
    block_core_acknowledge(&world.core);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), OK);
    fake_lose(&world.disk);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), OK);
    world_free();

    CASE("who flushes for others is told of every change");
    begin(&(struct world_options){.depth = 8, .for_others = true});
    world_die(true);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), ERR_LOST);
    world_free();
}

static void test_retain(void)
{
    CASE("writes are released by the FLUSH that covers them, before it is done");
    begin(&retain);
    for (unsigned i = 0; i < 5; i++)
        CHECK_EQ(run(BLOCK_WRITE, 0, i, 2), OK);
    CHECK_EQ(world.released, 0);
    CHECK_EQ(block_core_region_remove(&world.core, 0), ERR_BUSY);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), OK);
    CHECK_EQ(world.released, 5);

    CASE("and by a barrier write, but for itself");
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 2), OK);
    CHECK_EQ(run(BLOCK_WRITE, BLOCK_BARRIER, 0, 2), OK);
    CHECK_EQ(world.released, 6);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), OK);
    CHECK_EQ(world.released, 7);

    CASE("of each block what was written last is written again, before anything else");
    for (unsigned i = 0; i < 5; i++)
        CHECK_EQ(run(BLOCK_WRITE, 0, i, 2), OK);
    world_die(true);
    struct slot *read = world_submit(BLOCK_READ, 0, 0, 4, 1);

    world.disk.elements = world.sectors_written = 0;
    world_connect();
    world_settle();
    CHECK_EQ(world.core.in_flight, 1); /* the others overlap with it, one by one */
    CHECK_EQ(read->state, SLOT_SUBMITTED);
    world_run();
    CHECK_EQ(world.disk.elements, 6);
    CHECK_EQ(world.sectors_written, 6); /* of 10 */
    CHECK_EQ(read->request.status, OK);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), OK);

    CASE("FUA is durable, and nothing older comes over it");
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 4), OK);
    CHECK_EQ(run(BLOCK_WRITE, BLOCK_FUA, 1, 1), OK);
    CHECK_EQ(world.released, 13);
    world_die(true);
    world_run();
    oracle_check_platter(&world.oracle, world.disk.platter);

    CASE("if writing again fails, it is a loss");
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 4), OK);
    world_die(true);
    world.disk.io_error_percent = 100;
    world_run();
    world.disk.io_error_percent = 0;
    CHECK(world.core.lost);
    CHECK_EQ(world.released, 14);
    CHECK_EQ(run(BLOCK_FLUSH, 0, 0, 0), ERR_LOST);
    world_free();
}

/* A completion that the server has no right to send. */
static bool broken_by(struct block_completion completion)
{
    bool notify, broken;

    begin(&plain);
    REQUIRE(world_submit(BLOCK_READ, 0, 0, 1, 1));
    (void)block_core_publish(&world.core);
    completion.verifier = world.disk.info.verifier;
    REQUIRE(ring_push(&world.disk.completion, &completion, &notify) == OK);
    block_core_poll(&world.core);
    broken = world.core.broken;
    block_core_give_up(&world.core);
    block_core_finish(&world.core);
    CHECK_EQ(world.done, 1);
    CHECK(!broken || world.statuses[ERR_PEER_GONE] == 1);
    world_free();
    return broken;
}

static void test_hostile(void)
{
    CASE("a server that completes what is not in flight is left");
    CHECK(broken_by((struct block_completion){.tag = 5}));
    CHECK(broken_by((struct block_completion){.tag = 8}));
    CHECK(broken_by((struct block_completion){.tag = UINT32_MAX}));
    CHECK(!broken_by((struct block_completion){.tag = 0, .status = ERR_IO}));

    CASE("a status that is none, and bytes that are too many, are an I/O error of nothing");
    begin(&plain);
    struct slot *slot = world_submit(BLOCK_READ, 0, 0, 1, 1);
    bool notify;

    (void)block_core_publish(&world.core);
    fake_take(&world.disk);
    world.disk.jobs[0].used = false;
    REQUIRE(ring_push(&world.disk.completion,
                      &(struct block_completion){
                          .tag = slot->request.parts - 1, .status = 77, .done = 1 << 30, .verifier = 1000},
                      &notify) == OK);
    world_settle();
    CHECK_EQ(slot->request.status, ERR_IO);
    CHECK_EQ(slot->request.bytes_done, 0);

    CASE("an impossible index");
    ((struct ring_side *)(world.queue_opt + 64 + sizeof(struct ring_shared) +
                          8 * sizeof(struct block_element)))
        ->index += 1000;
    block_core_poll(&world.core);
    CHECK(world.core.broken);
    world_free();

    CASE("limits that make no sense");
    struct block_info good = world.disk.info, bad = good;

    CHECK_EQ(block_info_check(&good), OK);
    bad.block_size = 513;
    CHECK_EQ(block_info_check(&bad), ERR_INVALID);
    bad = good;
    bad.block_size = 1 << 20;
    CHECK_EQ(block_info_check(&bad), ERR_INVALID);
    bad = good;
    bad.transfer_max = 511;
    CHECK_EQ(block_info_check(&bad), ERR_INVALID);
    bad = good;
    bad.segments_max = 0;
    CHECK_EQ(block_info_check(&bad), ERR_INVALID);
    bad = good;
    bad.alignment = 0;
    CHECK_EQ(block_info_check(&bad), ERR_INVALID);
    bad = good;
    bad.boundary = 4095;
    CHECK_EQ(block_info_check(&bad), ERR_INVALID);
    bad = good;
    bad.size = 1000;
    CHECK_EQ(block_info_check(&bad), ERR_INVALID);
}

static void test_gone(void)
{
    CASE("without another server, everything ends with ERR_PEER_GONE, also what comes later");
    begin(&retain);
    CHECK_EQ(run(BLOCK_WRITE, 0, 0, 1), OK);
    for (unsigned i = 0; i < 20; i++)
        REQUIRE(world_submit(BLOCK_READ, 0, i, 2, 1));
    (void)block_core_publish(&world.core);
    world_die(true);
    block_core_give_up(&world.core);
    block_core_finish(&world.core);
    CHECK_EQ(world.statuses[ERR_PEER_GONE], 20);
    CHECK_EQ(world.released, 1);
    REQUIRE(world_submit(BLOCK_READ, 0, 0, 1, 1));
    block_core_finish(&world.core);
    CHECK_EQ(world.statuses[ERR_PEER_GONE], 21);
    CHECK_EQ(block_core_region_remove(&world.core, 0), OK);
    world_free();
}

static void test_resize(void)
{
    CASE("a view that shrinks is a matter of range, on both sides of the race");
    begin(&plain);
    struct slot *slot = world_submit(BLOCK_READ, 0, 40, 1, 1);

    (void)block_core_publish(&world.core);
    world.disk.info.size = 32 * FAKE_BLOCK;
    world.disk.info.generation++;
    world_run(); /* the server refuses */
    CHECK_EQ(slot->request.status, ERR_RANGE);
    ((struct block_state *)world.queue_opt)->generation = world.disk.info.generation;
    world_settle();
    world.disk.elements = 0;
    CHECK_EQ(run(BLOCK_READ, 0, 40, 1), ERR_RANGE); /* the client does */
    CHECK_EQ(world.disk.elements, 0);
    CHECK_EQ(run(BLOCK_READ, 0, 31, 1), OK);
    world_free();
}

static void test_unborn(void)
{
    struct block_core core = {0};

    CASE("a server that dies before it has told its limits: nothing is there that could be lost");
    block_core_detach(&core);
    CHECK(!core.connected && !core.issued.first && !core.waiting.first);
}

static void test_notifications(void)
{
    CASE("a saturated queue costs at most a tenth of a notification a request");
    begin(&(struct world_options){.depth = 32});
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 32; i++)
            REQUIRE(world_submit(BLOCK_READ, 0, i, 1, 1));
        world.disk.notifications += block_core_publish(&world.core);
        fake_run(&world.disk);
        world_settle();
    }
    CHECK_EQ(world.done, 3200);
    CHECK(world.disk.notifications * 10 <= world.done);
    printf("     %llu notifications\n", (unsigned long long)world.disk.notifications);
    world_free();
}

int main(void)
{
    fake_seed(1);
    test_refused();
    test_split();
    test_bounce();
    test_cancel();
    test_lost();
    test_retain();
    test_hostile();
    test_gone();
    test_resize();
    test_unborn();
    test_notifications();
    return check_finish();
}
