/* SPDX-License-Identifier: MIT */
/* E1 to E6 of lib/block/engine.h, counted anew. */
#include "lib/block/test/world.h"

struct counts {
    unsigned in_device, idle, active, pending, blocked, writers, loose, leaving;
};

static unsigned length_of(const struct list_link *head)
{
    unsigned count = 0;

    for (const struct list_link *link = head->next; link != head; link = link->next)
        count++;
    return count;
}

static void check_job(struct engine_session *session, struct engine_job *job, struct counts *counts,
                      unsigned *users)
{
    unsigned in_device = job->state == JOB_DEVICE;
    bool holds = job->range.node_count != 0;

    counts->pending += job->state == JOB_PENDING;
    counts->in_device += in_device;
    counts->writers += holds && job->range.writes;
    counts->loose += in_device && !holds;
    MUST(!holds || job->state != JOB_FREE);
    MUST(!in_device || holds || job->job.operation == BLOCK_READ);
    MUST(job->state != JOB_FREE || job->job.piece_count == 0);
    for (unsigned i = 0; job->state != JOB_FREE && i < job->job.piece_count; i++)
        if (job->job.pieces[i].region != &world->zeroes.region)
            users[(struct engine_region *)job->job.pieces[i].region - session->regions]++;
}

/* E4: who holds a range does not stand behind who might wait for it. */
static void check_pending(const struct engine_session *session)
{
    bool may_hold = true;

    LIST_EACH (link, &session->pending) {
        bool holds = LIST_OWNER(link, struct engine_job, link)->range.node_count != 0;

        MUST(may_hold || !holds);
        may_hold = holds;
    }
}

static void check_session(struct engine_session *session, struct counts *total)
{
    unsigned users[BLOCK_REGIONS_MAX] = {0};
    struct counts counts = {0};

    for (uint32_t tag = 0; tag < session->queue.depth; tag++)
        check_job(session, &session->queue.jobs[tag], &counts, users);
    MUST(counts.in_device == session->in_device); /* E1 */
    MUST(counts.pending == length_of(&session->pending));
    check_pending(session);
    total->active += counts.pending != 0;
    total->in_device += counts.in_device;
    total->writers += counts.writers;
    total->loose += counts.loose;
    total->blocked += session->is_blocked;
    total->leaving += session->draining;
    total->idle += session->queue.open && counts.in_device == 0;
    for (unsigned i = 0; i < BLOCK_REGIONS_MAX; i++)
        MUST(users[i] == session->regions[i].users); /* E5 */
}

/* E4: of those that hold a range. */
static void check_ranges(struct engine_session *session, struct engine_session *other)
{
    for (uint32_t i = 0; i < session->queue.depth; i++)
        for (uint32_t k = 0; k < other->queue.depth; k++) {
            const struct overlap_entry *a = &session->queue.jobs[i].range, *b = &other->queue.jobs[k].range;

            if (a == b || !a->node_count || !b->node_count || (!a->writes && !b->writes))
                continue;
            MUST(!ranges_overlap(a->offset, a->length, b->offset, b->length));
        }
}

void block_engine_check(struct block_engine *engine)
{
    struct counts counts = {.in_device = engine->flush_in_device};

    LIST_EACH (link, &engine->sessions) {
        struct engine_session *session = LIST_OWNER(link, struct engine_session, link);

        check_session(session, &counts);
        LIST_EACH (second, &engine->sessions)
            check_ranges(session, LIST_OWNER(second, struct engine_session, link));
    }
    MUST(counts.in_device == engine->in_device);
    MUST(counts.idle == engine->idle);                                                          /* E2 */
    MUST(counts.active == engine->active_count && counts.active == length_of(&engine->active)); /* E3 */
    MUST(counts.blocked == length_of(&engine->blocked));
    MUST(counts.writers == engine->ranges.writers && counts.loose == engine->loose);
    MUST(counts.loose == 0 || counts.writers == 0);
    MUST(counts.leaving == engine->leaving); /* E6 */
}
