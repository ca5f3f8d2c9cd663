/* SPDX-License-Identifier: MIT */
/*
 * Mapping changes carried out by the kernel.
 *
 * A region map never maps a page twice, so MAP is sent as REPLACE: an entry that stopped in its middle (out of kernel
 * memory, or a bounded part done) can then be continued from where it stopped.
 */
#include "core/core.h"
#include "core/space.h"

static enum status send(struct space *space, const struct space_entry *entries, unsigned n, uint64_t *done,
                        uint64_t *pages)
{
    struct space_entry *words = (struct space_entry *)core_area()->words;

    for (unsigned i = 0; i < n; i++)
        words[i] = entries[i];
    return kernel_space_update(space->slot, n, done, pages);
}

static void advance(struct space_entry *entry, uint64_t pages)
{
    uint64_t bytes = pages * (entry->flags & SPACE_LARGE ? BLOCK_SIZE : FRAME_SIZE);

    entry->virtual += bytes;
    if (entry->operation != SPACE_REPLACE_ONE)
        entry->physical += bytes;
    entry->pages -= (uint32_t)pages;
}

enum status space_apply(struct space *space, struct space_entry *entries, unsigned n)
{
    if (space->slot == CAP_NONE) {
        if (entries->operation == SPACE_REPLACE_ONE && space->withdraw_opt)
            space->withdraw_opt(space);
        return OK;
    }
    for (unsigned i = 0; i < n; i++)
        if (entries[i].operation == SPACE_MAP)
            entries[i].operation = SPACE_REPLACE;
    for (;;) {
        uint64_t done, pages;
        enum status status = send(space, entries, n, &done, &pages);

        if (status == OK)
            return OK;
        entries += done;
        n -= (unsigned)done;
        advance(entries, pages);
        if (status == ERR_NO_KMEM)
            status = kmem_refill(space->kmem, entries->operation == SPACE_REPLACE_ONE);
        else if (status == ERR_AGAIN)
            status = OK;
        if (status != OK)
            return status;
    }
}
