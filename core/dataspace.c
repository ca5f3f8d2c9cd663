/* SPDX-License-Identifier: MIT */
/* Dataspaces, see dataspace.h. */
#include "core/dataspace.h"

#include "core/assert.h"
#include "core/region_map.h"

#define SIZE_MOST (1ull << 46)

/* What one dataspace_fill, one dataspace_retire does at most. A page zeroed, a run of frames taken or given: each is 1. */
#define FILL_MOST   512u
#define RETIRE_MOST 256u

/* A run that continues the last one makes it longer. */
static enum status add_extent(struct dataspace *dataspace, uint64_t physical, uint64_t pages)
{
    struct extent *last = dataspace->last_opt;
    void *note;

    if (last && last->physical + last->pages * FRAME_SIZE == physical) {
        last->pages += pages;
        return OK;
    }
    enum status status = slab_alloc(dataspace->object.account, sizeof(struct extent), &note);

    if (status != OK)
        return status;
    struct extent *extent = note;

    *extent = (struct extent){.physical = physical, .pages = pages};
    *(last ? &last->next : &dataspace->extents) = extent;
    dataspace->last_opt = extent;
    return OK;
}

static enum status take_run(struct dataspace *dataspace)
{
    struct frames *frames = dataspace->object.account->frames;
    uint64_t physical, count = dataspace->missing;
    enum status status;

    if (dataspace->flags & DATASPACE_CONTIGUOUS)
        status = frames_alloc_contiguous(frames, count, count >= BLOCK_FRAMES ? BLOCK_SIZE : FRAME_SIZE,
                                         &physical);
    else
        status = frames_alloc(frames, count, &physical, &count);
    if (status != OK)
        return status;
    status = add_extent(dataspace, physical, count);
    if (status != OK)
        frames_free(frames, physical, count);
    else
        dataspace->missing -= count;
    return status;
}

/* Zeroes at most this many pages and returns how many. */
static uint64_t zero_run(struct dataspace *dataspace, uint64_t most)
{
    struct extent *extent = dataspace->dirty;
    uint64_t count = extent->pages - dataspace->dirty_page;

    if (count > most)
        count = most;
    frames_zero(dataspace->object.account->frames, extent->physical + dataspace->dirty_page * FRAME_SIZE,
                count);
    dataspace->dirty_page += count;
    if (dataspace->dirty_page == extent->pages) {
        dataspace->dirty = extent->next;
        dataspace->dirty_page = 0;
    }
    return count;
}

enum status dataspace_fill(struct dataspace *dataspace)
{
    uint64_t budget = FILL_MOST;

    while (dataspace->missing > 0) {
        enum status status = take_run(dataspace);

        if (status != OK)
            return status;
        if (dataspace->missing == 0)
            dataspace->dirty = dataspace->extents;
        if (--budget == 0)
            return ERR_AGAIN;
    }
    while (dataspace->dirty) {
        budget -= zero_run(dataspace, budget);
        if (budget == 0 && dataspace->dirty)
            return ERR_AGAIN;
    }
    return OK;
}

enum status dataspace_retire(struct dataspace *dataspace)
{
    struct frames *frames = dataspace->object.account->frames;

    dataspace->flags |= DATASPACE_GOING;
    if (attachments_orphan(dataspace) != OK)
        return ERR_AGAIN;
    for (unsigned n = 0; dataspace->extents; n++) {
        struct extent *extent = dataspace->extents;

        if (n == RETIRE_MOST)
            return ERR_AGAIN;
        dataspace->extents = extent->next;
        if (dataspace->flags & DATASPACE_RAM)
            frames_free(frames, extent->physical, extent->pages);
        slab_free(extent);
    }
    return OK;
}

static enum status make(struct account *account, uint64_t size, unsigned flags, struct dataspace **out)
{
    void *note;
    enum status status;

    if (size == 0 || size > SIZE_MOST)
        return ERR_RANGE;
    status = slab_alloc(account, sizeof(struct dataspace), &note);
    if (status != OK)
        return status;
    struct dataspace *dataspace = note;

    dataspace->object = (struct object){.kind = KIND_DATASPACE, .account = account};
    dataspace->flags = flags;
    dataspace->size = (size + FRAME_SIZE - 1) & ~(FRAME_SIZE - 1);
    *out = dataspace;
    return OK;
}

enum status dataspace_begin(struct account *account, uint64_t size, unsigned flags, struct dataspace **out)
{
    struct dataspace *dataspace;
    enum status status = make(account, size, flags | DATASPACE_RAM, &dataspace);

    if (status != OK)
        return status;
    status = account_charge_ram(account, dataspace->size);
    if (status != OK) {
        slab_free(dataspace);
        return status;
    }
    dataspace->missing = dataspace->size / FRAME_SIZE;
    *out = dataspace;
    return OK;
}

enum status dataspace_create(struct account *account, uint64_t size, unsigned flags, struct dataspace **out)
{
    struct dataspace *dataspace;
    enum status status = dataspace_begin(account, size, flags, &dataspace);

    if (status != OK)
        return status;
    do
        status = dataspace_fill(dataspace);
    while (status == ERR_AGAIN);
    if (status != OK)
        dataspace_destroy(dataspace);
    else
        *out = dataspace;
    return status;
}

enum status dataspace_create_foreign(struct account *account, uint64_t physical, uint64_t size,
                                     unsigned flags, struct dataspace **out)
{
    struct dataspace *dataspace;
    enum status status = make(account, size, flags, &dataspace);

    if (status != OK)
        return status;
    ASSERT(!(flags & DATASPACE_RAM));
    status = add_extent(dataspace, physical, dataspace->size / FRAME_SIZE);
    if (status != OK) {
        slab_free(dataspace);
        return status;
    }
    *out = dataspace;
    return OK;
}

void dataspace_destroy(struct dataspace *dataspace)
{
    struct account *account = dataspace->object.account;

    ASSERT(!(dataspace->flags & DATASPACE_MAP));
    while (dataspace_retire(dataspace) != OK)
        ;
    dataspace_unlink(dataspace);
    if (dataspace->flags & DATASPACE_RAM)
        account_refund_ram(account, dataspace->size);
    slab_free(dataspace);
}

enum status dataspace_run(const struct dataspace *dataspace, uint64_t offset, uint64_t most,
                          uint64_t *physical, uint64_t *size)
{
    for (const struct extent *extent = dataspace->extents; extent; extent = extent->next) {
        uint64_t extent_size = extent->pages * FRAME_SIZE;

        if (offset < extent_size) {
            *physical = extent->physical + offset;
            *size = extent_size - offset < most ? extent_size - offset : most;
            return OK;
        }
        offset -= extent_size;
    }
    return ERR_RANGE;
}

enum status dataspace_physical(const struct dataspace *dataspace, uint64_t offset, uint64_t *physical)
{
    uint64_t size;

    return dataspace_run(dataspace, offset, 1, physical, &size);
}

void dataspace_link(struct dataspace *dataspace, struct dataspace **head)
{
    dataspace->next = *head;
    dataspace->previous_next = head;
    if (*head)
        (*head)->previous_next = &dataspace->next;
    *head = dataspace;
}

void dataspace_unlink(struct dataspace *dataspace)
{
    if (!dataspace->previous_next)
        return;
    *dataspace->previous_next = dataspace->next;
    if (dataspace->next)
        dataspace->next->previous_next = dataspace->previous_next;
    dataspace->previous_next = NULL;
    dataspace->next = NULL;
}
