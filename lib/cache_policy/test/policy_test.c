/* SPDX-License-Identifier: MIT */
/*
 * The policies by known answers, LRU against a simple model, and all of them through random lives: refusals, removals,
 * other capacities, with the invariants checked all along.
 */
#include "lib/cache_policy/cache_policy.h"

#include "test/check.h"

#define FRAMES 64u
#define KEYS   400u

static struct cache_policy policy;
static void *memory;
static uint32_t unused_from; /* frames from here on have never been used */
static uint32_t spare[FRAMES], spares;
static bool refused[FRAMES];

static void start(const struct cache_policy_ops *ops, uint32_t frames)
{
    free(memory);
    memory = malloc(cache_policy_memory(ops, frames));
    cache_policy_init(&policy, ops, frames, memory);
    unused_from = spares = 0;
    memset(refused, 0, sizeof(refused));
}

/* Looks up and brings in; whether it hit. */
static bool use(uint64_t key)
{
    uint32_t frame = cache_policy_find(&policy, key);

    if (frame != CACHE_NONE) {
        cache_policy_hit(&policy, frame);
        return true;
    }
    frame = unused_from < policy.capacity ? unused_from++ : cache_policy_victim(&policy, key, 1, NULL, NULL);
    cache_policy_insert(&policy, key, frame);
    return false;
}

static unsigned hits(const uint64_t *keys, unsigned count)
{
    unsigned hit = 0;

    for (unsigned i = 0; i < count; i++)
        hit += use(keys[i]);
    return hit;
}

static bool resident(uint64_t key)
{
    return cache_policy_find(&policy, key) != CACHE_NONE;
}

static void test_lru(void)
{
    static const uint64_t keys[] = {1, 2, 3, 1, 4, 2, 5};

    CASE("LRU: the one used longest ago goes");
    start(&cache_policy_lru, 3);
    CHECK_EQ(hits(keys, 5), 1);
    CHECK(!resident(2) && resident(3) && resident(1) && resident(4));
    CHECK_EQ(hits(keys + 5, 2), 0);
    CHECK(!resident(1) && resident(4) && resident(2) && resident(5));
}

static void test_s3_fifo(void)
{
    CASE("S3-FIFO: of what is used once only, a tenth stays; what was used twice survives a scan");
    start(&cache_policy_s3_fifo, 20);
    for (uint64_t key = 0; key < 18; key++)
        use(key);
    for (uint64_t key = 0; key < 18; key++)
        CHECK(use(key));
    for (uint64_t key = 1000; key < 1100; key++)
        use(key);
    for (uint64_t key = 0; key < 18; key++)
        CHECK(resident(key));
    CHECK(resident(1099) && resident(1098) && !resident(1097));

    CASE("S3-FIFO: who comes back from the ghosts is not new any more");
    CHECK(!use(1090));
    for (uint64_t key = 2000; key < 2010; key++)
        use(key);
    CHECK(resident(1090));
    CHECK(cache_policy_check(&policy));

    CASE("S3-FIFO: a hit lasts for one round in the main queue, and at most three are counted");
    start(&cache_policy_s3_fifo, 10);
    for (int i = 0; i < 6; i++)
        use(1);
    for (uint64_t key = 100; key < 110; key++)
        use(key);
    CHECK(resident(1));
    CHECK(cache_policy_check(&policy));
}

static void test_lirs(void)
{
    CASE("LIRS: what comes back soon changes places with what does not");
    start(&cache_policy_lirs, 3); /* two LIR, one HIR */
    CHECK(!use(1) && !use(2) && !use(3));
    CHECK(!use(4)); /* 3 becomes a ghost */
    CHECK(!resident(3) && resident(1) && resident(2) && resident(4));
    CHECK(!use(3)); /* it comes back: LIR, and 1, the oldest, is HIR */
    CHECK(resident(1) && resident(2) && resident(3) && !resident(4));
    CHECK(!use(5));
    CHECK(!resident(1) && resident(2) && resident(3) && resident(5));
    CHECK(cache_policy_check(&policy));
}

/* ---- LRU against a list that is searched from its beginning ---- */

static void test_lru_model(void)
{
    uint64_t recent[FRAMES];
    unsigned count = 0, wrong = 0;

    CASE("LRU: a million uses, as a plain list says");
    start(&cache_policy_lru, FRAMES);
    for (unsigned i = 0; i < 1000000; i++) {
        uint64_t key = (uint64_t)(rand() % 20) * (uint64_t)(rand() % 20);
        unsigned at = 0;

        while (at < count && recent[at] != key)
            at++;
        wrong += use(key) != (at < count);
        if (at == count && count < FRAMES)
            count++;
        else if (at == count)
            at--;
        memmove(recent + 1, recent, at * sizeof(*recent));
        recent[0] = key;
    }
    CHECK_EQ(wrong, 0);
}

/* ---- random lives ---- */

static bool may_evict(void *context, uint32_t frame)
{
    CHECK_EQ((uintptr_t)context, 77);
    return !refused[frame];
}

static uint32_t refused_residents(void)
{
    uint32_t count = 0;

    for (uint32_t frame = 0; frame < FRAMES; frame++)
        count += refused[frame] && policy.frame_entry[frame] != CACHE_NONE;
    return count;
}

static void make_room(uint64_t key, uint32_t patience)
{
    uint32_t frame = cache_policy_victim(&policy, key, patience, may_evict, (void *)77);

    if (frame == CACHE_NONE) {
        /* LIRS does not look everywhere. */
        if (patience >= CACHE_PATIENCE * policy.resident && policy.ops != &cache_policy_lirs)
            CHECK_EQ(refused_residents(), policy.resident);
        return;
    }
    CHECK(!refused[frame]);
    CHECK(!resident(key));
    spare[spares++] = frame;
}

static void live(void)
{
    uint64_t key = (uint64_t)(rand() % (int)KEYS) * (uint64_t)(rand() % 3 + 1);
    uint32_t frame = cache_policy_find(&policy, key);

    if (frame != CACHE_NONE) {
        CHECK_EQ(cache_policy_key(&policy, frame), key);
        if (rand() % 16 == 0) {
            cache_policy_remove(&policy, frame);
            CHECK(!resident(key));
            spare[spares++] = frame;
        } else if (rand() % 8 == 0) {
            refused[frame] = !refused[frame];
        } else {
            cache_policy_hit(&policy, frame);
        }
        return;
    }
    while (policy.resident && policy.resident >= policy.capacity) {
        uint32_t before = policy.resident;

        make_room(key, rand() % 2 ? CACHE_PATIENCE * FRAMES : 3);
        if (policy.resident == before)
            return;
    }
    if (!spares)
        return;
    frame = spare[--spares];
    refused[frame] = rand() % 4 == 0;
    cache_policy_insert(&policy, key, frame);
    CHECK_EQ(cache_policy_find(&policy, key), frame);
}

static void test_lives(const struct cache_policy_ops *ops)
{
    start(ops, FRAMES);
    for (uint32_t frame = 0; frame < FRAMES; frame++)
        spare[spares++] = frame;
    for (unsigned i = 0; i < 60000; i++) {
        live();
        if (rand() % 2000 == 0)
            cache_policy_set_capacity(&policy, 1 + (uint32_t)rand() % FRAMES);
        if (rand() % 64 == 0)
            refused[(uint32_t)rand() % FRAMES] = false;
        if (i % 16 == 0)
            REQUIRE(cache_policy_check(&policy));
    }
}

static void test_edges(void)
{
    static const struct cache_policy_ops *const all[] = {&cache_policy_s3_fifo, &cache_policy_lru,
                                                         &cache_policy_lirs};

    CASE("names");
    for (unsigned i = 0; i < 3; i++)
        CHECK(cache_policy_named(all[i]->name, strlen(all[i]->name)) == all[i]);
    CHECK(!cache_policy_named("lr", 2) && !cache_policy_named("lruu", 4) && !cache_policy_named("", 0));

    CASE("one frame, two frames");
    for (unsigned i = 0; i < 3; i++) {
        for (uint32_t frames = 1; frames <= 2; frames++) {
            start(all[i], frames);
            for (unsigned k = 0; k < 1000; k++) {
                use((uint64_t)rand() % 4);
                CHECK(cache_policy_check(&policy));
            }
        }
    }

    CASE("nothing may go: there is no victim, and nothing has changed");
    for (unsigned i = 0; i < 3; i++) {
        start(all[i], 8);
        for (uint64_t key = 0; key < 8; key++)
            use(key);
        memset(refused, 1, sizeof(refused));
        CHECK_EQ(cache_policy_victim(&policy, 99, 100, may_evict, (void *)77), CACHE_NONE);
        CHECK_EQ(policy.resident, 8);
        CHECK(cache_policy_check(&policy));
    }
}

int main(void)
{
    test_lru();
    test_s3_fifo();
    test_lirs();
    test_lru_model();
    test_edges();
    CASE("random lives: S3-FIFO");
    test_lives(&cache_policy_s3_fifo);
    CASE("random lives: LRU");
    test_lives(&cache_policy_lru);
    CASE("random lives: LIRS");
    test_lives(&cache_policy_lirs);
    free(memory);
    return check_finish();
}
