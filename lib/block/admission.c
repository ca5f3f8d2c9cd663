/* SPDX-License-Identifier: MIT */
/*
 * Admission: which job goes to the device next.
 *
 * Sessions take turns by deficit round robin: who has used up its bytes gets another quantum and goes to the end of the
 * row. Each session with a queue has a place in the device reserved (up to a quarter of all places), so that one with little
 * to do need not wait for one with much: who has nothing in the device goes before its turn, and its turn comes later. Of a
 * session, the oldest job is the only candidate.
 *
 * A job whose range is in conflict with one that is held makes its session wait (`blocked`). Later jobs of others that
 * overlap with it wait too, so that it is its turn some day.
 *
 * What must be alone in the device (limits.exclusive) stops admission until the device is empty. After it, others are
 * admitted before the next one; and after a FLUSH, a job that must be alone goes before the next FLUSH.
 */
#include "lib/block/engine.h"

#define DEBT_MAX ((int64_t)4 * ENGINE_QUANTUM)

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
    engine->direct = 0;
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

static inline bool exclusive(const struct block_engine *engine, const struct engine_job *job)
{
    enum block_operation operation = job->job.operation;

    return operation != BLOCK_READ && operation != BLOCK_WRITE && engine->device->limits.exclusive;
}

static inline bool has_place(const struct block_engine *engine, const struct engine_session *session)
{
    unsigned reserved = engine->idle < engine->limits.reserve ? engine->idle : engine->limits.reserve;

    return engine->in_device + (session->in_device ? reserved : 0) < engine->limits.depth;
}

/* Something wants to write: now READs in the device must have their ranges. Looks at tags until all that are there are found. */
static void ranges_complete(struct block_engine *engine)
{
    LIST_EACH (link, &engine->sessions) {
        const struct engine_session *session = LIST_OWNER(link, struct engine_session, link);
        unsigned left = session->in_device;

        for (struct engine_job *job = session->queue.jobs; left; job++) {
            if (job->state != JOB_DEVICE)
                continue;
            if (job->range.node_count == 0)
                overlap_insert(&engine->ranges, &job->range, false);
            left--;
        }
    }
    engine->loose = 0;
}

/* Those that were blocked earlier go first. */
static bool in_conflict(struct block_engine *engine, struct engine_session *session,
                        const struct engine_job *job)
{
    bool writes = job->job.operation != BLOCK_READ;

    if (job->range.node_count != 0)
        return false; /* it is the one that holds its range */
    if (writes && engine->loose)
        ranges_complete(engine);
    if (overlap_conflicts(&engine->ranges, &job->range, writes))
        return true;
    LIST_EACH (link, &engine->blocked) {
        const struct engine_session *other = LIST_OWNER(link, struct engine_session, blocked);

        if (other == session)
            break;

        const struct engine_job *waits = first_of(other);

        if ((writes || waits->job.operation != BLOCK_READ) &&
            ranges_overlap(waits->range.offset, waits->range.length, job->range.offset, job->range.length))
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
    if (!exclusive(engine, job))
        return true;
    if (!engine->rested)
        return false;
    engine->draining = engine->in_device != 0;
    return !engine->draining;
}

/* ---- choosing ---- */

/* Bytes of the next part of a WRITE_ZEROES of ours: as much as there are zeroes. */
static uint64_t zeroes_part(const struct engine_job *job)
{
    uint64_t left = job->range.length - job->progress, most = job->engine->zeroes_opt->region.size;

    if (most > job->engine->device->limits.transfer_max)
        most = job->engine->device->limits.transfer_max;
    return left < most ? left : most;
}

/* Of a WRITE_ZEROES of ours, what goes next: to save for all of it would take long, and choose() would loop as long. */
static int64_t cost(const struct engine_job *job)
{
    int64_t bytes = (int64_t)(job->steps & STEP_WRITES_ZEROES ? zeroes_part(job) : job->job.length);

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

    if (!(job->steps & STEP_JUDGE))
        return false;
    job->steps &= (uint8_t)~STEP_JUDGE;
    status = job_judge(job);
    if (status == OK)
        return false;
    admission_drop(job);
    job_finish(job, status, job->steps & STEP_WRITES_ZEROES ? job->progress : 0);
    return true;
}

/* Who has nothing in the device goes before its turn, and pays for it. The turns stay as they are. */
static struct engine_job *choose_early(struct block_engine *engine)
{
    LIST_EACH (link, &engine->active) {
        struct engine_session *session = LIST_OWNER(link, struct engine_session, active);
        struct engine_job *job = first_of(session);

        if (session->in_device != 0 || job->steps & STEP_JUDGE || !may_go(engine, session, job))
            continue;
        session->deficit -= cost(job);
        if (session->deficit < -DEBT_MAX)
            session->deficit = -DEBT_MAX;
        return job;
    }
    return NULL;
}

static struct engine_job *choose(struct block_engine *engine)
{
    unsigned refused = 0;

    /* While the device is emptied for one, not even these: one after another they would keep it busy. */
    if (engine->idle && engine->active_count > 1 && !engine->draining) {
        struct engine_job *job = choose_early(engine);

        if (job)
            return job;
    }

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

static void zeroes_prepare(struct engine_job *job)
{
    uint64_t left = zeroes_part(job);

    job->job.offset = job->range.offset + job->progress;
    job->job.length = left;
    job->zero = (struct block_piece){.region = &job->engine->zeroes_opt->region, .length = (uint32_t)left};
    job->engine->zeroes_opt->users++;
    job->job.pieces = &job->zero;
    job->job.piece_count = 1;
}

/* Rare ends of a submission. */
void admission_back(struct engine_job *job, enum status status)
{
    struct block_engine *engine = job->engine;

    /* Its queue may have ended in submit(), by a completion of another one: then nobody would drop what is pending. */
    if (status != ERR_AGAIN || job->session_opt->queue.ended) {
        block_job_done(&job->job, status, 0);
        return;
    }
    if (job->range.node_count == 0) { /* who is pending and was admitted holds its range */
        engine->loose--;
        overlap_insert(&engine->ranges, &job->range, false);
    }
    admission_left(engine, job->session_opt);
    engine->stalled = true;
    admission_add(job, true);
}

/* Not pending any more, and in conflict with nothing. */
static void go(struct block_engine *engine, struct engine_session *session, struct engine_job *job)
{
    if (job->range.node_count == 0) {
        bool writes = job->job.operation != BLOCK_READ;

        if (writes || engine->ranges.writers)
            overlap_insert(&engine->ranges, &job->range, writes);
        else
            engine->loose++;
    }
    if (__builtin_expect(job->steps & STEP_WRITES_ZEROES, 0))
        zeroes_prepare(job);
    engine->exclusive = exclusive(engine, job);
    if (engine->exclusive)
        engine->flushed = false;
    admission_go(engine, session, job);
}

/* Without the detour over the lists if nobody waits for anything, nor for a range. */
void admission_begin(struct block_engine *engine, struct engine_session *session, struct engine_job *job)
{
    bool writes = job->job.operation != BLOCK_READ;

    if (engine->direct > 0 && (job->job.operation == BLOCK_READ || job->job.operation == BLOCK_WRITE)) {
        if (writes && engine->loose)
            ranges_complete(engine);
        if (overlap_claim(&engine->ranges, &job->range, writes)) {
            if (job->steps & STEP_WRITES_ZEROES)
                zeroes_prepare(job);
            engine->direct--;
            admission_go(engine, session, job);
            return;
        }
    }
    admission_add(job, false);
}

/* One job or FLUSH. False: nothing may go now. */
static bool admit_one(struct block_engine *engine)
{
    struct engine_job *job;

    if (engine->stalled || engine->exclusive)
        return false;
    if (flush_wanted(engine)) {
        bool alone = engine->device->limits.exclusive;

        if (!alone && engine->in_device < engine->limits.depth) {
            flush_submit(engine);
            return true;
        }
        if (alone && engine->rested && !engine->flushed) {
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
    if (!job) {
        bool next = engine->flushed && engine->rested && !engine->draining;

        if (next)
            engine->flushed = false; /* no job wants to be alone */
        return next;
    }
    admission_drop(job);
    go(engine, job->session_opt, job);
    return true;
}

void admission_admit(struct block_engine *engine)
{
    for (;;) {
        while (admit_one(engine))
            ;
        if (engine->rested)
            return;
        engine->rested = true; /* the others had their turn */
    }
}
