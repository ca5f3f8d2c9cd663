/* SPDX-License-Identifier: MIT */
/*
 * A virtqueue between two threads that really sleep: every chain comes back once, with the right bytes, and
 * neither side sleeps for ever. Built twice: under ThreadSanitizer and under AddressSanitizer.
 *
 * The notification is a flag under a lock: signals OR together. A side that sleeps for ten seconds has lost a
 * wake-up, as the other one works on the whole time.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/virtio/queue_driver.h"
#include "lib/virtio/test/guest.h"
#include "test/check.h"

enum { LOST_SECONDS = 10, SIZE_MAX_TESTED = 128, TABLES = 32 << 10, DATA = 128 << 10, RAM = 256 << 10 };

struct doorbell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool pending;
    uint64_t rings;
};

struct run {
    struct guest guest;
    uint16_t size;
    bool event_index, indirect;
    unsigned wanted; /* completions that the driver waits for, at most */
    uint64_t count;
    struct doorbell to_driver, to_device;
    uint64_t wrong, sleeps;
    bool stop; /* either side: done, or a wake-up was lost; atomic */
    bool lost; /* atomic */
};

static void doorbell_ring(struct doorbell *bell)
{
    pthread_mutex_lock(&bell->lock);
    bell->pending = true;
    bell->rings++;
    pthread_cond_signal(&bell->rung);
    pthread_mutex_unlock(&bell->lock);
}

static void doorbell_wait(struct run *run, struct doorbell *bell)
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
    if (error != 0) {
        __atomic_store_n(&run->lost, true, __ATOMIC_RELAXED);
        __atomic_store_n(&run->stop, true, __ATOMIC_RELAXED);
    }
}

static bool stopped(struct run *run)
{
    return __atomic_load_n(&run->stop, __ATOMIC_RELAXED);
}

/* ---- driver: request i asks for the complement of a number ---- */

struct request {
    uint64_t number;
    bool used;
};

static uint64_t *data_of(struct run *run, unsigned index)
{
    return (uint64_t *)(run->guest.memory + DATA) + (size_t)index * 2;
}

static bool request_add(struct run *run, struct virtqueue_driver *queue, struct request *request,
                        unsigned index, uint64_t number)
{
    uint64_t address = GUEST_BASE + DATA + index * 16u;
    struct virtqueue_buffer buffers[2] = {{address, 8}, {address + 8, 8}};
    struct virtq_desc *table = (struct virtq_desc *)(run->guest.memory + TABLES) + (size_t)index * 2;
    enum status status;

    data_of(run, index)[0] = number;
    virtqueue_table_put(table, 0, 2, address, 8, 0);
    virtqueue_table_put(table, 1, 2, address + 8, 8, VIRTQ_DESC_F_WRITE);
    request->number = number;
    status = run->indirect && (number % 3 != 0 || run->size == 1)
                 ? virtqueue_driver_add_indirect(queue, GUEST_BASE + TABLES + index * 32u, 2, 8, request)
                 : virtqueue_driver_add(queue, buffers, 1, 1, request);
    request->used = status == OK;
    return status == OK;
}

static uint64_t collect(struct run *run, struct virtqueue_driver *queue, struct request *requests)
{
    uint64_t collected = 0;
    struct request *request;
    uint32_t written = 0;
    void *token = NULL;
    enum status status;

    while ((status = virtqueue_driver_collect(queue, &token, &written)) == OK) {
        request = token;
        unsigned index = (unsigned)(request - requests);
        run->wrong += !request->used || written != 8 || data_of(run, index)[1] != ~request->number;
        request->used = false;
        collected++;
    }
    REQUIRE(status == ERR_AGAIN);
    return collected;
}

static void *driver_main(void *argument)
{
    static struct virtqueue_slot slots[SIZE_MAX_TESTED];
    static struct request requests[SIZE_MAX_TESTED];
    struct run *run = argument;
    struct virtqueue_driver queue;
    uint64_t added = 0, done = 0;
    bool sleep;

    memset(requests, 0, sizeof(requests));
    REQUIRE(virtqueue_driver_open(run->guest.memory, slots, run->size, run->event_index, &queue) == OK);
    while (done < run->count && !stopped(run)) {
        virtqueue_driver_awake(&queue);
        for (unsigned i = 0; i < run->size && added < run->count; i++)
            if (!requests[i].used && request_add(run, &queue, &requests[i], i, added))
                added++;
        if (virtqueue_driver_publish(&queue))
            doorbell_ring(&run->to_device);
        done += collect(run, &queue, requests);
        uint64_t wanted = 1 + done % run->wanted;
        if (added == done)
            continue;
        REQUIRE(virtqueue_driver_prepare_sleep(
                    &queue, (unsigned)(wanted < added - done ? wanted : added - done), &sleep) == OK);
        if (sleep)
            doorbell_wait(run, &run->to_driver);
    }
    __atomic_store_n(&run->stop, true, __ATOMIC_RELAXED);
    doorbell_ring(&run->to_device);
    return NULL;
}

/* ---- device ---- */

static void *device_main(void *argument)
{
    struct run *run = argument;
    struct virtqueue_setup setup = guest_setup(0, run->size, run->event_index, run->indirect);
    struct virtqueue_translation translation = guest_translation(&run->guest);
    struct virtqueue_device queue;
    struct virtqueue_piece pieces[4];
    struct virtqueue_chain chain;
    enum status status;
    bool sleep = false;

    REQUIRE(virtqueue_device_open(&setup, &translation, &queue) == OK);
    while (!stopped(run)) {
        virtqueue_device_awake(&queue);
        while ((status = virtqueue_device_pop(&queue, pieces, 4, &chain)) == OK) {
            REQUIRE(chain.readable == 1 && chain.writable == 1);
            *(uint64_t *)pieces[1].pointer = ~*(uint64_t *)pieces[0].pointer;
            virtqueue_device_push(&queue, chain.head, 8);
            if (chain.head % 4 == 0 && virtqueue_device_publish(&queue))
                doorbell_ring(&run->to_driver);
        }
        REQUIRE(status == ERR_AGAIN);
        if (virtqueue_device_publish(&queue))
            doorbell_ring(&run->to_driver);
        REQUIRE(virtqueue_device_prepare_sleep(&queue, &sleep) == OK);
        run->sleeps += sleep;
        if (sleep && !stopped(run))
            doorbell_wait(run, &run->to_device);
    }
    return NULL;
}

static void run_queue(uint16_t size, bool event_index, bool indirect, unsigned wanted, uint64_t count)
{
    struct run run = {
        .size = size, .event_index = event_index, .indirect = indirect, .wanted = wanted, .count = count};
    pthread_t driver, device;

    run.guest = guest_make(RAM);
    run.to_driver = (struct doorbell){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
    run.to_device = (struct doorbell){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
    REQUIRE(pthread_create(&driver, NULL, driver_main, &run) == 0);
    REQUIRE(pthread_create(&device, NULL, device_main, &run) == 0);
    pthread_join(driver, NULL);
    pthread_join(device, NULL);
    CHECK_EQ(run.wrong, 0);
    CHECK(!run.lost);
    printf("  %llu requests, %llu sleeps of the device, %llu and %llu notifications\n",
           (unsigned long long)count, (unsigned long long)run.sleeps, (unsigned long long)run.to_device.rings,
           (unsigned long long)run.to_driver.rings);
    free(run.guest.memory);
}

int main(void)
{
    CASE("size 128, event index, indirect");
    run_queue(128, true, true, 32, 600000);
    CASE("size 128, flags");
    run_queue(128, false, false, 1, 600000);
    CASE("size 4, event index");
    run_queue(4, true, false, 2, 200000);
    CASE("size 1, event index, indirect: both sides sleep all the time");
    run_queue(1, true, true, 1, 60000);
    CASE("size 2, flags");
    run_queue(2, false, false, 1, 60000);
    return check_finish();
}
