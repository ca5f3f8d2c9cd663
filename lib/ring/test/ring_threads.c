/* SPDX-License-Identifier: MIT */
/*
 * The ring between two threads that really sleep: every element arrives once, complete and in order, and neither
 * side sleeps for ever. Built twice: under ThreadSanitizer and under AddressSanitizer.
 *
 * A notification is a flag under a lock, as badge bits are: signals OR together. A side that sleeps for ten seconds
 * has lost a wake-up, as the other one works on the whole time.
 */
#include "lib/ring/ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/check.h"

enum { WORDS = 4, LOST_SECONDS = 10 };

struct doorbell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool pending;
    uint64_t rings;
};

struct run {
    void *memory;
    size_t size;
    uint32_t capacity;
    unsigned batch; /* elements published or given back together */
    uint64_t count;
    struct doorbell to_producer, to_consumer;
    uint64_t wrong, asked, sleeps; /* the consumer's */
    bool lost;                     /* either side: a wake-up was lost; atomic */
};

static void doorbell_ring(struct doorbell *bell)
{
    pthread_mutex_lock(&bell->lock);
    bell->pending = true;
    bell->rings++;
    pthread_cond_signal(&bell->rung);
    pthread_mutex_unlock(&bell->lock);
}

static bool doorbell_wait(struct doorbell *bell)
{
    struct timespec until;
    int error = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LOST_SECONDS;
    pthread_mutex_lock(&bell->lock);
    while (!bell->pending && error == 0)
        error = pthread_cond_timedwait(&bell->rung, &bell->lock, &until);
    bell->pending = false;
    pthread_mutex_unlock(&bell->lock);
    return error == 0;
}

static bool run_lost(struct run *run, bool lost)
{
    if (lost)
        __atomic_store_n(&run->lost, true, __ATOMIC_RELAXED);
    return __atomic_load_n(&run->lost, __ATOMIC_RELAXED);
}

static void publish(struct run *run, struct ring_producer *ring)
{
    if (ring_publish(ring))
        doorbell_ring(&run->to_consumer);
}

static void *producer_main(void *argument)
{
    struct run *run = argument;
    struct ring_producer ring;
    unsigned staged = 0;
    bool may_sleep;

    REQUIRE(ring_producer_open(run->memory, run->size, run->capacity, sizeof(uint64_t[WORDS]), &ring) == OK);
    for (uint64_t i = 0; i < run->count && !run_lost(run, false);) {
        uint64_t element[WORDS] = {i, ~i, i * 3, i ^ 0x5555};
        enum status status = ring_stage(&ring, element);
        i += status == OK;
        staged += status == OK;
        if (status != OK || staged >= run->batch || i == run->count) {
            publish(run, &ring);
            staged = 0;
        }
        if (status == ERR_AGAIN) {
            uint32_t wanted = (uint32_t)(i % run->capacity) + 1;
            REQUIRE(ring_producer_prepare_sleep(&ring, wanted, &may_sleep) == OK);
            if (may_sleep)
                run_lost(run, !doorbell_wait(&run->to_producer));
        }
    }
    return NULL;
}

static void give_back(struct run *run, struct ring_consumer *ring)
{
    if (ring_give_back(ring))
        doorbell_ring(&run->to_producer);
}

static void *consumer_main(void *argument)
{
    struct run *run = argument;
    struct ring_consumer ring;
    bool may_sleep;

    REQUIRE(ring_consumer_open(run->memory, run->size, run->capacity, sizeof(uint64_t[WORDS]), &ring) == OK);
    for (uint64_t i = 0; i < run->count && !run_lost(run, false);) {
        uint64_t element[WORDS];
        enum status status = ring_take(&ring, element);
        if (status == OK) {
            run->wrong +=
                element[0] != i || element[1] != ~i || element[2] != i * 3 || element[3] != (i ^ 0x5555);
            i++;
        }
        if (status != OK || i % run->batch == 0)
            give_back(run, &ring);
        if (status == ERR_AGAIN) {
            REQUIRE(ring_consumer_prepare_sleep(&ring, &may_sleep) == OK);
            run->asked++;
            run->sleeps += may_sleep;
            if (may_sleep)
                run_lost(run, !doorbell_wait(&run->to_consumer));
        }
    }
    give_back(run, &ring);
    return NULL;
}

static void run_ring(uint32_t capacity, unsigned batch, uint64_t count)
{
    struct run run = {.capacity = capacity, .batch = batch, .count = count};
    pthread_t producer, consumer;

    REQUIRE(ring_size(capacity, sizeof(uint64_t[WORDS]), &run.size) == OK);
    run.memory = aligned_alloc(RING_LINE, (run.size + RING_LINE - 1) / RING_LINE * RING_LINE);
    memset(run.memory, 0, run.size);
    run.to_producer = (struct doorbell){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
    run.to_consumer = (struct doorbell){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
    REQUIRE(pthread_create(&producer, NULL, producer_main, &run) == 0);
    REQUIRE(pthread_create(&consumer, NULL, consumer_main, &run) == 0);
    pthread_join(producer, NULL);
    pthread_join(consumer, NULL);
    CHECK_EQ(run.wrong, 0);
    CHECK(!run.lost);
    /* Told at most once for each time it asked, but for the first: whoever does not ask is left alone. */
    CHECK(run.to_consumer.rings <= run.asked + 1);
    printf("  %llu elements, %llu sleeps of the consumer, %llu and %llu notifications\n",
           (unsigned long long)count, (unsigned long long)run.sleeps,
           (unsigned long long)run.to_consumer.rings, (unsigned long long)run.to_producer.rings);
    free(run.memory);
}

int main(void)
{
    CASE("capacity 256, single elements");
    run_ring(256, 1, 2000000);
    CASE("capacity 256, batches of 16");
    run_ring(256, 16, 2000000);
    CASE("capacity 4, batches of 3");
    run_ring(4, 3, 300000);
    CASE("capacity 1: both sides sleep all the time");
    run_ring(1, 1, 100000);
    return check_finish();
}
