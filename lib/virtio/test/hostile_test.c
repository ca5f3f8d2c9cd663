/* SPDX-License-Identifier: MIT */
/*
 * What no correct peer does: every rule of queue_device.h and queue_driver.h is broken once, must be noticed by
 * name, and the queue is dead afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/virtio/queue_driver.h"
#include "lib/virtio/test/guest.h"
#include "test/check.h"

enum { RAM = 64 << 10, SIZE = 8, DATA = 8192, TABLE = 4096, PIECES = 8 };

/* ---- a hostile driver ---- */

static struct guest guest;
static struct virtqueue_device device;
static struct virtq_desc *desc, *table;
static struct virtq_avail *avail;

/* A fresh queue in which one good descriptor, number 0, is offered. */
static void hostile_driver(bool indirect)
{
    struct virtq_layout layout;
    struct virtqueue_setup setup = guest_setup(0, SIZE, true, indirect);

    free(guest.memory);
    guest = guest_make(RAM);
    REQUIRE(virtq_layout(SIZE, &layout) == OK);
    desc = (struct virtq_desc *)(guest.memory + layout.desc);
    avail = (struct virtq_avail *)(guest.memory + layout.avail);
    table = (struct virtq_desc *)(guest.memory + TABLE);
    desc[0] = (struct virtq_desc){.addr = GUEST_BASE + DATA, .len = 512};
    avail->idx = 1;
    struct virtqueue_translation translation = guest_translation(&guest);
    REQUIRE(virtqueue_device_open(&setup, &translation, &device) == OK);
}

static struct virtqueue_piece pieces[PIECES];
static struct virtqueue_chain chain;

static void good(const char *name)
{
    CASE(name);
    CHECK_EQ(virtqueue_device_pop(&device, pieces, PIECES, &chain), OK);
    CHECK(!device.broken);
}

static void refused(const char *name, const char *reason)
{
    bool sleep = true;

    CASE(name);
    CHECK_EQ(virtqueue_device_pop(&device, pieces, PIECES, &chain), ERR_INVALID);
    CHECK_STR(device.reason_opt, reason);
    memset(guest.memory, 0, RAM); /* nothing heals it, and nothing is written any more */
    CHECK_EQ(virtqueue_device_pop(&device, pieces, PIECES, &chain), ERR_PEER_GONE);
    CHECK_EQ(virtqueue_device_prepare_sleep(&device, &sleep), ERR_PEER_GONE);
    virtqueue_device_push(&device, 1, 99);
    virtqueue_device_awake(&device);
    CHECK(!virtqueue_device_publish(&device));
    for (unsigned i = 0; i < RAM; i++)
        if (guest.memory[i] != 0)
            CHECK_EQ(i, RAM);
}

static void indirect_at(uint64_t address, uint32_t length)
{
    hostile_driver(true);
    desc[0] = (struct virtq_desc){.addr = address, .len = length, .flags = VIRTQ_DESC_F_INDIRECT};
    for (unsigned i = 0; i < 8; i++)
        table[i] = (struct virtq_desc){.addr = GUEST_BASE + DATA, .len = 1};
}

static void test_setup(void)
{
    struct virtqueue_setup setup;
    struct virtqueue_device out;

    CASE("setup: sizes, alignments, rings that are not in RAM");
    hostile_driver(true);
    struct virtqueue_translation translation = guest_translation(&guest);
#define SETUP(change, expected)                                                \
    do {                                                                       \
        setup = guest_setup(0, SIZE, true, true);                              \
        setup.change;                                                          \
        CHECK_EQ(virtqueue_device_open(&setup, &translation, &out), expected); \
    } while (0)
    SETUP(size = 8, OK);
    SETUP(size = 0, ERR_INVALID);
    SETUP(size = 12, ERR_INVALID);
    SETUP(size = 65535, ERR_INVALID);
    SETUP(desc += 8, ERR_INVALID);
    SETUP(avail += 1, ERR_INVALID);
    SETUP(used += 2, ERR_INVALID);
    SETUP(size = 16384, ERR_RANGE);
    SETUP(desc = 0, ERR_RANGE);
    SETUP(desc = UINT64_MAX - 15, ERR_RANGE);
    SETUP(avail = GUEST_BASE + RAM - 20, ERR_RANGE);
    SETUP(avail = GUEST_BASE + RAM - 22, OK);
    SETUP(used = GUEST_BASE + RAM - 128, ERR_RANGE); /* cannot be written there */
}

static void test_direct_chains(void)
{
    hostile_driver(false);
    good("hostile driver: as it stands the chain is good");
    CHECK(chain.head == 0 && chain.readable == 1 && chain.writable == 0 && chain.readable_bytes == 512);
    hostile_driver(false);
    avail->ring[0] = SIZE;
    refused("a head outside", "descriptor number is outside of the table");
    hostile_driver(false);
    avail->idx = SIZE + 1;
    refused("an available index too far ahead", "available index is too far ahead");
    hostile_driver(false);
    avail->idx = 0xffff;
    refused("an available index that went back", "available index is too far ahead");
    hostile_driver(false);
    desc[0].flags = VIRTQ_DESC_F_NEXT;
    desc[0].next = SIZE;
    refused("a next outside", "descriptor number is outside of the table");
    hostile_driver(false);
    desc[0].flags = VIRTQ_DESC_F_NEXT;
    refused("a loop", "chain is a loop or too long");
    hostile_driver(false);
    desc[0].len = 0;
    refused("an empty descriptor", "empty descriptor");
    hostile_driver(false);
    desc[0].flags = VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE;
    desc[0].next = 1;
    desc[1] = (struct virtq_desc){.addr = GUEST_BASE + DATA, .len = 1};
    refused("readable behind writable", "readable descriptor behind a writable one");
    hostile_driver(false);
    desc[0].flags = VIRTQ_DESC_F_INDIRECT;
    refused("indirect without the feature", "indirect descriptor without the feature");
}

static void test_ranges(void)
{
    hostile_driver(false);
    desc[0].addr = GUEST_BASE - 1;
    refused("a buffer below RAM", "buffer is not in RAM");
    hostile_driver(false);
    desc[0].addr = GUEST_BASE + RAM - 511;
    refused("a buffer that leaves RAM", "buffer is not in RAM");
    hostile_driver(false);
    desc[0].addr = UINT64_MAX - 100;
    refused("a buffer that wraps", "buffer is not in RAM");
    hostile_driver(false);
    desc[0].len = UINT32_MAX;
    refused("a buffer of 4 GiB", "buffer is not in RAM");
    hostile_driver(false);
    desc[0] = (struct virtq_desc){.addr = GUEST_BASE + RAM - 512, .len = 512, .flags = VIRTQ_DESC_F_WRITE};
    refused("a writable buffer in memory that is read-only", "buffer is not in RAM");
    hostile_driver(false);
    desc[0].addr = GUEST_BASE + RAM - 512;
    good("a readable buffer there");
}

static void test_indirect_tables(void)
{
    indirect_at(GUEST_BASE + TABLE, 16);
    good("indirect: a table of one");
    indirect_at(GUEST_BASE + TABLE, 0);
    refused("an empty table", "indirect table is no multiple of 16 bytes");
    indirect_at(GUEST_BASE + TABLE, 24);
    refused("a table and a half", "indirect table is no multiple of 16 bytes");
    indirect_at(GUEST_BASE + RAM - 16, 32);
    refused("a table that leaves RAM", "indirect table is not in RAM");
    indirect_at(0, 0xfffffff0);
    refused("a table that is no RAM", "indirect table is not in RAM");
    indirect_at(GUEST_BASE + TABLE, 16);
    desc[0].flags |= VIRTQ_DESC_F_NEXT;
    refused("a table and a next one", "indirect descriptor with a next one");
    indirect_at(GUEST_BASE + TABLE, 16);
    table[0].flags = VIRTQ_DESC_F_INDIRECT;
    refused("a table in a table, at once", "indirect table inside another one");
    indirect_at(GUEST_BASE + TABLE, 32);
    table[0] = (struct virtq_desc){GUEST_BASE + DATA, 1, VIRTQ_DESC_F_NEXT, 1};
    table[1] = (struct virtq_desc){GUEST_BASE + TABLE, 16, VIRTQ_DESC_F_INDIRECT, 0};
    refused("a table in a table, later", "indirect table inside another one");
    indirect_at(GUEST_BASE + TABLE, 32);
    table[0] = (struct virtq_desc){GUEST_BASE + DATA, 1, VIRTQ_DESC_F_NEXT, 2};
    refused("a next outside of its table", "next descriptor is outside of its indirect table");
    indirect_at(GUEST_BASE + TABLE, 32);
    table[0] = (struct virtq_desc){GUEST_BASE + DATA, 1, VIRTQ_DESC_F_NEXT, 1};
    table[1] = (struct virtq_desc){GUEST_BASE + DATA, 1, VIRTQ_DESC_F_NEXT, 0};
    refused("a loop in a table", "chain is a loop or too long");
    indirect_at(GUEST_BASE + TABLE + 8, 16);
    *(struct virtq_desc *)(guest.memory + TABLE + 8 + 16 * 0) =
        (struct virtq_desc){GUEST_BASE + DATA, 3, 0, 0};
    good("a table that is not aligned (2.7.5.3 asks for nothing)");
    CHECK_EQ(chain.readable_bytes, 3);
    indirect_at(GUEST_BASE + TABLE, 16);
    desc[3] = desc[0];
    desc[3].flags |= VIRTQ_DESC_F_WRITE; /* to be ignored, 2.7.5.3.2 */
    desc[0] = (struct virtq_desc){GUEST_BASE + DATA, 2, VIRTQ_DESC_F_NEXT, 3};
    good("descriptors, then a table");
    CHECK(chain.readable == 2 && chain.readable_bytes == 3 && chain.writable == 0);
}

static void *everything_is_ram(void *context, uint64_t address, uint64_t length, bool write)
{
    void *pointer = guest_translate(context, address, length, write);

    return pointer ? pointer : guest.memory;
}

static void test_limits(void)
{
    unsigned popped = 0;

    hostile_driver(false);
    device.translation.translate = everything_is_ram;
    desc[0] = (struct virtq_desc){GUEST_BASE + DATA, UINT32_MAX, VIRTQ_DESC_F_NEXT, 1};
    desc[1] = (struct virtq_desc){GUEST_BASE + DATA, 2, 0, 0};
    refused("a chain of more than 2^32 bytes", "chain of more than 2^32 bytes");

    CASE("the same head again and again: never more than `size` chains");
    hostile_driver(false);
    for (avail->idx = SIZE; virtqueue_device_pop(&device, pieces, PIECES, &chain) == OK; popped++)
        ;
    CHECK_EQ(popped, SIZE);
    CHECK(!device.broken);
    avail->idx = SIZE + 1;
    CHECK_EQ(virtqueue_device_pop(&device, pieces, PIECES, &chain), ERR_INVALID);

    CASE("no room for a chain's pieces");
    hostile_driver(false);
    CHECK_EQ(virtqueue_device_pop(&device, pieces, 0, &chain), ERR_INVALID);
}

/* ---- a hostile device ---- */

static struct virtqueue_driver driver;
static struct virtqueue_slot slots[SIZE];
static struct virtq_used *used;
static int tokens[SIZE];

/* Three chains are with the device: heads 0 (room for 16 bytes), 2, 3; a fourth one, head 4, is not published.
   */
static void hostile_device(void)
{
    struct virtqueue_buffer buffers[2] = {{1, 512}, {2, 16}};
    struct virtq_layout layout;

    free(guest.memory);
    guest = guest_make(RAM);
    REQUIRE(virtq_layout(SIZE, &layout) == OK);
    used = (struct virtq_used *)(guest.memory + layout.used);
    REQUIRE(virtqueue_driver_open(guest.memory, slots, SIZE, true, &driver) == OK);
    REQUIRE(virtqueue_driver_add(&driver, buffers, 1, 1, &tokens[0]) == OK);
    REQUIRE(virtqueue_driver_add(&driver, buffers, 1, 0, &tokens[2]) == OK);
    REQUIRE(virtqueue_driver_add_indirect(&driver, 4, 1, 0, &tokens[3]) == OK);
    (void)virtqueue_driver_publish(&driver);
    REQUIRE(virtqueue_driver_add(&driver, buffers, 1, 0, &tokens[4]) == OK);
}

static void device_returns(uint32_t id, uint32_t length)
{
    used->ring[used->idx % SIZE] = (struct virtq_used_elem){id, length};
    used->idx++;
}

static void collect_good(unsigned id)
{
    uint32_t written;
    void *token = NULL;

    CHECK_EQ(virtqueue_driver_collect(&driver, &token, &written), OK);
    CHECK_EQ(token, &tokens[id]);
}

static void collect_refused(void)
{
    struct virtqueue_buffer buffer = {1, 1};
    uint32_t written = 77;
    void *token = NULL;
    bool sleep = true;

    CHECK_EQ(virtqueue_driver_collect(&driver, &token, &written), ERR_INVALID);
    CHECK(token == NULL && written == 77);
    used->idx = 1;
    used->ring[0] = (struct virtq_used_elem){0, 0};
    CHECK_EQ(virtqueue_driver_collect(&driver, &token, &written), ERR_PEER_GONE);
    CHECK_EQ(virtqueue_driver_prepare_sleep(&driver, 1, &sleep), ERR_PEER_GONE);
    CHECK_EQ(virtqueue_driver_add(&driver, &buffer, 1, 0, NULL), ERR_PEER_GONE);
    CHECK_EQ(virtqueue_driver_add_indirect(&driver, 1, 1, 0, NULL), ERR_PEER_GONE);
    CHECK(!virtqueue_driver_publish(&driver));
}

static void test_hostile_device(void)
{
    hostile_device();
    CASE("hostile device: as it stands its answers are good");
    device_returns(2, 0);
    device_returns(0, 16);
    device_returns(3, 0);
    collect_good(2);
    collect_good(0);
    collect_good(3);

    static const struct {
        const char *name;
        uint32_t id, length;
    } lies[] = {
        {"a used id outside", SIZE, 0},
        {"a used id far outside", UINT32_MAX, 0},
        {"a used id of 16 bits too many", 0x10000, 0},
        {"a descriptor that is no head", 1, 0},
        {"a descriptor that is free", 5, 0},
        {"a chain that it has not got yet", 4, 0},
        {"more bytes than there is room for", 0, 17},
        {"bytes where there is no room", 2, 1},
    };
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        hostile_device();
        CASE(lies[i].name);
        device_returns(lies[i].id, lies[i].length);
        collect_refused();
    }
    hostile_device();
    CASE("a used id twice");
    device_returns(2, 0);
    device_returns(2, 0);
    collect_good(2);
    collect_refused();
    hostile_device();
    CASE("more answers than there were requests");
    used->idx = 4;
    collect_refused();
    hostile_device();
    CASE("a used index that went back");
    used->idx = 0xffff;
    collect_refused();
}

static void test_table_is_private(void)
{
    CASE("what the device writes into descriptors and rings is not believed");
    hostile_device();
    memset(guest.memory, 0xff, virtq_desc_size(SIZE) + virtq_avail_size(SIZE));
    device_returns(0, 16);
    collect_good(0);
    CHECK_EQ(virtqueue_driver_space(&driver), 5);
    struct virtqueue_buffer buffers[5] = {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    CHECK_EQ(virtqueue_driver_add(&driver, buffers, 5, 0, NULL), OK);
    CHECK_EQ(virtqueue_driver_space(&driver), 0);
}

int main(void)
{
    test_setup();
    test_direct_chains();
    test_ranges();
    test_indirect_tables();
    test_limits();
    test_hostile_device();
    test_table_is_private();
    free(guest.memory);
    return check_finish();
}
