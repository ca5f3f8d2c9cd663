/* SPDX-License-Identifier: MIT */
/* The core on a disk that keeps its requests until told, and a log disk in memory. */
#include "lib/crc32/crc32.h"
#include "server/block_fault/fault.h"
#include "test/check.h"

enum { DISK = 1 << 20, LOG = 1 << 20, JOBS = 40, RECORD = 64 << 10 };

struct one {
    struct block_job job; /* first */
    struct block_region region;
    struct block_piece piece;
    uint8_t data[FAULT_TRANSFER];
    bool done;
    enum status status;
    unsigned place; /* in the order of completion */
};

static struct fault fault;
static struct block_client disk, log_disk;
static uint8_t image[DISK], log_image[LOG], buffers[FAULT_DEPTH * FAULT_SLOT], ring[RECORD];
static struct block_request *below[JOBS], *logging;
static unsigned below_count, finished, told;
static struct one ones[JOBS];
static uint64_t clock_now;
static enum status disk_says;

/* ---- the world ---- */

void block_client_submit(struct block_client *client, struct block_request *request)
{
    if (client == &log_disk)
        logging = request;
    else
        below[below_count++] = request;
}

const struct block_info *block_client_info(const struct block_client *client)
{
    return &client->core.info;
}

void block_job_done(struct block_job *job, enum status status, uint64_t done)
{
    struct one *one = (struct one *)job;

    CHECK(!one->done);
    CHECK(status != OK || done == job->length);
    one->done = true;
    one->status = status;
    one->place = finished++;
}

static uint64_t now(void)
{
    return clock_now;
}

static void count_told(struct fault *f)
{
    (void)f;
    told++;
}

static void disk_do(unsigned index)
{
    struct block_request *request = below[index];
    uint8_t *memory = buffers + request->pieces[0].offset;

    memmove(&below[index], &below[index + 1], (--below_count - index) * sizeof(struct block_request *));
    if (disk_says == OK && request->operation == BLOCK_READ)
        memcpy(memory, image + request->offset, request->length);
    if (disk_says == OK && request->operation == BLOCK_WRITE)
        memcpy(image + request->offset, memory, request->length);
    request->status = disk_says;
    request->bytes_done = 0;
    request->done(request);
}

static void log_do(void)
{
    struct block_request *request = logging;

    logging = NULL;
    memcpy(log_image + request->offset, ring + request->pieces[0].offset, request->length);
    request->status = OK;
    request->done(request);
}

static void run(void)
{
    while (below_count)
        disk_do(0);
    while (logging)
        log_do();
}

static void begin(const struct fault_rule *rules, unsigned count, bool record)
{
    memset(ones, 0, sizeof(ones));
    memset(image, 'o', sizeof(image));
    memset(log_image, 0, sizeof(log_image));
    below_count = finished = told = 0;
    clock_now = 1000;
    disk_says = OK;
    logging = NULL;
    disk.core.info.block_size = 512;
    fault = (struct fault){.disk = &disk, .buffers = buffers, .random = 1, .now = now, .told = count_told};
    for (unsigned i = 0; i < count; i++)
        fault.rules[fault.rule_count++] = rules[i];
    if (record)
        fault.record =
            (struct record){.log_opt = &log_disk, .buffer = ring, .size = RECORD, .run = 77, .room = LOG};
    fault_init(&fault);
    record_start(&fault.record, DISK, 512, clock_now);
}

static struct one *submit(unsigned index, enum block_operation operation, uint64_t offset, uint32_t length)
{
    struct one *one = &ones[index];

    one->region = (struct block_region){.address_opt = one->data, .size = sizeof(one->data), .write = true};
    one->piece = (struct block_piece){.region = &one->region, .length = length};
    one->job = (struct block_job){.operation = operation, .offset = offset, .length = length};
    if (operation == BLOCK_READ || operation == BLOCK_WRITE) {
        one->job.pieces = &one->piece;
        one->job.piece_count = 1;
    }
    memset(one->data, operation == BLOCK_WRITE ? 'n' : 0, length);
    CHECK_EQ(fault_submit(&fault, &one->job), OK);
    return one;
}

#define ALL UINT64_MAX

/* ---- cases ---- */

static void passes(void)
{
    CASE("without a rule, all passes");
    begin(NULL, 0, false);
    submit(0, BLOCK_WRITE, 4096, 1024);
    submit(1, BLOCK_FLUSH, 0, 0);
    run();
    submit(2, BLOCK_READ, 4608, 1024);
    run();
    CHECK(ones[0].done && ones[1].done && ones[2].done);
    CHECK_EQ(ones[2].status, OK);
    CHECK_EQ(ones[2].data[511], 'n');
    CHECK_EQ(ones[2].data[512], 'o');
    CHECK_EQ(told, 3);
    CASE("the disk's own errors pass too");
    disk_says = ERR_LOST;
    submit(3, BLOCK_FLUSH, 0, 0);
    run();
    CHECK_EQ(ones[3].status, ERR_LOST);
}

static void errors(void)
{
    const struct fault_rule rules[] = {
        {.operations = 1u << BLOCK_WRITE,
         .offset = 4096,
         .size = 4096,
         .every = 1,
         .count = 1,
         .kind = FAULT_ERROR_BEFORE},
        {.operations = 1u << BLOCK_WRITE, .offset = 0, .size = 512, .every = 1, .kind = FAULT_ERROR_AFTER},
        {.operations = 1u << BLOCK_READ, .size = ALL, .after = 1, .every = 2, .kind = FAULT_ERROR_BEFORE},
    };

    CASE("an error by range, once; it does not reach the disk");
    begin(rules, 3, false);
    submit(0, BLOCK_WRITE, 8192, 512);
    submit(1, BLOCK_WRITE, 3584, 1024);
    CHECK_EQ(below_count, 1);
    submit(2, BLOCK_WRITE, 4096, 512);
    run();
    CHECK_EQ(ones[0].status, OK);
    CHECK_EQ(ones[1].status, ERR_IO);
    CHECK_EQ(ones[2].status, OK);
    CHECK_EQ(image[3584], 'o');
    CASE("a late error comes after the disk has carried it out");
    submit(3, BLOCK_WRITE, 0, 512);
    run();
    CHECK_EQ(ones[3].status, ERR_IO);
    CHECK_EQ(image[0], 'n');
    CASE("the first passes, then every second one fails");
    for (unsigned i = 4; i < 9; i++) {
        submit(i, BLOCK_READ, 512, 512);
        run();
        CHECK_EQ(ones[i].status, i == 6 || i == 8 ? ERR_IO : OK);
    }
    CHECK_EQ(fault.statistics.errors, 4);
}

static void torn(void)
{
    const struct fault_rule rule = {
        .operations = 1u << BLOCK_WRITE, .size = ALL, .every = 1, .kind = FAULT_TORN};
    unsigned inside = 0;

    CASE("a torn write: new up to some byte, old behind it, and an error");
    for (unsigned seed = 1; seed < 40; seed++) {
        unsigned at = 0;

        begin(&rule, 1, true);
        fault.random = seed * 7919;
        submit(0, BLOCK_WRITE, 512, 2048);
        run();
        CHECK_EQ(ones[0].status, ERR_IO);
        while (at < 2048 && image[512 + at] == 'n')
            at++;
        inside += at % 512 != 0;
        for (unsigned i = at; i < 2048; i++)
            CHECK_EQ(image[512 + i], 'o');
        CHECK_EQ(image[511], 'o');
        CHECK_EQ(image[512 + 2048], 'o');
    }
    CHECK(inside > 30);
}

static void delays(void)
{
    const struct fault_rule rule = {
        .operations = 1u << BLOCK_WRITE, .size = ALL, .every = 1, .count = 1, .delay = 500};

    CASE("a delay: others complete before it, and it when its time has come");
    begin(&rule, 1, false);
    submit(0, BLOCK_WRITE, 0, 512);
    submit(1, BLOCK_WRITE, 512, 512);
    run();
    CHECK(!ones[0].done && ones[1].done);
    CHECK_EQ(told, 2); /* of the one that is done, and of the one that needs a timeout */
    CHECK_EQ(fault_tick(&fault), 1500);
    clock_now = 1500;
    CHECK_EQ(fault_tick(&fault), FAULT_NEVER);
    CHECK(ones[0].done);
    CHECK_EQ(ones[0].status, OK);
}

static void reorder(void)
{
    unsigned moved = 0;

    CASE("reordered completions: gathered, told in another order, and none forgotten");
    begin(NULL, 0, false);
    fault.reorder = 4;
    for (unsigned i = 0; i < 10; i++)
        submit(i, BLOCK_WRITE, i * 512, 512);
    for (unsigned i = 0; i < 3; i++)
        disk_do(0);
    CHECK_EQ(finished, 0);
    disk_do(0);
    CHECK_EQ(finished, 4);
    run();
    CHECK_EQ(finished, 10);
    for (unsigned i = 0; i < 10; i++)
        moved += ones[i].place != i;
    CHECK(moved > 2);
}

/* ---- the record ---- */

static bool entry_at(uint64_t at, uint64_t sequence, struct record_entry *entry)
{
    struct record_entry copy;

    memcpy(entry, log_image + at, sizeof(*entry));
    copy = *entry;
    copy.checksum = 0;
    return entry->magic == RECORD_MAGIC && entry->run == 77 && entry->sequence == sequence &&
           entry->checksum ==
               crc32_update(crc32_update(0, &copy, sizeof(copy)), log_image + at + RECORD_UNIT, entry->data);
}

static void record(void)
{
    struct record_entry entry;
    uint64_t at = 0, sequence = 0;
    unsigned kinds[5] = {0};

    CASE("the record: what was submitted, with its data, and what completed, in this order");
    begin(NULL, 0, true);
    for (unsigned i = 0; i < 30; i++)
        submit(i, BLOCK_WRITE, i * 4096, 512 * (1 + i % 3));
    submit(30, BLOCK_FLUSH, 0, 0);
    ones[0].data[0] = 'X'; /* too late */
    run();
    while (entry_at(at, sequence, &entry)) {
        kinds[entry.kind]++;
        if (entry.kind == RECORD_SUBMIT && entry.operation == BLOCK_WRITE)
            CHECK(entry.data == entry.length && log_image[at + RECORD_UNIT] == 'n');
        if (entry.kind == RECORD_COMPLETE)
            CHECK_EQ(entry.data, 0);
        at += RECORD_UNIT + (entry.data + RECORD_UNIT - 1) / RECORD_UNIT * RECORD_UNIT;
        sequence++;
    }
    CHECK_EQ(kinds[RECORD_START], 1);
    CHECK_EQ(kinds[RECORD_SUBMIT], 31);
    CHECK_EQ(kinds[RECORD_COMPLETE], 31);
    CHECK_EQ(at, fault.record.appended);
    CHECK_EQ(fault.record.promised, 0);
    CASE("a request waits while the record's buffer has no room");
    begin(NULL, 0, true);
    submit(0, BLOCK_WRITE, 0, 60 << 10);
    ones[1].job = ones[0].job;
    CHECK_EQ(fault_submit(&fault, &ones[1].job), ERR_AGAIN);
    CHECK(fault.refused);
    run();
    CHECK_EQ(fault_submit(&fault, &ones[1].job), OK);
    run();
    CASE("a full log disk ends the record, and nothing else");
    begin(NULL, 0, true);
    fault.record.room = 4096;
    for (unsigned i = 0; i < 10; i++)
        submit(i, BLOCK_WRITE, i * 512, 512);
    run();
    CHECK(fault.record.ended);
    CHECK_EQ(finished, 10);
}

int main(void)
{
    passes();
    errors();
    torn();
    delays();
    reorder();
    record();
    return check_finish();
}
