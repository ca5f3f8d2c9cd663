/* SPDX-License-Identifier: MIT */
/*
 * A Linux program for guests: a verified load on a block device whose server may die, cache and all.
 *
 *     verify DEVICE SECONDS DEPTH [FLUSH_EVERY [SEED]]
 *
 * Fills the device, keeps DEPTH reads and writes in flight for SECONDS, with a flush after every FLUSH_EVERY writes, and reads
 * all of it at the end. Sectors and ledger are those of app/block_tester: each sector says what it is, and the ledger knows what
 * must be there. A flush that fails means that completed writes may be lost: those that no flush had covered may then be old or
 * new. A read can see that before any flush has told: then the load stops, and the flush that follows must fail, else
 * the data were wrong. Reads and writes must never fail.
 *
 * The kernel's asynchronous interface without a library, O_DIRECT. Exit status 0: everything was as it must be.
 */
#define _GNU_SOURCE
#include "app/block_tester/ledger.h"
#include "app/block_tester/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 128u
#define UNIT      4096u
#define UNITS_MAX 8u /* of a request */
#define TRIES     10u

enum kind { IDLE, READ, WRITE, FLUSH, SUSPECT };

struct slot {
    struct iocb request;
    enum kind kind;
    uint64_t unit, units, mark;
    uint32_t generation;
    uint8_t *data;
};

/* What a phase does next. False: nothing, or nothing at present. */
typedef bool (*choose)(struct slot *slot);

static struct ledger ledger;
static struct slot slots[DEPTH_MAX];
static unsigned depth, in_flight, suspects;
static uint64_t position, unflushed, flush_every, random_state, end_us;
static uint64_t reads, writes, flushes, failed_flushes, suspicions, errors;
static bool flushing;
static int device;
static aio_context_t context;

static void give_up(const char *what)
{
    fprintf(stderr, "verify: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * 0x2545f4914f6cdd1dull >> 16) % limit;
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t wrong(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < LEDGER_PROBLEMS; i++)
        sum += ledger.problems[i];
    return sum;
}

/* ---- what comes back ---- */

static void flush_done(uint64_t mark, bool good)
{
    flushes++;
    if (good) {
        ledger_flushed(&ledger, mark);
        return;
    }
    failed_flushes++;
    ledger_lost(&ledger);
}

static void slot_idle(struct slot *slot)
{
    ledger_give_back(&ledger, slot->unit, slot->units);
    slot->kind = IDLE;
}

/* The ledger counts what it finds: a suspicion is not counted yet. */
static void read_done(struct slot *slot, bool good)
{
    struct ledger before = ledger;

    reads++;
    errors += !good;
    if (!good || ledger_check(&ledger, slot->unit, slot->units, slot->data)) {
        slot_idle(slot);
        return;
    }
    memcpy(ledger.problems, before.problems, sizeof(ledger.problems));
    ledger.first_bad = before.first_bad;
    slot->kind = SUSPECT;
    suspects++;
    suspicions++;
}

static void write_done(struct slot *slot, bool good)
{
    writes++;
    unflushed++;
    errors += !good;
    ledger_written(
        &ledger, &(struct ledger_write){
                     .unit = slot->unit, .count = slot->units, .generation = slot->generation, .good = good});
    slot_idle(slot);
}

static void done(struct slot *slot, int64_t result)
{
    bool good = result == (slot->kind == FLUSH ? 0 : (int64_t)(slot->units * UNIT));

    in_flight--;
    if (slot->kind == READ)
        read_done(slot, good);
    else if (slot->kind == WRITE)
        write_done(slot, good);
    else {
        flush_done(slot->mark, good);
        flushing = false;
        slot->kind = IDLE;
    }
}

/* Nothing is in flight. Was it a loss, of which the flush tells? */
static void suspects_judge(void)
{
    uint64_t mark = ledger_mark(&ledger), before = wrong();

    flush_done(mark, fsync(device) == 0);
    for (unsigned i = 0; i < depth; i++) {
        if (slots[i].kind != SUSPECT)
            continue;
        (void)ledger_check(&ledger, slots[i].unit, slots[i].units, slots[i].data);
        slot_idle(&slots[i]);
    }
    suspects = 0;
    if (wrong() != before)
        printf("verify: wrong data, the first at unit %lu\n", ledger.first_bad);
}

/* ---- phases ---- */

static bool next_unit(struct slot *slot, enum kind kind)
{
    if (position >= ledger.count)
        return false;
    slot->kind = kind;
    slot->unit = position;
    slot->units = ledger.count - position < UNITS_MAX ? ledger.count - position : UNITS_MAX;
    position += slot->units;
    return ledger_take(&ledger, slot->unit, slot->units);
}

static bool choose_fill(struct slot *slot)
{
    return next_unit(slot, WRITE);
}

static bool choose_check(struct slot *slot)
{
    return next_unit(slot, READ);
}

static bool choose_mixed(struct slot *slot)
{
    if (now_us() >= end_us)
        return false;
    if (flush_every && unflushed >= flush_every && !flushing) {
        unflushed = 0;
        flushing = true;
        slot->kind = FLUSH;
        slot->mark = ledger_mark(&ledger);
        return true;
    }
    slot->kind = random_below(2) ? READ : WRITE;
    slot->units = 1 + random_below(UNITS_MAX);
    for (unsigned tries = 0; tries < 8; tries++) {
        slot->unit = random_below(ledger.count - slot->units + 1);
        if (ledger_take(&ledger, slot->unit, slot->units))
            return true;
    }
    return false;
}

static void submit(struct slot *slot)
{
    static const uint16_t operations[] = {
        [READ] = IOCB_CMD_PREAD, [WRITE] = IOCB_CMD_PWRITE, [FLUSH] = IOCB_CMD_FSYNC};
    struct iocb *request = &slot->request;

    *request = (struct iocb){.aio_data = (uint64_t)(slot - slots),
                             .aio_lio_opcode = operations[slot->kind],
                             .aio_fildes = (uint32_t)device};
    if (slot->kind == WRITE)
        slot->generation = ledger_fill(&ledger, slot->unit, slot->units, slot->data);
    if (slot->kind != FLUSH) {
        request->aio_buf = (uint64_t)slot->data;
        request->aio_nbytes = slot->units * UNIT;
        request->aio_offset = (int64_t)(slot->unit * UNIT);
    }
    if (syscall(SYS_io_submit, context, 1L, &request) != 1)
        give_up("io_submit");
    in_flight++;
}

static void pump(choose next)
{
    for (unsigned i = 0; i < depth && !suspects; i++) {
        if (slots[i].kind != IDLE)
            continue;
        if (!next(&slots[i])) {
            slots[i].kind = IDLE;
            return;
        }
        submit(&slots[i]);
    }
}

static void phase(const char *name, choose next)
{
    struct io_event events[DEPTH_MAX];
    unsigned tries = 0;

    position = 0;
    for (pump(next); in_flight || suspects; pump(next)) {
        if (!in_flight) {
            suspects_judge();
            continue;
        }
        long got = syscall(SYS_io_getevents, context, 1L, (long)DEPTH_MAX, events, NULL);

        if (got < 0)
            give_up("io_getevents");
        for (long i = 0; i < got; i++)
            done(&slots[events[i].data], events[i].res);
    }
    /* What was lost meanwhile is told once. */
    for (bool good = false; !good && tries < TRIES; tries++) {
        uint64_t mark = ledger_mark(&ledger);

        good = fsync(device) == 0;
        flush_done(mark, good);
    }
    errors += tries == TRIES;
    printf("verify: %s: %lu reads, %lu writes, %lu flushes, %lu of them failed, %lu suspicions, %lu errors, "
           "%lu wrong\n",
           name, reads, writes, flushes, failed_flushes, suspicions, errors, wrong());
}

/* ---- start ---- */

static void open_device(const char *path, uint32_t writer)
{
    uint64_t size = 0;
    uint8_t *data = NULL;

    device = open(path, O_RDWR | O_DIRECT);
    if (device < 0)
        give_up(path);
    if (ioctl(device, BLKGETSIZE64, &size) < 0 || size < 64 * UNIT)
        give_up("size");
    ledger_init(&ledger, calloc(size / UNIT, sizeof(struct ledger_unit)), size / UNIT, UNIT, writer);
    if (!ledger.units || posix_memalign((void **)&data, UNIT, (uint64_t)depth * UNITS_MAX * UNIT))
        give_up("memory");
    for (unsigned i = 0; i < depth; i++)
        slots[i].data = data + (uint64_t)i * UNITS_MAX * UNIT;
    if (syscall(SYS_io_setup, depth, &context) < 0)
        give_up("io_setup");
}

int main(int count, char **argument)
{
    uint64_t seed = count > 5 ? strtoull(argument[5], NULL, 0) : 1;

    depth = count > 3 ? (unsigned)strtoul(argument[3], NULL, 0) : 0;
    if (count < 4 || count > 6 || !depth || depth > DEPTH_MAX) {
        fprintf(stderr, "usage: verify DEVICE SECONDS DEPTH [FLUSH_EVERY [SEED]]; depth is 1 to %u\n",
                DEPTH_MAX);
        return 2;
    }
    flush_every = count > 4 ? strtoull(argument[4], NULL, 0) : 100;
    random_state = seed * 0x9e3779b97f4a7c15ull | 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    open_device(argument[1], (uint32_t)seed);
    phase("filled", choose_fill);
    end_us = now_us() + strtoull(argument[2], NULL, 0) * 1000000;
    phase("mixed", choose_mixed);
    phase("all of it", choose_check);
    bool good = !errors && !wrong();
    printf("verify: %s\n", good ? "everything as it must be" : "FAILED");
    return !good;
}
