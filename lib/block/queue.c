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

/* ---- judging ---- */

static uint64_t length_max(const struct block_limits *limits, enum block_operation operation)
{
    switch (operation) {
    case BLOCK_DISCARD: return limits->flags & BLOCK_HAS_DISCARD ? limits->discard_max : UINT64_MAX;
    case BLOCK_WRITE_ZEROES:
        return limits->flags & BLOCK_HAS_WRITE_ZEROES ? limits->write_zeroes_max : UINT64_MAX;
    default: return limits->transfer_max;
    }
}

/* The same for a READ or WRITE that has just been taken: whether there is nothing to say against it. */
static inline bool data_good(const struct block_engine *engine, const struct engine_session *session,
                             const struct block_element *element, uint64_t unaligned)
{
    const struct engine_limits *limits = &engine->limits;
    uint64_t offset = element->offset, length = element->length;

    return ((offset | length) & limits->block_mask) == 0 && (unaligned & limits->align_mask) == 0 &&
           length - 1 < limits->transfer_max && range_ok(offset, length, session->size) &&
           (element->operation == BLOCK_READ || session->writes);
}

enum status job_judge(struct engine_job *job)
{
    const struct engine_session *session = job->session_opt;
    const struct block_limits *limits = &job->engine->device->limits;
    enum block_operation operation =
        job->steps & STEP_WRITES_ZEROES ? BLOCK_WRITE_ZEROES : job->job.operation;

    uint64_t offset = job->range.offset, length = job->range.length;

    if (limits->flags & BLOCK_GONE)
        return ERR_PEER_GONE;
    if (operation == BLOCK_FLUSH)
        return OK;
    if (operation != BLOCK_READ && !session->writes)
        return ERR_DENIED;
    if (length == 0 || ((offset | length) & (limits->block_size - 1)) != 0 ||
        length > length_max(limits, operation) || job->job.piece_count > limits->pieces_max)
        return ERR_INVALID;
    if (!range_ok(offset - session->view.offset, length, session->size))
        return ERR_RANGE;
    return OK;
}

/* ---- READ and WRITE ---- */

/* Copied once, checked, and entered in our own table. *unaligned collects bits of offset and length. */
static inline const char *segment_take(struct engine_session *session, enum block_operation operation,
                                       const struct block_segment *shared, struct block_piece *piece,
                                       uint64_t *unaligned)
{
    uint64_t offset = __atomic_load_n(&shared->offset, __ATOMIC_RELAXED);
    uint32_t length = __atomic_load_n(&shared->length, __ATOMIC_RELAXED);
    uint32_t index = __atomic_load_n(&shared->region, __ATOMIC_RELAXED);
    struct engine_region *region = &session->regions[index % BLOCK_REGIONS_MAX];

    if (piece->region)
        return "a segment is in use";
    if (index >= BLOCK_REGIONS_MAX || !range_ok(offset, length, region->region.size))
        return "a segment outside its region";
    if (operation == BLOCK_READ && !region->region.write)
        return "READ into a region without write";
    region->users++;
    piece->region = &region->region;
    piece->offset = offset;
    piece->length = length;
    *unaligned |= offset | length;
    return NULL;
}

/* Several, or none. What is refused halfway is in job->job.piece_count. */
static const char *segments_take(struct engine_session *session, struct engine_job *job,
                                 const struct block_element *element, uint64_t *unaligned)
{
    uint64_t sum = 0;

    if (!range_ok(element->segment, element->segments, session->queue.segment_count))
        return "segments outside the table";
    job->job.pieces = &session->queue.pieces[element->segment];
    if (element->segments > session->engine->limits.pieces_max)
        return NULL; /* a request that is wrong: nor are they looked at */
    for (uint32_t i = 0; i < element->segments; i++) {
        const char *reason =
            segment_take(session, job->job.operation, &session->queue.segments[element->segment + i],
                         &job->job.pieces[i], unaligned);

        if (reason)
            return reason;
        job->job.piece_count++;
        if (job->job.pieces[i].length == 0)
            return "an empty segment";
        sum += job->job.pieces[i].length;
    }
    return sum == job->range.length ? NULL : "segments do not add up to the length";
}

static __attribute__((noinline)) void data_refuse(struct engine_job *job)
{
    enum status status = job_judge(job);

    job_finish(job, status == OK ? ERR_INVALID : status, 0);
}

/* FUA and barrier, in whatever way the device can do it. */
static void data_begin(struct engine_job *job, unsigned flags)
{
    if (flags && job->job.operation == BLOCK_READ) {
        job_finish(job, ERR_INVALID, 0);
        return;
    }
    if (flags & BLOCK_FUA) {
        if (job->engine->device->limits.flags & BLOCK_HAS_FUA)
            job->job.flags = BLOCK_FUA;
        else
            job->steps |= STEP_FLUSH_AFTER;
    }
    if (flags & BLOCK_BARRIER) {
        job->steps |= STEP_FLUSH_BEFORE;
        flush_add(job);
    } else {
        admission_begin(job->engine, job->session_opt, job);
    }
}

/* Of any number of segments, and with flags. */
static const char *data_take(struct engine_job *job, const struct block_element *element)
{
    struct engine_session *session = job->session_opt;
    uint64_t unaligned = 0;
    const char *reason = segments_take(session, job, element, &unaligned);

    if (reason)
        return reason;
    if (job->job.piece_count != element->segments || /* too many */
        !data_good(job->engine, session, element, unaligned))
        data_refuse(job);
    else
        data_begin(job, element->flags);
    return NULL;
}

/* The usual request: one segment, no flags. */
static inline bool is_usual(const struct block_element *element)
{
    return element->segments == 1 && element->flags == 0 &&
           (element->operation == BLOCK_READ || element->operation == BLOCK_WRITE);
}

static inline const char *usual_take(struct block_engine *engine, struct engine_session *session,
                                     struct engine_job *job, const struct block_element *element)
{
    uint32_t place = element->segment;
    uint64_t unaligned = 0;
    const char *reason;

    if (place >= session->queue.segment_count)
        return "segments outside the table";

    struct block_piece *piece = &session->queue.pieces[place];

    reason = segment_take(session, element->operation, &session->queue.segments[place], piece, &unaligned);
    job->job.pieces = piece;
    job->job.piece_count = !reason;
    if (!reason && piece->length != element->length)
        reason = "segments do not add up to the length";
    if (__builtin_expect(reason != NULL, 0))
        return reason;
    if (__builtin_expect(!data_good(engine, session, element, unaligned), 0))
        data_refuse(job);
    else if (element->operation != BLOCK_READ || !admission_read(engine, session, job))
        admission_begin(engine, session, job);
    return NULL;
}

/* ---- the other operations ---- */

/* Only whole granules are discarded, and nothing where the device cannot. */
static void discard_begin(struct engine_job *job)
{
    const struct block_limits *limits = &job->engine->device->limits;
    uint64_t granularity =
        limits->discard_granularity > limits->block_size ? limits->discard_granularity : limits->block_size;
    uint64_t begin = (job->range.offset + granularity - 1) / granularity * granularity;
    uint64_t end = (job->range.offset + job->range.length) / granularity * granularity;

    if (!(limits->flags & BLOCK_HAS_DISCARD) || begin >= end) {
        job_finish(job, OK, job->range.length);
        return;
    }
    job->job.offset = begin;
    job->job.length = end - begin;
    admission_begin(job->engine, job->session_opt, job);
}

static void zeroes_begin(struct engine_job *job, unsigned flags)
{
    if (!(job->engine->device->limits.flags & BLOCK_HAS_WRITE_ZEROES)) {
        if (!job->engine->zeroes_opt) { /* it had them, or was read-only, when the server began */
            job_finish(job, ERR_UNSUPPORTED, 0);
            return;
        }
        job->steps = STEP_WRITES_ZEROES;
        job->progress = 0;
        job->job.operation = BLOCK_WRITE;
    }
    data_begin(job, flags);
}

static const char *range_take(struct engine_job *job, const struct block_element *element)
{
    enum status status;

    if (element->segment | element->segments)
        return "segments where there are none";
    status = job_judge(job);
    if (status == OK && element->flags && job->job.operation == BLOCK_DISCARD)
        status = ERR_INVALID;
    if (status != OK)
        job_finish(job, status, 0);
    else if (job->job.operation == BLOCK_DISCARD)
        discard_begin(job);
    else
        zeroes_begin(job, element->flags);
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
    if (status != OK || !job->engine->limits.written)
        job_finish(job, status, 0);
    else
        flush_add(job); /* by a read-only device too: it may have become so with writes in its cache */
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

static __attribute__((noinline)) const char *other_take(struct engine_session *session,
                                                        struct engine_job *job,
                                                        const struct block_element *element)
{
    if (element->flags & ~BLOCK_ELEMENT_FLAGS)
        return "reserved bits";
    switch (element->operation) {
    case BLOCK_READ:
    case BLOCK_WRITE: return data_take(job, element);
    case BLOCK_DISCARD:
    case BLOCK_WRITE_ZEROES: return range_take(job, element);
    case BLOCK_FLUSH: return flush_take(job, element);
    case BLOCK_CANCEL: return cancel_take(session, job, element);
    default: return "unknown operation";
    }
}

/* ---- elements ---- */

/* Each word once. */
static inline void element_copy(struct block_element *element, const struct block_element *shared)
{
    element->reserved[0] = __atomic_load_n(&shared->reserved[0], __ATOMIC_RELAXED) |
                           __atomic_load_n(&shared->reserved[1], __ATOMIC_RELAXED) |
                           __atomic_load_n(&shared->reserved[2], __ATOMIC_RELAXED) |
                           __atomic_load_n(&shared->reserved[3], __ATOMIC_RELAXED);
    element->offset = __atomic_load_n(&shared->offset, __ATOMIC_RELAXED);
    element->length = __atomic_load_n(&shared->length, __ATOMIC_RELAXED);
    element->tag = __atomic_load_n(&shared->tag, __ATOMIC_RELAXED);
    element->operation = __atomic_load_n(&shared->operation, __ATOMIC_RELAXED);
    element->flags = __atomic_load_n(&shared->flags, __ATOMIC_RELAXED);
    element->segment = __atomic_load_n(&shared->segment, __ATOMIC_RELAXED);
    element->segments = __atomic_load_n(&shared->segments, __ATOMIC_RELAXED);
}

/* NULL, or why the client is broken. */
static inline const char *element_take(struct block_engine *engine, struct engine_session *session,
                                       const struct block_element *element)
{
    struct engine_queue *queue = &session->queue;

    if (element->tag >= queue->depth)
        return "a tag beyond the depth";

    struct engine_job *job = &queue->jobs[element->tag];

    if (job->state != JOB_FREE)
        return "a tag is in use";
    if (element->reserved[0] != 0)
        return "reserved bits";
    job->job.operation = element->operation;
    job->job.flags = 0;
    job->job.offset = job->range.offset = session->view.offset + element->offset;
    job->job.length = job->range.length = element->length;
    job->steps = 0;
    if (__builtin_expect(is_usual(element), 1))
        return usual_take(engine, session, job, element);

    struct block_element copy = *element; /* so that the usual ones stay in registers */

    return other_take(session, job, &copy);
}

/* The job of the element that was refused halfway is FREE with pieces. */
static void element_refused(struct engine_session *session, uint32_t tag, const char *reason)
{
    if (tag < session->queue.depth && session->queue.jobs[tag].state == JOB_FREE)
        job_free(&session->queue.jobs[tag]);
    queue_end(session, reason);
}

/* What is there; what comes meanwhile is found when the session is to fall asleep. */
void queue_take(struct engine_session *session)
{
    struct block_engine *engine = session->engine;
    struct ring_consumer *ring = &session->queue.submission;
    uint32_t pending;

    if (ring_pending(ring, &pending) != OK) {
        queue_end(session, "an impossible index");
        return;
    }
    if (pending == 0)
        return;
    if (pending > ENGINE_BATCH)
        pending = ENGINE_BATCH;
    admission_open(engine, session);
    for (; pending && !session->queue.ended; pending--) {
        struct block_element element;
        const char *reason;

        element_copy(&element, ring_front(ring, sizeof(element)));
        ring_taken(ring);
        reason = element_take(engine, session, &element);
        if (__builtin_expect(reason != NULL, 0))
            element_refused(session, element.tag, reason);
    }
    if (ring_give_back(ring))
        session->notify = true;
}
