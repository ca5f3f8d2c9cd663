/* SPDX-License-Identifier: MIT */
#include "lib/block/test/fake_disk.h"

#include "lib/range/range.h"
#include "test/check.h"

static uint64_t random_state;

void fake_seed(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
}

unsigned fake_random(unsigned below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % below;
}

void fake_init(struct fake_disk *disk, const struct block_core_settings *settings, uint32_t depth)
{
    *disk = (struct fake_disk){.settings = *settings};
    disk->info = (struct block_info){.size = sizeof(disk->view),
                                     .block_size = FAKE_BLOCK,
                                     .physical_block_size = FAKE_BLOCK,
                                     .queue_depth = depth,
                                     .transfer_max = 4 * FAKE_BLOCK,
                                     .segments_max = 3,
                                     .alignment = 4,
                                     .discard_max = 8 * FAKE_BLOCK,
                                     .discard_granularity = 2 * FAKE_BLOCK,
                                     .write_zeroes_max = 6 * FAKE_BLOCK,
                                     .verifier = 1000,
                                     .generation = 1};
}

void fake_connect(struct fake_disk *disk, void *queue)
{
    struct block_connect layout;
    uint8_t *bytes = queue;

    block_core_layout(&disk->settings, &layout);
    disk->queue = queue;
    REQUIRE(ring_consumer_open(bytes + layout.submission_offset,
                               layout.completion_offset - layout.submission_offset, layout.depth,
                               sizeof(struct block_element), &disk->submission) == OK);
    REQUIRE(ring_producer_open(bytes + layout.completion_offset,
                               layout.segment_offset - layout.completion_offset, layout.depth,
                               sizeof(struct block_completion), &disk->completion) == OK);
    memset(disk->jobs, 0, sizeof(disk->jobs));
    ((struct block_state *)queue)->generation = disk->info.generation;
    disk->acknowledged = disk->info.verifier;
    disk->connected = true;
}

/* ---- taking: the client keeps the contract ---- */

static void rule(struct fake_disk *disk, bool kept, const char *reason)
{
    if (!kept && !disk->reason_opt)
        disk->reason_opt = reason;
}

static void check_data(struct fake_disk *disk, struct fake_job *job)
{
    const struct block_element *element = &job->element;
    struct block_connect layout;
    uint64_t sum = 0, end = 0, boundary_mask = disk->info.boundary ? disk->info.boundary - 1 : 0;

    block_core_layout(&disk->settings, &layout);
    const struct block_segment *table =
        (const struct block_segment *)((uint8_t *)disk->queue + layout.segment_offset);

    rule(disk, element->segments && element->segments <= disk->info.segments_max, "number of segments");
    rule(disk, range_ok(element->segment, element->segments, layout.segments), "segments outside the table");
    rule(disk, element->length <= disk->info.transfer_max, "transfer too long");
    for (uint32_t i = 0; i < element->segments && !disk->reason_opt; i++) {
        struct block_segment segment = table[element->segment + i];

        rule(disk, segment.region < BLOCK_REGIONS_MAX && disk->regions[segment.region], "no such region");
        rule(disk, segment.length && range_ok(segment.offset, segment.length, FAKE_REGION),
             "outside the region");
        rule(disk, !((segment.offset | segment.length) & (disk->info.alignment - 1)), "not aligned");
        rule(disk, i == 0 || !((segment.offset | end) & boundary_mask), "not at a boundary");
        end = segment.offset + segment.length;
        job->segments[i] = segment;
        sum += segment.length;
    }
    rule(disk, sum == element->length, "segments do not add up");
}

static void check_element(struct fake_disk *disk, struct fake_job *job)
{
    const struct block_element *element = &job->element;
    bool data = element->operation == BLOCK_READ || element->operation == BLOCK_WRITE;
    bool range = element->operation != BLOCK_FLUSH && element->operation != BLOCK_CANCEL;

    rule(disk, element->operation >= BLOCK_READ && element->operation < BLOCK_OPERATION_COUNT, "operation");
    rule(disk, !range || element->length, "empty");
    rule(disk, !range || !((element->offset | element->length) & (FAKE_BLOCK - 1)), "not whole blocks");
    rule(disk, element->operation != BLOCK_DISCARD || element->length <= disk->info.discard_max, "discard");
    rule(disk, element->operation != BLOCK_WRITE_ZEROES || element->length <= disk->info.write_zeroes_max,
         "zeroes");
    rule(disk, data || element->segments == 0, "segments without data");
    for (unsigned i = 0; i < 4; i++)
        rule(disk, element->reserved[i] == 0, "reserved");
    if (data)
        check_data(disk, job);
}

static uint32_t cancel(struct fake_disk *disk, uint64_t tag)
{
    if (tag >= disk->settings.depth)
        return ERR_NOT_FOUND;

    struct fake_job *job = &disk->jobs[tag];

    if (!job->used || job->executed || job->element.operation == BLOCK_CANCEL)
        return ERR_NOT_FOUND;
    job->executed = true;
    job->status = ERR_ABORTED;
    return OK;
}

void fake_take(struct fake_disk *disk)
{
    struct block_element element;

    if (!disk->connected)
        return;
    while (ring_take(&disk->submission, &element) == OK) {
        REQUIRE(element.tag < disk->settings.depth);

        struct fake_job *job = &disk->jobs[element.tag];

        disk->elements++;
        rule(disk, !job->used, "tag in use");
        *job = (struct fake_job){.element = element, .used = true, .arrived = disk->arrivals++};
        check_element(disk, job);
        REQUIRE(!disk->reason_opt);
        if (element.operation == BLOCK_CANCEL) { /* in the order of the ring */
            job->status = cancel(disk, element.offset);
            job->executed = true;
        }
    }
    (void)ring_give_back(&disk->submission);
}

/* ---- carrying out ---- */

static bool in_range(const struct fake_disk *disk, const struct block_element *element)
{
    return range_ok(element->offset, element->length, disk->info.size);
}

/* Between the view and the client's memory, `bytes` of it. */
static void move(struct fake_disk *disk, const struct fake_job *job, uint64_t bytes)
{
    uint8_t *view = disk->view + job->element.offset;

    for (uint32_t i = 0; i < job->element.segments && bytes; i++) {
        const struct block_segment *segment = &job->segments[i];
        uint64_t length = segment->length < bytes ? segment->length : bytes;
        uint8_t *memory = disk->regions[segment->region] + segment->offset;

        if (job->element.operation == BLOCK_READ)
            memcpy(memory, view, length);
        else
            memcpy(view, memory, length);
        view += length;
        bytes -= length;
    }
}

/* The first `bytes` of a job that changes the view. */
static void change(struct fake_disk *disk, const struct fake_job *job, uint64_t bytes)
{
    const struct block_element *element = &job->element;

    if (disk->executing_opt)
        disk->executing_opt(disk, job);
    switch ((enum block_operation)element->operation) {
    case BLOCK_WRITE: move(disk, job, bytes); break;
    case BLOCK_WRITE_ZEROES: memset(disk->view + element->offset, 0, bytes); break;
    case BLOCK_DISCARD:
        memset(disk->view + element->offset, fake_random(2) ? 0 : 0xdd, bytes & ~(uint64_t)(FAKE_BLOCK - 1));
        break;
    default: break;
    }
}

static bool overlapping(const struct block_element *a, const struct block_element *b)
{
    return a->offset < b->offset + b->length && b->offset < a->offset + a->length &&
           (a->operation != BLOCK_READ || b->operation != BLOCK_READ);
}

/* An earlier one that overlaps goes first. */
static bool may_run(const struct fake_disk *disk, const struct fake_job *job)
{
    for (unsigned i = 0; i < disk->settings.depth; i++) {
        const struct fake_job *other = &disk->jobs[i];

        if (other->used && !other->executed && other->arrived < job->arrived &&
            overlapping(&other->element, &job->element))
            return false;
    }
    return true;
}

static uint32_t flush(struct fake_disk *disk)
{
    if (disk->acknowledged != disk->info.verifier) {
        disk->refused_flushes++;
        return ERR_LOST;
    }
    memcpy(disk->platter, disk->view, sizeof(disk->view));
    return OK;
}

static void run_range(struct fake_disk *disk, struct fake_job *job)
{
    const struct block_element *element = &job->element;

    job->status = in_range(disk, element) ? OK : ERR_RANGE;
    if (job->status == OK && (element->flags & BLOCK_BARRIER))
        job->status = flush(disk);
    if (job->status != OK)
        return;
    job->done = element->length;
    if (fake_random(100) < disk->io_error_percent) {
        job->status = ERR_IO;
        job->done = fake_random((unsigned)(element->length / FAKE_BLOCK)) * FAKE_BLOCK;
    }
    if (element->operation == BLOCK_READ)
        move(disk, job, job->done);
    else
        change(disk, job, job->done);
    if (element->flags & BLOCK_FUA)
        memcpy(disk->platter + element->offset, disk->view + element->offset, job->done);
}

static void run(struct fake_disk *disk, struct fake_job *job)
{
    job->executed = true;
    if (job->element.operation == BLOCK_FLUSH)
        job->status = flush(disk);
    else
        run_range(disk, job);
}

static struct fake_job *choose(struct fake_disk *disk, bool executed)
{
    unsigned first = fake_random(disk->settings.depth);

    for (unsigned i = 0; i < disk->settings.depth; i++) {
        struct fake_job *job = &disk->jobs[(first + i) % disk->settings.depth];

        if (job->used && job->executed == executed && (executed || may_run(disk, job)))
            return job;
    }
    return NULL;
}

bool fake_execute(struct fake_disk *disk)
{
    struct fake_job *job = disk->connected ? choose(disk, false) : NULL;

    if (job)
        run(disk, job);
    return job;
}

bool fake_complete(struct fake_disk *disk)
{
    struct fake_job *job = disk->connected ? choose(disk, true) : NULL;
    bool notify;

    if (!job)
        return false;

    struct block_completion completion = {
        .done = job->done, .tag = job->element.tag, .status = job->status, .verifier = disk->info.verifier};

    job->used = false;
    REQUIRE(ring_push(&disk->completion, &completion, &notify) == OK);
    disk->notifications += notify;
    return notify;
}

void fake_run(struct fake_disk *disk)
{
    fake_take(disk);
    while (fake_execute(disk))
        ;
    for (unsigned i = 0; i < disk->settings.depth; i++)
        (void)fake_complete(disk);
}

/* ---- losses ---- */

void fake_write_back(struct fake_disk *disk)
{
    for (unsigned i = 0; i < FAKE_BLOCKS; i++)
        if (fake_random(4) == 0)
            memcpy(disk->platter + i * FAKE_BLOCK, disk->view + i * FAKE_BLOCK, FAKE_BLOCK);
}

/* Each block old, new, or its first half new. */
static void tear(struct fake_disk *disk, const struct fake_job *job)
{
    static uint8_t before[sizeof(disk->view)];
    const struct block_element *element = &job->element;

    memcpy(before, disk->view, sizeof(before));
    change(disk, job, element->length);
    for (uint64_t at = element->offset; at < element->offset + element->length; at += FAKE_BLOCK) {
        unsigned kind = fake_random(3);

        if (kind == 0)
            memcpy(disk->view + at, before + at, FAKE_BLOCK);
        else if (kind == 1)
            memcpy(disk->view + at + FAKE_BLOCK / 2, before + at + FAKE_BLOCK / 2, FAKE_BLOCK / 2);
    }
}

static bool writes(const struct block_element *element)
{
    return element->operation == BLOCK_WRITE || element->operation == BLOCK_WRITE_ZEROES;
}

static void new_verifier(struct fake_disk *disk)
{
    fake_write_back(disk);
    memcpy(disk->view, disk->platter, sizeof(disk->view));
    disk->info.verifier++;
    disk->info.generation++;
}

void fake_die(struct fake_disk *disk, bool lose)
{
    for (unsigned i = 0; i < disk->settings.depth; i++) {
        const struct fake_job *job = &disk->jobs[i];

        if (disk->connected && job->used && !job->executed && writes(&job->element) && may_run(disk, job) &&
            in_range(disk, &job->element) && !(job->element.flags & BLOCK_BARRIER))
            tear(disk, job);
    }
    disk->connected = false;
    if (lose)
        new_verifier(disk);
}

/* What is carried out, but not told, is carried out again: it would otherwise be told as if it had survived. */
void fake_lose(struct fake_disk *disk)
{
    new_verifier(disk);
    for (unsigned i = 0; i < disk->settings.depth; i++)
        if (disk->jobs[i].status == OK && disk->jobs[i].element.operation != BLOCK_CANCEL)
            disk->jobs[i].executed = false;
    if (disk->connected)
        __atomic_store_n(&((struct block_state *)disk->queue)->generation, disk->info.generation,
                         __ATOMIC_RELEASE);
}

void fake_acknowledge(struct fake_disk *disk, uint64_t verifier)
{
    if (verifier == disk->info.verifier)
        disk->acknowledged = verifier;
}
