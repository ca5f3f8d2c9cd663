/* SPDX-License-Identifier: MIT */
/*
 * Admission: which job goes to the device next.
 *
 * Sessions take turns by deficit round robin: who has used up its bytes gets another quantum and goes to the end of the
 * row. Each session with a queue has a place in the device reserved (up to a quarter of all places), so that one with little
 * to do need not wait for one with much. Of a session, the oldest job is the only candidate.
 *
 * A job whose range is in conflict with one that is held makes its session wait (`blocked`). Later jobs of others that
 * overlap with it wait too, so that it is its turn some day.
 *
 * What must be alone in the device (limits.exclusive) stops admission until the device is empty. After it, others are
 * admitted before the next one.
 */
#include "lib/block/engine.h"

/* ---- pending jobs ---- */

static struct engine_job *first_of(const struct engine_session *session)
{
    return LIST_OWNER(session->pending.next, struct engine_job, link);
}

static void unblock(struct engine_session *session)
{
    if (session->is_blocked)
        list_remove(&session->blocked);
    session->is_blocked = false;
}

void admission_add(struct engine_job *job, bool first)
{
    struct engine_session *session = job->session_opt;
    struct block_engine *engine = job->engine;

    job->state = JOB_PENDING;
    if (list_empty(&session->pending)) {
        list_append(&engine->active, &session->active);
        engine->active_count++;
    }
    if (first) {
        unblock(session); /* that was another one */
        list_push(&session->pending, &job->link);
    } else {
        list_append(&session->pending, &job->link);
    }
}

void admission_drop(struct engine_job *job)
{
    struct engine_session *session = job->session_opt;

    if (first_of(session) == job)
        unblock(session);
    list_remove(&job->link);
    if (list_empty(&session->pending)) {
        list_remove(&session->active);
        session->deficit = 0;
        job->engine->active_count--;
    }
}

/* ---- may it? ---- */

bool admission_exclusive(const struct engine_job *job)
{
    enum block_operation operation = job->job.operation;

    return job->engine->device->limits.exclusive && operation != BLOCK_READ && operation != BLOCK_WRITE;
}

static bool has_place(const struct block_engine *engine, const struct engine_session *session)
{
    unsigned depth = engine->device->limits.depth, reserved = (depth + 2) / 4;

    if (session->in_device == 0)
        return engine->in_device < depth;
    if (reserved > engine->idle)
        reserved = engine->idle;
    return engine->in_device + reserved < depth;
}

/* Those that were blocked earlier go first. */
static bool in_conflict(struct block_engine *engine, struct engine_session *session,
                        const struct engine_job *job)
{
    bool writes = job->job.operation != BLOCK_READ;

    if (job->range.node_count != 0)
        return false; /* it is the one that holds its range */
    if (overlap_conflicts(&engine->ranges, job->offset, job->length, writes))
        return true;
    LIST_EACH(link, &engine->blocked)
    {
        const struct engine_session *other = LIST_OWNER(link, struct engine_session, blocked);

        if (other == session)
            break;

        const struct engine_job *waits = first_of(other);

        if ((writes || waits->job.operation != BLOCK_READ) &&
            ranges_overlap(waits->offset, waits->length, job->offset, job->length))
            return true;
    }
    return false;
}

static void block(struct block_engine *engine, struct engine_session *session)
{
    if (session->is_blocked)
        return;
    session->is_blocked = true;
    list_append(&engine->blocked, &session->blocked);
}

static bool may_go(struct block_engine *engine, struct engine_session *session, const struct engine_job *job)
{
    if (!has_place(engine, session))
        return false;
    if (in_conflict(engine, session, job)) {
        block(engine, session);
        return false;
    }
    if (!admission_exclusive(job))
        return true;
    if (!engine->rested)
        return false;
    engine->draining = engine->in_device != 0;
    return !engine->draining;
}

/* ---- choosing ---- */

static uint64_t cost(const struct engine_job *job)
{
    uint64_t bytes = job->job.length;

    if (job->job.operation != BLOCK_READ && job->job.operation != BLOCK_WRITE)
        bytes = ENGINE_QUANTUM / 2; /* nothing is transferred; it takes its time all the same */
    return bytes > ENGINE_COST_MIN ? bytes : ENGINE_COST_MIN;
}

/* Behind the others. */
static void rotate(struct block_engine *engine, struct engine_session *session)
{
    list_remove(&session->active);
    list_append(&engine->active, &session->active);
}

/* True if its limits have changed such that it fails. */
static bool failed(struct engine_job *job)
{
    enum status status;

    if (job->generation == (uint32_t)job->engine->generation)
        return false;
    status = job_judge(job);
    if (status == OK)
        return false;
    admission_drop(job);
    job_finish(job, status, job->progress);
    return true;
}

static struct engine_job *choose(struct block_engine *engine)
{
    unsigned refused = 0;

    while (refused < engine->active_count && !engine->draining) {
        struct engine_session *session = LIST_OWNER(engine->active.next, struct engine_session, active);
        struct engine_job *job = first_of(session);

        if (failed(job))
            continue;
        if (!may_go(engine, session, job)) {
            refused++;
            if (!engine->draining)
                rotate(engine, session);
            continue;
        }
        if (engine->active_count == 1)
            return job;
        if (session->deficit >= cost(job)) {
            session->deficit -= cost(job);
            return job;
        }
        session->deficit += ENGINE_QUANTUM;
        refused = 0; /* it will be allowed when its turn comes again */
        rotate(engine, session);
    }
    return NULL;
}

/* ---- going ---- */

/* The next part of a WRITE_ZEROES of ours: as much as there are zeroes. */
static void zeroes_prepare(struct engine_job *job)
{
    uint64_t left = job->length - job->progress, most = job->engine->zeroes_opt->size;

    if (most > job->engine->device->limits.transfer_max)
        most = job->engine->device->limits.transfer_max;
    if (left > most)
        left = most;
    job->job.offset = job->offset + job->progress;
    job->job.length = left;
    job->zero =
        (struct block_piece){.region = job->engine->zeroes_opt, .offset = 0, .length = (uint32_t)left};
    job->job.pieces = &job->zero;
    job->job.piece_count = 1;
}

void admission_left(struct engine_job *job)
{
    struct engine_session *session = job->session_opt;
    struct block_engine *engine = job->engine;

    engine->in_device--;
    if (--session->in_device == 0)
        engine->idle += session->queue.open;
    if (engine->exclusive) {
        engine->exclusive = false;
        engine->rested = false;
    }
}

static void go(struct block_engine *engine, struct engine_job *job)
{
    struct engine_session *session = job->session_opt;
    enum status status;

    admission_drop(job);
    if (job->range.node_count == 0)
        overlap_insert(&engine->ranges, &job->range, job->offset, job->length,
                       job->job.operation != BLOCK_READ);
    if (job->writes_zeroes)
        zeroes_prepare(job);
    job->state = JOB_DEVICE;
    engine->exclusive = admission_exclusive(job);
    engine->in_device++;
    if (session->in_device++ == 0)
        engine->idle -= session->queue.open;
    engine->submitted = true;
    status = engine->device->ops->submit(engine->device, &job->job);
    if (status == OK)
        return;
    if (status != ERR_AGAIN) {
        block_job_done(&job->job, status, 0);
        return;
    }
    admission_left(job);
    engine->stalled = true;
    admission_add(job, true);
}

/* One job or FLUSH. False: nothing may go now. */
static bool admit_one(struct block_engine *engine)
{
    struct engine_job *job;

    if (engine->stalled || engine->exclusive)
        return false;
    if (flush_wanted(engine)) {
        bool alone = engine->device->limits.exclusive;

        if (!alone && engine->in_device < engine->device->limits.depth) {
            flush_submit(engine);
            return true;
        }
        if (alone && engine->rested) {
            if (engine->in_device != 0)
                return false;
            engine->draining = false;
            flush_submit(engine);
            return true;
        }
    }
    if (engine->in_device == 0)
        engine->draining = false;
    job = choose(engine);
    if (job)
        go(engine, job);
    return job;
}

void admission_run(struct block_engine *engine)
{
    uint64_t done;

    do {
        done = engine->done;
        while (admit_one(engine))
            ;
        if (!engine->rested) { /* the others had their turn */
            engine->rested = true;
            done = engine->done - 1; /* once more */
        }
        if (engine->submitted && engine->device->ops->kick)
            engine->device->ops->kick(engine->device);
        engine->submitted = false;
    } while (engine->done != done);
}
