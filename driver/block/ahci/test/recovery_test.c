/* SPDX-License-Identifier: MIT */
/*
 * The port in bad times: errors of commands with and without the disk's log, time-outs, lost interrupts, links and disks; and
 * a long random life with all of that, in which every job must be done exactly once, with the right data.
 */
#include "driver/block/ahci/test/rig.h"
#include "test/check.h"

#define ERROR_UNC 0x40u

/* Completes all that is in the device, except commands for `bad` blocks, which fail. */
static void serve(struct rig *rig, const uint64_t *bad, unsigned bad_count)
{
    while (rig->fake.active) {
        unsigned slot = (unsigned)__builtin_ctz(rig->fake.active);
        bool fails = false;
        for (unsigned i = 0; i < bad_count; i++)
            fails = fails || fake_lba(&rig->fake, slot) == bad[i];
        if (fails)
            fake_fail(&rig->fake, slot, ERROR_UNC);
        else
            fake_complete(&rig->fake, slot);
        if (fails)
            rig_pass(rig, 20 * AHCI_MILLISECOND);
        else
            rig_settle(rig);
    }
}

static void test_log(void)
{
    static const uint64_t bad[] = {9, 21};

    CASE("the disk's log names the one that failed: it alone fails, without a reset");
    struct rig *rig = rig_start(32, true);
    rig_reads(rig, 32, 0);
    serve(rig, bad, 2);
    CHECK_EQ(rig_count(rig, 32, OK), 30);
    CHECK_EQ(rig->jobs[9].status, ERR_IO);
    CHECK_EQ(rig->jobs[21].status, ERR_IO);
    CHECK_EQ(rig->fake.log_reads, 2);
    CHECK_EQ(rig->fake.comresets, 0);
    CHECK_EQ(fake_events(&rig->fake, AHCI_EVENT_FAILED), 2);
    rig_stop(rig);

    CASE("what completed before the error is done, not repeated");
    rig = rig_start(32, true);
    rig_reads(rig, 4, 0);
    fake_complete(&rig->fake, rig_slot(rig, 2));
    fake_fail(&rig->fake, rig_slot(rig, 3), ERROR_UNC);
    rig_settle(rig);
    CHECK_EQ(rig->jobs[2].status, OK);
    CHECK_EQ(rig->jobs[2].done, 1);
    CHECK_EQ(rig->jobs[3].done, 0); /* not before the port has stopped */
    rig_pass(rig, 20 * AHCI_MILLISECOND);
    CHECK_EQ(rig->jobs[3].status, ERR_IO);
    CHECK_EQ(__builtin_popcount(rig->fake.active), 2);
    serve(rig, bad, 0);
    CHECK_EQ(rig_count(rig, 4, OK), 3);
    rig_stop(rig);

    CASE("jobs that come meanwhile wait, and go on");
    rig = rig_start(32, true);
    rig_reads(rig, 2, 0);
    fake_fail(&rig->fake, rig_slot(rig, 0), ERROR_UNC);
    rig_settle(rig);
    rig_submit(rig, 5, BLOCK_WRITE, 77, 1, 0x77);
    ahci_port_kick(&rig->port);
    CHECK_EQ(rig->jobs[5].done, 0);
    rig_pass(rig, 20 * AHCI_MILLISECOND);
    serve(rig, bad, 0);
    CHECK_EQ(rig->fake.blocks[77][0], 0x77);
    CHECK_EQ(rig_count(rig, 6, OK), 2);
    rig_stop(rig);
}

/* The queue has an error at 3 of 32 reads, the log cannot be used: the culprit is found all the same. */
static void without_log(struct rig *rig)
{
    static const uint64_t bad[] = {3, 30};

    rig_reads(rig, 32, 0);
    fake_fail(&rig->fake, rig_slot(rig, 3), ERROR_UNC);
    rig_pass(rig, AHCI_SECOND);
    CHECK_EQ(rig->fake.comresets, 1);
    CHECK_EQ(__builtin_popcount(rig->fake.active), 1);
    rig->fake.most_active = 0;
    while (rig->fake.active) {
        serve(rig, bad, 2);
        rig_pass(rig, AHCI_SECOND);
    }
    CHECK_EQ(rig->fake.most_active, 1);
    CHECK_EQ(rig_count(rig, 32, OK), 30);
    CHECK_EQ(rig->jobs[3].status, ERR_IO);
    CHECK_EQ(rig->jobs[30].status, ERR_IO);
    CHECK_EQ(rig->port.suspects, 0);
    memset(rig->jobs, 0, sizeof(rig->jobs));
    rig_reads(rig, 32, 100);
    CHECK_EQ(__builtin_popcount(rig->fake.active), 32);
    serve(rig, bad, 0);
    CHECK_EQ(rig_count(rig, 32, OK), 32);
    rig_stop(rig);
}

static void test_without_log(void)
{
    CASE("a disk that aborts READ LOG: reset, and one by one; then all at once again");
    struct rig *rig = rig_start(32, true);
    rig->fake.no_log = true;
    without_log(rig);

    CASE("the same with a queue that survives a stop (QEMU)");
    rig = rig_start(32, true);
    rig->fake.no_log = rig->fake.keep_queue = true;
    without_log(rig);

    CASE("a log page that is spoilt");
    rig = rig_start(32, true);
    rig->fake.spoilt_log = true;
    without_log(rig);

    CASE("a log that never comes, or half of it");
    rig = rig_start(32, true);
    rig->fake.short_page = true;
    rig_reads(rig, 2, 0);
    fake_fail(&rig->fake, rig_slot(rig, 1), ERROR_UNC);
    rig_pass(rig, 3 * AHCI_MILLISECOND);
    rig->fake.short_page = false; /* the IDENTIFY after it is good */
    rig_pass(rig, 50 * AHCI_MILLISECOND);
    CHECK_EQ(rig->fake.comresets, 1);
    serve(rig, NULL, 0);
    CHECK_EQ(rig_count(rig, 2, OK), 2);
    memset(rig->jobs, 0, sizeof(rig->jobs));
    rig->fake.mute_log = true;
    rig_reads(rig, 2, 0);
    fake_fail(&rig->fake, rig_slot(rig, 1), ERROR_UNC);
    rig_pass(rig, 4 * AHCI_SECOND);
    CHECK_EQ(rig->fake.comresets, 1);
    rig_pass(rig, 2 * AHCI_SECOND);
    CHECK_EQ(rig->fake.comresets, 2);
    serve(rig, NULL, 0);
    CHECK_EQ(rig_count(rig, 2, OK), 2);
    rig_stop(rig);

    CASE("a log that names a command which is not there");
    rig = rig_start(32, true);
    rig->fake.wrong_log = true;
    rig_reads(rig, 2, 0);
    fake_fail(&rig->fake, rig_slot(rig, 1), ERROR_UNC);
    rig_pass(rig, 50 * AHCI_MILLISECOND);
    CHECK_EQ(rig->fake.comresets, 1);
    serve(rig, NULL, 0);
    CHECK_EQ(rig_count(rig, 2, OK), 2);
    rig_stop(rig);

    CASE("a command list that does not stop, and a disk that stays busy");
    rig = rig_start(32, true);
    rig->fake.sticky_cr = true;
    without_log(rig);
    rig = rig_start(32, true);
    rig->fake.busy_after_error = true;
    without_log(rig);
}

static void test_single(void)
{
    static const uint64_t bad[] = {0};

    CASE("without a queue an error is the one command's");
    struct rig *rig = rig_start(32, false);
    rig_reads(rig, 2, 0);
    serve(rig, bad, 1);
    CHECK_EQ(rig->jobs[0].status, ERR_IO);
    CHECK_EQ(rig->jobs[1].status, OK);
    CHECK_EQ(rig->fake.comresets + rig->fake.log_reads, 0);
    rig_stop(rig);

    CASE("a FLUSH that fails");
    rig = rig_start(32, true);
    rig_submit(rig, 0, BLOCK_FLUSH, 0, 0, 0);
    ahci_port_kick(&rig->port);
    fake_fail(&rig->fake, 0, ATA_ERROR_ABRT);
    rig_pass(rig, 20 * AHCI_MILLISECOND);
    CHECK_EQ(rig->jobs[0].status, ERR_IO);
    rig_stop(rig);

    CASE("a device fault that the HBA does not call an error");
    rig = rig_start(32, true);
    rig_submit(rig, 0, BLOCK_FLUSH, 0, 0, 0);
    ahci_port_kick(&rig->port);
    fake_fault(&rig->fake, 0);
    rig_pass(rig, 20 * AHCI_MILLISECOND);
    CHECK_EQ(rig->jobs[0].status, ERR_IO);
    rig_stop(rig);

    CASE("what was spoilt on the cable is tried three times");
    rig = rig_start(32, true);
    for (unsigned good = 0; good < 2; good++) {
        rig_reads(rig, 1, 0);
        for (unsigned i = 0; i < 2 + !good; i++) {
            CHECK_EQ(rig->jobs[0].done, 0);
            fake_fail(&rig->fake, rig_slot(rig, 0), ATA_ERROR_ICRC);
            rig_pass(rig, 20 * AHCI_MILLISECOND);
        }
        serve(rig, NULL, 0);
        CHECK_EQ(rig->jobs[0].status, good ? OK : ERR_IO);
        memset(rig->jobs, 0, sizeof(rig->jobs));
    }
    rig_stop(rig);

    CASE("errors of the bus are tried three times as well");
    rig = rig_start(32, true);
    rig_reads(rig, 1, 0);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(rig->jobs[0].done, 0);
        fake_raise(&rig->fake, PORT_IS_HBFS);
        rig_pass(rig, 20 * AHCI_MILLISECOND);
    }
    CHECK_EQ(rig->jobs[0].status, ERR_IO);
    CHECK_EQ(rig->fake.comresets, 3);
    rig_stop(rig);
}

static void test_time(void)
{
    CASE("a lost interrupt costs time, nothing else");
    struct rig *rig = rig_start(32, true);
    rig->fake.lose_interrupts = true;
    rig_reads(rig, 3, 0);
    for (unsigned i = 0; i < 3; i++)
        fake_complete(&rig->fake, rig_slot(rig, i));
    rig_pass(rig, 5 * AHCI_SECOND);
    CHECK_EQ(rig_count(rig, 3, OK), 3);
    CHECK_EQ(rig->fake.comresets, 0);
    rig_stop(rig);

    CASE("nobody is given up before the time-out, though the slot was in use before");
    rig = rig_start(32, true);
    rig_reads(rig, 2, 0);
    for (unsigned i = 0; i < 20; i++) { /* slot 0 always, slot 1 alternates */
        rig_pass(rig, 3 * AHCI_SECOND);
        fake_complete(&rig->fake, rig_slot(rig, 0));
        if (i % 3 == 2)
            fake_complete(&rig->fake, rig_slot(rig, 1));
        rig_settle(rig);
        rig_submit(rig, 0, BLOCK_READ, 0, 1, 0);
        if (i % 3 == 2)
            rig_submit(rig, 1, BLOCK_READ, 1, 1, 0);
        ahci_port_kick(&rig->port);
    }
    CHECK_EQ(fake_events(&rig->fake, AHCI_EVENT_ERROR), 0);
    serve(rig, NULL, 0);
    rig_stop(rig);

    CASE("FLUSH may take a minute");
    rig = rig_start(32, true);
    rig_submit(rig, 0, BLOCK_FLUSH, 0, 0, 0);
    ahci_port_kick(&rig->port);
    rig_pass(rig, 60 * AHCI_SECOND);
    CHECK_EQ(rig->fake.comresets, 0);
    rig_pass(rig, 30 * AHCI_SECOND);
    CHECK_EQ(rig->fake.comresets, 1);
    serve(rig, NULL, 0);
    CHECK_EQ(rig_count(rig, 1, OK), 1);
    rig_stop(rig);
}

/* Lets time pass; all commands end well but those of the block. */
static void live(struct rig *rig, uint64_t hung_block, unsigned seconds)
{
    for (unsigned i = 0; i < 10 * seconds; i++) {
        for (unsigned slot = 0; slot < 32; slot++)
            if (rig->fake.active & 1u << slot && hung_block != FAKE_NONE &&
                fake_lba(&rig->fake, slot) != hung_block)
                fake_complete(&rig->fake, slot);
        rig_pass(rig, AHCI_SECOND / 10);
    }
}

static void test_time_out(void)
{
    CASE("a command that is never answered fails after three tries; the others do not notice");
    struct rig *rig = rig_start(32, true);
    rig_reads(rig, 32, 0);
    live(rig, 17, 16);
    CHECK_EQ(rig_count(rig, 32, OK), 31);
    CHECK_EQ(rig->jobs[17].done, 0);
    live(rig, 17, 32);
    CHECK_EQ(rig->jobs[17].status, ERR_IO);
    CHECK_EQ(rig->fake.comresets, 3);
    CHECK_EQ(rig->fake.details[rig->fake.event_count - 1], UINT32_MAX);
    memset(rig->jobs, 0, sizeof(rig->jobs));
    rig_reads(rig, 32, 0);
    live(rig, 99, 1);
    CHECK_EQ(rig_count(rig, 32, OK), 32);
    rig_stop(rig);

    CASE("a disk that answers nothing but its reset: all have failed within a minute");
    rig = rig_start(32, true);
    rig_reads(rig, 32, 0);
    live(rig, FAKE_NONE, 60);
    CHECK_EQ(rig_count(rig, 32, ERR_IO), 32);
    CHECK_EQ(rig->fake.comresets, 3);
    CHECK_EQ(rig->port.state, AHCI_RUNNING);
    rig_stop(rig);
}

/* As after core has taken bus mastering: nothing is answered until the reset. */
static void test_memory(void)
{
    CASE("a reset lets the port reach memory again, but jobs whose memory has been freed do not come back");
    struct rig *rig = rig_start(32, true);
    CHECK_EQ(rig->fake.rests, 1);
    rig_reads(rig, 8, 0);
    rig->jobs[5].region.gone = true;
    live(rig, FAKE_NONE, 16);
    CHECK_EQ(rig->fake.comresets, 1);
    CHECK_EQ(rig->fake.rests, 2);
    CHECK_EQ(rig->fake.checks, 1);
    CHECK_EQ(rig_count(rig, 8, ERR_IO), 1);
    CHECK_EQ(rig->jobs[5].status, ERR_IO);
    live(rig, FAKE_NONE - 1, 1);
    CHECK_EQ(rig_count(rig, 8, OK), 7);
    rig_stop(rig);
}

static void test_link(void)
{
    CASE("the link is lost and comes back: nothing fails, but the cache may be gone");
    struct rig *rig = rig_start(32, true);
    rig_reads(rig, 4, 0);
    fake_raise(&rig->fake, PORT_IS_PRCS);
    rig_pass(rig, 20 * AHCI_MILLISECOND);
    CHECK_EQ(fake_events(&rig->fake, AHCI_EVENT_LINK_LOST), 1);
    serve(rig, NULL, 0);
    CHECK_EQ(rig_count(rig, 4, OK), 4);
    rig_stop(rig);

    CASE("the link is lost behind an error of another kind, before our own COMRESET hides it");
    for (unsigned state = 0; state < 4; state++) {
        rig = rig_start(32, true);
        rig_reads(rig, 4, 0);
        rig->fake.sticky_cr = state == 1;
        rig->fake.mute_log = state == 2;
        rig->fake.late = state == 0 ? PORT_IS_PRCS : 0;
        if (state == 0 || state == 3)
            fake_raise(&rig->fake, PORT_IS_IFS);
        else
            fake_fail(&rig->fake, rig_slot(rig, 1), ERROR_UNC);
        rig_pass(rig, (state == 3 ? 3 : 4) * AHCI_MILLISECOND);
        CHECK_EQ(rig->port.state, state == 1   ? AHCI_STOPPING
                                  : state == 2 ? AHCI_READING_LOG
                                  : state == 3 ? AHCI_SETTLING
                                               : rig->port.state);
        CHECK_EQ(fake_events(&rig->fake, AHCI_EVENT_LINK_LOST), state == 0);
        if (state != 0)
            fake_raise(&rig->fake, PORT_IS_PRCS);
        rig_pass(rig, 50 * AHCI_MILLISECOND);
        CHECK_EQ(fake_events(&rig->fake, AHCI_EVENT_LINK_LOST), 1);
        serve(rig, NULL, 0);
        CHECK_EQ(rig_count(rig, 4, OK), 4);
        rig_stop(rig);
    }

    CASE("it does not come back: all jobs end, and those that come after");
    rig = rig_start(32, true);
    rig_reads(rig, 32, 0);
    rig->fake.dead_link = true;
    fake_raise(&rig->fake, PORT_IS_PRCS);
    rig_pass(rig, 10 * AHCI_SECOND);
    CHECK_EQ(rig_count(rig, 32, ERR_PEER_GONE), 32);
    CHECK_EQ(rig->port.state, AHCI_GONE);
    CHECK_EQ(fake_events(&rig->fake, AHCI_EVENT_GONE), 1);
    rig_submit(rig, 40, BLOCK_READ, 0, 1, 0);
    CHECK_EQ(rig->jobs[40].status, ERR_PEER_GONE);
    CHECK_EQ(rig->fake.wake, AHCI_NEVER);
    rig_stop(rig);

    CASE("another disk comes back: it does not get the old one's requests");
    rig = rig_start(32, true);
    rig_submit(rig, 0, BLOCK_WRITE, 1, 1, 0x66);
    ahci_port_kick(&rig->port);
    rig->fake.other_serial = true;
    fake_identity_sum(&rig->fake);
    fake_raise(&rig->fake, PORT_IS_PRCS);
    rig->fake.identify[510] = 0; /* no checksum: the serial number will change */
    rig_pass(rig, 10 * AHCI_SECOND);
    CHECK_EQ(rig->jobs[0].status, ERR_PEER_GONE);
    CHECK_EQ(rig->fake.blocks[1][0], 0);
    rig_stop(rig);
}

static void no_disk(struct fake_hba *fake)
{
    fake->no_disk = true;
}

static void atapi(struct fake_hba *fake)
{
    fake->atapi = true;
}

static void bad_identify(struct fake_hba *fake)
{
    fake->identify[1] = 0x85;
}

static void short_identify(struct fake_hba *fake)
{
    fake->short_page = true;
}

static void test_refused(void)
{
    CASE("an empty port, a CD drive, and a disk that does not know itself");
    struct rig *rig = rig_begin(32, true, no_disk);
    rig_pass(rig, 2 * AHCI_SECOND);
    CHECK_EQ(rig->port.state, AHCI_GONE);
    CHECK_EQ(rig->fake.comresets, 1);
    rig_stop(rig);
    rig = rig_begin(32, true, atapi);
    rig_pass(rig, 2 * AHCI_SECOND);
    CHECK_EQ(rig->port.state, AHCI_GONE);
    CHECK_EQ(rig->fake.details[0], AHCI_SIGNATURE_ATAPI);
    rig_stop(rig);
    rig = rig_begin(32, true, bad_identify);
    rig_pass(rig, 2 * AHCI_SECOND);
    CHECK_EQ(rig->port.state, AHCI_GONE);
    CHECK_EQ(rig->fake.details[0], AHCI_SIGNATURE_DISK);
    rig_stop(rig);

    CASE("a disk that sends half of its IDENTIFY page is asked three times");
    rig = rig_begin(32, true, short_identify);
    rig_pass(rig, 2 * AHCI_SECOND);
    CHECK_EQ(rig->port.state, AHCI_GONE);
    CHECK_EQ(rig->fake.comresets, 3);
    rig_stop(rig);
}

/* ---- a long life ---- */

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(random_state >> 8) * limit >> 24);
}

/* Each job has eight blocks of its own, so none overlap (D2). What they may hold: the pattern of the last write that
   succeeded, or of one that has failed since. */
struct life {
    bool may_hold[RIG_JOBS][256];
    uint8_t new[RIG_JOBS];
    unsigned done[RIG_JOBS];
    unsigned ended, failed;
};

static void job_begin(struct rig *rig, struct life *life, unsigned job)
{
    bool write = random_below(2);

    rig_submit(rig, job, write ? BLOCK_WRITE : BLOCK_READ, job * 8, 1 + random_below(8) * !write + 7 * write,
               (uint8_t)(1 + random_below(255)));
    if (!write)
        return;
    life->new[job] = rig->jobs[job].memory[0];
    life->may_hold[job][life->new[job]] = true;
}

static void job_end(struct rig *rig, struct life *life, unsigned job)
{
    struct rig_job *one = &rig->jobs[job];

    CHECK_EQ(one->done, life->done[job] + 1);
    life->done[job] = one->done;
    life->ended++;
    life->failed += one->status != OK;
    if (one->job.operation == BLOCK_READ && one->status == OK)
        CHECK(life->may_hold[job][one->pattern]);
    if (one->job.operation != BLOCK_WRITE || one->status != OK)
        return;
    memset(life->may_hold[job], 0, sizeof(life->may_hold[job]));
    life->may_hold[job][life->new[job]] = true;
}

static void misfortune(struct rig *rig)
{
    static const uint32_t causes[] = {PORT_IS_HBFS, PORT_IS_IFS, PORT_IS_PRCS, PORT_IS_TFES};
    struct fake_hba *fake = &rig->fake;
    unsigned slot = fake->active ? (unsigned)__builtin_ctz(fake->active) : 0;

    fake->no_log = random_below(2);
    fake->spoilt_log = random_below(4) == 0;
    fake->busy_after_error = random_below(8) == 0;
    if (random_below(3) && fake->active)
        fake_fail(fake, slot, random_below(2) ? ERROR_UNC : ATA_ERROR_ICRC);
    else
        fake_raise(fake, causes[random_below(4)]);
}

static void life_turn(struct rig *rig, struct life *life, unsigned jobs)
{
    bool was[RIG_JOBS];

    for (unsigned job = 0; job < jobs; job++)
        if (!rig->jobs[job].active && rig->port.free && random_below(3) == 0)
            job_begin(rig, life, job);
    for (unsigned job = 0; job < jobs; job++)
        was[job] = rig->jobs[job].active;
    ahci_port_kick(&rig->port);
    for (unsigned slot = 0; slot < 32; slot++)
        if (rig->fake.active & 1u << slot && random_below(3) == 0)
            fake_complete(&rig->fake, slot);
    if (random_below(40) == 0)
        misfortune(rig);
    rig->fake.lose_interrupts = random_below(50) == 0;
    rig_pass(rig, random_below(30) == 0 ? 6 * AHCI_SECOND : AHCI_MILLISECOND);
    for (unsigned job = 0; job < jobs; job++)
        if (was[job] && !rig->jobs[job].active)
            job_end(rig, life, job);
    const struct ahci_port *port = &rig->port;
    CHECK_EQ(port->free + port->pending + port->issued + port->accused, port->all);
    CHECK_EQ((port->free ^ port->pending ^ port->issued ^ port->accused), port->all);
    CHECK_EQ(port->suspects & port->free, 0);
}

static void test_life(bool ncq)
{
    struct life life = {};
    struct rig *rig = rig_start(32, ncq);

    for (unsigned job = 0; job < RIG_JOBS; job++)
        life.may_hold[job][0] = true;

    for (unsigned turn = 0; turn < 20000; turn++)
        life_turn(rig, &life, 48);
    CHECK_EQ(rig->port.state == AHCI_GONE, 0);
    CHECK(life.ended > 5000);
    CHECK(life.failed > 20);
    CHECK(life.failed < life.ended / 10);
    rig->fake.lose_interrupts = false;
    for (unsigned i = 0; i < 100; i++) {
        rig_pass(rig, AHCI_SECOND);
        serve(rig, NULL, 0);
    }
    rig_stop(rig);
}

int main(void)
{
    test_log();
    test_without_log();
    test_single();
    test_time();
    test_time_out();
    test_memory();
    test_link();
    test_refused();
    CASE("a long random life");
    for (unsigned seed = 1; seed <= 3; seed++) {
        random_state = seed;
        test_life(true);
    }
    CASE("the same without a queue");
    test_life(false);
    return check_finish();
}
