/* SPDX-License-Identifier: MIT */
/*
 * When things go wrong: interrupts and notifications that get lost, devices that fail, lie, hang, shrink or
 * never come back. Each job ends exactly once, and what was written is there.
 */
#include <stdlib.h>
#include <string.h>

#include "driver/block/virtio/test/load.h"
#include "test/check.h"

static struct load load;

static void start(void)
{
    load_init(&load);
    REQUIRE(load_start(&load) == OK);
}

static void fill(unsigned jobs)
{
    for (unsigned i = 0; i < jobs; i++)
        load_submit(&load, &load.slots[i], i % 3 == 0 ? BLOCK_READ : BLOCK_WRITE);
    virtio_block_kick(&load.block);
    CHECK_EQ(load.block.in_flight, jobs);
}

static void finish(unsigned failed)
{
    CHECK_EQ(load.block.in_flight, 0);
    CHECK_EQ(load.completed, load.issued);
    CHECK_EQ(load.failed, failed);
    load_check_disk(&load);
    load_free(&load);
}

static void test_lost_interrupts(void)
{
    CASE("interrupts get lost: the ticks find what is done");
    start();
    load.fake.mute = true;
    for (unsigned i = 0; i < 500; i++) {
        load_round(&load, 10);
        if (i % 3 == 0)
            virtio_block_tick(&load.block);
    }
    CHECK(load_drain(&load, 100, true));
    CHECK_EQ(load.block.counters.resets, 0);
    CHECK(load.block.counters.ticked > 100);

    CASE("and interrupts work again afterwards");
    load.fake.mute = false;
    for (unsigned i = 0; i < 100; i++)
        load_round(&load, 10);
    uint64_t ticked = load.block.counters.ticked;
    CHECK(load_drain(&load, 1000, false));
    CHECK_EQ(load.block.counters.ticked, ticked);
    finish(0);
}

static void test_lost_notifications(void)
{
    CASE("notifications get lost: the next tick repeats them");
    start();
    load.fake.misses = 1; /* a batch goes to one queue */
    fill(40);
    load_round(&load, 0);
    CHECK_EQ(load.block.in_flight, 40);
    virtio_block_tick(&load.block);
    CHECK(load_drain(&load, 1000, false));
    CHECK_EQ(load.block.counters.resets, 0);

    CASE("a device with nothing to do is left alone");
    uint64_t notifications = load.fake.notifications;
    virtio_block_tick(&load.block);
    CHECK_EQ(load.fake.notifications, notifications);
    finish(0);
}

static void test_timeout(void)
{
    CASE("a device that answers nothing is reset, everything is issued again");
    start();
    load.fake.deaf = true;
    fill(40);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(load.fake.resets, 1);
        load_round(&load, 0);
        virtio_block_tick(&load.block);
    }
    CHECK_EQ(load.fake.resets, 2);
    CHECK_STR(load.block.counters.reason_opt, "a request took too long");
    CHECK_EQ(load.block.in_flight, 40);
    CHECK_EQ(load.block.device.verifier, 1000); /* a reset of ours loses no data */
    load.fake.deaf = false;
    CHECK(load_drain(&load, 1000, false));
    finish(0);

    CASE("one that may not reach memory any more is reset, and may; but not the memory that has been freed");
    start();
    load.fake.no_master = true;
    fill(40);
    load.errors_allowed = true;
    struct slot *freed = &load.slots[5];
    freed->region.gone = true;
    for (unsigned i = 0; i < 4; i++)
        virtio_block_tick(&load.block);
    CHECK_EQ(load.fake.rests, 1);
    CHECK_EQ(load.checked, 1);
    CHECK_EQ(freed->status, ERR_IO);
    CHECK_EQ(load.block.in_flight, 39);
    freed->region.gone = false;
    CHECK(load_drain(&load, 1000, false));
    finish(1);

    CASE("a device that never answers: the jobs fail, then it is given up");
    start();
    load.errors_allowed = true;
    load.fake.deaf = true;
    fill(40);
    CHECK(load_drain(&load, 100, true));
    CHECK_EQ(load.failed, 40);
    CHECK_EQ(load.slots[0].status, ERR_IO);
    CHECK_EQ(load.block.state, DEVICE_RUNNING);
    fill(40);
    CHECK(load_drain(&load, 100, true));
    CHECK_EQ(load.slots[0].status, ERR_PEER_GONE);
    CHECK(load.fake.stopped && load.block.changed && load.block.device.limits.flags & BLOCK_GONE);
    load_submit(&load, &load.slots[0], BLOCK_READ);
    CHECK(!load.slots[0].busy && load.slots[0].status == ERR_PEER_GONE);
    virtio_block_tick(&load.block);
    finish(81);
}

static void test_needs_reset(bool mute)
{
    start();
    load.block.timeout_ticks = 100;
    for (unsigned i = 0; i < 200; i++) {
        load_round(&load, 10);
        load.fake.mute = mute;
        if (i % 20 == 0)
            fake_fail(&load.fake);
        if (mute)
            virtio_block_tick(&load.block);
    }
    CHECK(load_drain(&load, 1000, mute));
    CHECK_EQ(load.block.counters.resets, 10);
    CHECK_EQ(load.block.device.verifier, 1010); /* it may have lost what was not flushed */
    CHECK(load.block.changed);
    finish(0);
}

static void test_slow_reset(void)
{
    CASE("a reset that takes its time: jobs wait");
    start();
    load.fake.reset_reads = 3;
    load.fake.answer_percent = 0;
    fill(30);
    fake_fail(&load.fake);
    load_round(&load, 0);
    CHECK_EQ(load.block.state, DEVICE_RESETTING);
    load_submit(&load, &load.slots[60], BLOCK_READ);
    CHECK_EQ(load.refused, 1);
    CHECK_EQ(load.block.in_flight, 30);
    virtio_block_tick(&load.block);
    virtio_block_tick(&load.block);
    CHECK_EQ(load.block.state, DEVICE_RUNNING);
    load.fake.answer_percent = 60;
    CHECK(load_drain(&load, 1000, false));
    finish(0);

    CASE("a device that does not reset: the function is");
    start();
    fill(30);
    load.fake.reset_never = true;
    fake_fail(&load.fake);
    load_round(&load, 0);
    for (unsigned i = 0; i < RESET_TICKS; i++) {
        CHECK_EQ(load.block.state, DEVICE_RESETTING);
        virtio_block_tick(&load.block);
    }
    CHECK_EQ(load.fake.function_resets, 1);
    CHECK_EQ(load.block.state, DEVICE_RUNNING);
    CHECK(load_drain(&load, 1000, false));
    finish(0);

    CASE("a device that cannot be reset at all is stopped");
    start();
    load.errors_allowed = true;
    load.fake.answer_percent = 0;
    fill(30);
    load.fake.reset_never = load.fake.function_reset_fails = true;
    fake_fail(&load.fake);
    CHECK(load_drain(&load, 20, true));
    CHECK(load.fake.stopped);
    CHECK_EQ(load.block.state, DEVICE_LOST);
    finish(30);
}

static void test_other_device(void)
{
    CASE("after the reset it is another device: given up");
    start();
    load.errors_allowed = true;
    load.fake.answer_percent = 0;
    fill(30);
    load.fake.loses_features = true;
    fake_fail(&load.fake);
    CHECK(load_drain(&load, 20, true));
    CHECK_EQ(load.block.state, DEVICE_LOST);
    CHECK_STR(load.block.counters.reason_opt, "the device has lost features in a reset");
    finish(30);
}

static void lie_twice(struct fake *fake, struct fake_chain *chain)
{
    virtqueue_device_push(&fake->queues[chain->queue].ring, chain->chain.head, 1);
    virtqueue_device_push(&fake->queues[chain->queue].ring, chain->chain.head, 1);
}

static void lie_elsewhere(struct fake *fake, struct fake_chain *chain)
{
    virtqueue_device_push(&fake->queues[chain->queue].ring, 4711, 1);
}

static void lie_length(struct fake *fake, struct fake_chain *chain)
{
    virtqueue_device_push(&fake->queues[chain->queue].ring, chain->chain.head, 1u << 31);
}

static void test_lies(void)
{
    static void (*const lies[])(struct fake * fake, struct fake_chain * chain) = {lie_twice, lie_elsewhere,
                                                                                  lie_length};

    CASE("a device that lies is reset, and works afterwards");
    for (unsigned i = 0; i < 3; i++) {
        start();
        load.errors_allowed = true;
        load.fake.answer_percent = 3;
        fill(40);
        load.fake.lie = lies[i];
        while (load.block.counters.resets == 0)
            load_round(&load, 0);
        CHECK_STR(load.block.counters.reason_opt, "it returned what it was not given");
        load.fake.lie = NULL;
        load.fake.answer_percent = 60;
        CHECK(load_drain(&load, 1000, true));
        CHECK(load.failed <= 40); /* what it said to be done and was not */
        finish(load.failed);
    }
    CASE("one that has failed, and is seen to lie before it is asked, may have lost its cache");
    start();
    load.errors_allowed = true;
    load.fake.answer_percent = 3;
    fill(40);
    load.fake.lie = lie_elsewhere;
    load.fake.status |= VIRTIO_STATUS_NEEDS_RESET;
    while (load.block.counters.resets == 0)
        load_round(&load, 0);
    CHECK_STR(load.block.counters.reason_opt, "it returned what it was not given");
    CHECK_EQ(load.block.device.verifier, 1001);
    CHECK(load.block.changed);
    load.fake.lie = NULL;
    load.fake.answer_percent = 60;
    CHECK(load_drain(&load, 1000, true));
    finish(load.failed);

    CASE("one that always lies is given up");
    start();
    load.errors_allowed = true;
    load.fake.lie = lie_elsewhere;
    for (unsigned i = 0; i < 30 && load.block.state != DEVICE_LOST; i++)
        load_round(&load, 10);
    CHECK_EQ(load.block.state, DEVICE_LOST);
    CHECK(load.fake.stopped);
    finish(load.failed);
}

/* Says OK, but writes neither data nor status. */
static void lie_lazy(struct fake *fake, struct fake_chain *chain)
{
    virtqueue_device_push(&fake->queues[chain->queue].ring, chain->chain.head, 0);
}

static void lie_short(struct fake *fake, struct fake_chain *chain)
{
    struct virtqueue_piece *last = &chain->pieces[chain->chain.readable + chain->chain.writable - 1];

    *(uint8_t *)last->pointer = VIRTIO_BLK_S_OK;
    virtqueue_device_push(&fake->queues[chain->queue].ring, chain->chain.head, 1);
}

static void test_lazy(void)
{
    CASE("an answer without a status, or without all data, is an error");
    start();
    load.errors_allowed = true;
    load.fake.lie = lie_lazy;
    fill(20);
    CHECK(load_drain(&load, 1000, false));
    CHECK_EQ(load.block.counters.resets, 0);
    finish(20);
    start();
    load.errors_allowed = true;
    load.fake.lie = lie_short;
    load_submit(&load, &load.slots[0], BLOCK_READ);
    CHECK(load_drain(&load, 1000, false));
    CHECK_EQ(load.slots[0].status, ERR_IO);
    finish(1);
}

static void test_resize(void)
{
    CASE("a resize is seen");
    start();
    load_round(&load, 0);
    CHECK(!load.block.changed);
    fake_resize(&load.fake, 4096);
    load_round(&load, 0);
    CHECK(load.block.changed);
    CHECK_EQ(load.block.device.limits.size, 4096 * 512);
    load.block.changed = false;
    fake_resize(&load.fake, 4096); /* something else has changed */
    load_round(&load, 0);
    CHECK(!load.block.changed);
    finish(0);
}

/* Everything at once. */
static void test_storm(void)
{
    CASE("storm: lost interrupts, failures, resizes, slow resets under load");
    start();
    load.block.timeout_ticks = 20;
    load.fake.reset_reads = 2;
    load.errors_allowed = true; /* who is in the device at ATTEMPTS_MAX resets */
    for (unsigned i = 0; i < 3000 && check_state.case_failures == 0; i++) {
        load.fake.mute = i / 50 % 4 == 0;
        load.fake.deaf = i / 70 % 9 == 0;
        if (rand() % 100 == 0)
            fake_fail(&load.fake);
        if (rand() % 50 == 0)
            fake_resize(&load.fake, FAKE_DISK / 512 + (uint64_t)rand() % 1000);
        load_round(&load, (unsigned)rand() % 20);
        if (rand() % 2 == 0)
            virtio_block_tick(&load.block);
    }
    load.fake.mute = load.fake.deaf = false;
    CHECK(load_drain(&load, 1000, true));
    CHECK(load.block.counters.resets > 5);
    CHECK_EQ(load.block.state, DEVICE_RUNNING);
    CHECK(load.failed * 100 < load.completed);
    finish(load.failed);
}

int main(void)
{
    srand(11);
    test_lost_interrupts();
    test_lost_notifications();
    test_timeout();
    CASE("NEEDS_RESET under load");
    test_needs_reset(false);
    CASE("NEEDS_RESET without an interrupt");
    test_needs_reset(true);
    test_slow_reset();
    test_other_device();
    test_lies();
    test_lazy();
    test_resize();
    test_storm();
    return check_finish();
}
