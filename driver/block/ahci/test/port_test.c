/* SPDX-License-Identifier: MIT */
/* The port in good times: commands side by side, all of them by one write, ended in every order; and the HBA around it. */
#include "driver/block/ahci/test/rig.h"
#include "test/check.h"

static void test_start(void)
{
    struct block_limits limits;

    CASE("a disk is identified, and says what it can do");
    struct rig *rig = rig_start(32, true);
    CHECK_STR(rig->port.identity.model, "fake disk");
    ahci_port_limits(&rig->port, &limits);
    CHECK_EQ(limits.size, FAKE_BLOCKS * 512);
    CHECK_EQ(limits.depth, 32);
    CHECK_EQ(limits.alignment, 2);
    CHECK_EQ(limits.flags, BLOCK_HAS_FUA | BLOCK_HAS_DISCARD);
    CHECK(limits.exclusive);
    CHECK_EQ(rig->fake.wake, AHCI_NEVER);
    rig_stop(rig);

    CASE("the shorter queue counts: HBA or disk");
    rig = rig_start(8, true);
    ahci_port_limits(&rig->port, &limits);
    CHECK_EQ(limits.depth, 8);
    rig_stop(rig);
}

static void test_queue(void)
{
    CASE("32 reads are issued by one write, and all complete by one interrupt with five accesses to "
         "registers");
    struct rig *rig = rig_start(32, true);
    for (unsigned i = 0; i < 32; i++)
        memset(rig->fake.blocks[100 + i], (int)i + 1, 512);
    for (unsigned i = 0; i < 32; i++)
        rig_submit(rig, i, BLOCK_READ, 100 + i, 1, 0);
    rig->fake.register_accesses = 0;
    ahci_port_kick(&rig->port);
    CHECK_EQ(rig->fake.register_accesses, 2);
    CHECK_EQ(rig->fake.most_active, 32);
    CHECK_EQ(ahci_port_submit(&rig->port, &rig->jobs[40].job), ERR_AGAIN);
    for (unsigned i = 32; i-- > 0;)
        fake_complete(&rig->fake, rig_slot(rig, 100 + i));
    rig->fake.register_accesses = 0;
    rig_settle(rig);
    CHECK(rig->fake.register_accesses <= 5);
    CHECK_EQ(rig_count(rig, 32, OK), 32);
    for (unsigned i = 0; i < 32; i++)
        CHECK_EQ(rig->jobs[i].pattern, i + 1);
    rig_pass(rig, 30 * AHCI_SECOND);
    CHECK_EQ(rig->fake.wake, AHCI_NEVER);
    rig_stop(rig);

    CASE("writes reach their blocks, FUA goes by the disk's own bit");
    rig = rig_start(32, true);
    rig_submit(rig, 0, BLOCK_WRITE, 7, 5, 0x77);
    rig_submit(rig, 1, BLOCK_WRITE, 20, 2, 0x20);
    ahci_port_kick(&rig->port);
    fake_complete(&rig->fake, rig_slot(rig, 20));
    fake_complete(&rig->fake, rig_slot(rig, 7));
    rig_settle(rig);
    CHECK_EQ(rig->fake.blocks[6][511] | rig->fake.blocks[12][0], 0);
    CHECK_EQ(rig->fake.blocks[7][0] & rig->fake.blocks[11][511], 0x77);
    CHECK_EQ(rig->fake.blocks[21][511], 0x20);
    CHECK_EQ(rig->fake.fua_writes, 0);
    rig_stop(rig);
}

static void fua_write(struct rig *rig, unsigned job)
{
    rig_submit(rig, job, BLOCK_WRITE, 50 + job, 1, 0x11);
    /* the flag is the job's; the command is built at submit, so it is given again */
    rig->port.pending = 0;
    rig->port.free = rig->port.all;
    rig->jobs[job].job.flags = BLOCK_FUA;
    CHECK_EQ(ahci_port_submit(&rig->port, &rig->jobs[job].job), OK);
    ahci_port_kick(&rig->port);
    fake_complete(&rig->fake, rig_slot(rig, 50 + job));
    rig_settle(rig);
    CHECK_EQ(rig->fake.fua_writes, 1);
}

static void test_kinds(void)
{
    CASE("FUA: of a queue and without one");
    struct rig *rig = rig_start(32, true);
    fua_write(rig, 0);
    rig_stop(rig);
    rig = rig_start(32, false);
    fua_write(rig, 0);
    rig_stop(rig);

    CASE("FLUSH and TRIM");
    rig = rig_start(32, true);
    rig_submit(rig, 0, BLOCK_FLUSH, 0, 0, 0);
    ahci_port_kick(&rig->port);
    fake_complete(&rig->fake, (unsigned)__builtin_ctz(rig->fake.active));
    rig_settle(rig);
    CHECK_EQ(rig->fake.flushes, 1);
    rig_submit(rig, 1, BLOCK_DISCARD, 1000, 100, 0);
    ahci_port_kick(&rig->port);
    fake_complete(&rig->fake, (unsigned)__builtin_ctz(rig->fake.active));
    rig_settle(rig);
    CHECK(!rig->fake.trimmed[999] && rig->fake.trimmed[1000] && rig->fake.trimmed[1099] &&
          !rig->fake.trimmed[1100]);
    CHECK_EQ(rig_count(rig, 2, OK), 2);
    rig_stop(rig);

    CASE("a FLUSH among reads waits for them, and they for it");
    rig = rig_start(32, true);
    rig_submit(rig, 0, BLOCK_READ, 1, 1, 0);
    ahci_port_kick(&rig->port);
    rig_submit(rig, 1, BLOCK_FLUSH, 0, 0, 0);
    rig_submit(rig, 2, BLOCK_READ, 2, 1, 0);
    ahci_port_kick(&rig->port);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(__builtin_popcount(rig->fake.active), 1);
        fake_complete(&rig->fake, (unsigned)__builtin_ctz(rig->fake.active));
        rig_settle(rig);
    }
    CHECK_EQ(rig_count(rig, 3, OK), 3);
    rig_stop(rig);
}

static void test_no_queue(void)
{
    struct block_limits limits;

    CASE("a disk without a queue gets one command at a time");
    struct rig *rig = rig_start(32, false);
    ahci_port_limits(&rig->port, &limits);
    CHECK_EQ(limits.depth, 2);
    rig_submit(rig, 0, BLOCK_WRITE, 10, 1, 0x10);
    rig_submit(rig, 1, BLOCK_READ, 30, 1, 0);
    ahci_port_kick(&rig->port);
    fake_complete(&rig->fake, rig_slot(rig, 10));
    rig_settle(rig);
    fake_complete(&rig->fake, rig_slot(rig, 30));
    rig_settle(rig);
    CHECK_EQ(rig->fake.most_active, 1);
    CHECK_EQ(rig_count(rig, 2, OK), 2);
    CHECK_EQ(rig->fake.blocks[10][100], 0x10);
    rig_stop(rig);
}

/* The longest transfer, each page of it on its own on the bus, in as many pieces as there may be. */
static void test_descriptors(void)
{
    static uint8_t memory[512 * 4096 + 4096];
    struct device_run runs[512];
    struct device_mapping mapping = {.size = sizeof(memory) - 4096, .run_count = 512, .runs = runs};
    struct block_region region = {.size = mapping.size, .mapping_opt = &mapping, .write = true};
    struct block_piece pieces[AHCI_PIECES_MAX];
    uint64_t offset = 4094, left = AHCI_TRANSFER_MAX;

    CASE("the longest transfer in the worst memory fits the table, and goes where it should");
    struct rig *rig = rig_start(32, true);
    for (unsigned i = 0; i < 512; i++)
        runs[i] = (struct device_run){i * 4096ull, (uintptr_t)memory + (511 - i) * 4096ull};
    for (unsigned i = 0; i < AHCI_PIECES_MAX; i++) {
        uint64_t length = i + 1 < AHCI_PIECES_MAX ? 8194 : left;
        pieces[i] = (struct block_piece){&region, offset, (uint32_t)length};
        offset += length + (i < 100 ? 8190 : 0);
        left -= length;
    }
    CHECK(offset <= region.size);
    struct rig_job *one = &rig->jobs[0];
    one->job = (struct block_job){.operation = BLOCK_READ,
                                  .length = AHCI_TRANSFER_MAX,
                                  .pieces = pieces,
                                  .piece_count = AHCI_PIECES_MAX};
    one->active = true;
    for (unsigned i = 0; i < FAKE_BLOCKS; i++)
        memset(rig->fake.blocks[i], (int)(i % 251) + 1, 512);
    CHECK_EQ(ahci_port_submit(&rig->port, &one->job), OK);
    ahci_port_kick(&rig->port);
    fake_complete(&rig->fake, rig_slot(rig, 0));
    rig_settle(rig);
    CHECK_EQ(one->status, OK);
    uint64_t position = 0;
    for (unsigned i = 0; i < AHCI_PIECES_MAX; i++)
        for (uint32_t byte = 0; byte < pieces[i].length; byte++, position++) {
            uint64_t at = pieces[i].offset + byte;
            if (memory[(511 - at / 4096) * 4096 + at % 4096] != position / 512 % 251 + 1)
                REQUIRE(!"the right byte");
        }
    rig_stop(rig);
}

static void legacy(struct fake_hba *fake)
{
    fake->hba[AHCI_CAP / 4] &= ~AHCI_CAP_S64A;
    fake->firmware_holds = true;
}

static void test_hba(void)
{
    struct fake_hba *fake = calloc(1, sizeof(*fake));
    struct ahci_hba hba = {.size = 0x1000, .context = fake};

    CASE("the HBA is taken over, and reset");
    fake_start(fake, 32);
    hba.read = fake->access.read;
    hba.write = fake->access.write;
    CHECK_EQ(ahci_hba_start(&hba), OK);
    CHECK_EQ(fake->hba_resets, 1);
    CHECK_EQ(fake->hba[AHCI_BOHC / 4], AHCI_BOHC_OOS);
    CHECK_EQ(fake->hba[AHCI_GHC / 4], AHCI_GHC_AE | AHCI_GHC_IE);
    CHECK_EQ(hba.slots, 32);
    CHECK(hba.queued && hba.wide);
    CHECK(ahci_hba_reaches(&hba, 1ull << 40, 4096));

    CASE("ports without registers do not exist; neither does an HBA without any");
    fake->hba[AHCI_PI / 4] = 0x3f;
    hba.size = 0x200;
    CHECK_EQ(ahci_hba_start(&hba), OK);
    CHECK_EQ(hba.ports, 3);
    hba.size = 0x100;
    CHECK_EQ(ahci_hba_start(&hba), ERR_NOT_FOUND);
    hba.size = 0x1000;
    fake->hba[AHCI_PI / 4] = 0;
    CHECK_EQ(ahci_hba_start(&hba), ERR_NOT_FOUND);
    fake_stop(fake);
    free(fake);
}

static void no_pause(void *context, uint64_t ns)
{
    ((struct fake_hba *)context)->now += ns;
}

static void test_bad_hba(void)
{
    struct fake_hba *fake = calloc(1, sizeof(*fake));
    struct ahci_hba hba = {.size = 0x1000, .context = fake, .pause = no_pause};

    CASE("a firmware that does not let go, 32-bit addresses, and a reset without an end");
    fake_start(fake, 32);
    legacy(fake);
    hba.read = fake->access.read;
    hba.write = fake->access.write;
    CHECK_EQ(ahci_hba_start(&hba), OK);
    CHECK(ahci_hba_reaches(&hba, 0xfffff000, 0x1000));
    CHECK(!ahci_hba_reaches(&hba, 0xfffff000, 0x1001));
    CHECK(!ahci_hba_reaches(&hba, UINT64_MAX, 2));
    fake->stuck_reset = true;
    CHECK_EQ(ahci_hba_start(&hba), ERR_TIMEOUT);
    fake_stop(fake);
    free(fake);
}

int main(void)
{
    test_start();
    test_queue();
    test_kinds();
    test_no_queue();
    test_descriptors();
    test_hba();
    test_bad_hba();
    return check_finish();
}
