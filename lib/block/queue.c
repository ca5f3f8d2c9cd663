/* SPDX-License-Identifier: MIT */
/*
 * Queues: elements become jobs, jobs become completions.
 *
 * The ring copies an element once, we copy a segment once; what is checked is the copy. A reason means that the client is
 * broken, and ends the queue. A status means that the request is wrong, and completes it. Which is which depends on nothing
 * that the client cannot know: limits, rights and size of the view may change under way, so they are never a reason.
 */
#include "lib/block/engine.h"
#include "lib/range/range.h"
#include "lib/string/string.h"

#include "lib/base/panic.h"

/* ---- completions ---- */

/* Pieces are places of the segment table: they can be used again, and so can the tag. */
static void job_free(struct engine_job *job)
{
    for (unsigned i = 0; i < job->job.piece_count; i++) {
        struct block_piece *piece = &job->job.pieces[i];

        if (piece != &job->zero)
            ((struct engine_region *)piece->region)->users--;
        piece->region = NULL;
    }
    job->job.piece_count = 0;
    overlap_remove(&job->engine->ranges, &job->range);
    job->state = JOB_FREE;
}

_Static_assert(offsetof(struct engine_region, region) == 0, "a piece's region is ours");

static void complete(struct engine_session *session, uint32_t tag, enum status status, uint64_t done)
{
    struct engine_queue *queue = &session->queue;
    const struct block_completion completion = {
        .done = done, .tag = tag, .status = status, .verifier = session->engine->device->verifier};

    if (queue->ended)
        return;
    if (ring_stage(&queue->completion, &completion) == OK)
        queue->staged = true;
    else /* full of completions whose tags are in use again, or an index that cannot be */
        queue_end(session, "completions are not taken");
}

void job_finish(struct engine_job *job, enum status status, uint64_t done)
{
    job_free(job);
    complete(job->session_opt, job->tag, status, done);
}

/* ---- the end of a queue ---- */

static void jobs_drop(struct engine_session *session)
{
    for (uint32_t tag = 0; tag < session->queue.depth; tag++) {
        struct engine_job *job = &session->queue.jobs[tag];

        if (job->state == JOB_FREE || job->state == JOB_DEVICE)
            continue;
        if (job->state == JOB_PENDING)
            admission_drop(job);
        else
            flush_drop(job);
        job_free(job);
    }
}

/* reason_opt: NULL if nobody did anything wrong. What is in the device stays there; its completion is told to nobody. */
void queue_end(struct engine_session *session, const char *reason_opt)
{
    if (session->queue.ended)
        return;
    session->queue.ended = true;
    jobs_drop(session);
    if (!reason_opt)
        return;
    (void)string_copy(session->reason, sizeof(session->reason), reason_opt);
    session->generation++;
    __atomic_store_n(&session->queue.state->generation, session->generation, __ATOMIC_RELEASE);
    session->notify = true;
}

/* ---- segments ---- */

struct taken {
    uint64_t length; /* sum */
    bool aligned;
};

static const char *segment_take(struct engine_session *session, struct engine_job *job, uint32_t place,
                                struct taken *taken)
{
    const struct block_segment *shared = &session->queue.segments[place];
    struct block_piece *piece = &session->queue.pieces[place];
    uint64_t offset = __atomic_load_n(&shared->offset, __ATOMIC_RELAXED);
    uint32_t length = __atomic_load_n(&shared->length, __ATOMIC_RELAXED);
    uint32_t index = __atomic_load_n(&shared->region, __ATOMIC_RELAXED);
    struct engine_region *region = &session->regions[index % BLOCK_REGIONS_MAX];

    if (piece->region)
        return "a segment is in use";
    if (index >= BLOCK_REGIONS_MAX || !region->present)
        return "a segment in no region";
    if (length == 0 || !range_ok(offset, length, region->region.size))
        return "a segment outside its region";
    if (job->job.operation == BLOCK_READ && !region->region.write)
        return "READ into a region without write";
    *piece = (struct block_piece){.region = &region->region, .offset = offset, .length = length};
    region->users++;
    job->job.piece_count++;
    taken->length += length;
    taken->aligned &= ((offset | length) & (session->engine->device->limits.alignment - 1)) == 0;
    return NULL;
}

/* Of READ and WRITE. More than the device can take are not looked at: then the status says so. */
static const char *segments_take(struct engine_session *session, struct engine_job *job,
                                 const struct block_element *element, struct taken *taken)
{
    if (!range_ok(element->segment, element->segments, session->queue.segment_count))
        return "segments outside the table";
    job->job.pieces = &session->queue.pieces[element->segment];
    if (element->segments > session->engine->device->limits.pieces_max)
        return NULL;
    for (uint32_t i = 0; i < element->segments; i++) {
        const char *reason = segment_take(session, job, element->segment + i, taken);

        if (reason)
            return reason;
    }
    return taken->length == element->length ? NULL : "segments do not add up to the length";
}

/* ---- elements ---- */

static uint64_t length_max(const struct block_limits *limits, enum block_operation operation)
{
    switch (operation) {
    case BLOCK_DISCARD: return limits->flags & BLOCK_HAS_DISCARD ? limits->discard_max : UINT64_MAX;
    case BLOCK_WRITE_ZEROES:
        return limits->flags & BLOCK_HAS_WRITE_ZEROES ? limits->write_zeroes_max : UINT64_MAX;
    default: return limits->transfer_max;
    }
}

enum status job_judge(struct engine_job *job)
{
    const struct engine_session *session = job->session_opt;
    const struct block_limits *limits = &job->engine->device->limits;
    enum block_operation operation = job->writes_zeroes ? BLOCK_WRITE_ZEROES : job->job.operation;

    job->generation = (uint32_t)job->engine->generation;
    if (limits->flags & BLOCK_GONE)
        return ERR_PEER_GONE;
    if (operation == BLOCK_FLUSH)
        return OK;
    if (operation != BLOCK_READ && (!session->view.write || limits->flags & BLOCK_READ_ONLY))
        return ERR_DENIED;
    if (job->length == 0 || ((job->offset | job->length) & (limits->block_size - 1)) != 0 ||
        job->length > length_max(limits, operation) || job->job.piece_count > limits->pieces_max)
        return ERR_INVALID;
    if (!range_ok(job->offset - session->view.offset, job->length, session->size))
        return ERR_RANGE;
    return OK;
}

/* Only whole granules are discarded, and nothing where the device cannot. */
static void discard_begin(struct engine_job *job)
{
    const struct block_limits *limits = &job->engine->device->limits;
    uint64_t granularity =
        limits->discard_granularity > limits->block_size ? limits->discard_granularity : limits->block_size;
    uint64_t begin = (job->offset + granularity - 1) / granularity * granularity;
    uint64_t end = (job->offset + job->length) / granularity * granularity;

    if (!(limits->flags & BLOCK_HAS_DISCARD) || begin >= end) {
        job_finish(job, OK, job->length);
        return;
    }
    job->job.offset = begin;
    job->job.length = end - begin;
    admission_add(job, false);
}

static void data_begin(struct engine_job *job, unsigned flags)
{
    const struct block_limits *limits = &job->engine->device->limits;
    bool writes = job->job.operation == BLOCK_WRITE || job->job.operation == BLOCK_WRITE_ZEROES;

    if (flags && !writes) {
        job_finish(job, ERR_INVALID, 0);
        return;
    }
    if (job->job.operation == BLOCK_WRITE_ZEROES && !(limits->flags & BLOCK_HAS_WRITE_ZEROES)) {
        job->writes_zeroes = true;
        job->job.operation = BLOCK_WRITE;
        job->job.pieces = &job->zero;
    }
    if (flags & BLOCK_FUA) {
        job->flush_after = !(limits->flags & BLOCK_HAS_FUA);
        job->job.flags = job->flush_after ? 0 : BLOCK_FUA;
    }
    if (flags & BLOCK_BARRIER) {
        job->flush_before = true;
        flush_add(job);
    } else {
        admission_add(job, false);
    }
}

static const char *data_take(struct engine_session *session, struct engine_job *job,
                             const struct block_element *element)
{
    bool has_segments = job->job.operation == BLOCK_READ || job->job.operation == BLOCK_WRITE;
    struct taken taken = {.aligned = true};
    enum status status;

    if (has_segments) {
        const char *reason = segments_take(session, job, element, &taken);

        if (reason)
            return reason;
        if (job->job.piece_count != element->segments)
            taken.aligned = false;
    } else if (element->segment | element->segments) {
        return "segments where there are none";
    }
    status = job_judge(job);
    if (status == OK && !taken.aligned)
        status = ERR_INVALID;
    if (status != OK)
        job_finish(job, status, 0);
    else if (job->job.operation == BLOCK_DISCARD && !element->flags)
        discard_begin(job);
    else
        data_begin(job, element->flags);
    return NULL;
}

static const char *flush_take(struct engine_job *job, const struct block_element *element)
{
    enum status status;

    if (element->offset | element->length | element->segment | element->segments)
        return "FLUSH with a range";
    status = job_judge(job);
    if (status == OK && element->flags)
        status = ERR_INVALID;
    if (status != OK || job->engine->device->limits.flags & BLOCK_READ_ONLY)
        job_finish(job, status, 0);
    else
        flush_add(job);
    return NULL;
}

/* Issued is what was in the device, or is to be made durable by it. */
static bool cancellable(const struct engine_job *job)
{
    if (job->range.node_count != 0)
        return false;
    return job->state == JOB_PENDING || job->state == JOB_FLUSH_WAITS;
}

static const char *cancel_take(struct engine_session *session, struct engine_job *job,
                               const struct block_element *element)
{
    uint64_t tag = element->offset;
    struct engine_job *other = tag < session->queue.depth ? &session->queue.jobs[tag] : NULL;

    if (element->length | element->segment | element->segments | element->flags)
        return "CANCEL with more than a tag";
    if (!other || !cancellable(other)) {
        job_finish(job, ERR_NOT_FOUND, 0);
        return NULL;
    }
    if (other->state == JOB_PENDING)
        admission_drop(other);
    else
        flush_drop(other);
    job_finish(other, ERR_ABORTED, 0);
    job_finish(job, OK, 0);
    return NULL;
}

static void job_begin(struct engine_job *job, struct engine_session *session,
                      const struct block_element *element)
{
    job->job.operation = element->operation;
    job->job.flags = 0;
    job->job.offset = job->offset = session->view.offset + element->offset;
    job->job.length = job->length = element->length;
    job->engine = session->engine;
    job->session_opt = session;
    job->progress = 0;
    job->tag = element->tag;
    job->flush_before = job->flush_after = job->writes_zeroes = false;
}

/* NULL, or why the client is broken. */
static const char *element_take(struct engine_session *session, const struct block_element *element)
{
    struct engine_queue *queue = &session->queue;

    if (element->tag >= queue->depth)
        return "a tag beyond the depth";

    struct engine_job *job = &queue->jobs[element->tag];

    if (job->state != JOB_FREE)
        return "a tag is in use";
    if (element->flags & ~BLOCK_ELEMENT_FLAGS ||
        element->reserved[0] | element->reserved[1] | element->reserved[2] | element->reserved[3])
        return "reserved bits";
    job_begin(job, session, element);
    switch (element->operation) {
    case BLOCK_READ:
    case BLOCK_WRITE:
    case BLOCK_DISCARD:
    case BLOCK_WRITE_ZEROES: return data_take(session, job, element);
    case BLOCK_FLUSH: return flush_take(job, element);
    case BLOCK_CANCEL: return cancel_take(session, job, element);
    default: return "unknown operation";
    }
}

/* A job whose element was refused halfway. */
static void element_refused(struct engine_session *session, uint32_t tag, const char *reason)
{
    if (tag < session->queue.depth && session->queue.jobs[tag].state == JOB_FREE &&
        session->queue.jobs[tag].session_opt)
        job_free(&session->queue.jobs[tag]);
    queue_end(session, reason);
}

void queue_take(struct engine_session *session)
{
    struct engine_queue *queue = &session->queue;
    struct block_element element;
    enum status status = ERR_AGAIN;
    bool any = false;

    for (unsigned i = 0; i < ENGINE_BATCH && !queue->ended; i++) {
        status = ring_take(&queue->submission, &element);
        if (status != OK)
            break;
        any = true;

        const char *reason = element_take(session, &element);

        if (reason)
            element_refused(session, element.tag, reason);
    }
    if (!queue->ended && status != OK && status != ERR_AGAIN)
        queue_end(session, "an impossible index");
    if (any && ring_give_back(&queue->submission))
        session->notify = true;
}
