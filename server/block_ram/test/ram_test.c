/* SPDX-License-Identifier: MIT */
/* The disk in memory: pieces, zeroes, bursts, and the null disk. */
#include "server/block_ram/ram.h"

#include "test/check.h"

enum { SIZE = 16 << 20 };

static uint8_t content[SIZE], client[8192];
static struct ram_disk disk;
static unsigned done, tired;

void block_job_done(struct block_job *job, enum status status, uint64_t bytes)
{
    CHECK_EQ(status, OK);
    CHECK_EQ(bytes, job->length);
    done++;
}

static void on_tired(struct ram_disk *ram)
{
    CHECK(ram == &disk);
    tired++;
}

static enum status submit(enum block_operation operation, uint64_t offset, uint64_t length,
                          struct block_piece *pieces, unsigned count)
{
    struct block_job job = {
        .operation = operation, .offset = offset, .length = length, .pieces = pieces, .piece_count = count};

    return disk.device.ops->submit(&disk.device, &job);
}

static void test_copy(void)
{
    struct block_region region = {.address_opt = client, .size = sizeof(client), .write = true};
    struct block_piece there[] = {{&region, 5000, 1000}, {&region, 0, 24}};
    struct block_piece back[] = {{&region, 100, 512}, {&region, 7000, 512}};

    CASE("pieces in their order, to the disk and back");
    for (unsigned i = 0; i < sizeof(client); i++)
        client[i] = (uint8_t)(i * 7 + i / 256);
    CHECK_EQ(submit(BLOCK_WRITE, 4096, 1024, there, 2), OK);
    CHECK_MEM(content + 4096, client + 5000, 1000);
    CHECK_MEM(content + 5096, client, 24);
    CHECK_EQ(submit(BLOCK_READ, 4096, 1024, back, 2), OK);
    CHECK_MEM(client + 100, content + 4096, 512);
    CHECK_MEM(client + 7000, content + 4608, 512);

    CASE("zeroes, and nothing beside them");
    content[4095] = content[4096 + 512] = 1;
    CHECK_EQ(submit(BLOCK_WRITE_ZEROES, 4096, 512, NULL, 0), OK);
    CHECK(content[4095] == 1 && content[4096] == 0 && content[4607] == 0 && content[4608] == 1);
    CHECK_EQ(submit(BLOCK_FLUSH, 0, 0, NULL, 0), OK);
    CHECK_EQ(done, 4);
}

static void test_burst(void)
{
    unsigned taken = 0;

    CASE("after 4 MiB it wants a rest, once it has been asked for more");
    ram_rested(&disk);
    while (taken < 100 && submit(BLOCK_WRITE_ZEROES, 0, 1 << 20, NULL, 0) == OK)
        taken++;
    CHECK_EQ(taken, 4);
    CHECK_EQ(tired, 0);
    disk.device.ops->kick(&disk.device);
    disk.device.ops->kick(&disk.device);
    CHECK_EQ(tired, 1);
    ram_rested(&disk);
    CHECK_EQ(submit(BLOCK_WRITE_ZEROES, 0, 1 << 20, NULL, 0), OK);
}

int main(void)
{
    ram_init(&disk, content, SIZE, 4096, false, on_tired);
    test_copy();
    test_burst();

    CASE("limits: whole blocks, who may write");
    ram_init(&disk, content, SIZE + 100, 4096, true, on_tired);
    CHECK_EQ(disk.device.limits.size, SIZE);
    CHECK(disk.device.limits.flags & BLOCK_READ_ONLY);

    CASE("the null disk touches nothing and needs no rest");
    ram_init(&disk, NULL, SIZE, 512, false, on_tired);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(submit(BLOCK_READ, 0, 1 << 20, NULL, 1), OK);
    return check_finish();
}
