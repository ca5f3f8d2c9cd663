/* SPDX-License-Identifier: MIT */
/* Dataspaces, see dataspace.h. */
#include "core/dataspace.h"

#include "core/assert.h"
#include "core/region_map.h"

#define SIZE_MOST (1ull << 46)

static enum status add_extent(struct dataspace *dataspace, struct extent ***tail, uint64_t physical,
                              uint64_t pages)
{
    void *note;
    enum status status = slab_alloc(dataspace->object.account, sizeof(struct extent), &note);

    if (status != OK)
        return status;
    struct extent *extent = note;

    *extent = (struct extent){.physical = physical, .pages = pages};
    **tail = extent;
    *tail = &extent->next;
    return OK;
}

static enum status take_frames(struct dataspace *dataspace, uint64_t pages)
{
    struct frames *frames = dataspace->object.account->frames;
    struct extent **tail = &dataspace->extents;

    while (pages > 0) {
        uint64_t physical, count = pages;
        enum status status;

        if (dataspace->flags & DATASPACE_CONTIGUOUS)
            status = frames_alloc_contiguous(frames, pages, pages >= BLOCK_FRAMES ? BLOCK_SIZE : FRAME_SIZE,
                                             &physical);
        else
            status = frames_alloc(frames, pages, &physical, &count);
        if (status != OK)
            return status;
        status = add_extent(dataspace, &tail, physical, count);
        if (status != OK) {
            frames_free(frames, physical, count);
            return status;
        }
        frames_zero(frames, physical, count);
        pages -= count;
    }
    return OK;
}

static void drop_extents(struct dataspace *dataspace)
{
    struct frames *frames = dataspace->object.account->frames;
    struct extent *extent = dataspace->extents, *next;

    for (; extent; extent = next) {
        next = extent->next;
        if (dataspace->flags & DATASPACE_RAM)
            frames_free(frames, extent->physical, extent->pages);
        slab_free(extent);
    }
    dataspace->extents = NULL;
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

enum status dataspace_create(struct account *account, uint64_t size, unsigned flags, struct dataspace **out)
{
    struct dataspace *dataspace;
    enum status status = make(account, size, flags | DATASPACE_RAM, &dataspace);

    if (status != OK)
        return status;
    status = account_charge_ram(account, dataspace->size);
    if (status != OK)
        goto free_note;
    status = take_frames(dataspace, dataspace->size / FRAME_SIZE);
    if (status != OK)
        goto free_frames;
    *out = dataspace;
    return OK;

free_frames:
    drop_extents(dataspace);
    account_refund_ram(account, dataspace->size);
free_note:
    slab_free(dataspace);
    return status;
}

enum status dataspace_create_foreign(struct account *account, uint64_t physical, uint64_t size,
                                     unsigned flags, struct dataspace **out)
{
    struct dataspace *dataspace;
    enum status status = make(account, size, flags, &dataspace);
    struct extent **tail;

    if (status != OK)
        return status;
    ASSERT(!(flags & DATASPACE_RAM));
    tail = &dataspace->extents;
    status = add_extent(dataspace, &tail, physical, dataspace->size / FRAME_SIZE);
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
    attachments_orphan(dataspace);
    dataspace_unlink(dataspace);
    drop_extents(dataspace);
    if (dataspace->flags & DATASPACE_RAM)
        account_refund_ram(account, dataspace->size);
    slab_free(dataspace);
}

enum status dataspace_physical(const struct dataspace *dataspace, uint64_t offset, uint64_t *physical)
{
    for (const struct extent *extent = dataspace->extents; extent; extent = extent->next) {
        if (offset < extent->pages * FRAME_SIZE) {
            *physical = extent->physical + offset;
            return OK;
        }
        offset -= extent->pages * FRAME_SIZE;
    }
    return ERR_RANGE;
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
