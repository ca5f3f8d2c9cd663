/* SPDX-License-Identifier: MIT */
/*
 * Mapping changes carried out by the kernel.
 *
 * A region map never maps a page twice, so MAP is sent as REPLACE: an entry that stopped in its middle (out of kernel
 * memory, or a bounded part done) can then be continued from where it stopped.
 */
#include "core/core.h"
#include "core/space.h"
#include "lib/string/string.h"

static struct space_entry pending[KERNEL_SPACE_ENTRIES_MAX];

static enum status send(struct space *space, unsigned first, unsigned n, uint64_t *entries, uint64_t *pages)
{
    struct kernel_registers r = {space->slot, n - first, 0, 0, 0, 0};

    memcpy(core_area()->words, pending + first, (n - first) * sizeof(struct space_entry));
    enum status status = kernel_enter(HYPERCALL_SPACE_UPDATE, &r);

    *entries = r.a0;
    *pages = r.a1;
    return status;
}

static void advance(struct space_entry *entry, uint64_t pages)
{
    uint64_t bytes = pages * (entry->flags & SPACE_LARGE ? BLOCK_SIZE : FRAME_SIZE);

    entry->virtual += bytes;
    if (entry->operation != SPACE_REPLACE_ONE)
        entry->physical += bytes;
    entry->pages -= (uint32_t)pages;
}

enum status space_apply(struct space *space, const struct space_entry *entries, unsigned n)
{
    unsigned first = 0;

    if (space->slot == CAP_NONE)
        return OK;
    memcpy(pending, entries, n * sizeof(struct space_entry));
    for (unsigned i = 0; i < n; i++)
        if (pending[i].operation == SPACE_MAP)
            pending[i].operation = SPACE_REPLACE;
    while (first < n) {
        uint64_t done, pages;
        enum status status = send(space, first, n, &done, &pages);

        if (status == OK)
            return OK;
        first += (unsigned)done;
        advance(&pending[first], pages);
        if (status == ERR_NO_KMEM)
            status = kmem_refill(space->kmem, pending[first].operation == SPACE_REPLACE_ONE);
        else if (status == ERR_AGAIN)
            status = OK;
        if (status != OK)
            return status;
    }
    return OK;
}
