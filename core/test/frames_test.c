/* SPDX-License-Identifier: MIT */
/* Frame allocator against an oracle that remembers who owns each frame. */
#include "core/test/host.h"
#include "test/check.h"

#define SIZE   (16 * BLOCK_SIZE)
#define FRAMES (SIZE / FRAME_SIZE)
#define OWNERS 400

struct run {
    uint64_t first, count;
};

static uint16_t owner[FRAMES]; /* 0: free */
static struct run runs[OWNERS];

static bool own(unsigned who, uint64_t physical, uint64_t count)
{
    uint64_t first = physical / FRAME_SIZE;

    if (count == 0 || first + count > FRAMES)
        return false;
    for (uint64_t i = first; i < first + count; i++) {
        if (owner[i])
            return false;
        owner[i] = (uint16_t)(who + 1);
    }
    runs[who] = (struct run){first, count};
    return true;
}

static void disown(struct machine *machine, unsigned who)
{
    frames_free(&machine->frames, runs[who].first * FRAME_SIZE, runs[who].count);
    for (uint64_t i = 0; i < runs[who].count; i++)
        owner[runs[who].first + i] = 0;
    runs[who].count = 0;
}

static void test_random(struct machine *machine)
{
    uint64_t seed = 1, held = 0;

    for (unsigned round = 0; round < 20000; round++) {
        unsigned who = random_next(&seed) % OWNERS;
        uint64_t physical, count, want = 1 + random_next(&seed) % (round % 7 == 0 ? 1500 : 40);
        enum status status;

        if (runs[who].count) {
            held -= runs[who].count;
            disown(machine, who);
            continue;
        }
        if (round % 3 == 0) {
            uint64_t align = FRAME_SIZE << random_next(&seed) % 10;

            count = want;
            status = frames_alloc_contiguous(&machine->frames, want, align, &physical);
            CHECK(status != OK || physical % align == 0);
        } else {
            status = frames_alloc(&machine->frames, want, &physical, &count);
            CHECK(status == OK || held == FRAMES);
            CHECK(status != OK || count <= want);
        }
        if (status != OK)
            continue;
        CHECK(own(who, physical, count));
        held += count;
        if (round % 64 == 0)
            CHECK(frames_valid(&machine->frames));
        CHECK_EQ(machine->frames.free_count, FRAMES - held);
    }
    for (unsigned who = 0; who < OWNERS; who++)
        if (runs[who].count)
            disown(machine, who);
}

int main(void)
{
    struct machine machine;
    uint64_t physical, count;

    machine_make(&machine, SIZE);

    CASE("all frames are free at first, and none twice");
    CHECK_EQ(machine.frames.free_count, FRAMES);
    CHECK(frames_valid(&machine.frames));
    CHECK(frames_any_free(&machine.frames, SIZE - FRAME_SIZE, 5));
    CHECK(!frames_any_free(&machine.frames, SIZE, 5));

    CASE("large requests get whole, aligned blocks");
    CHECK_EQ(frames_alloc(&machine.frames, 3 * BLOCK_FRAMES + 7, &physical, &count), OK);
    CHECK_EQ(count, 3 * BLOCK_FRAMES);
    CHECK_EQ(physical % BLOCK_SIZE, 0);
    frames_free(&machine.frames, physical, count);

    CASE("small requests break one block only");
    for (int i = 0; i < 100; i++)
        CHECK_EQ(frames_alloc(&machine.frames, 5, &physical, &count), OK);
    unsigned whole = 0;
    for (uint64_t block = 0; block < machine.frames.blocks; block++)
        whole += machine.frames.free_in_block[block] == BLOCK_FRAMES;
    CHECK_EQ(whole, machine.frames.blocks - 1);
    frames_free(&machine.frames, 0, 500);

    CASE("a request larger than memory, or malformed, fails and changes nothing");
    CHECK_EQ(frames_alloc_contiguous(&machine.frames, FRAMES + 1, FRAME_SIZE, &physical), ERR_NO_RAM);
    CHECK_EQ(frames_alloc_contiguous(&machine.frames, 1, 100, &physical), ERR_INVALID);
    CHECK_EQ(frames_alloc_contiguous(&machine.frames, 0, FRAME_SIZE, &physical), ERR_INVALID);
    CHECK_EQ(frames_alloc(&machine.frames, 0, &physical, &count), ERR_INVALID);
    CHECK_EQ(machine.frames.free_count, FRAMES);

    CASE("random requests against the oracle, exact account");
    test_random(&machine);
    CHECK_EQ(machine.frames.free_count, FRAMES);
    CHECK(frames_valid(&machine.frames));

    CASE("the last frame can be had");
    for (uint64_t got = 0; got < FRAMES; got += count)
        REQUIRE(frames_alloc(&machine.frames, FRAMES, &physical, &count) == OK);
    CHECK_EQ(frames_alloc(&machine.frames, 1, &physical, &count), ERR_NO_RAM);
    frames_free(&machine.frames, 0, FRAMES);
    machine_drop(&machine);
    return check_finish();
}
