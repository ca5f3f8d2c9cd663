/* SPDX-License-Identifier: MIT */
/* The engine, rule by rule: views, turns, ranges, FLUSH, losses, a full device, a device that goes. */
#include "lib/block/test/rig.h"

#define KB 1024u

static void test_views(void)
{
    struct rig_client *a, *b, *c;

    CASE("two views that may write do not overlap, unless both are shared");
    rig_make(8);
    a = rig_client(0, 1 << 20, true, false);
    b = rig_client(1 << 20, UINT64_MAX, true, false);
    CHECK_EQ(a->last, OK);
    CHECK_EQ(b->last, OK);
    CHECK_EQ(b->session.size, RIG_SIZE - (1 << 20));
    c = rig_client((1 << 20) - 512, 512, true, true);
    CHECK_EQ(c->last, ERR_BUSY);
    free(c);
    c = rig_client(0, UINT64_MAX, false, false);
    CHECK_EQ(c->last, OK);
    rig_free(a);
    rig_free(b);
    a = rig_client(0, UINT64_MAX, true, true);
    b = rig_client(0, UINT64_MAX, true, true);
    CHECK_EQ(b->last, OK);
    rig_free(a);
    rig_free(b);
    rig_free(c);

    CASE("nor do they when the device grows");
    a = rig_client(0, UINT64_MAX, true, false);
    b = rig_client(RIG_SIZE, UINT64_MAX, true, false);
    CHECK_EQ(b->last, ERR_BUSY);
    if (b->last == OK)
        rig_free(b);
    else
        free(b);
    rig_free(a);

    CASE("views that cannot be");
    a = rig_client(100, 512, false, false);
    CHECK_EQ(a->last, ERR_INVALID);
    free(a);
    a = rig_client(0, 0, false, false);
    CHECK_EQ(a->last, ERR_INVALID);
    free(a);
    a = rig_client(RIG_SIZE + 512, UINT64_MAX, false, false);
    CHECK_EQ(a->last, ERR_RANGE);
    free(a);
}

static void test_overlap(void)
{
    struct rig_client *a, *b;

    CASE("a WRITE waits for a READ of the same block, and later READs wait for it");
    rig_make(8);
    a = rig_client(0, UINT64_MAX, true, true);
    b = rig_client(0, UINT64_MAX, true, true);
    rig_put(a, 0, BLOCK_READ, 0, 4 * KB);
    rig_put(b, 0, BLOCK_WRITE, 2 * KB, 64 * KB);
    CHECK_EQ(rig.count, 1);
    rig_put(a, 1, BLOCK_READ, 32 * KB, 4 * KB);
    CHECK_EQ(rig.count, 1);
    rig_put(a, 2, BLOCK_READ, 512 * KB, 4 * KB); /* behind it in the same session */
    CHECK_EQ(rig.count, 1);
    rig_put(b, 3, BLOCK_READ, 900 * KB, 4 * KB);
    rig_done(0, OK);
    CHECK(rig_take(a) && a->last_tag == 0);
    CHECK_EQ(rig.count, 2); /* the WRITE and the READ behind it */
    CHECK_EQ(rig.jobs[0]->operation, BLOCK_WRITE);
    rig_done(0, OK);
    CHECK_EQ(rig.count, 3);
    while (rig.count)
        rig_done(0, OK);
    rig_free(a);
    rig_free(b);
}

static void test_flush(void)
{
    struct rig_client *a, *b;

    CASE("FLUSHes that come while one is in the device share the next");
    rig_make(8);
    a = rig_client(0, UINT64_MAX, true, true);
    b = rig_client(0, UINT64_MAX, true, true);
    for (uint32_t tag = 0; tag < 5; tag++) {
        rig_put(a, tag, BLOCK_FLUSH, 0, 0);
        rig_put(b, tag, BLOCK_FLUSH, 0, 0);
    }
    CHECK_EQ(rig.count, 1);
    CHECK_EQ(rig.submits, 1);
    rig_done(0, OK);
    CHECK(rig_take(a) && !rig_take(a) && !rig_take(b));
    CHECK_EQ(rig.count, 1);
    rig_done(0, ERR_IO); /* an error is everybody's who shared it */
    CHECK_EQ(rig.submits, 2);
    for (unsigned i = 0; i < 4; i++)
        CHECK(rig_take(a) && a->last == ERR_IO);
    for (unsigned i = 0; i < 5; i++)
        CHECK(rig_take(b) && b->last == ERR_IO);

    CASE("it goes past READs that wait, and alone where it must");
    rig.device.limits.exclusive = true;
    rig_put(a, 0, BLOCK_READ, 0, 4 * KB);
    rig_put(b, 0, BLOCK_FLUSH, 0, 0);
    rig_put(a, 1, BLOCK_READ, 0, 4 * KB);
    CHECK_EQ(rig.count, 1);
    rig_done(0, OK);
    CHECK_EQ(rig.count, 1);
    CHECK_EQ(rig.jobs[0]->operation, BLOCK_FLUSH);
    rig_done(0, OK);
    CHECK_EQ(rig.count, 1);
    CHECK_EQ(rig.jobs[0]->operation, BLOCK_READ);
    rig_done(0, OK);
    rig_free(a);
    rig_free(b);
}

static bool discard_in_device(void)
{
    return rig.count == 1 && rig.jobs[0]->operation == BLOCK_DISCARD;
}

/* Whatever others do, what must be alone comes to its turn (G27). */
static void test_exclusive(void)
{
    struct rig_client *a, *b, *c;
    unsigned round;

    CASE("READs of two clients that are never in the device at the same time do not keep a DISCARD away");
    rig_make(8);
    rig.device.limits.exclusive = true;
    a = rig_client(0, UINT64_MAX, true, true);
    b = rig_client(0, UINT64_MAX, true, true);
    c = rig_client(0, UINT64_MAX, true, true);
    rig_put(b, 0, BLOCK_READ, 0, 4 * KB);
    rig_put(c, 0, BLOCK_READ, 0, 4 * KB);
    rig_put(a, 0, BLOCK_DISCARD, 1 << 20, 64 * KB);
    for (round = 0; round < 1000 && !discard_in_device(); round++) {
        rig_done(0, OK);
        if (rig_take(b))
            rig_put(b, 0, BLOCK_READ, 0, 4 * KB);
        if (rig_take(c))
            rig_put(c, 0, BLOCK_READ, 0, 4 * KB);
    }
    CHECK(discard_in_device());
    while (rig.count)
        rig_done(0, OK);
    while (rig_take(a) || rig_take(b) || rig_take(c))
        ;

    CASE("nor do FLUSHes of others, one of which always waits while another one is in the device");
    rig_put(b, 0, BLOCK_FLUSH, 0, 0);
    rig_put(c, 0, BLOCK_FLUSH, 0, 0);
    rig_put(a, 0, BLOCK_DISCARD, 1 << 20, 64 * KB);
    for (round = 0; round < 1000 && !discard_in_device(); round++) {
        rig_done(0, OK);
        if (rig_take(b))
            rig_put(b, 0, BLOCK_FLUSH, 0, 0);
        if (rig_take(c))
            rig_put(c, 0, BLOCK_FLUSH, 0, 0);
    }
    CHECK(discard_in_device());
    while (rig.count)
        rig_done(0, OK);
    rig_free(a);
    rig_free(b);
    rig_free(c);
}

/* WRITE_ZEROES that the engine makes of WRITEs costs what each of these does, not all at once. */
static void test_zeroes_cost(void)
{
    struct rig_client *a, *b;
    uint64_t others = 0;

    CASE("a large WRITE_ZEROES of WRITEs waits no longer for its turn than a WRITE");
    rig_make(4);
    a = rig_client(0, 32 << 20, true, false);
    b = rig_client(32 << 20, UINT64_MAX, true, false);
    rig_put(a, 0, BLOCK_READ, 0, 4 * KB); /* stays there: so it has no reserved place to wait for */
    for (uint32_t tag = 0; tag < 32; tag++)
        rig_put(b, tag, BLOCK_WRITE, tag * 128 * KB, 128 * KB);
    rig_put(a, 1, BLOCK_WRITE_ZEROES, 1 << 20, 16 << 20);
    rig_run();
    while (others < 16 << 20 && rig.jobs[rig.count - 1]->offset != 1 << 20) {
        rig_done(1, OK);
        while (rig_take(b)) {
            others += b->last_done;
            rig_put(b, b->last_tag, BLOCK_WRITE, b->last_tag * 128 * KB, 128 * KB);
        }
    }
    CHECK(others <= 1 << 20);
    (void)engine_session_close(&a->session);
    (void)engine_session_close(&b->session);
    while (rig.count)
        rig_done(0, OK);
    free(a);
    free(b);
}

static void test_loss(void)
{
    struct rig_client *a;

    CASE("after a loss FLUSH fails until it is acknowledged, other requests do not");
    rig_make(8);
    a = rig_client(0, UINT64_MAX, true, false);
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    rig.device.verifier = 8;
    block_engine_changed(&rig.engine);
    rig_done(0, OK);
    CHECK(rig_take(a) && a->last == ERR_LOST);
    rig.at_once = true;
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    CHECK(rig_take(a) && a->last == ERR_LOST);
    rig_put(a, 0, BLOCK_WRITE, 0, 512);
    CHECK(rig_take(a) && a->last == OK);
    CHECK_EQ(engine_session_acknowledge(&a->session, 7), ERR_LOST);
    CHECK_EQ(engine_session_acknowledge(&a->session, 8), OK);
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    CHECK(rig_take(a) && a->last == OK);
    rig_free(a);
}

/* A device that can no longer be written may still hold what was: FLUSH must not say that it is durable without asking it. */
static void test_read_only(void)
{
    struct rig_client *a;

    CASE("FLUSH of a device that has become read-only reaches it; of one that always was, it need not");
    rig_make(8);
    a = rig_client(0, UINT64_MAX, true, false);
    rig_put(a, 0, BLOCK_WRITE, 0, 512);
    rig_done(0, OK);
    CHECK(rig_take(a) && a->last == OK);
    rig.device.limits.flags |= BLOCK_READ_ONLY;
    block_engine_changed(&rig.engine);
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    rig_run();
    CHECK(!rig_take(a));
    CHECK_EQ(rig.count, 1);
    while (rig.count)
        rig_done(0, ERR_IO);
    CHECK(rig_take(a) && a->last == ERR_IO);
    rig_free(a);

    CASE("WRITE_ZEROES of a device that could not be written at first, so that there are no zeroes for it");
    rig_make(8);
    rig.engine.zeroes_opt = NULL;
    rig.at_once = true;
    a = rig_client(0, UINT64_MAX, true, false);
    rig_put(a, 0, BLOCK_WRITE_ZEROES, 0, 4 * KB);
    CHECK(rig_take(a) && a->last == ERR_UNSUPPORTED);
    CHECK_EQ(rig.submits, 0);
    rig_free(a);
}

/* ATA's FLUSH CACHE EXT drops the sector that it could not write, and goes on behind it the next time. */
static void test_drop(void)
{
    struct rig_client *a, *b;

    CASE("behind FLUSHes that failed on a device that may have dropped writes, one that succeeds is a loss");
    rig_make(8);
    rig.device.flush_drops = true;
    a = rig_client(0, 1 << 20, true, false);
    b = rig_client(1 << 20, 1 << 20, true, false);
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    rig_put(b, 0, BLOCK_FLUSH, 0, 0); /* comes while the other one is in the device */
    rig_done(0, ERR_IO);
    rig_done(0, ERR_IO);
    CHECK(rig_take(a) && a->last == ERR_IO);
    CHECK(rig_take(b) && b->last == ERR_IO);
    CHECK_EQ(rig.device.verifier, 7);
    rig.at_once = true;
    rig_put(b, 0, BLOCK_FLUSH, 0, 0);
    CHECK(rig_take(b) && b->last == ERR_LOST);
    CHECK_EQ(rig.device.verifier, 8);
    CHECK_EQ(a->session.generation, b->session.generation);
    CHECK_EQ(a->session.queue.state->generation, a->session.generation);
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    CHECK(rig_take(a) && a->last == ERR_LOST);
    CHECK_EQ(engine_session_acknowledge(&a->session, 8), OK);
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    CHECK(rig_take(a) && a->last == OK);
    CHECK_EQ(rig.device.verifier, 8);

    CASE("one that drops nothing keeps its verifier");
    rig.at_once = rig.device.flush_drops = false;
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    rig_done(0, ERR_IO);
    CHECK(rig_take(a) && a->last == ERR_IO);
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    rig_done(0, OK);
    CHECK(rig_take(a) && a->last == OK);
    CHECK_EQ(rig.device.verifier, 8);
    rig_free(a);
    rig_free(b);
}

static void test_full(void)
{
    struct rig_client *a;
    unsigned submits;

    CASE("a device that is full is not asked again before something has happened");
    rig_make(8);
    a = rig_client(0, UINT64_MAX, true, false);
    rig_put(a, 0, BLOCK_READ, 0, 4 * KB);
    rig.full = true;
    for (uint32_t tag = 1; tag < 10; tag++) {
        struct block_element element = rig_element(a, tag, BLOCK_READ, 0, 4 * KB);

        rig_stage(a, &element);
    }
    rig_kick(a);
    submits = rig.submits;
    CHECK_EQ(submits, 2);
    CHECK(!rig.more);
    rig.full = false;
    rig_done(0, OK);
    CHECK_EQ(rig.submits, submits + 8);
    CHECK_EQ(rig.count, 8);

    CASE("while requests wait for a place, their client is not asked to notify");
    rig_put(a, 10, BLOCK_READ, 0, 4 * KB);
    CHECK_EQ(a->telling, 2);
    while (rig.count)
        rig_done(0, OK);
    for (unsigned i = 0; i < 11; i++)
        CHECK(rig_take(a));
    CHECK_EQ(rig.submits, submits + 10);
    rig_free(a);
}

static void test_gone(void)
{
    struct rig_client *a;
    struct block_info info;

    CASE("when the device goes, what waits and what comes fails with ERR_PEER_GONE; the client is told");
    rig_make(2);
    a = rig_client(0, UINT64_MAX, true, false);
    for (uint32_t tag = 0; tag < 4; tag++)
        rig_put(a, tag, BLOCK_READ, tag * 4 * KB, 4 * KB);
    CHECK_EQ(rig.count, 2);
    rig.device.limits.flags |= BLOCK_GONE;
    a->told = 0;
    block_engine_changed(&rig.engine);
    rig_done(0, ERR_IO);
    rig_done(0, ERR_IO);
    CHECK_NE(a->told, 0);
    CHECK_EQ(rig.count, 0);
    for (unsigned i = 0; i < 4; i++)
        CHECK(rig_take(a) && a->last == (a->last_tag < 2 ? ERR_IO : ERR_PEER_GONE));
    rig_put(a, 0, BLOCK_WRITE, 0, 512);
    CHECK(rig_take(a) && a->last == ERR_PEER_GONE);
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    CHECK(rig_take(a) && a->last == ERR_PEER_GONE);
    engine_session_info(&a->session, &info);
    CHECK(info.flags & BLOCK_GONE);
    CHECK_EQ(((struct block_state *)(void *)a->memory)->generation, info.generation);

    CASE("a device that has become read-only still has to flush what was written before");
    rig.device.limits.flags = BLOCK_READ_ONLY;
    block_engine_changed(&rig.engine);
    rig_run();
    rig_put(a, 0, BLOCK_FLUSH, 0, 0);
    rig_run();
    CHECK(!rig_take(a));
    REQUIRE(rig.count == 1);
    CHECK_EQ(rig.jobs[0]->operation, BLOCK_FLUSH);
    rig_done(0, ERR_IO);
    rig_run();
    REQUIRE(rig_take(a));
    CHECK_EQ(a->last, ERR_IO);
    rig.device.limits.flags = 0;

    CASE("a device that had WRITE_ZEROES, and has no longer");
    rig.engine.zeroes_opt = NULL;
    block_engine_changed(&rig.engine);
    struct block_element zeroes = {.operation = BLOCK_WRITE_ZEROES, .length = 4 * KB};
    rig_stage(a, &zeroes);
    rig_kick(a);
    CHECK(rig_take(a) && a->last == ERR_UNSUPPORTED);
    CHECK_EQ(rig.count, 0);

    CASE("and when it comes back smaller, requests beyond its end fail with ERR_RANGE");
    rig.device.limits.size = 1 << 20;
    block_engine_changed(&rig.engine);
    rig_put(a, 0, BLOCK_READ, 1 << 20, 512);
    CHECK(rig_take(a) && a->last == ERR_RANGE);
    rig_put(a, 0, BLOCK_READ, (1 << 20) - 512, 512);
    CHECK_EQ(rig.count, 1);
    rig_done(0, OK);
    rig_free(a);
}

static void test_cancel(void)
{
    struct rig_client *a;

    CASE("CANCEL of what waits, of what is in the device, of nothing");
    rig_make(2);
    a = rig_client(0, UINT64_MAX, true, false);
    for (uint32_t tag = 0; tag < 4; tag++)
        rig_put(a, tag, BLOCK_READ, tag * 4 * KB, 4 * KB);
    rig_put(a, 9, BLOCK_CANCEL, 3,
            0); /* told when the device is looked after: nobody asked for a notification */
    rig_put(a, 10, BLOCK_CANCEL, 1, 0);
    rig_put(a, 11, BLOCK_CANCEL, 20, 0);
    rig_put(a, 12, BLOCK_CANCEL, 12, 0);
    rig_put(a, 13, BLOCK_CANCEL, UINT64_MAX, 0);
    rig_run();
    CHECK(rig_take(a) && a->last_tag == 3 && a->last == ERR_ABORTED);
    CHECK(rig_take(a) && a->last_tag == 9 && a->last == OK);
    for (uint32_t tag = 10; tag < 14; tag++)
        CHECK(rig_take(a) && a->last_tag == tag && a->last == ERR_NOT_FOUND);
    while (rig.count)
        rig_done(0, OK);
    CHECK_EQ(rig.submits, 3);
    rig_free(a);
}

static void test_close(void)
{
    struct rig_client *a, *b;

    CASE("a session that closes with jobs in the device is there until they are done; nobody else waits");
    rig_make(4);
    a = rig_client(0, 1 << 20, true, false);
    b = rig_client(2 << 20, 1 << 20, true, false);
    for (uint32_t tag = 0; tag < 8; tag++)
        rig_put(a, tag, BLOCK_WRITE, tag * 4 * KB, 4 * KB);
    CHECK_EQ(rig.count, 3); /* one place is the other's */
    CHECK(!engine_session_close(&a->session));
    rig_put(b, 0, BLOCK_WRITE, 0, 4 * KB);
    CHECK_EQ(rig.count, 4);
    rig_done(0, OK);
    rig_done(0, ERR_IO);
    CHECK_EQ(rig.drained, 0);
    rig_done(0, OK);
    CHECK_EQ(rig.drained, 1);
    CHECK(!rig_take(a));
    rig_done(0, OK);
    CHECK(rig_take(b) && b->last == OK);
    free(a);
    rig_free(b);
}

int main(void)
{
    test_views();
    test_overlap();
    test_flush();
    test_exclusive();
    test_zeroes_cost();
    test_loss();
    test_read_only();
    test_drop();
    test_full();
    test_gone();
    test_cancel();
    test_close();
    return check_finish();
}
