/* SPDX-License-Identifier: MIT */
/* The writer: many requests at a time, and a log of what was acknowledged (which is the oracle's). */
#include "test/crash/crash.h"

#include "test/check.h"

enum slot_state { SLOT_FREE, SLOT_SUBMITTED, SLOT_RETAINED };

struct slot {
    struct block_request request; /* first */
    struct block_client_piece pieces[2];
    enum slot_state state;
    uint32_t version; /* of a write */
    uint64_t submitted;
};

static struct slot slots[SLOTS];
static uint64_t losses; /* known */
static uint32_t next;   /* sector, for who writes one after another */

void writer_make(void)
{
    memset(slots, 0, sizeof(slots));
    losses = 0;
    next = 0;
}

bool writer_busy(void)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].state == SLOT_SUBMITTED)
            return true;
    return false;
}

static void notice_loss(void)
{
    if (writer_core->losses == losses)
        return;
    losses = writer_core->losses;
    oracle_lost();
}

static bool writes(const struct block_request *request)
{
    return request->operation != BLOCK_READ && request->operation != BLOCK_FLUSH;
}

static void released(struct block_request *request)
{
    ((struct slot *)request)->state = SLOT_FREE;
}

static void done(struct block_request *request)
{
    struct slot *slot = (struct slot *)request;
    bool promises = request->operation == BLOCK_FLUSH || request->flags;

    notice_loss();
    slot->state = SLOT_FREE;
    if (request->status != OK && request->status != ERR_LOST)
        wrong("operation %d ends with status %d", request->operation, request->status);
    if (writes(request))
        oracle_done(slot->version, request->status);
    else if (request->operation == BLOCK_FLUSH && request->status == OK)
        oracle_flushed(slot->submitted);
    if (settings.retain && request->status == OK && !(request->flags & BLOCK_FUA) &&
        (request->operation == BLOCK_WRITE || request->operation == BLOCK_WRITE_ZEROES))
        slot->state = SLOT_RETAINED;
    if (promises && request->status == OK)
        states_check();
}

/* In two pieces now and then. */
static void lay_out(struct slot *slot, uint32_t first, uint32_t sectors)
{
    unsigned number = (unsigned)(slot - slots);
    uint64_t area = (uint64_t)number * SLOT_SECTORS * SECTOR;
    uint32_t front = sectors > 1 && chance(3) == 0 ? 1 + chance(sectors - 1) : sectors;

    slot->pieces[0] =
        (struct block_client_piece){.region = chain_region(), .offset = area, .length = front * SECTOR};
    slot->pieces[1] = (struct block_client_piece){
        .region = chain_region(), .offset = area + front * SECTOR, .length = (sectors - front) * SECTOR};
    slot->request.piece_count = front == sectors ? 1 : 2;
    for (uint32_t i = 0; slot->request.operation == BLOCK_WRITE && i < sectors; i++)
        sector_fill(chain_memory(number) + (size_t)i * SECTOR, first + i, slot->version);
}

static void submit(enum block_operation operation, unsigned flags, uint32_t first, uint32_t sectors)
{
    struct slot *slot = slots;

    while (slot->state != SLOT_FREE)
        if (++slot == slots + SLOTS)
            return;
    slot->request = (struct block_request){.operation = operation,
                                           .flags = flags,
                                           .offset = (uint64_t)first * SECTOR,
                                           .length = (uint64_t)sectors * SECTOR,
                                           .pieces = slot->pieces,
                                           .done = done,
                                           .released_opt = released};
    slot->submitted = tick();
    slot->state = SLOT_SUBMITTED;
    if (writes(&slot->request)) {
        bool twice = settings.retain && (flags & BLOCK_FUA); /* a write and a FLUSH */

        slot->version = oracle_submit(operation, flags, first, sectors, sectors <= 16 && !twice);
    }
    if (operation == BLOCK_READ || operation == BLOCK_WRITE)
        lay_out(slot, first, sectors);
    block_core_submit(writer_core, &slot->request);
}

void writer_flush(void)
{
    submit(BLOCK_FLUSH, 0, 0, 0);
}

void writer_step(void)
{
    unsigned what = chance(100);
    enum block_operation operation = what < 76   ? BLOCK_WRITE
                                     : what < 84 ? BLOCK_WRITE_ZEROES
                                     : what < 88 ? BLOCK_DISCARD
                                                 : BLOCK_READ;
    uint32_t sectors = chance(3) ? 1 + chance(6) : 1 + chance(SLOT_SECTORS);
    uint32_t first = chance(4) == 0 ? next : chance(SECTORS);
    unsigned flags = 0;

    notice_loss();
    if (writer_core->lost && chance(4) == 0)
        block_core_acknowledge(writer_core);
    if (what >= 96) {
        writer_flush();
        return;
    }
    if (operation == BLOCK_WRITE || operation == BLOCK_WRITE_ZEROES)
        flags = chance(8) == 0    ? BLOCK_FUA
                : chance(8) == 0  ? BLOCK_BARRIER
                : chance(40) == 0 ? BLOCK_FUA | BLOCK_BARRIER
                                  : 0;
    if (sectors > SECTORS - first)
        sectors = SECTORS - first;
    submit(operation, flags, first, sectors);
    next = (first + sectors) % SECTORS;
}
