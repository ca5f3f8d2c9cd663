/* SPDX-License-Identifier: MIT */
/* Batching of mapping changes, see space.h. */
#include "core/space.h"

#include "abi/message.h"

#define BATCH      (MESSAGE_WORDS * 8 / sizeof(struct space_entry))
#define PAGES_MOST (1u << 30)

static struct {
    struct space *space_opt;
    unsigned count;
    struct space_entry entries[BATCH];
} batch;

enum status space_commit(void)
{
    unsigned count = batch.count;

    batch.count = 0;
    return count ? space_apply(batch.space_opt, batch.entries, count) : OK;
}

static enum status make_room(struct space *space)
{
    if (batch.count == BATCH || (batch.count && batch.space_opt != space)) {
        enum status status = space_commit();

        if (status != OK)
            return status;
    }
    batch.space_opt = space;
    return OK;
}

/* Pages of 4 KiB that come before the next place where a large page fits, or all of them. */
static uint64_t pages_before_large(unsigned operation, uint64_t virtual, uint64_t physical, uint64_t pages)
{
    if (pages < BLOCK_FRAMES || (operation != SPACE_MAP && operation != SPACE_REPLACE))
        return pages;
    uint64_t head = -virtual % BLOCK_SIZE / FRAME_SIZE;

    if ((virtual ^ physical) % BLOCK_SIZE || pages < head + BLOCK_FRAMES)
        return pages;
    return head;
}

enum status space_change(struct space *space, unsigned operation, unsigned flags, uint64_t virtual,
                         uint64_t physical, uint64_t pages)
{
    while (pages > 0) {
        uint64_t small = space->small_only ? pages : pages_before_large(operation, virtual, physical, pages);
        uint64_t unit = small ? 1 : BLOCK_FRAMES, number = small ? small : pages / BLOCK_FRAMES;

        if (number > PAGES_MOST)
            number = PAGES_MOST;
        enum status status = make_room(space);

        if (status != OK)
            return status;
        batch.entries[batch.count++] = (struct space_entry){
            .virtual = virtual,
            .physical = physical,
            .pages = (uint32_t)number,
            .operation = (uint16_t)operation,
            .flags = (uint16_t)(flags | (small ? 0 : SPACE_LARGE)),
        };
        virtual += number * unit * FRAME_SIZE;
        if (operation != SPACE_REPLACE_ONE)
            physical += number * unit * FRAME_SIZE;
        pages -= number * unit;
    }
    return OK;
}
