/* SPDX-License-Identifier: MIT */
/*
 * The driver against a fake controller: every operation, pieces of every alignment, completions in every order, commands that
 * fail, controllers that hang, lie, or are not there. The namespace is compared with a model after each step.
 */
#include "driver/block/nvme/data.h"
#include "driver/block/nvme/disk.h"
#include "driver/block/nvme/test/fake.h"
#include "test/check.h"

#define BLOCKS       4096u
#define REGION_PAGES 64u
#define JOBS         40u
#define SCATTERED    0x7000000000ull /* bus address of the region's page 0 */

struct test_job {
    struct block_job job;
    struct block_piece pieces[8];
    bool busy;
    enum status status;
    uint64_t done;
};

static struct fake fake;
static struct nvme_disk disk;
static uint8_t region_bytes[REGION_PAGES * 4096] __attribute__((aligned(4096)));
static uint8_t model[BLOCKS * 512 * 8];
static struct device_run runs[REGION_PAGES];
static struct device_mapping mapping = {
    .run_count = REGION_PAGES, .size = sizeof(region_bytes), .runs = runs};
static struct block_region region = {.size = sizeof(region_bytes), .mapping_opt = &mapping, .write = true};
static struct test_job jobs[JOBS];
static unsigned completed, isolated;
static void *allocations[16];
static unsigned allocation_count;

void block_job_done(struct block_job *job, enum status status, uint64_t done)
{
    struct test_job *own = (struct test_job *)job;

    REQUIRE(own->busy);
    own->busy = false;
    own->status = status;
    own->done = done;
    completed++;
}

/* Its memory has been freed if `freed.gone` says so already: here it is only counted. */
static struct block_region freed = {.size = sizeof(region_bytes), .mapping_opt = &mapping, .write = true};
static unsigned checked;

void block_server_check_memory(struct block_device *device)
{
    REQUIRE(device == &disk.device && fake.master && disk.controller.io[0].free_count > 0);
    checked++;
}

/* Every page of the region is somewhere else on the bus, some of them side by side. */
uint64_t device_dma_address(const struct device_mapping *of, uint64_t offset, uint64_t *contiguous)
{
    uint64_t page = offset / 4096, end = page;

    REQUIRE(offset < of->size);
    while (end + 1 < of->run_count && of->runs[end + 1].address == of->runs[end].address + 4096)
        end++;
    *contiguous = (end + 1) * 4096 - offset;
    return of->runs[page].address + offset % 4096;
}

static struct nvme_memory memory_make(uint64_t size)
{
    static uint64_t bus = 0x100000;
    struct nvme_memory memory = {.address = aligned_alloc(4096, (size + 4095) & ~4095ull), .bus = bus};

    allocations[allocation_count++] = memory.address;
    fake_area_add(&fake, memory.address, bus, size);
    bus += (size + 0x11fff) & ~0xfffull;
    return memory;
}

static void isolate(struct nvme_disk *of)
{
    (void)of;
    isolated++;
}

static void machine_make(uint32_t block_size, uint16_t depth, uint16_t queues)
{
    fake_init(&fake, block_size, BLOCKS);
    memset(&disk, 0, sizeof(disk));
    memset(model, 0, sizeof(model));
    disk.controller = (struct nvme_controller){.hardware = fake_hardware(&fake),
                                               .nsid = 1,
                                               .depth = depth,
                                               .queues = queues,
                                               .vectors = 2,
                                               .admin_memory = memory_make(nvme_queue_size(NVME_ADMIN_DEPTH)),
                                               .scratch = memory_make(4096)};
    for (unsigned i = 0; i < queues; i++)
        disk.controller.memory[i] = memory_make(nvme_queue_size(depth));
    disk.lists = memory_make((uint64_t)queues * depth * 4096);
    disk.timeout = 3;
    disk.isolate = isolate;
    for (unsigned i = 0; i < REGION_PAGES; i++) {
        uint64_t place = i % 8 < 3 ? i : (i * 37) % 1000 + 100; /* pages 0-2 of each eight are neighbours */

        runs[i] = (struct device_run){.offset = i * 4096ull, .address = SCATTERED + place * 4096};
        fake_area_add(&fake, NULL, 0, 0);
        fake.areas--;
    }
}

/* Areas of the fake are few: those of the region are found by this one table. */
static void region_map(void)
{
    static uint8_t *window;
    uint64_t size = 1200ull * 4096;

    window = aligned_alloc(4096, size);
    allocations[allocation_count++] = window;
    fake_area_add(&fake, window, SCATTERED, size);
    memset(window, 0xee, size);
}

static uint8_t *region_page(unsigned page)
{
    return fake.area[fake.areas - 1].bytes + (runs[page].address - SCATTERED);
}

static void machine_start(uint32_t block_size, uint16_t depth, uint16_t queues, bool sgl)
{
    machine_make(block_size, depth, queues);
    fake.sgl = sgl;
    region_map();
    REQUIRE(nvme_controller_start(&disk.controller) == OK);
    nvme_disk_init(&disk);
}

static void machine_end(void)
{
    for (unsigned i = 0; i < JOBS; i++)
        CHECK(!jobs[i].busy);
    CHECK_EQ(disk.in_flight, 0);
    while (allocation_count)
        free(allocations[--allocation_count]);
    fake_free(&fake);
}

/* ---- jobs ---- */

static void region_copy(uint64_t offset, uint8_t *bytes, uint64_t length, bool write)
{
    for (uint64_t i = 0; i < length; i++) {
        uint8_t *at = region_page((unsigned)((offset + i) / 4096)) + (offset + i) % 4096;

        if (write)
            *at = bytes[i];
        else
            bytes[i] = *at;
    }
}

static struct test_job *job_make(enum block_operation operation, uint64_t offset, uint64_t length)
{
    for (unsigned i = 0; i < JOBS; i++) {
        if (jobs[i].busy)
            continue;
        jobs[i] = (struct test_job){.busy = true, .status = STATUS_COUNT};
        jobs[i].job = (struct block_job){
            .operation = operation, .offset = offset, .length = length, .pieces = jobs[i].pieces};
        return &jobs[i];
    }
    return NULL;
}

static void piece_add(struct test_job *job, uint64_t offset, uint32_t length)
{
    job->pieces[job->job.piece_count++] =
        (struct block_piece){.region = &region, .offset = offset, .length = length};
}

static void submit(struct test_job *job)
{
    REQUIRE(nvme_disk_submit(&disk.device, &job->job) == OK);
    nvme_disk_kick(&disk.device);
}

static void interrupts(void)
{
    for (unsigned q = 0; q < disk.controller.queues; q++)
        nvme_disk_complete(&disk, q);
}

static void finish(void)
{
    for (unsigned i = 0; disk.in_flight && i < 100; i++) {
        fake_work(&fake, 1000);
        interrupts();
    }
}

static enum status run(struct test_job *job)
{
    submit(job);
    finish();
    return job->status;
}

/* Data of `length` bytes at `region_offset`, different for each seed. */
static void fill(uint64_t region_offset, uint64_t length, uint32_t seed)
{
    for (uint64_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)(seed * 31 + i * 7 + i / 256);

        region_copy(region_offset + i, &byte, 1, true);
    }
}

/* ---- cases ---- */

static void test_start(void)
{
    CASE("start: what the controller says becomes limits");
    machine_start(512, 32, 2, false);
    CHECK_EQ(disk.device.limits.size, BLOCKS * 512);
    CHECK_EQ(disk.device.limits.depth, 62);
    CHECK_EQ(disk.device.limits.transfer_max, 4096 << 7);
    CHECK_EQ(disk.device.limits.alignment, 4);
    CHECK_EQ(disk.device.limits.boundary, 4096);
    CHECK_STR(disk.controller.model, "fake?");
    CHECK_STR(disk.controller.serial, "serial 7");
    machine_end();
    machine_make(4096, 200, 8);
    fake.mdts = 0;
    fake.sgl = true;
    CHECK_EQ(nvme_controller_start(&disk.controller), OK);
    nvme_disk_init(&disk);
    CHECK_EQ(disk.controller.queues, 4);
    CHECK_EQ(disk.controller.depth, 64);
    CHECK_EQ(disk.device.limits.block_size, 4096);
    CHECK_EQ(disk.device.limits.transfer_max, 512 << 10);
    CHECK_EQ(disk.device.limits.alignment, 4);
    CHECK_EQ(disk.device.limits.boundary, 0);
    machine_end();

    CASE("start: one that is still at work for somebody else is brought to rest before it is bus master");
    machine_start(512, 32, 1, false);
    fake.pending_count = 3;
    fake.master = false;
    CHECK_EQ(nvme_controller_start(&disk.controller), OK); /* the fake's rested() looks */
    CHECK(fake.master);
    CHECK_EQ(fake.pending_count, 0);
    machine_end();

    CASE("start: controllers that are not there, never ready, or of a kind that we do not know");
    machine_make(512, 32, 1);
    fake.absent = true;
    CHECK_EQ(nvme_controller_start(&disk.controller), ERR_IO);
    fake.absent = false;
    disk.controller.hardware.size = 0x1010;
    CHECK_EQ(nvme_controller_start(&disk.controller), ERR_UNSUPPORTED);
    CHECK_STR(disk.controller.problem_opt, "its doorbells are not in its registers");
    disk.controller.hardware.size = 0x2000;
    fake.never_ready = true;
    CHECK_EQ(nvme_controller_start(&disk.controller), ERR_TIMEOUT);
    CHECK_STR(disk.controller.problem_opt, "it does not become ready");
    fake.never_ready = false;
    fake.metadata = true;
    CHECK_EQ(nvme_controller_start(&disk.controller), ERR_UNSUPPORTED);
    CHECK_STR(disk.controller.problem_opt, "the namespace has metadata");
    fake.metadata = false;
    fake.block_size = 1024;
    CHECK_EQ(nvme_controller_start(&disk.controller), ERR_UNSUPPORTED);
    fake.block_size = 512;
    fake.blocks = 0;
    CHECK_EQ(nvme_controller_start(&disk.controller), ERR_UNSUPPORTED);
    fake.blocks = BLOCKS;
    disk.controller.nsid = 2;
    CHECK_EQ(nvme_controller_start(&disk.controller), ERR_IO);
    CHECK_STR(disk.controller.problem_opt, "there is no such namespace");
    machine_end();
}

static void test_operations(void)
{
    CASE("read, write, flush, discard, write zeroes, FUA");
    machine_start(512, 16, 1, false);
    struct test_job *job = job_make(BLOCK_WRITE, 5 * 512, 9 * 4096);

    fill(2 * 4096 + 512, 9 * 4096, 1);
    piece_add(job, 2 * 4096 + 512, 9 * 4096);
    CHECK_EQ(run(job), OK);
    CHECK_EQ(job->done, 9 * 4096);
    region_copy(2 * 4096 + 512, model, 9 * 4096, false);
    CHECK_MEM(fake.disk + 5 * 512, model, 9 * 4096);
    CHECK_EQ(fake.durable[5 * 512 + 1], 0);
    CHECK_EQ(run(job_make(BLOCK_FLUSH, 0, 0)), OK);
    CHECK_MEM(fake.durable, fake.disk, BLOCKS * 512);

    job = job_make(BLOCK_READ, 5 * 512, 9 * 4096);
    piece_add(job, 40 * 4096, 9 * 4096);
    CHECK_EQ(run(job), OK);
    region_copy(40 * 4096, model + 100000, 9 * 4096, false);
    CHECK_MEM(model + 100000, model, 9 * 4096);

    job = job_make(BLOCK_WRITE, 0, 512);
    job->job.flags = BLOCK_FUA;
    piece_add(job, 2 * 4096 + 512, 512);
    CHECK_EQ(run(job), OK);
    CHECK_EQ(fake.fua_writes, 1);
    CHECK_MEM(fake.durable, model, 512);
    CHECK_EQ(run(job_make(BLOCK_WRITE_ZEROES, 512 * 6, 512 * 3)), OK);
    CHECK_EQ(fake.disk[512 * 6], 0);
    CHECK_EQ(fake.disk[512 * 9], model[4 * 512]);
    CHECK_EQ(run(job_make(BLOCK_DISCARD, 512 * 10, 512 * 2)), OK);
    CHECK_EQ(fake.disk[512 * 10], 0xdd);
    CHECK_EQ(fake.disk[512 * 12 - 1], 0xdd);
    CHECK_EQ(fake.disk[512 * 12], model[7 * 512]);
    machine_end();
}

static void test_pieces(void)
{
    CASE("pieces that fit no page list: a scatter-gather list, or a refusal that harms nobody");
    for (int sgl = 0; sgl < 2; sgl++) {
        machine_start(512, 16, 1, sgl);
        struct test_job *job = job_make(BLOCK_WRITE, 0, 2048);

        fill(0, 4096 * 3, 5);
        piece_add(job, 512, 512);
        piece_add(job, 4096 + 100, 1024);
        piece_add(job, 8192, 512);
        CHECK_EQ(run(job), sgl ? OK : ERR_INVALID);
        CHECK_EQ(fake.sgl_commands, sgl);
        region_copy(512, model, 512, false);
        region_copy(4096 + 100, model + 512, 1024, false);
        region_copy(8192, model + 1536, 512, false);
        CHECK_EQ(memcmp(fake.disk, model, 2048) == 0, sgl == 1);
        job = job_make(BLOCK_WRITE, 0, 512 + 4096 + 512);
        piece_add(job, 4096 - 512, 512);
        piece_add(job, 4096 * 4, 4096);
        piece_add(job, 4096 * 7, 512);
        CHECK_EQ(run(job), OK);
        CHECK_EQ(fake.sgl_commands, sgl);
        machine_end();
    }
}

/* As many pieces as the limits allow, as long as they allow, none of whose pages lie side by side on the bus. */
static void test_most_pieces(void)
{
    static struct block_piece pieces[256];
    struct test_job *job;
    uint64_t length;

    CASE("the longest request in the most pieces: a list has room for each of their pages");
    machine_make(512, 16, 1);
    fake.mdts = 0;
    fake.sgl = true;
    region_map();
    REQUIRE(nvme_controller_start(&disk.controller) == OK);
    nvme_disk_init(&disk);
    for (unsigned i = 0; i < REGION_PAGES; i++)
        runs[i].address = SCATTERED + 2ull * i * 4096;
    fill(0, REGION_PAGES * 4096, 3);
    length = disk.device.limits.transfer_max / disk.device.limits.pieces_max;
    job = job_make(BLOCK_WRITE, 0, disk.device.limits.transfer_max);
    job->job.pieces = pieces;
    job->job.piece_count = disk.device.limits.pieces_max;
    for (unsigned i = 0; i < job->job.piece_count; i++) {
        pieces[i] = (struct block_piece){
            .region = &region, .offset = i * 4096ull % (32 * 4096) + 4092, .length = (uint32_t)length};
        region_copy(pieces[i].offset, model + i * length, length, false);
    }
    CHECK_EQ(run(job), OK);
    CHECK_EQ(fake.sgl_commands, 1);
    CHECK_MEM(fake.disk, model, disk.device.limits.transfer_max);
    machine_end();
}

/* Random requests that do not overlap, ended in random order, with lost interrupts; then everything is compared. */
static void random_load(uint32_t block_size, uint16_t depth, uint16_t queues, bool sgl, unsigned rounds)
{
    machine_start(block_size, depth, queues, sgl);
    unsigned slots = JOBS < disk.device.limits.depth ? JOBS : disk.device.limits.depth, wrong = 0;

    for (unsigned round = 0; round < rounds; round++) {
        struct test_job *batch[JOBS];
        unsigned count = 1 + fake_random(&fake, slots);

        for (unsigned i = 0; i < count; i++) {
            uint64_t offset = (i * (BLOCKS / JOBS) + fake_random(&fake, 8)) * (uint64_t)block_size;
            uint64_t place = (uint64_t)i * 4096,
                     length = block_size * (1 + fake_random(&fake, 4096 / block_size));
            bool write = fake_random(&fake, 2);

            batch[i] = job_make(write ? BLOCK_WRITE : BLOCK_READ, offset, length);
            if (write) {
                fill(place, length, round * 64 + i);
                region_copy(place, model + offset, length, false);
            }
            piece_add(batch[i], place, (uint32_t)length);
            REQUIRE(nvme_disk_submit(&disk.device, &batch[i]->job) == OK);
        }
        nvme_disk_kick(&disk.device);
        while (disk.in_flight) {
            fake_work(&fake, 1 + fake_random(&fake, 6));
            if (fake_random(&fake, 3))
                nvme_disk_complete(&disk, fake_random(&fake, disk.controller.queues));
            if (fake.pending_count == 0)
                interrupts();
        }
        for (unsigned i = 0; i < count; i++) {
            uint8_t bytes[4096];

            region_copy(batch[i]->pieces[0].offset, bytes, batch[i]->job.length, false);
            wrong += batch[i]->status != OK ||
                     memcmp(bytes, model + batch[i]->job.offset, batch[i]->job.length) != 0;
        }
    }
    CHECK_EQ(wrong, 0);
    CHECK_MEM(fake.disk, model, BLOCKS * (uint64_t)block_size);
    machine_end();
}

static void test_full(void)
{
    CASE("no more jobs than slots; a slot that becomes free is used again");
    machine_start(512, 4, 2, false);
    for (unsigned i = 0; i < 6; i++) {
        struct test_job *job = job_make(BLOCK_READ, i * 512, 512);

        piece_add(job, i * 512, 512);
        submit(job);
    }
    struct test_job *extra = job_make(BLOCK_READ, 0, 512);

    piece_add(extra, 0, 512);
    CHECK_EQ(nvme_disk_submit(&disk.device, &extra->job), ERR_AGAIN);
    fake_work(&fake, 1);
    interrupts();
    CHECK_EQ(run(extra), OK);
    machine_end();
}

static void test_errors(void)
{
    CASE("a command that fails is sent again, unless that makes no sense, and not for ever");
    machine_start(512, 16, 1, false);
    fake.fail_next = 2;
    fake.fail_status = 0x06u << 17; /* internal error */
    struct test_job *job = job_make(BLOCK_READ, 0, 512);

    piece_add(job, 0, 512);
    CHECK_EQ(run(job), OK);
    CHECK_EQ(disk.retries, 2);
    fake.fail_next = 1;
    fake.fail_status |= 1u << 31;
    job = job_make(BLOCK_FLUSH, 0, 0);
    CHECK_EQ(run(job), ERR_IO);
    CHECK_EQ(job->done, 0);
    fake.fail_next = 1;
    fake.fail_status &= ~(1u << 31);
    CHECK_EQ(run(job_make(BLOCK_FLUSH, 0, 0)),
             ERR_IO); /* what it dropped, a second one does not bring back */
    CHECK_EQ(disk.retries, 2);
    fake.bad_block = 7;
    job = job_make(BLOCK_READ, 7 * 512, 512);
    piece_add(job, 0, 512);
    CHECK_EQ(run(job), ERR_IO);
    CHECK_EQ(disk.retries, 2 + NVME_TRIES - 1);
    job = job_make(BLOCK_READ, 8 * 512, 512);
    piece_add(job, 0, 512);
    CHECK_EQ(run(job), OK);
    fake.blocks = 8; /* smaller than we know */
    job = job_make(BLOCK_READ, 8 * 512, 512);
    piece_add(job, 0, 512);
    CHECK_EQ(run(job), ERR_RANGE);
    fake.blocks = BLOCKS;
    fake.read_only = true;
    job = job_make(BLOCK_WRITE, 0, 512);
    piece_add(job, 0, 512);
    CHECK_EQ(run(job), ERR_DENIED);
    machine_end();

    CASE("completions for nobody are dropped");
    machine_start(512, 16, 1, false);
    fake.wrong_identifiers = 5;
    job = job_make(BLOCK_READ, 0, 512);
    piece_add(job, 0, 512);
    CHECK_EQ(run(job), OK);
    CHECK_EQ(disk.controller.io[0].stray, 5);
    machine_end();
}

static void ticks(unsigned count)
{
    while (count--)
        if (nvme_disk_tick(&disk))
            nvme_disk_kick(&disk.device);
}

static void test_hang(void)
{
    struct test_job *job[10];

    CASE("a lost interrupt is found by looking");
    machine_start(512, 16, 2, false);
    job[0] = job_make(BLOCK_READ, 0, 512);
    piece_add(job[0], 0, 512);
    submit(job[0]);
    fake_work(&fake, 1);
    ticks(1);
    CHECK_EQ(job[0]->status, OK);
    CHECK_EQ(disk.resets, 0);

    CASE("a controller that hangs is reset, and everything in flight is sent again, once each");
    fake.stuck = true;
    fake.blocks = BLOCKS - 8; /* nobody hears of it: the reset ends the request for events */
    disk.device.verifier = 1000;
    for (unsigned i = 0; i < 10; i++) {
        job[i] = job_make(BLOCK_WRITE, i * 4096, 512);
        fill(i * 4096, 512, i);
        piece_add(job[i], i * 4096, 512);
        submit(job[i]);
    }
    ticks(2);
    CHECK_EQ(disk.resets, 0);
    ticks(1);
    CHECK_EQ(disk.resets, 1);
    CHECK_EQ(disk.device.limits.size, (BLOCKS - 8) * 512);
    CHECK_EQ(disk.device.verifier, 1000); /* a reset of ours loses nothing */
    completed = 0;
    finish();
    CHECK_EQ(completed, 10);
    for (unsigned i = 0; i < 10; i++) {
        CHECK_EQ(job[i]->status, OK);
        region_copy(i * 4096, model, 512, false);
        CHECK_MEM(fake.disk + i * 4096, model, 512);
    }

    CASE("one that hangs for ever fails the commands in the end");
    job[0] = job_make(BLOCK_FLUSH, 0, 0);
    submit(job[0]);
    for (unsigned i = 0; i < 4 * NVME_TRIES && job[0]->busy; i++) {
        fake.stuck = true;
        ticks(1);
    }
    CHECK_EQ(job[0]->status, ERR_IO);
    fake.stuck = false;
    CHECK_EQ(run(job_make(BLOCK_FLUSH, 0, 0)), OK);

    CASE("one that reports a fatal error is reset at once");
    fake.stuck = true;
    job[0] = job_make(BLOCK_FLUSH, 0, 0);
    submit(job[0]);
    fake.csts |= 2;
    ticks(1);
    finish();
    CHECK_EQ(job[0]->status, OK);
    CHECK_EQ(disk.device.verifier, 1001); /* what was in its cache may be lost */

    CASE("one that does not come back is isolated; everything fails from then on");
    job[0] = job_make(BLOCK_FLUSH, 0, 0);
    submit(job[0]);
    fake.absent = true;
    isolated = 0;
    ticks(1);
    CHECK_EQ(isolated, 1);
    CHECK_EQ(job[0]->status, ERR_IO);
    job[0] = job_make(BLOCK_FLUSH, 0, 0);
    REQUIRE(nvme_disk_submit(&disk.device, &job[0]->job) == OK);
    CHECK_EQ(job[0]->status, ERR_IO);
    CHECK(!nvme_disk_tick(&disk));
    machine_end();
}

static void test_memory(void)
{
    struct test_job *job[10];

    CASE("one that may not reach memory any more is reset, and may; but not the memory that has been freed");
    machine_start(512, 16, 2, false);
    fake.master = false;
    for (unsigned i = 0; i < 10; i++) {
        job[i] = job_make(BLOCK_WRITE, i * 4096, 512);
        fill(i * 4096, 512, i + 100);
        piece_add(job[i], i * 4096, 512);
        if (i == 4)
            job[i]->pieces[0].region = &freed;
        submit(job[i]);
    }
    freed.gone = true;
    checked = 0;
    ticks(3);
    CHECK_EQ(disk.resets, 1);
    CHECK_EQ(checked, 1);
    CHECK_EQ(job[4]->status, ERR_IO);
    finish();
    for (unsigned i = 0; i < 10; i++)
        if (i != 4)
            CHECK_EQ(job[i]->status, OK);
    freed.gone = false;
    machine_end();
}

static void test_event(void)
{
    CASE("a namespace that grows, shrinks, or goes away");
    machine_start(512, 16, 1, false);
    CHECK(!nvme_disk_event(&disk));
    fake_resize(&fake, 100);
    CHECK(nvme_disk_event(&disk));
    CHECK_EQ(disk.device.limits.size, 51200);
    CHECK(!nvme_disk_event(&disk));
    fake_resize(&fake, BLOCKS);
    CHECK(nvme_disk_event(&disk));
    CHECK_EQ(disk.device.limits.size, BLOCKS * 512);
    fake_resize(&fake, 0);
    CHECK(nvme_disk_event(&disk));
    CHECK(disk.device.limits.flags & BLOCK_GONE);
    machine_end();

    CASE("news from a controller that does not answer afterwards: it is reset, and the namespace is there");
    machine_start(512, 16, 1, false);
    struct test_job *job = job_make(BLOCK_FLUSH, 0, 0);

    submit(job);
    fake_resize(&fake, 100);
    fake.admin_stuck = true;
    CHECK(nvme_disk_event(&disk));
    CHECK_EQ(disk.resets, 1);
    CHECK(!(disk.device.limits.flags & BLOCK_GONE));
    CHECK_EQ(disk.device.limits.size, 51200);
    finish();
    CHECK_EQ(job->status, OK);
    machine_end();

    CASE("one that is formatted with other blocks is another one: no request by the old ones reaches it");
    machine_start(512, 16, 1, false);
    fake.block_size = 4096;
    fake_resize(&fake, BLOCKS / 8);
    CHECK(nvme_disk_event(&disk));
    CHECK(disk.device.limits.flags & BLOCK_GONE);
    CHECK_EQ(disk.device.limits.block_size, 512);
    CHECK_EQ(disk.controller.space.block_size, 512);
    fake.stuck = true;
    job = job_make(BLOCK_FLUSH, 0, 0);
    submit(job);
    isolated = 0;
    ticks(3);
    CHECK_EQ(job->status, ERR_IO);
    CHECK_EQ(isolated, 1);
    machine_end();
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 60;

    test_start();
    test_operations();
    test_pieces();
    test_most_pieces();
    CASE("random load, completions in every order: 512 bytes, one queue");
    random_load(512, 32, 1, false, rounds);
    CASE("the same: 4096 bytes, four small queues, scatter-gather lists");
    random_load(4096, 8, 4, true, rounds);
    test_full();
    test_errors();
    test_hang();
    test_memory();
    test_event();
    return check_finish();
}
