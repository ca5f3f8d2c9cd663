/* SPDX-License-Identifier: MIT */
/* Start-up, thread-local variables, threads, locks, heap. */
#include "test/base/base_test.h"

#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/lock.h"
#include "lib/base/pd_session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/string/string.h"

static _Thread_local uint64_t with_value = 0x1234;
static _Thread_local char with_zeroes[100];
static _Thread_local uint64_t aligned __attribute__((aligned(64))) = 5;
static int constructed;

__attribute__((constructor)) static void construct(void)
{
    constructed = (int)with_value;
}

static uint64_t ram_used(void)
{
    struct pd_info info = {0};

    CHECK_EQ(pd_info(ENV_SLOT_PD_SESSION, &info), OK);
    return info.ram_used;
}

static void check_locals(void)
{
    CHECK_EQ(with_value, 0x1234);
    CHECK_EQ(aligned, 5);
    CHECK_EQ((uint64_t)&aligned % 64, 0);
    for (unsigned i = 0; i < sizeof(with_zeroes); i++)
        CHECK_EQ(with_zeroes[i], 0);
}

void test_start(void)
{
    test_case("constructors and thread-local variables");
    CHECK_EQ(constructed, 0x1234);
    check_locals();
    CHECK(time_tsc_khz() > 1000);
    CHECK_EQ(strcmp(env.name, "init"), 0);
}

static void use_locals(void *argument)
{
    check_locals();
    memset(with_zeroes, 1, sizeof(with_zeroes));
    with_value = 7;
    *(uint64_t *)argument = 1;
}

static void many_threads(unsigned number)
{
    struct thread *thread;
    uint64_t ran;

    for (unsigned i = 0; i < number; i++) {
        ran = 0;
        CHECK_EQ(thread_create(&(struct thread_options){.name = "worker"}, use_locals, &ran, &thread), OK);
        thread_join(thread);
        CHECK_EQ(ran, 1);
    }
}

static struct lock lock;
static volatile unsigned counter;

static void count_slowly(void *argument)
{
    for (int i = 0; i < 50; i++) {
        lock_take(&lock);
        unsigned value = counter;

        if (i % 5 == 0)
            thread_sleep_until(time_after_ns(20000)); /* others meet a held lock */
        counter = value + 1;
        lock_leave(&lock);
    }
    (void)argument;
}

static void test_lock(void)
{
    struct thread *threads[4];

    test_case("a lock between four threads of two priorities");
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(thread_create(&(struct thread_options){.name = "counter", .priority = 20 + i / 2},
                               count_slowly, NULL, &threads[i]),
                 OK);
    for (unsigned i = 0; i < 4; i++)
        thread_join(threads[i]);
    CHECK_EQ(counter, 200);
    CHECK_EQ(lock.state, 0);
}

static void test_heap(void)
{
    void *blocks[64];
    uint64_t before;

    test_case("the heap grows and shrinks on the own quota");
    heap_free(heap_alloc(1));
    before = ram_used();
    for (unsigned i = 0; i < 64; i++) {
        blocks[i] = heap_alloc(20000);
        CHECK(blocks[i]);
        memset(blocks[i], 0xff, 20000);
    }
    CHECK(ram_used() >= before + 64 * 20000 - (64 << 10));
    for (unsigned i = 0; i < 64; i++)
        heap_free(blocks[i]);
    CHECK(ram_used() <=
          before + 64 * 20000 / 2); /* one chunk stays, which may be a large one, and page tables */
    CHECK(heap_alloc((size_t)1 << 40) == NULL);
    char *zeroed = heap_alloc(5000);

    for (unsigned i = 0; i < 5000; i++)
        CHECK_EQ(zeroed[i], 0);
    heap_free(zeroed);
}

void test_threads(void)
{
    test_case("threads have variables of their own, and leave nothing behind");
    many_threads(3);
    uint64_t before = ram_used();

    many_threads(20);
    CHECK_EQ(ram_used(), before);
    check_locals();
    test_lock();
    test_heap();
}
