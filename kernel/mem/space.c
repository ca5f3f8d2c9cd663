/* SPDX-License-Identifier: MIT */
/*
 * Spaces: page tables and port bitmaps charged to accounts, and what the processor must forget when they change.
 *
 * The check that no kernel frame gets mapped is here: a frame whose kind is not FRAME_USER is refused, in large pages each of
 * the 512 frames. Frames outside RAM belong to devices and are the root task's to judge.
 */
#include "kernel/object/space.h"

#include "kernel/arch/arch.h"
#include "kernel/arch/space_flush.h"
#include "kernel/mem/memory.h"
#include "kernel/object/pd.h"
#include "kernel/smp.h"

/* The update that runs has freed a table, which CPUs may still go through until they have flushed. With the kernel lock. */
static bool table_freed;

/* So it must not become another table before. */
static void *space_frame_alloc(struct page_table *table)
{
    if (table_freed)
        cpus_stop();
    table_freed = false;
    return account_frame_alloc(table->owner);
}

static void space_frame_free(struct page_table *table, void *frame)
{
    table_freed = true;
    account_frame_free(table->owner, frame);
}

static const struct page_table_frames space_frames = {space_frame_alloc, space_frame_free};

struct host_space *host_space_create(struct pd *pd)
{
    struct host_space *space = account_object_alloc(pd, OBJECT_HOST_SPACE, sizeof(*space));

    if (!space)
        return NULL;
    if (!page_table_init(&space->table, &page_table_host, &space_frames, pd)) {
        account_object_free(&space->object);
        return NULL;
    }
    arch_kernel_share(phys_to_virt(space->table.root));
    space->pd = pd;
    pd->host_space = space;
    return space;
}

struct guest_space *guest_space_create(struct pd *account)
{
    struct guest_space *space = account_object_alloc(account, OBJECT_GUEST_SPACE, sizeof(*space));

    if (!space)
        return NULL;
    if (!page_table_init(&space->table, &page_table_nested, &space_frames, account)) {
        account_object_free(&space->object);
        return NULL;
    }
    return space;
}

struct port_space *port_space_create(struct pd *pd)
{
    struct port_space *space = account_object_alloc(pd, OBJECT_PORT_SPACE, sizeof(*space));

    if (!space)
        return NULL;
    for (unsigned i = 0; i < 2; i++) {
        space->bitmap[i] = account_frame_alloc(pd);
        if (!space->bitmap[i]) {
            space->pd = pd;
            port_space_release(space);
            account_object_free(&space->object);
            return NULL;
        }
        memset(space->bitmap[i], 0xff, FRAME_SIZE);
    }
    space->pd = pd;
    pd->port_space = space;
    return space;
}

void port_space_release(struct port_space *space)
{
    for (unsigned i = 0; i < 2; i++) {
        if (space->bitmap[i])
            account_frame_free(space->pd, space->bitmap[i]);
        space->bitmap[i] = NULL;
    }
}

/* May all frames of [physical, physical + size) be mapped? */
static bool frames_are_user(uint64_t physical, uint64_t size)
{
    uint64_t frame = physical >> FRAME_SHIFT, end = frame + (size >> FRAME_SHIFT);

    if (end > frame_count)
        end = frame_count;
    for (; frame < end; frame++)
        if (frame_kind[frame] != FRAME_USER)
            return false;
    return true;
}

static inline enum status update(struct page_table *table, const struct space_entry *entry, uint32_t *done,
                                 struct page_table_flush *flush)
{
    struct space_entry part = *entry;
    uint64_t size = entry->flags & SPACE_LARGE ? PAGE_SIZE_LARGE : PAGE_SIZE_SMALL;
    enum status status = page_table_check(table, entry);

    if (status != OK)
        return status;
    if (entry->operation <= SPACE_REPLACE_ONE) {
        uint32_t most = entry->flags & SPACE_LARGE ? PAGE_TABLE_STEPS / 32 : PAGE_TABLE_STEPS;

        if (part.pages > most)
            part.pages = most;
        if (part.pages &&
            !frames_are_user(part.physical, entry->operation == SPACE_REPLACE_ONE ? size : part.pages * size))
            return ERR_DENIED;
    }
    status = page_table_update(table, &part, done, flush);
    return status == OK && part.pages < entry->pages ? ERR_AGAIN : status;
}

enum status space_update(struct page_table *table, const struct space_entry *entry, uint32_t *done,
                         struct page_table_flush *flush)
{
    return update(table, entry, done, flush);
}

enum status host_space_update(struct host_space *space, const struct space_entry *entry, uint32_t *done)
{
    struct page_table_flush flush = {0, 0};
    enum status status = update(&space->table, entry, done, &flush);

    if (flush.start < flush.end) {
        arch_host_space_flush(space, flush.start, flush.end);
        cpus_stop_space(space->table.root);
        table_freed = false;
    }
    return status;
}

enum status guest_space_update(struct guest_space *space, const struct space_entry *entry, uint32_t *done)
{
    struct page_table_flush flush = {0, 0};
    enum status status = update(&space->table, entry, done, &flush);

    if (flush.start < flush.end) {
        space->flush_generation++;
        cpus_stop(); /* virtual CPUs look at the generation when they enter next */
        table_freed = false;
    }
    return status;
}

enum status port_space_update(struct port_space *space, uint64_t first, uint64_t count, bool allow)
{
    if (first > PORT_COUNT || count > PORT_COUNT - first)
        return ERR_RANGE;
    for (uint64_t port = first; port < first + count; port++) {
        uint8_t *byte = &space->bitmap[port / (FRAME_SIZE * 8)][port / 8 % FRAME_SIZE];
        uint8_t bit = (uint8_t)(1u << port % 8);

        *byte = allow ? *byte & (uint8_t)~bit : *byte | bit;
    }
    if (count) {
        cpus_stop();
        space->generation++;
        arch_port_space_forget(space);
    }
    return OK;
}

/* Nobody goes through these any more. */
static bool release(struct page_table *table)
{
    bool done = page_table_release(table);

    table_freed = false;
    return done;
}

bool host_space_release(struct host_space *space)
{
    return release(&space->table);
}

bool guest_space_release(struct guest_space *space)
{
    return release(&space->table);
}
