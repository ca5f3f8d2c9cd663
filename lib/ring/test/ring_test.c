/* SPDX-License-Identifier: MIT */
/*
 * The ring in one thread: shapes, order, batches, events, wrap-around of the indices, and hostile peers.
 */
#include "lib/ring/ring.h"

#include <stdlib.h>
#include <string.h>

#include "test/check.h"

struct element {
    uint64_t sequence;
    uint8_t payload[5];
} __attribute__((packed));

enum { CAPACITY = 8, ELEMENT = sizeof(struct element) };

struct pair {
    struct ring_shared *shared;
    struct ring_producer producer;
    struct ring_consumer consumer;
};

/* Fresh memory of exactly the needed size, so that the address sanitizer sees everything outside. */
static struct pair pair_open(uint32_t capacity)
{
    struct pair pair;
    size_t size = 0;

    REQUIRE(ring_size(capacity, ELEMENT, &size) == OK);
    pair.shared = aligned_alloc(RING_LINE, (size + RING_LINE - 1) / RING_LINE * RING_LINE);
    memset(pair.shared, 0, size);
    REQUIRE(ring_producer_open(pair.shared, size, capacity, ELEMENT, &pair.producer) == OK);
    REQUIRE(ring_consumer_open(pair.shared, size, capacity, ELEMENT, &pair.consumer) == OK);
    return pair;
}

/* Lets the indices of both sides start shortly before they wrap around. */
static void pair_age(struct pair *pair, uint32_t index)
{
    pair->shared->producer = (struct ring_side){.index = index, .event = index - 1};
    pair->shared->consumer = (struct ring_side){.index = index, .event = index - 1};
    pair->producer.next = pair->producer.published = pair->producer.seen = index;
    pair->consumer.next = pair->consumer.given_back = pair->consumer.seen = index;
}

static struct element element_make(uint64_t sequence)
{
    struct element element = {.sequence = sequence};

    memset(element.payload, (int)(sequence * 7), sizeof element.payload);
    return element;
}

static bool element_right(const struct element *element, uint64_t sequence)
{
    struct element expected = element_make(sequence);

    return memcmp(element, &expected, sizeof expected) == 0;
}

static void test_shapes(void)
{
    struct ring_producer producer;
    struct ring_consumer consumer;
    _Alignas(RING_LINE) static uint8_t memory[4096];
    size_t size = 4711;

    CASE("shapes: capacity, element size, alignment, memory");
    CHECK(ring_size(1, 1, &size) == OK && size == 2 * RING_LINE + 1);
    CHECK(ring_size(RING_CAPACITY_MAX, RING_ELEMENT_SIZE_MAX, &size) == OK && size == (1ull << 36) + 128);
    CHECK_EQ(ring_size(0, 1, &size), ERR_INVALID);
    CHECK_EQ(ring_size(3, 1, &size), ERR_INVALID);
    CHECK_EQ(ring_size(2 * RING_CAPACITY_MAX, 1, &size), ERR_INVALID);
    CHECK_EQ(ring_size(1u << 31, 1, &size), ERR_INVALID);
    CHECK_EQ(ring_size(4, 0, &size), ERR_INVALID);
    CHECK_EQ(ring_size(4, RING_ELEMENT_SIZE_MAX + 1, &size), ERR_INVALID);
    CHECK_EQ(ring_producer_open(memory, sizeof memory, 64, 62, &producer), OK);
    CHECK_EQ(ring_producer_open(memory, sizeof memory, 64, 63, &producer), ERR_RANGE);
    CHECK_EQ(ring_consumer_open(memory, sizeof memory, 64, 63, &consumer), ERR_RANGE);
    CHECK_EQ(ring_consumer_open(memory + 8, 2048, 4, 4, &consumer), ERR_INVALID);
    CHECK_EQ(ring_consumer_open(memory, 0, 4, 4, &consumer), ERR_RANGE);
}

static void test_order(uint32_t start)
{
    struct pair pair = pair_open(CAPACITY);
    struct element element;
    uint64_t in = 0, out = 0;
    bool notify;

    pair_age(&pair, start);
    for (unsigned round = 0; round < 100; round++) {
        unsigned fill = round % (CAPACITY + 1);
        for (unsigned i = 0; i < fill; i++, in++) {
            element = element_make(in);
            CHECK_EQ(ring_push(&pair.producer, &element, &notify), OK);
        }
        if (fill == CAPACITY)
            CHECK_EQ(ring_push(&pair.producer, &element, &notify), ERR_AGAIN);
        for (unsigned i = 0; i < fill; i++, out++) {
            CHECK_EQ(ring_pop(&pair.consumer, &element, &notify), OK);
            CHECK(element_right(&element, out));
        }
        memset(&element, 0x55, sizeof element);
        CHECK_EQ(ring_pop(&pair.consumer, &element, &notify), ERR_AGAIN);
        CHECK_EQ(element.payload[0], 0x55);
    }
    free(pair.shared);
}

static void test_batches(void)
{
    struct pair pair = pair_open(CAPACITY);
    struct element element = {0};
    uint32_t count = 0;
    bool may_sleep = false;

    CASE("batches: nothing is seen before it is published, no slot is free before it is given back");
    for (uint64_t i = 0; i < CAPACITY; i++) {
        element = element_make(i);
        CHECK_EQ(ring_stage(&pair.producer, &element), OK);
    }
    CHECK_EQ(ring_stage(&pair.producer, &element), ERR_AGAIN);
    CHECK(ring_pending(&pair.consumer, &count) == OK && count == 0);
    CHECK_EQ(ring_producer_prepare_sleep(&pair.producer, 1, &may_sleep), ERR_BUSY);
    ring_publish(&pair.producer);
    CHECK(!ring_publish(&pair.producer));
    CHECK(ring_pending(&pair.consumer, &count) == OK && count == CAPACITY);
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_EQ(ring_take(&pair.consumer, &element), OK);
        CHECK(element_right(&element, i));
    }
    CHECK(ring_pending(&pair.consumer, &count) == OK && count == CAPACITY - 3);
    CHECK(ring_space(&pair.producer, &count) == OK && count == 0);
    CHECK_EQ(ring_consumer_prepare_sleep(&pair.consumer, &may_sleep), ERR_BUSY);
    ring_give_back(&pair.consumer);
    CHECK(!ring_give_back(&pair.consumer));
    CHECK(ring_space(&pair.producer, &count) == OK && count == 3);
    free(pair.shared);
}

/* Pushes or pops one element and returns whether the peer is to be notified. */
static bool push_one(struct pair *pair)
{
    struct element element = element_make(0);
    bool notify = false;

    CHECK_EQ(ring_push(&pair->producer, &element, &notify), OK);
    return notify;
}

static bool pop_one(struct pair *pair)
{
    struct element element;
    bool notify = false;

    CHECK_EQ(ring_pop(&pair->consumer, &element, &notify), OK);
    return notify;
}

static void test_consumer_events(uint32_t start)
{
    struct pair pair = pair_open(CAPACITY);
    bool may_sleep = false;

    pair_age(&pair, start);
    CHECK(!push_one(&pair)); /* nobody asked */
    CHECK(ring_consumer_prepare_sleep(&pair.consumer, &may_sleep) == OK && !may_sleep);
    pop_one(&pair);
    CHECK(ring_consumer_prepare_sleep(&pair.consumer, &may_sleep) == OK && may_sleep);
    CHECK(push_one(&pair));
    CHECK(!push_one(&pair)); /* asked once, told once */
    pop_one(&pair);
    pop_one(&pair);
    CHECK(!push_one(&pair));
    free(pair.shared);
}

static void test_producer_events(uint32_t start)
{
    struct pair pair = pair_open(CAPACITY);
    struct element element;
    bool may_sleep = true;

    pair_age(&pair, start);
    CHECK(ring_producer_prepare_sleep(&pair.producer, CAPACITY, &may_sleep) == OK && !may_sleep);
    for (unsigned i = 0; i < CAPACITY; i++)
        push_one(&pair);
    CHECK_EQ(ring_producer_prepare_sleep(&pair.producer, 0, &may_sleep), ERR_RANGE);
    CHECK_EQ(ring_producer_prepare_sleep(&pair.producer, CAPACITY + 1, &may_sleep), ERR_RANGE);
    CHECK(ring_producer_prepare_sleep(&pair.producer, 1, &may_sleep) == OK && may_sleep);
    CHECK(pop_one(&pair));
    CHECK(!pop_one(&pair));
    CHECK(ring_producer_prepare_sleep(&pair.producer, 2, &may_sleep) == OK && !may_sleep);
    CHECK(ring_producer_prepare_sleep(&pair.producer, 5, &may_sleep) == OK && may_sleep);
    CHECK(!pop_one(&pair));
    CHECK(!pop_one(&pair));
    CHECK(pop_one(&pair));
    CHECK(ring_producer_prepare_sleep(&pair.producer, CAPACITY, &may_sleep) == OK && may_sleep);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(ring_take(&pair.consumer, &element), OK);
    CHECK(ring_give_back(&pair.consumer)); /* a batch that passes the event */
    free(pair.shared);
}

static void test_hostile_producer(uint32_t start)
{
    const uint32_t lies[] = {
        CAPACITY + 3, CAPACITY + 4, 1000, INT32_MAX, (uint32_t)INT32_MAX + 1, UINT32_MAX, 1};

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct pair pair = pair_open(CAPACITY);
        struct element element;
        uint32_t count = 99;
        bool flag = true;

        pair_age(&pair, start);
        push_one(&pair);
        push_one(&pair);
        pop_one(&pair);
        pop_one(&pair);
        /* honest would be start + 2 to start + 2 + CAPACITY; start + 1 is a step backwards */
        pair.shared->producer.index = start + lies[i];
        CHECK_EQ(ring_pop(&pair.consumer, &element, &flag), ERR_INVALID);
        pair.shared->producer.index = start + 3; /* too late to become honest */
        CHECK_EQ(ring_pop(&pair.consumer, &element, &flag), ERR_PEER_GONE);
        CHECK_EQ(ring_pending(&pair.consumer, &count), ERR_PEER_GONE);
        CHECK_EQ(ring_consumer_prepare_sleep(&pair.consumer, &flag), ERR_PEER_GONE);
        CHECK(!ring_give_back(&pair.consumer));
        CHECK(flag && count == 99);
        free(pair.shared);
    }
}

static void test_hostile_consumer(uint32_t start)
{
    const uint32_t lies[] = {CAPACITY + 1, 1000, INT32_MAX, (uint32_t)INT32_MAX + 1, UINT32_MAX};

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct pair pair = pair_open(CAPACITY);
        struct element element = element_make(0);
        uint32_t count = 99;
        bool flag = true;

        pair_age(&pair, start);
        for (unsigned j = 0; j < CAPACITY; j++)
            push_one(&pair);
        pair.shared->consumer.index = start + lies[i]; /* more than was ever published, or a step backwards */
        CHECK_EQ(ring_producer_prepare_sleep(&pair.producer, 1, &flag), ERR_INVALID);
        pair.shared->consumer.index = start + 1;
        CHECK_EQ(ring_push(&pair.producer, &element, &flag), ERR_PEER_GONE);
        CHECK_EQ(ring_stage(&pair.producer, &element), ERR_PEER_GONE);
        CHECK_EQ(ring_space(&pair.producer, &count), ERR_PEER_GONE);
        CHECK_EQ(ring_producer_prepare_sleep(&pair.producer, 1, &flag), ERR_PEER_GONE);
        CHECK(!ring_publish(&pair.producer));
        CHECK(flag && count == 99);
        free(pair.shared);
    }
}

/* A peer that writes noise over the whole shared memory: every call returns, and nothing outside is touched. */
static void test_noise(void)
{
    for (unsigned seed = 0; seed < 2000; seed++) {
        struct pair pair = pair_open(CAPACITY);
        struct element element = element_make(seed);
        bool flag;
        uint32_t count;

        srand(seed);
        for (unsigned step = 0; step < 100; step++) {
            uint32_t *victim =
                (uint32_t *[]){&pair.shared->producer.index, &pair.shared->producer.event,
                               &pair.shared->consumer.index, &pair.shared->consumer.event}[rand() % 4];
            if (rand() % 4 == 0)
                *victim += (uint32_t)(rand() % 64 == 0 ? rand() : rand() % 3);
            enum status status = ring_push(&pair.producer, &element, &flag);
            CHECK(status == OK || status == ERR_AGAIN || status == ERR_INVALID || status == ERR_PEER_GONE);
            status = ring_pop(&pair.consumer, &element, &flag);
            CHECK(status == OK || status == ERR_AGAIN || status == ERR_INVALID || status == ERR_PEER_GONE);
            if (ring_pending(&pair.consumer, &count) == OK)
                CHECK(count <= CAPACITY);
            if (ring_space(&pair.producer, &count) == OK)
                CHECK(count <= CAPACITY);
        }
        free(pair.shared);
    }
}

int main(void)
{
    static const uint32_t starts[] = {0, 1000, UINT32_MAX - 3, INT32_MAX};

    test_shapes();
    test_batches();
    for (unsigned i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        CASE("order of elements, full and empty ring");
        test_order(starts[i]);
        CASE("events: the consumer is told when it asked, and only then");
        test_consumer_events(starts[i]);
        CASE("events: the producer is told when there is as much room as it asked for");
        test_producer_events(starts[i]);
        CASE("hostile producer: ERR_INVALID once, then ERR_PEER_GONE");
        test_hostile_producer(starts[i]);
        CASE("hostile consumer: ERR_INVALID once, then ERR_PEER_GONE");
        test_hostile_consumer(starts[i]);
    }
    CASE("noise in the shared memory");
    test_noise();
    return check_finish();
}
