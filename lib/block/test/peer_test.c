/* SPDX-License-Identifier: MIT */
/* Clients: requests that are wrong, clients that are broken, their turns, and what they are notified of. */
#include "lib/block/test/rig.h"

#define KB 1024u

static struct rig_client *client;

/* How a request completes that never gets to the device. */
static void refused(struct block_element element, enum status status)
{
    unsigned submits = rig.submits;

    rig_stage(client, &element);
    rig_kick(client);
    CHECK(rig_take(client) && client->last == status && client->last_done == 0);
    CHECK_EQ(rig.submits, submits);
    CHECK(!client->session.queue.ended);
}

static void test_requests(void)
{
    struct block_element e;
    struct rig_client *reader;

    CASE("requests that are wrong complete with a status, and the queue goes on");
    rig_make(8);
    client = rig_client(1 << 20, 1 << 20, true, false);
    refused(rig_element(client, 1, BLOCK_READ, 1 << 20, 512), ERR_RANGE);
    refused(rig_element(client, 1, BLOCK_READ, UINT64_MAX - 511, 512), ERR_RANGE);
    refused(rig_element(client, 1, BLOCK_READ, (1 << 20) - 512, 1024), ERR_RANGE);
    refused(rig_element(client, 1, BLOCK_READ, 0, 100), ERR_INVALID);
    refused(rig_element(client, 1, BLOCK_READ, 4, 512), ERR_INVALID);
    refused(rig_element(client, 1, BLOCK_READ, 0, 256 * KB), ERR_INVALID);
    refused(rig_element(client, 1, BLOCK_READ, 0, 0), ERR_INVALID);
    refused(rig_element(client, 1, BLOCK_DISCARD, 0, 0), ERR_INVALID);
    refused(rig_element(client, 1, BLOCK_DISCARD, 0, 2 << 20), ERR_INVALID);
    refused(rig_element(client, 1, BLOCK_WRITE_ZEROES, 0, 2 << 20), ERR_RANGE);
    e = rig_element(client, 1, BLOCK_READ, 0, 512);
    client->segments[1].offset = 2;
    refused(e, ERR_INVALID);
    e = rig_element(client, 1, BLOCK_READ, 0, 512);
    e.flags = BLOCK_FUA;
    refused(e, ERR_INVALID);
    e = rig_element(client, 1, BLOCK_READ, 0, 17 * 512);
    e.segments = 17;
    refused(e, ERR_INVALID);

    CASE("who may only read");
    reader = rig_client(0, UINT64_MAX, false, false);
    rig_free(client);
    client = reader;
    refused(rig_element(client, 1, BLOCK_WRITE, 0, 512), ERR_DENIED);
    refused(rig_element(client, 1, BLOCK_DISCARD, 0, 512), ERR_DENIED);
    refused(rig_element(client, 1, BLOCK_WRITE_ZEROES, 0, 512), ERR_DENIED);
    rig_free(client);
}

/* The element ends the queue; a new one works. */
static void broken(struct block_element element, const char *reason)
{
    struct block_info info;

    rig_stage(client, &element);
    rig_kick(client);
    engine_session_info(&client->session, &info);
    CHECK(info.flags & BLOCK_QUEUE_ENDED);
    CHECK_STR(info.reason, reason);
    CHECK_EQ(((struct block_state *)(void *)client->memory)->generation, info.generation);
    CHECK(!rig_take(client));
    for (unsigned i = 0; i < 2; i++)
        CHECK_EQ(client->session.regions[i].users, 0);
    rig_connect(client);
    rig_put(client, 0, BLOCK_FLUSH, 0, 0);
    rig_done(0, OK);
    CHECK(rig_take(client) && client->last == OK);
}

static void broken_segment(uint64_t offset, uint32_t length, uint32_t region, const char *reason)
{
    struct block_element e = rig_element(client, 1, BLOCK_READ, 0, 512);

    client->segments[1] = (struct block_segment){.offset = offset, .length = length, .region = region};
    broken(e, reason);
}

static void test_broken(void)
{
    struct block_element e;

    CASE("clients that are broken lose their queue, with a reason");
    rig_make(8);
    client = rig_client(0, UINT64_MAX, true, false);
    broken(rig_element(client, RIG_DEPTH, BLOCK_FLUSH, 0, 0), "a tag beyond the depth");
    broken(rig_element(client, UINT32_MAX, BLOCK_FLUSH, 0, 0), "a tag beyond the depth");
    broken(rig_element(client, 1, 0, 0, 0), "unknown operation");
    broken(rig_element(client, 1, BLOCK_OPERATION_COUNT, 0, 0), "unknown operation");
    broken(rig_element(client, 1, BLOCK_FLUSH, 512, 0), "FLUSH with a range");
    broken(rig_element(client, 1, BLOCK_CANCEL, 0, 1), "CANCEL with more than a tag");
    for (unsigned i = 0; i < 4; i++) {
        e = rig_element(client, 1, BLOCK_READ, 0, 512);
        e.reserved[i] = 1ull << (i * 21);
        broken(e, "reserved bits");
    }
    e = rig_element(client, 1, BLOCK_WRITE, 0, 512);
    e.flags = 4;
    broken(e, "reserved bits");
    e = rig_element(client, 1, BLOCK_DISCARD, 0, 512);
    e.segments = 1;
    broken(e, "segments where there are none");
    e = rig_element(client, 1, BLOCK_READ, 0, 1024);
    e.segment = RIG_DEPTH - 1;
    e.segments = 2;
    broken(e, "segments outside the table");
    e.segment = UINT32_MAX;
    e.segments = 1;
    broken(e, "segments outside the table");
    e.segments = UINT32_MAX;
    broken(e, "segments outside the table");
    e = rig_element(client, 1, BLOCK_READ, 0, 512);
    e.segments = 0;
    broken(e, "segments do not add up to the length");

    CASE("segments that cannot be");
    broken_segment(RIG_REGION - 511, 512, 0, "a segment outside its region");
    broken_segment(UINT64_MAX, 512, 0, "a segment outside its region");
    broken_segment(0, 512, 2, "a segment outside its region");
    broken_segment(0, 512, 16, "a segment outside its region");
    broken_segment(0, 512, UINT32_MAX, "a segment outside its region");
    broken_segment(0, 508, 0, "segments do not add up to the length");
    broken_segment(0, 0, 0, "segments do not add up to the length");
    broken_segment(0, 512, 1, "READ into a region without write");
    rig_free(client);
}

/* More segments than the device takes: a request that is wrong, whatever the device asks of their alignment. */
static void test_segments(void)
{
    CASE("a request of too many segments never reaches the device");
    for (unsigned alignment = 1; alignment <= 512; alignment *= 8) {
        rig_make(8);
        rig.device.limits.alignment = alignment;
        block_engine_changed(&rig.engine);
        client = rig_client(0, UINT64_MAX, true, false);

        struct block_element e = rig_element(client, 0, BLOCK_WRITE, 0, 17 * 512);

        e.segments = 17;
        for (unsigned i = 0; i < e.segments; i++)
            client->segments[i] = (struct block_segment){.length = 512};
        rig_stage(client, &e);
        rig_kick(client);
        CHECK_EQ(rig.count, 0);
        CHECK(rig_take(client) && client->last == ERR_INVALID);
        rig_free(client);
    }
}

static void test_reuse(void)
{
    struct block_element e;
    unsigned taken = 0;

    CASE("a tag, or a segment, that is in use; what is in the device then completes for nobody");
    rig_make(8);
    client = rig_client(0, UINT64_MAX, true, false);
    rig_put(client, 1, BLOCK_READ, 0, 512);
    rig_put(client, 1, BLOCK_READ, 4096, 512);
    CHECK_STR(client->session.reason, "a tag is in use");
    CHECK_EQ(rig.count, 1);
    rig_done(0, OK);
    CHECK(!rig_take(client));
    rig_connect(client);
    rig_put(client, 1, BLOCK_READ, 0, 512);
    e = rig_element(client, 2, BLOCK_READ, 0, 512);
    e.segment = 1;
    rig_stage(client, &e);
    rig_kick(client);
    CHECK_STR(client->session.reason, "a segment is in use");
    rig_done(0, OK);
    rig_connect(client);

    CASE("completions that are not taken");
    rig.at_once = true;
    for (unsigned i = 0; !client->session.queue.ended && i < 1000; i++, taken++)
        rig_put(client, i % RIG_DEPTH, BLOCK_FLUSH, 0, 0);
    CHECK_STR(client->session.reason, "completions are not taken");
    CHECK(taken <= RIG_DEPTH + 1);
    rig_connect(client);

    CASE("a queue that ends while the device refuses a job of it: nothing of the session stays behind");
    rig.at_once = false;
    rig_put(client, 0, BLOCK_READ, 0, 512);
    rig.at_once = true;
    for (unsigned i = 0; i < RIG_DEPTH; i++)
        rig_put(client, 1 + i % (RIG_DEPTH - 1), BLOCK_FLUSH, 0, 0);
    CHECK(!client->session.queue.ended);
    rig.full = rig.reaps = true;
    rig_put(client, 1, BLOCK_READ, 4096, 512);
    CHECK_STR(client->session.reason, "completions are not taken");
    CHECK_EQ(rig.engine.active_count, 0);
    CHECK(list_empty(&rig.engine.active));
    CHECK(engine_queue_close(&client->session));
    rig.full = rig.reaps = false;
    rig_connect(client);

    CASE("an index that cannot be");
    ((struct ring_shared *)(void *)(client->memory + sizeof(struct block_state)))->producer.index = 1000;
    engine_session_wake(&client->session);
    rig_run();
    CHECK_STR(client->session.reason, "an impossible index");
    rig_free(client);
}

static void test_memory(void)
{
    struct rig_client *other;

    CASE("who frees registered memory loses its queue, for good; nobody else notices");
    rig_make(4);
    client = rig_client(0, 1 << 20, true, false);
    other = rig_client(2 << 20, 1 << 20, true, false);
    for (uint32_t tag = 0; tag < 6; tag++)
        rig_put(client, tag, BLOCK_WRITE, tag * 4096, 4096);
    rig_put(other, 0, BLOCK_WRITE, 0, 4096);
    CHECK_EQ(rig.count, 4);
    block_engine_check_memory(&rig.engine);
    CHECK(!client->session.queue.ended);
    rig.guilty = client;
    block_engine_check_memory(&rig.engine);
    rig_run();
    CHECK_STR(client->session.reason, "registered memory was freed");
    CHECK(block_job_gone(rig.jobs[0]));
    CHECK(!block_job_gone(rig.jobs[3]));
    CHECK_EQ(rig.count, 4); /* the device has to give them back */
    while (rig.count)
        rig_done(0, OK);
    CHECK(rig_take(other) && other->last == OK);
    CHECK(!rig_take(client));
    CHECK(engine_queue_close(&client->session));
    CHECK_EQ(engine_queue_open(&client->session, client->memory, &(struct block_connect){0}, client->jobs,
                               client->pieces),
             ERR_DENIED);
    rig_free(client);
    rig_free(other);
}

/* Keeps all its tags busy, from notification to notification only. */
static void test_notifications(void)
{
    unsigned requests = 0, batches = 0;
    uint32_t busy = 0;

    CASE("a saturated null server: at most 0.1 notifications a request, both directions together");
    rig_make(32);
    rig.at_once = true;
    client = rig_client(0, UINT64_MAX, true, false);
    client->told = 1;
    while (requests < 32000 && client->told) {
        client->told = 0;
        while (rig_take(client))
            busy &= ~(1u << client->last_tag);
        batches++;
        for (uint32_t tag = 0; tag < 32; tag++) {
            struct block_element e = rig_element(client, tag, BLOCK_READ, tag * 4 * KB, 4 * KB);

            if (busy & (1u << tag))
                continue;
            busy |= 1u << tag;
            rig_stage(client, &e);
            requests++;
        }
        rig_kick(client);
    }
    CHECK(requests >= 32000);
    printf("%.3f notifications a request\n", (client->telling + batches) / (double)requests);
    CHECK((client->telling + batches) * 10 <= requests);
    while (rig_take(client))
        ;
    rig_free(client);
}

/* Resubmits each completed request at once. */
static uint64_t keep_busy(struct rig_client *one, enum block_operation operation, uint32_t length)
{
    uint64_t bytes = 0;

    while (rig_take(one)) {
        bytes += one->last_done;
        rig_put(one, one->last_tag, operation, one->session.view.write ? one->last_tag * 128ull * KB : 0,
                length);
    }
    return bytes;
}

static void test_fairness(void)
{
    struct rig_client *hog, *reader;
    uint64_t hog_bytes = 0, reader_bytes = 0;

    CASE("one READ at a time beside 64 WRITEs of 128 KiB always finds its place");
    rig_make(32);
    hog = rig_client(0, 32 << 20, true, false);
    reader = rig_client(32 << 20, UINT64_MAX, false, false);
    for (uint32_t tag = 0; tag < 64; tag++)
        rig_put(hog, tag, BLOCK_WRITE, tag * 128ull * KB, 128 * KB);
    CHECK_EQ(rig.count, 31);
    for (unsigned i = 0; i < 1000; i++) {
        rig_put(reader, 0, BLOCK_READ, 0, 4 * KB);
        CHECK_EQ(rig.jobs[rig.count - 1]->operation, BLOCK_READ);
        rig_done(rig.count - 1, OK);
        CHECK(rig_take(reader));
        rig_done(0, OK);
        (void)keep_busy(hog, BLOCK_WRITE, 128 * KB);
    }

    CASE("two that are busy share by bytes: 4 KiB READs beside 128 KiB WRITEs, within a tenth");
    for (uint32_t tag = 0; tag < 64; tag++)
        rig_put(reader, tag, BLOCK_READ, 0, 4 * KB);
    for (unsigned i = 0; i < 40000; i++) {
        rig_done(0, OK);
        hog_bytes += keep_busy(hog, BLOCK_WRITE, 128 * KB);
        reader_bytes += keep_busy(reader, BLOCK_READ, 4 * KB);
    }
    printf("%llu MiB and %llu MiB\n", (unsigned long long)hog_bytes >> 20,
           (unsigned long long)reader_bytes >> 20);
    CHECK(hog_bytes * 10 >= reader_bytes * 9 && hog_bytes * 9 <= reader_bytes * 10);
    (void)engine_session_close(&hog->session);
    (void)engine_session_close(&reader->session);
    while (rig.count)
        rig_done(0, OK);
    free(hog);
    free(reader);
}

int main(void)
{
    test_requests();
    test_broken();
    test_segments();
    test_reuse();
    test_memory();
    test_notifications();
    test_fairness();
    return check_finish();
}
