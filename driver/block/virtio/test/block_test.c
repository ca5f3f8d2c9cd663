/* SPDX-License-Identifier: MIT */
/*
 * The driver against the fake device: what it makes of features and configuration, and jobs of all kinds with
 * completions in every order.
 */
#include <stdlib.h>
#include <string.h>

#include "driver/block/virtio/test/load.h"
#include "test/check.h"

static struct load load;
static struct block_limits *const limits = &load.block.device.limits;

static void test_start(void)
{
    CASE("start: limits are the device's");
    load_init(&load);
    CHECK_EQ(load_start(&load), OK);
    CHECK_EQ(limits->size, FAKE_DISK);
    CHECK_EQ(limits->block_size, 512);
    CHECK_EQ(limits->physical_block_size, 4096);
    CHECK_EQ(limits->depth, 48);
    CHECK_EQ(limits->discard_max, 100 * 512);
    CHECK_EQ(limits->discard_granularity, 4096);
    CHECK_EQ(limits->write_zeroes_max, 200 * 512);
    CHECK_EQ(limits->flags, BLOCK_HAS_DISCARD | BLOCK_HAS_WRITE_ZEROES);
    CHECK_EQ(load.block.queue_count, 4);
    CHECK(2 * limits->pieces_max + limits->transfer_max / 4096 <= 254);
    CHECK_EQ(load.fake.accepted, load.fake.offered);
    CHECK_EQ(load.fake.status, 15);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(load.fake.queues[i].vector, i + 1);
    CHECK_EQ(load.fake.config_vector, 0);
    load_free(&load);
}

/* A start after `change`, which must be refused for this reason. */
#define REFUSED(change, text)            \
    do {                                 \
        load_init(&load);                \
        change;                          \
        CHECK_NE(load_start(&load), OK); \
        CHECK_STR(load.reason, text);    \
        load_free(&load);                \
    } while (0)

#define STARTS(change, condition)        \
    do {                                 \
        load_init(&load);                \
        change;                          \
        CHECK_EQ(load_start(&load), OK); \
        CHECK(condition);                \
        load_free(&load);                \
    } while (0)

static void test_refused(void)
{
    CASE("devices that cannot be used are refused by name");
    REFUSED(load.fake.offered &= ~VIRTIO_F_VERSION_1, "not a VIRTIO 1 device");
    REFUSED(load.fake.offered &= ~VIRTIO_F_ACCESS_PLATFORM,
            "there is an IOMMU, and the device goes around it (iommu_platform)");
    REFUSED(load.fake.config.blk_size = 1024, "blocks are neither of 512 nor of 4096 bytes");
    REFUSED(load.fake.config.blk_size = 0, "blocks are neither of 512 nor of 4096 bytes");
    REFUSED(load.fake.config.seg_max = 2, "the device takes too few or too small pieces");
    REFUSED((load.fake.offered |= VIRTIO_BLK_F_SIZE_MAX, load.fake.config.size_max = 4095),
            "the device takes too few or too small pieces");
    REFUSED(load.fake.queues[0].size_max = 4, "the device takes too few or too small pieces");
    REFUSED(load.fake.num_queues = 0, "the device has no queue");
    REFUSED(load.fake.config.num_queues = 0, "the device has no queue");
    REFUSED(load.fake.queues[3].size_max = 0, "a queue of the device is of size 0");
    REFUSED(load.fake.vectors = 0, "the device has no interrupt for its configuration");
    REFUSED(load.fake.vectors = 2, "the device has no interrupt for a queue");
    REFUSED(load.fake.reset_never = true, "the device does not finish its reset");
    REFUSED(load.block.depth_wanted = 1, "the device takes one request at a time");
}

static void test_odd(void)
{
    CASE("odd devices that can be used");
    STARTS(load.fake.config.num_queues = 2, load.block.queue_count == 2);
    STARTS(load.block.queues_wanted = 3, load.block.queue_count == 3);
    STARTS(load.fake.offered &= ~VIRTIO_BLK_F_MQ, load.block.queue_count == 1);
    STARTS(load.fake.reset_reads = 999, load.fake.resets == 1);
    STARTS(load.fake.config.capacity = 2049, limits->size == 2049 * 512);
    STARTS((load.fake.config.capacity = 2049, load.fake.config.blk_size = 4096), limits->size == 2048 * 512);
    STARTS(load.fake.config.capacity = UINT64_MAX, limits->size <= INT64_MAX);
    STARTS(load.fake.config.topology.physical_block_exp = 255, limits->physical_block_size == 512);
    STARTS(load.fake.offered &= ~VIRTIO_BLK_F_BLK_SIZE, limits->block_size == 512);
    STARTS(load.fake.offered |= VIRTIO_BLK_F_RO, limits->flags & BLOCK_READ_ONLY);
    STARTS(load.fake.offered &= ~VIRTIO_BLK_F_FLUSH, limits->flags & BLOCK_HAS_FUA);
    STARTS(load.fake.config.discard_sector_alignment = 0, limits->discard_granularity == 512);
    STARTS(load.fake.config.max_discard_sectors = 0, !(limits->flags & BLOCK_HAS_DISCARD));
    STARTS(load.fake.config.max_write_zeroes_sectors = 0, !(limits->flags & BLOCK_HAS_WRITE_ZEROES));
    STARTS(load.fake.config.seg_max = 3, limits->transfer_max == 4096 && limits->pieces_max == 1);
    STARTS(load.fake.queues[1].size_max = 100, load.block.queues[1].size == 64);
    STARTS((load.fake.vectors = 2, load.block.vector_count = 2), load.fake.queues[3].vector == 1);
    STARTS((load.fake.vectors = 0, load.block.vector_count = 0), load.fake.config_vector == 0xffff);
    STARTS((load.fake.offered &= ~VIRTIO_F_ACCESS_PLATFORM, load.block.confined = false),
           limits->size == FAKE_DISK);
}

/* A long random load: each job once, contents right, both on the way and at the end. */
static void run_load(unsigned rounds)
{
    REQUIRE(load_start(&load) == OK);
    for (unsigned i = 0; i < rounds && check_state.case_failures == 0; i++)
        load_round(&load, (unsigned)rand() % 24);
    CHECK(load_drain(&load, 1000, false));
    CHECK_EQ(load.completed, load.issued);
    CHECK_EQ(load.failed, 0);
    CHECK_EQ(load.block.counters.resets, 0);
    CHECK(load.issued > rounds && load.fake.descriptors_longest <= 256);
    load_check_disk(&load);
    load_free(&load);
}

static void test_load(void)
{
    CASE("random jobs, four queues, indirect, event index");
    load_init(&load);
    run_load(2000);
    CASE("random jobs, flags instead of the event index");
    load_init(&load);
    load.fake.offered &= ~VIRTIO_F_EVENT_IDX;
    run_load(1000);
    CASE("random jobs, direct chains: full queues are waited for");
    load_init(&load);
    load.fake.offered &= ~VIRTIO_F_INDIRECT_DESC;
    load.block.queues_wanted = 1;
    load.fake.queues[0].size_max = 64;
    run_load(2000);
    CHECK(load.refused > 0);
    CASE("random jobs, blocks of 4096 bytes, small pieces");
    load_init(&load);
    load.fake.config.blk_size = 4096;
    load.fake.offered |= VIRTIO_BLK_F_SIZE_MAX;
    load.fake.config.size_max = 5000;
    run_load(1000);
    CASE("random jobs, three segments a request");
    load_init(&load);
    load.fake.config.seg_max = 12;
    load.fake.config.num_queues = 1;
    limits->pieces_max = 0;
    REQUIRE(load_start(&load) == OK);
    CHECK(limits->pieces_max == 3 && limits->transfer_max == 6 * 4096);
    load_free(&load);
}

static void test_notifications(void)
{
    CASE("a batch is one notification, and one interrupt where the device answers at once");
    load_init(&load);
    REQUIRE(load_start(&load) == OK);
    load.fake.answer_percent = 100;
    for (unsigned i = 0; i < 32; i++)
        load_submit(&load, &load.slots[i], BLOCK_WRITE);
    virtio_block_kick(&load.block);
    CHECK_EQ(load.fake.notifications, 1);
    CHECK(load_drain(&load, 1000, false));
    CHECK_EQ(load.fake.notifications, 1);
    CHECK(load.fake.interrupts == 1);
    load_free(&load);
}

static void test_flush(void)
{
    CASE("FLUSH reaches a device that has a cache, and no other");
    load_init(&load);
    REQUIRE(load_start(&load) == OK);
    load_submit(&load, &load.slots[0], BLOCK_FLUSH);
    CHECK(load.slots[0].busy);
    CHECK(load_drain(&load, 100, false));
    CHECK_EQ(load.fake.flushes, 1);
    load_free(&load);
    load_init(&load);
    load.fake.offered &= ~VIRTIO_BLK_F_FLUSH;
    REQUIRE(load_start(&load) == OK);
    load_submit(&load, &load.slots[0], BLOCK_FLUSH);
    CHECK(!load.slots[0].busy && load.slots[0].status == OK);
    CHECK_EQ(load.fake.requests, 0);
    load_free(&load);
}

static void test_errors(void)
{
    CASE("errors on any request: each is that request's own");
    load_init(&load);
    load.errors_allowed = true;
    load.fake.error_percent = 30;
    REQUIRE(load_start(&load) == OK);
    for (unsigned i = 0; i < 1000; i++)
        load_round(&load, (unsigned)rand() % 24);
    CHECK(load_drain(&load, 1000, false));
    CHECK_EQ(load.completed, load.issued);
    CHECK(load.failed > load.issued / 5 && load.failed < load.issued / 2);
    CHECK_EQ(load.block.counters.resets, 0);
    load_check_disk(&load);
    load_free(&load);
    static const enum block_operation operations[] = {BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD,
                                                      BLOCK_WRITE_ZEROES};
    static const unsigned types[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH,
                                     VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES};
    for (unsigned i = 0; i < 10; i++) {
        load_init(&load);
        load.errors_allowed = true;
        load.fake.unsupported = i < 5 ? types[i] + 1 : 0;
        load.fake.error_percent = i < 5 ? 0 : 100;
        REQUIRE(load_start(&load) == OK);
        load_submit(&load, &load.slots[0], operations[i % 5]);
        CHECK(load_drain(&load, 100, false));
        CHECK_EQ(load.slots[0].status, i < 5 ? ERR_UNSUPPORTED : ERR_IO);
        load_free(&load);
    }
}

int main(void)
{
    srand(7);
    test_start();
    test_refused();
    test_odd();
    test_load();
    test_notifications();
    test_flush();
    test_errors();
    return check_finish();
}
