/* SPDX-License-Identifier: MIT */
/* Dataspaces, attachments, region maps with a pager, quotas. */
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/string/string.h"
#include "test/core/core_test.h"

#define PD ENV_SLOT_PD_SESSION

static void test_dataspaces(void)
{
    struct usage before = usage_now();
    struct memory memory = {0};

    test_case("a fresh dataspace is zero, and gone after free");
    CHECK_EQ(memory_alloc(5 << 20, &memory), OK);
    uint64_t *words = memory.address, sum = 0;
    for (uint64_t i = 0; i < memory.size / 8; i++)
        sum |= words[i];
    CHECK_EQ(sum, 0);
    memset(memory.address, 0xff, memory.size);
    memory_free(&memory);
    CHECK_EQ(memory_alloc(5 << 20, &memory), OK);
    words = memory.address;
    for (uint64_t i = 0; i < memory.size / 8; i++)
        sum |= words[i];
    CHECK_EQ(sum, 0);
    memory_free(&memory);
    CHECK_USAGE(before);
}

static void test_bad_requests(void)
{
    struct usage before = usage_now();
    struct pd_attach attach = {.address = PD_ANYWHERE, .rights = PD_READ};
    struct pd_info info;
    uint64_t address;
    uint32_t dataspace;

    test_case("bad requests are refused and cost nothing");
    CHECK_EQ(pd_info(PD, &info), OK);
    CHECK_EQ(dataspace_alloc(info.ram_limit, 0, &dataspace), ERR_NO_RAM);
    CHECK_EQ(dataspace_alloc(1ull << 60, 0, &dataspace), ERR_INVALID);
    CHECK_EQ(dataspace_alloc(0, 0, &dataspace), ERR_INVALID);
    CHECK_EQ(pd_attach(PD, ENV_SLOT_THREAD, &attach, &address), ERR_CAP);
    CHECK_EQ(pd_attach(PD, PD, &attach, &address), ERR_CAP);
    CHECK_EQ(pd_dataspace_free(PD, ENV_SLOT_PARENT), ERR_CAP);
    CHECK_EQ(pd_detach(PD, 0x1000), ERR_NOT_FOUND);
    CHECK_EQ(pd_detach(PD, env.page->message_area), ERR_DENIED);
    CHECK_EQ(dataspace_alloc(3 * 4096, 0, &dataspace), OK);
    attach.rights = PD_READ | PD_WRITE | PD_EXECUTE;
    CHECK_EQ(pd_attach(PD, dataspace, &attach, &address), ERR_INVALID);
    attach = (struct pd_attach){.address = PD_ANYWHERE, .offset = 3 * 4096, .rights = PD_READ};
    CHECK_EQ(pd_attach(PD, dataspace, &attach, &address), ERR_RANGE);
    attach = (struct pd_attach){.address = 0, .rights = PD_READ};
    CHECK_EQ(pd_attach(PD, dataspace, &attach, &address), ERR_RANGE);
    dataspace_free(dataspace);
    CHECK_USAGE(before);
}

/* The same writable memory, once its owner has sealed it. */
static void test_seal(void)
{
    struct usage before = usage_now();
    struct pd_dataspace_info info = {0};
    void *own = NULL, *other = NULL;
    uint32_t dataspace = 0;

    test_case("sealed memory is written by who had it attached, and read by all others");
    CHECK_EQ(dataspace_alloc(4096, 0, &dataspace), OK);
    CHECK_EQ(memory_attach(dataspace, PD_READ | PD_WRITE, &own), OK);
    CHECK_EQ(dataspace_seal(dataspace), OK);
    CHECK_EQ(pd_dataspace_info(PD, dataspace, &info), OK);
    CHECK(!(info.rights & PD_WRITE));
    CHECK_EQ(memory_attach(dataspace, PD_READ | PD_WRITE, &other), ERR_DENIED);
    CHECK_EQ(memory_attach(dataspace, PD_READ, &other), OK);
    ((volatile char *)own)[9] = 7;
    CHECK_EQ(((volatile char *)other)[9], 7);
    memory_detach(other);
    memory_detach(own);
    dataspace_free(dataspace);
    CHECK_EQ(pd_dataspace_seal(PD, PD), ERR_CAP);
    CHECK_USAGE(before);
}

/* While it is filled, core must serve others: a thread of higher priority makes calls and notes the longest one. */
static volatile bool large_done;
static volatile uint64_t longest, calls;

static void call_core(void *argument)
{
    struct pd_info info;

    (void)argument;
    while (!large_done) {
        uint64_t start = time_now(), taken;

        if (pd_info(PD, &info) != OK)
            break;
        taken = time_now() - start;
        longest = taken > longest ? taken : longest;
        calls++;
        thread_sleep_until(time_after_ns(100000));
    }
}

static void test_large(void)
{
    struct thread_options options = {.name = "caller", .priority = 110};
    struct usage before = usage_now();
    struct thread *thread = NULL;
    struct pd_info info = {0};
    uint32_t dataspace = 0, second = 0;
    uint64_t size;

    test_case("others are served while a large dataspace is filled");
    CHECK_EQ(pd_info(PD, &info), OK);
    size = (info.ram_limit - info.ram_used) / 2 & ~(uint64_t)4095;
    large_done = false;
    calls = longest = 0;
    CHECK_EQ(thread_create(&options, call_core, NULL, &thread), OK);
    uint64_t start = time_now(), before_calls = calls;
    CHECK_EQ(dataspace_alloc(size, 0, &dataspace), OK);
    uint64_t taken = time_now() - start;
    CHECK(calls - before_calls >= size / (16ull << 20));
    large_done = true;
    thread_join(thread);
    log_info("filling %lu MiB took %lu us, the longest call meanwhile %lu us, of %lu", size >> 20,
             time_to_ns(taken) / 1000, time_to_ns(longest) / 1000, calls);

    test_case("what was begun and is not wanted any more makes room");
    struct pd_dataspace_alloc in = {.size = size - (4 << 20)};
    struct ipc ipc = {
        .portal = PD, .opcode = PD_DATASPACE_ALLOC, .in = &in, .in_size = sizeof(in), .receive_count = 1};
    CHECK_EQ(ipc_call(&ipc), ERR_AGAIN);
    CHECK_EQ(dataspace_alloc(size - (8 << 20), 0, &second), OK);
    dataspace_free(second);
    dataspace_free(dataspace);
    CHECK_USAGE(before);
}

static void test_sharing(void)
{
    uint32_t dataspace = 0;
    void *whole = NULL, *part = NULL;

    test_case("two attachments show the same memory, at an offset");
    CHECK_EQ(dataspace_alloc(4 * 4096, PD_DATASPACE_CONTIGUOUS, &dataspace), OK);
    CHECK_EQ(memory_attach(dataspace, PD_READ | PD_WRITE, &whole), OK);
    CHECK_EQ(memory_attach_at(dataspace, 2 * 4096, 4096, PD_ANYWHERE, PD_READ, &part), OK);
    ((char *)whole)[2 * 4096 + 7] = 42;
    CHECK_EQ(((char *)part)[7], 42);

    test_case("freed memory that is still attached reads as scratch");
    dataspace_free(dataspace);
    CHECK_EQ(((char *)part)[7], 0);
    memory_detach(part);
    memory_detach(whole);
}

/* A reader whose accesses fault until the pager has attached something. */
static volatile char *paged;
static volatile unsigned pages_read;

static void reader(void *argument)
{
    (void)argument;
    for (unsigned page = 0; page < 8; page++) {
        if (paged[page * 4096] == (char)('a' + page))
            pages_read++;
    }
}

static void serve_faults(uint32_t map, uint32_t notification, uint32_t dataspace)
{
    uint64_t bits, address;

    for (unsigned served = 0; served < 8;) {
        struct pd_region_fault fault;

        CHECK_EQ(notification_wait(notification, UINT64_MAX, &bits), OK);
        while (pd_region_map_fault(PD, map, &fault) == OK) {
            struct pd_attach attach = {
                .address = fault.offset, .offset = fault.offset, .size = 4096, .rights = PD_READ};

            CHECK_EQ(fault.access, PD_READ);
            CHECK_EQ(pd_region_map_attach(PD, map, dataspace, &attach, &address), OK);
            served++;
        }
    }
}

static void test_pager(void)
{
    uint32_t map = 0, notification = 0;
    struct memory memory = {0};
    struct thread *thread = NULL;
    void *address = NULL;

    test_case("a region map with a pager is filled fault by fault");
    CHECK_EQ(memory_alloc(8 * 4096, &memory), OK);
    for (unsigned page = 0; page < 8; page++)
        ((char *)memory.address)[page * 4096] = (char)('a' + page);
    CHECK_EQ(notification_create(&notification), OK);
    CHECK_EQ(pd_region_map_create(PD, 8 * 4096, &map), OK);
    CHECK_EQ(pd_region_map_pager(PD, map, notification), OK);
    CHECK_EQ(memory_attach(map, PD_READ, &address), OK);
    paged = address;
    pages_read = 0;
    CHECK_EQ(thread_create(&(struct thread_options){.name = "reader"}, reader, NULL, &thread), OK);
    serve_faults(map, notification, memory.dataspace);
    thread_join(thread);
    CHECK_EQ(pages_read, 8);

    test_case("a map shows the changes inside it at once");
    CHECK_EQ(paged[4096], 'b');
    CHECK_EQ(pd_region_map_detach(PD, map, 4096), OK);
    struct pd_attach attach = {.address = 4096, .offset = 3 * 4096, .size = 4096, .rights = PD_READ};
    uint64_t place;
    CHECK_EQ(pd_region_map_attach(PD, map, memory.dataspace, &attach, &place), OK);
    CHECK_EQ(paged[4096], 'd');
    memory_detach(address);
    CHECK_EQ(pd_region_map_destroy(PD, map), OK);
    cap_free(map);
    memory_free(&memory);
    notification_destroy(notification);
}

void test_memory(void)
{
    test_dataspaces();
    test_bad_requests();
    test_sharing();
    test_seal();
    test_large();
    test_pager();

    test_case("memory returns to its start");
    struct usage before = usage_now();
    test_quiet = true;
    for (unsigned round = 0; round < 20; round++) {
        test_sharing();
        test_pager();
    }
    test_quiet = false;
    CHECK_USAGE(before);
}
