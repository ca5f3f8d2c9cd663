/* SPDX-License-Identifier: MIT */
#include "lib/block/test/oracle.h"

#include "test/check.h"

void oracle_init(struct oracle *oracle)
{
    memset(oracle, 0, sizeof(*oracle));
    oracle->count = 1;
    oracle->time = 1;
    oracle->writes[0] =
        (struct oracle_write){.operation = BLOCK_WRITE_ZEROES, .blocks = FAKE_BLOCKS, .good = true};
}

uint32_t oracle_submit(struct oracle *oracle, enum block_operation operation, unsigned flags, uint64_t offset,
                       uint64_t length)
{
    REQUIRE(oracle->count < ORACLE_WRITES);
    oracle->writes[oracle->count] = (struct oracle_write){.operation = operation,
                                                          .flags = flags,
                                                          .first = offset / FAKE_BLOCK,
                                                          .blocks = length / FAKE_BLOCK,
                                                          .submitted = ++oracle->time,
                                                          .ended = ORACLE_NEVER};
    return oracle->count++;
}

void oracle_end(struct oracle *oracle, uint32_t serial, enum status status)
{
    struct oracle_write *write = &oracle->writes[serial];

    write->ended = ++oracle->time;
    write->good = status == OK && write->operation != BLOCK_DISCARD;
    if (status == OK && (write->flags & BLOCK_BARRIER))
        oracle_flushed(oracle, write->submitted);
}

void oracle_flushed(struct oracle *oracle, uint64_t submitted)
{
    if (submitted > oracle->flushed)
        oracle->flushed = submitted;
}

void oracle_lost(struct oracle *oracle)
{
    for (uint32_t i = 1; i < oracle->count; i++) {
        struct oracle_write *write = &oracle->writes[i];

        if (write->good && write->ended > oracle->flushed && !(write->flags & BLOCK_FUA))
            write->good = false;
    }
}

void oracle_fill(uint32_t serial, uint64_t block, uint8_t *data)
{
    uint64_t word = (uint64_t)serial << 16 | block;

    for (unsigned i = 0; i < FAKE_BLOCK / 8; i++)
        memcpy(data + 8 * i, &word, 8);
}

static bool touches(const struct oracle_write *write, uint64_t block)
{
    return block >= write->first && block - write->first < write->blocks;
}

/* Must be there, if those done before `before` must. */
static bool must(const struct oracle_write *write, uint64_t before, bool power_cut)
{
    return write->good && (write->ended < before || (power_cut && (write->flags & BLOCK_FUA)));
}

static bool candidate_ok(const struct oracle *oracle, uint32_t serial, uint64_t block, uint64_t before,
                         bool power_cut)
{
    const struct oracle_write *write = &oracle->writes[serial];

    for (uint32_t i = 1; i < oracle->count; i++) {
        const struct oracle_write *other = &oracle->writes[i];

        if (i != serial && touches(other, block) && other->submitted > write->ended &&
            must(other, before, power_cut))
            return false;
    }
    return true;
}

/* Zeroes and rubbish have no serial: any write that could have made them will do. */
static bool nameless_ok(const struct oracle *oracle, uint64_t word, uint64_t block, uint64_t before,
                        bool power_cut)
{
    for (uint32_t i = 0; i < oracle->count; i++) {
        const struct oracle_write *write = &oracle->writes[i];
        bool makes =
            write->operation == BLOCK_DISCARD || (write->operation == BLOCK_WRITE_ZEROES && word == 0);

        if (makes && touches(write, block) && candidate_ok(oracle, i, block, before, power_cut))
            return true;
    }
    return false;
}

/* One half of a block. */
static bool half_ok(const struct oracle *oracle, const uint8_t *half, uint64_t block, uint64_t before,
                    bool power_cut)
{
    uint64_t words[ORACLE_HALF_WORDS], word;

    memcpy(words, half, sizeof(words));
    word = words[0];
    for (unsigned i = 1; i < ORACLE_HALF_WORDS; i++)
        if (words[i] != word)
            return false;
    if (word == 0 || word == 0xddddddddddddddddu)
        return nameless_ok(oracle, word, block, before, power_cut);

    uint64_t serial = word >> 16;

    return (word & 0xffff) == block && serial < oracle->count && touches(&oracle->writes[serial], block) &&
           candidate_ok(oracle, (uint32_t)serial, block, before, power_cut);
}

/* For people: all writes that touched the block, once. */
static void explain(const struct oracle *oracle, const char *what, const uint8_t *half, uint64_t block,
                    uint64_t before)
{
    uint64_t word;

    memcpy(&word, half, sizeof(word));
    if (check_state.case_failures > 1)
        return;
    printf("%s: block %llu holds %llu, those done before %llu must be there (flushed: %llu); writes:\n", what,
           (unsigned long long)block, (unsigned long long)(word >> 16), (unsigned long long)before,
           (unsigned long long)oracle->flushed);
    for (uint32_t i = 0; i < oracle->count; i++) {
        const struct oracle_write *write = &oracle->writes[i];

        if (touches(write, block))
            printf("  %u: operation %u, flags %u, %lld to %lld, %s\n", i, write->operation, write->flags,
                   (long long)write->submitted, (long long)write->ended, write->good ? "good" : "not");
    }
}

static void check_half(const struct oracle *oracle, const char *what, const uint8_t *half, uint64_t block,
                       uint64_t before, bool power_cut)
{
    bool good = half_ok(oracle, half, block, before, power_cut);

    CHECK(good);
    if (!good)
        explain(oracle, what, half, block, before);
}

void oracle_check_read(const struct oracle *oracle, uint64_t submitted, uint64_t block, const uint8_t *data)
{
    check_half(oracle, "read", data, block, submitted, false);
    check_half(oracle, "read", data + FAKE_BLOCK / 2, block, submitted, false);
}

/* The submission of the last barrier write of which something is there. */
static uint64_t last_barrier(const struct oracle *oracle, const uint8_t *platter)
{
    uint64_t last = 0, word;

    for (uint64_t at = 0; at < FAKE_BLOCKS * FAKE_BLOCK; at += FAKE_BLOCK / 2) {
        memcpy(&word, platter + at, 8);

        uint64_t serial = word >> 16;

        if (serial == 0 || serial >= oracle->count || !(oracle->writes[serial].flags & BLOCK_BARRIER))
            continue;
        if (oracle->writes[serial].submitted > last)
            last = oracle->writes[serial].submitted;
    }
    return last;
}

void oracle_check_platter(const struct oracle *oracle, const uint8_t *platter)
{
    uint64_t before = last_barrier(oracle, platter);

    if (oracle->flushed > before)
        before = oracle->flushed;
    for (uint64_t block = 0; block < FAKE_BLOCKS; block++) {
        check_half(oracle, "platter", platter + block * FAKE_BLOCK, block, before, true);
        check_half(oracle, "platter", platter + block * FAKE_BLOCK + FAKE_BLOCK / 2, block, before, true);
    }
}
