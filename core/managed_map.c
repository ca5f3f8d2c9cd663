/* SPDX-License-Identifier: MIT */
/*
 * Region maps that a client made, and the threads that wait for its pager.
 *
 * A fault in a hole parks the thread in the map's list and signals the pager's notification; the pager fetches the fault
 * and attaches something there, upon which the thread goes on. The threads may belong to any domain in which the map
 * shows: whoever dies first leaves the list.
 */
#include "core/assert.h"
#include "core/pd.h"
#include "lib/range/range.h"

#define MAP_SIZE_MOST (1ull << 46)

enum status managed_map_create(struct pd *pd, uint64_t size, struct managed_map **out)
{
    void *note;

    if (size == 0 || size > MAP_SIZE_MOST)
        return ERR_RANGE;
    enum status status = slab_alloc(&pd->session.account, sizeof(struct managed_map), &note);

    if (status != OK)
        return status;
    struct managed_map *managed = note;

    size = (size + FRAME_SIZE - 1) & ~(FRAME_SIZE - 1);
    region_map_init(&managed->map, &pd->session.account, NULL, 0, size, 0);
    status = object_publish(&managed->map.self.object, 0);
    if (status != OK) {
        slab_free(managed);
        return status;
    }
    dataspace_link(&managed->map.self, &pd->maps);
    *out = managed;
    return OK;
}

enum status managed_map_destroy(struct managed_map *managed)
{
    struct account *account = managed->map.self.object.account;

    if (region_map_clear(&managed->map) != OK)
        return ERR_AGAIN;
    object_unpublish(&managed->map.self.object);
    managed_map_wake(managed, 0, UINT64_MAX); /* they fault again, now as a crash */
    dataspace_unlink(&managed->map.self);
    slot_give(account, managed->pager);
    slab_free(managed);
    return OK;
}

void managed_map_wait(struct managed_map *managed, struct core_thread *thread, uint64_t offset,
                      unsigned access)
{
    managed_map_forget(thread); /* its owner may have resumed it while it waited */
    thread->waits_for_opt = managed;
    thread->wait_offset = offset;
    thread->wait_access = access;
    thread->wait_reported = false;
    thread->next_waiting = managed->waiting;
    managed->waiting = thread;
    /* A pager that is gone has no notification any more; then the thread waits until the map goes too. */
    (void)(kernel_notification_signal(managed->pager) == OK);
}

void managed_map_forget(struct core_thread *thread)
{
    if (!thread->waits_for_opt)
        return;
    struct core_thread **link = &thread->waits_for_opt->waiting;

    while (*link != thread)
        link = &(*link)->next_waiting;
    *link = thread->next_waiting;
    thread->waits_for_opt = NULL;
}

void managed_map_wake(struct managed_map *managed, uint64_t start, uint64_t size)
{
    for (struct core_thread *thread = managed->waiting, *next; thread; thread = next) {
        next = thread->next_waiting;
        if (thread->wait_offset < start || !range_ok(thread->wait_offset - start, 1, size))
            continue;
        managed_map_forget(thread);
        /* ERR_BUSY: its owner resumed it before, so it faults again by itself. */
        enum status status = kernel_ec_control(thread->slot, EC_RESUME);

        ASSERT(status == OK || status == ERR_BUSY);
    }
}
