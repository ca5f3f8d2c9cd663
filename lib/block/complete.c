/* SPDX-License-Identifier: MIT */
/*
 * Completions: the device's, which lead to the next step of a job or to its end, and the client's, one for each tag.
 */
#include "lib/block/engine.h"

#include "lib/base/panic.h"

_Static_assert(offsetof(struct engine_job, job) == 0, "the device gives back what it was given");
_Static_assert(offsetof(struct engine_region, region) == 0, "a piece's region is ours");

/* Pieces are places of the segment table: they can be used again, and so can the tag. */
static inline void free_pieces(struct engine_job *job)
{
    struct block_piece *piece = job->job.pieces;
    unsigned count = job->job.piece_count;

    job->job.piece_count = 0;
    for (; count; count--, piece++) {
        ((struct engine_region *)piece->region)->users--;
        piece->region = NULL;
    }
    job->state = JOB_FREE;
}

void job_free(struct engine_job *job)
{
    if (job->range.node_count)
        overlap_remove(&job->engine->ranges, &job->range);
    free_pieces(job);
}

/* No place that we know of: perhaps the client has made one. */
static __attribute__((noinline)) void complete_slowly(struct engine_session *session, uint32_t tag,
                                                      enum status status, uint64_t done)
{
    const struct block_completion completion = {
        .done = done, .tag = tag, .status = status, .verifier = session->engine->device->verifier};

    if (session->queue.ended)
        return;
    /* Full of completions whose tags are in use again, or an index that cannot be. */
    if (ring_stage(&session->queue.completion, &completion) != OK)
        queue_end(session, "completions are not taken");
}

static inline void complete(struct block_engine *engine, struct engine_session *session, uint32_t tag,
                            enum status status, uint64_t done)
{
    struct engine_queue *queue = &session->queue;

    if (__builtin_expect(!ring_room(&queue->completion) || queue->ended, 0)) {
        complete_slowly(session, tag, status, done);
        return;
    }

    struct block_completion *place = ring_back(&queue->completion, sizeof(*place));

    place->done = done;
    place->tag = tag;
    place->status = status;
    place->verifier = engine->device->verifier;
    place->reserved = 0;
    ring_staged(&queue->completion);
}

void job_finish(struct engine_job *job, enum status status, uint64_t done)
{
    job_free(job);
    complete(job->engine, job->session_opt, job->tag, status, done);
}

/* Of a job that failed. */
static uint64_t progress(const struct engine_job *job, uint64_t done)
{
    if (done > job->job.length)
        done = job->job.length;
    return job->steps & STEP_WRITES_ZEROES ? job->progress + done : done;
}

/* A part of it is done. True: the whole. */
static bool advance(struct engine_job *job)
{
    if (job->session_opt->queue.ended)
        return true; /* nobody waits for the rest */
    if (job->steps & STEP_WRITES_ZEROES) {
        job->engine->zeroes_opt->users--;
        job->zero.region = NULL;
        job->job.piece_count = 0;
        job->progress += job->job.length;
        if (job->progress < job->range.length) {
            admission_add(job, true);
            return false;
        }
    }
    if (job->steps & STEP_FLUSH_AFTER) {
        job->verifier = job->engine->device->verifier;
        flush_add(job);
        return false;
    }
    return true;
}

/* What failed, or is to go on. */
static __attribute__((noinline, cold)) void done_slowly(struct engine_job *job, enum status status,
                                                        uint64_t done)
{
    if (status != OK)
        job_finish(job, status, progress(job, done));
    else if (advance(job))
        job_finish(job, OK, job->range.length);
}

void block_job_done(struct block_job *opaque, enum status status, uint64_t done)
{
    struct engine_job *job = (struct engine_job *)opaque;
    struct engine_session *session = job->session_opt;
    struct block_engine *engine = job->engine;

    BUG_IF(job->state != JOB_DEVICE);
    engine->stalled = false;
    engine->done++;
    if (__builtin_expect(!session, 0)) {
        flush_done(engine, status);
        return;
    }
    admission_left(engine, session);
    if (__builtin_expect((unsigned)status | job->steps, 0)) {
        engine->loose -= job->range.node_count == 0;
        done_slowly(job, status, done);
        return;
    }
    if (job->range.node_count == 0)
        engine->loose--;
    else
        overlap_remove(&engine->ranges, &job->range);
    free_pieces(job);
    complete(engine, session, job->tag, OK, job->range.length);
}
