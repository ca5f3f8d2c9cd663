/* SPDX-License-Identifier: MIT */
/*
 * Slabs of an account, see account.h.
 *
 * A frame is 64 units of 64 bytes. Unit 0 is the header: one bit a unit tells which are in use, another where a note
 * ends, so slab_free needs neither size nor account. A frame is in its account's list exactly while a unit is free; a
 * frame without notes goes back at once. So a small session costs one frame in all.
 */
#include "core/account.h"

#include "core/assert.h"
#include "lib/string/string.h"

#define UNIT       64u
#define UNITS      64u
#define UNITS_MOST (SLAB_NOTE_MAX / UNIT)

struct slab_frame {
    struct account *account;
    struct slab_frame *next, *previous; /* frames with a free unit */
    uint64_t used;                      /* bit n: unit n; bit 0 is always set */
    uint64_t ends;                      /* bit n: unit n is the last one of a note */
};

_Static_assert(sizeof(struct slab_frame) <= UNIT, "the header takes one unit");
_Static_assert(UNIT *UNITS == FRAME_SIZE, "units fill a frame");

static void link_frame(struct slab_frame *frame)
{
    struct slab_frame **head = &frame->account->slabs;

    frame->previous = NULL;
    frame->next = *head;
    if (*head)
        (*head)->previous = frame;
    *head = frame;
}

static void unlink_frame(struct slab_frame *frame)
{
    if (frame->previous)
        frame->previous->next = frame->next;
    else
        frame->account->slabs = frame->next;
    if (frame->next)
        frame->next->previous = frame->previous;
}

static enum status add_frame(struct account *account, struct slab_frame **out)
{
    uint64_t physical;
    enum status status = account_take_frame(account, &physical);

    if (status != OK)
        return status;
    *out = frames_pointer(account->frames, physical);
    **out = (struct slab_frame){.account = account, .used = 1};
    link_frame(*out);
    return OK;
}

/* The first unit of `units` free ones in a row, or 0. */
static unsigned find_units(const struct slab_frame *frame, unsigned units)
{
    uint64_t starts = ~frame->used; /* bit n: the units n .. n + covered - 1 are free */

    for (unsigned i = 1; i < units && starts; i++)
        starts &= ~frame->used >> i;
    return starts ? (unsigned)__builtin_ctzll(starts) : 0;
}

enum status slab_alloc(struct account *account, size_t size, void **out)
{
    unsigned units = (unsigned)((size + UNIT - 1) / UNIT), first = 0;
    struct slab_frame *frame = account->slabs;

    ASSERT(units > 0 && units <= UNITS_MOST);
    while (frame && (first = find_units(frame, units)) == 0)
        frame = frame->next;
    if (!frame) {
        enum status status = add_frame(account, &frame);

        if (status != OK)
            return status;
        first = 1;
    }
    frame->used |= ((1ull << units) - 1) << first;
    frame->ends |= 1ull << (first + units - 1);
    if (frame->used == UINT64_MAX)
        unlink_frame(frame);
    *out = (char *)frame + first * UNIT;
    memset(*out, 0, units * UNIT);
    return OK;
}

void slab_free(void *note)
{
    struct slab_frame *frame = (struct slab_frame *)((uintptr_t)note & ~(uintptr_t)(FRAME_SIZE - 1));
    unsigned first = (unsigned)((uintptr_t)note % FRAME_SIZE / UNIT);

    ASSERT((uintptr_t)note % UNIT == 0 && first > 0 && frame->used >> first & 1);
    unsigned last = first + (unsigned)__builtin_ctzll(frame->ends >> first);
    uint64_t mask = (last == UNITS - 1 ? 0 : UINT64_MAX << (last + 1)) ^ (UINT64_MAX << first);

    if (frame->used == UINT64_MAX)
        link_frame(frame);
    frame->used &= ~mask;
    frame->ends &= ~mask;
    if (frame->used == 1) {
        unlink_frame(frame);
        account_return_frame(frame->account, frames_physical(frame->account->frames, frame));
    }
}

void account_move(struct account *account, struct account *to)
{
    *to = *account;
    for (struct slab_frame *frame = to->slabs; frame; frame = frame->next)
        frame->account = to;
}
