/* SPDX-License-Identifier: MIT */
/*
 * Driver's side against device's side in one thread: random chains, direct and indirect, completions in random
 * order, wrap-around of all indices, and notifications exactly when they were asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/virtio/queue_driver.h"
#include "lib/virtio/test/guest.h"
#include "test/check.h"

enum {
    RAM = 1 << 20,
    DATA = 512 << 10, /* where buffers begin */
    TABLES = 256 << 10,
    PIECES = 12,
    SIZE_MAX_TESTED = 256
};

/* A queue with both of its sides. */
struct pair {
    struct guest guest;
    struct virtqueue_slot slots[SIZE_MAX_TESTED];
    struct virtqueue_driver driver;
    struct virtqueue_device device;
    bool indirect;
};

static void pair_open(struct pair *pair, uint16_t size, bool event_index, bool indirect)
{
    struct virtqueue_setup setup = guest_setup(0, size, event_index, indirect);

    pair->guest = guest_make(RAM);
    pair->indirect = indirect;
    struct virtqueue_translation translation = guest_translation(&pair->guest);
    REQUIRE(virtqueue_driver_open(pair->guest.memory, pair->slots, size, event_index, &pair->driver) == OK);
    REQUIRE(virtqueue_device_open(&setup, &translation, &pair->device) == OK);
}

static void pair_close(struct pair *pair)
{
    free(pair->guest.memory);
}

/* What the test expects of a chain under way. */
struct request {
    bool used;
    unsigned readable, writable;
    struct virtqueue_buffer buffers[PIECES];
    uint32_t written;
};

/* What the device has popped. */
struct popped {
    struct virtqueue_chain chain;
    struct virtqueue_piece pieces[PIECES];
};

static struct request requests[SIZE_MAX_TESTED];
static struct popped popped[SIZE_MAX_TESTED];

/* A random chain; each request has 2 KiB of buffers and a table of its own. */
static enum status add_random(struct pair *pair, unsigned number)
{
    struct request *request = &requests[number];
    struct virtq_desc *table = (struct virtq_desc *)(pair->guest.memory + TABLES) + (size_t)number * PIECES;
    uint32_t room = 0;

    *request = (struct request){.readable = (unsigned)rand() % 6, .writable = (unsigned)rand() % 6};
    if (request->readable + request->writable == 0)
        request->readable = 1;
    unsigned count = request->readable + request->writable;
    for (unsigned i = 0; i < count; i++) {
        request->buffers[i].address = GUEST_BASE + DATA + number * 2048u + i * 128u;
        request->buffers[i].length = (uint32_t)(rand() % 128 + 1);
        room += i < request->readable ? 0 : request->buffers[i].length;
        virtqueue_table_put(table, i, count, request->buffers[i].address, request->buffers[i].length,
                            i < request->readable ? 0 : VIRTQ_DESC_F_WRITE);
        memset(pair->guest.memory + DATA + number * 2048u + i * 128u, (int)(number + i), 128);
    }
    if (pair->indirect && rand() % 4 != 0)
        return virtqueue_driver_add_indirect(
            &pair->driver, GUEST_BASE + TABLES + number * PIECES * sizeof(*table), count, room, request);
    return virtqueue_driver_add(&pair->driver, request->buffers, request->readable, request->writable,
                                request);
}

/* The chain that the device sees is one that was added, piece by piece. */
static void check_chain(const struct popped *one)
{
    unsigned number = (unsigned)((one->pieces[0].address - GUEST_BASE - DATA) / 2048);
    const struct request *request = &requests[number];

    CHECK(number < SIZE_MAX_TESTED && request->used);
    CHECK_EQ(one->chain.readable, request->readable);
    CHECK_EQ(one->chain.writable, request->writable);
    for (unsigned i = 0; i < request->readable + request->writable; i++) {
        CHECK_EQ(one->pieces[i].address, request->buffers[i].address);
        CHECK_EQ(one->pieces[i].length, request->buffers[i].length);
        CHECK_EQ(*(uint8_t *)one->pieces[i].pointer, (uint8_t)(number + i));
    }
}

/* The device answers a random one of what it has. */
static void answer(struct pair *pair, unsigned *held)
{
    struct popped *one = &popped[(unsigned)rand() % *held];
    struct request *request = &requests[(one->pieces[0].address - GUEST_BASE - DATA) / 2048];

    request->written =
        one->chain.writable_bytes == 0 ? 0 : (uint32_t)((unsigned)rand() % (one->chain.writable_bytes + 1));
    virtqueue_device_push(&pair->device, one->chain.head, request->written);
    *one = popped[--*held];
}

static unsigned add_some(struct pair *pair)
{
    unsigned added = 0;

    for (unsigned tries = (unsigned)rand() % 8; tries > 0; tries--) {
        unsigned number = (unsigned)rand() % SIZE_MAX_TESTED;
        if (requests[number].used)
            continue;
        enum status status = add_random(pair, number);
        if (status == ERR_AGAIN)
            continue;
        CHECK_EQ(status, OK);
        requests[number].used = true;
        added++;
    }
    return added;
}

static unsigned collect_all(struct pair *pair)
{
    unsigned collected = 0;
    uint32_t written = 0;
    void *token = NULL;
    enum status status;

    while ((status = virtqueue_driver_collect(&pair->driver, &token, &written)) == OK) {
        struct request *request = token;
        CHECK(request->used);
        CHECK_EQ(written, request->written);
        request->used = false;
        collected++;
    }
    CHECK_EQ(status, ERR_AGAIN);
    return collected;
}

static void run_random(uint16_t size, bool event_index, bool indirect, unsigned total)
{
    struct pair pair;
    unsigned held = 0, added = 0, collected = 0;

    pair_open(&pair, size, event_index, indirect);
    memset(requests, 0, sizeof(requests));
    while ((collected < total || collected < added) && check_state.case_failures == 0) {
        added += added < total ? add_some(&pair) : 0;
        (void)virtqueue_driver_publish(&pair.driver);
        while (rand() % 8 != 0 &&
               virtqueue_device_pop(&pair.device, popped[held].pieces, PIECES, &popped[held].chain) == OK)
            check_chain(&popped[held++]);
        CHECK(!pair.device.broken);
        while (held > 0 && rand() % 4 != 0)
            answer(&pair, &held);
        (void)virtqueue_device_publish(&pair.device);
        collected += collect_all(&pair);
    }
    CHECK_EQ(collected, added);
    CHECK_EQ(pair.driver.free_count, size);
    pair_close(&pair);
}

/* ---- notifications ---- */

static void add_one(struct pair *pair)
{
    struct virtqueue_buffer buffer = {GUEST_BASE + DATA, 1};

    CHECK_EQ(virtqueue_driver_add(&pair->driver, &buffer, 1, 0, pair), OK);
}

static unsigned pop_all(struct pair *pair, uint16_t *heads)
{
    struct virtqueue_piece pieces[PIECES];
    struct virtqueue_chain chain;
    unsigned count = 0;

    while (virtqueue_device_pop(&pair->device, pieces, PIECES, &chain) == OK)
        heads[count++] = chain.head;
    return count;
}

static void run_notify(bool event_index)
{
    struct pair pair;
    uint16_t heads[8];
    bool sleep = false;

    pair_open(&pair, 8, event_index, false);
    for (unsigned round = 0; round < 70000 && check_state.case_failures == 0; round++) {
        CHECK(virtqueue_device_prepare_sleep(&pair.device, &sleep) == OK && sleep);
        add_one(&pair);
        CHECK(virtqueue_driver_publish(&pair.driver)); /* the device sleeps */
        CHECK(virtqueue_device_prepare_sleep(&pair.device, &sleep) == OK && !sleep);
        CHECK_EQ(pop_all(&pair, heads), 1);
        virtqueue_device_awake(&pair.device);
        add_one(&pair);
        add_one(&pair);
        CHECK(!virtqueue_driver_publish(&pair.driver)); /* it is awake */
        CHECK_EQ(pop_all(&pair, heads + 1), 2);

        virtqueue_driver_awake(&pair.driver);
        CHECK(virtqueue_driver_prepare_sleep(&pair.driver, 2, &sleep) == OK && sleep);
        virtqueue_device_push(&pair.device, heads[2], 0);
        CHECK_EQ(virtqueue_device_publish(&pair.device), !event_index);
        CHECK(virtqueue_driver_prepare_sleep(&pair.driver, 2, &sleep) == OK && sleep == event_index);
        virtqueue_device_push(&pair.device, heads[0], 0);
        CHECK(virtqueue_device_publish(&pair.device));
        CHECK(virtqueue_driver_prepare_sleep(&pair.driver, 2, &sleep) == OK && !sleep);
        virtqueue_driver_awake(&pair.driver);
        virtqueue_device_push(&pair.device, heads[1], 0);
        CHECK(!virtqueue_device_publish(&pair.device)); /* the driver is awake */
        memset(requests, 0, sizeof(requests));
        uint32_t written;
        void *token;
        for (unsigned i = 0; i < 3; i++)
            CHECK_EQ(virtqueue_driver_collect(&pair.driver, &token, &written), OK);
        CHECK_EQ(virtqueue_driver_collect(&pair.driver, &token, &written), ERR_AGAIN);
    }
    pair_close(&pair);
}

/* ---- shapes ---- */

static void test_shapes(void)
{
    static const uint16_t bad[] = {0, 3, 6, 255, 32769, 65535};
    struct virtqueue_driver driver;
    struct virtqueue_slot slots[4];
    struct virtq_layout layout;
    _Alignas(64) static uint8_t memory[512];

    CASE("layout: sizes, alignment");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(virtq_layout(bad[i], &layout), ERR_INVALID);
    CHECK_EQ(virtq_layout(32768, &layout), OK);
    CHECK(virtq_layout(4, &layout) == OK && layout.desc == 0 && layout.avail == 64 && layout.used == 132);
    CHECK_EQ(layout.total, 192);
    CHECK_EQ(virtqueue_driver_open(memory + 16, slots, 4, true, &driver), ERR_INVALID);
    CHECK_EQ(virtqueue_driver_open(memory, slots, 5, true, &driver), ERR_INVALID);
    CHECK_EQ(virtqueue_driver_open(memory, slots, 4, true, &driver), OK);
}

static void test_full(void)
{
    struct virtqueue_buffer buffers[5] = {{GUEST_BASE + DATA, 8},
                                          {GUEST_BASE + DATA, 8},
                                          {GUEST_BASE + DATA, 8},
                                          {GUEST_BASE + DATA, 8},
                                          {GUEST_BASE + DATA, 8}};
    struct pair pair;

    CASE("a full queue refuses, a chain that is too long as well");
    pair_open(&pair, 4, true, true);
    CHECK_EQ(virtqueue_driver_add(&pair.driver, buffers, 3, 2, &pair), ERR_AGAIN);
    CHECK_EQ(virtqueue_driver_add(&pair.driver, buffers, 2, 1, &pair), OK);
    CHECK_EQ(virtqueue_driver_add(&pair.driver, buffers, 1, 1, &pair), ERR_AGAIN);
    CHECK_EQ(virtqueue_driver_space(&pair.driver), 1);
    CHECK_EQ(virtqueue_driver_add_indirect(&pair.driver, GUEST_BASE + TABLES, 5, 0, &pair), OK);
    CHECK_EQ(virtqueue_driver_add_indirect(&pair.driver, GUEST_BASE + TABLES, 5, 0, &pair), ERR_AGAIN);
    pair_close(&pair);
}

int main(void)
{
    srand(1);
    test_shapes();
    test_full();
    CASE("random chains, size 8");
    run_random(8, false, false, 70000);
    CASE("random chains, size 256, event index");
    run_random(256, true, false, 200000);
    CASE("random chains, size 16, indirect");
    run_random(16, false, true, 200000);
    CASE("random chains, size 64, indirect, event index");
    run_random(64, true, true, 200000);
    CASE("a single descriptor, indirect");
    run_random(1, true, true, 70000);
    CASE("notifications when asked for, by flags");
    run_notify(false);
    CASE("notifications when asked for, by event index");
    run_notify(true);
    return check_finish();
}
