/* SPDX-License-Identifier: MIT */
/* The engine of a BLOCK server: its loop, what the device completes, sessions; see engine.h. */
#include "lib/block/engine.h"

#include "lib/string/string.h"

/* What is looked at for each request, ready for use. */
static void limits_take(struct block_engine *engine)
{
    const struct block_limits *limits = &engine->device->limits;

    engine->limits = (struct engine_limits){
        .block_mask = limits->block_size - 1,
        .align_mask = limits->alignment - 1,
        .transfer_max = limits->flags & BLOCK_GONE ? 0 : limits->transfer_max,
        .pieces_max = limits->pieces_max,
        .depth = limits->depth,
        .reserve = (limits->depth + 2) / 4,
        .written = engine->limits.written || !(limits->flags & BLOCK_READ_ONLY),
    };
}

void block_engine_init(struct block_engine *engine, struct block_device *device,
                       const struct engine_hooks *hooks)
{
    *engine = (struct block_engine){.device = device, .hooks = hooks, .rested = true};
    list_init(&engine->sessions);
    list_init(&engine->active);
    list_init(&engine->blocked);
    list_init(&engine->flush_waiting);
    list_init(&engine->flush_running);
    overlap_init(&engine->ranges);
    engine->flush.engine = engine;
    limits_take(engine);
}

/* ---- the loop ---- */

/* Nothing is left to do for it until it is notified, unless it has submitted more meanwhile: then it stays awake. */
static inline void session_sleep(struct engine_session *session)
{
    bool may_sleep = true;

    if (!session->queue.ended && ring_consumer_prepare_sleep(&session->queue.submission, &may_sleep) != OK)
        queue_end(session, "an impossible index");
    session->awake = !may_sleep;
}

/* Tells the client what is complete. True: it has submitted more meanwhile. */
static inline bool session_settle(struct engine_session *session)
{
    bool more = false;

    if (ring_publish(&session->queue.completion))
        session->notify = true;
    if (session->awake && list_empty(&session->pending)) {
        session_sleep(session);
        more = session->awake;
    }
    if (session->notify) {
        session->notify = false;
        session->engine->hooks->notify(session);
    }
    return more;
}

static void sessions_drain(struct block_engine *engine)
{
    LIST_EACH (link, &engine->sessions) {
        struct engine_session *session = LIST_OWNER(link, struct engine_session, link);

        if (!session->draining || session->in_device != 0)
            continue;
        session->draining = false;
        engine->leaving--;
        if (session->closing)
            list_remove(&session->link);
        engine->hooks->drained(session);
    }
}

bool block_engine_run(struct block_engine *engine)
{
    unsigned rounds = ENGINE_ROUNDS;
    bool more;

    if (engine->running)
        return false;
    engine->running = true;
    engine->stalled = false;
    do {
        more = false;
        LIST_EACH_STAYS (link, &engine->sessions) {
            struct engine_session *session = LIST_OWNER(link, struct engine_session, link);

            if (session->awake)
                queue_take(session);
        }
        admission_run(engine);
        LIST_EACH_STAYS (link, &engine->sessions)
            more |= session_settle(LIST_OWNER(link, struct engine_session, link));
    } while (more && --rounds);
    if (engine->leaving)
        sessions_drain(engine);
    engine->running = false;
    return more;
}

/* ---- sessions ---- */

static uint64_t view_most(const struct block_view *view)
{
    return view->size < UINT64_MAX - view->offset ? view->size : UINT64_MAX - view->offset;
}

/* Also where the device does not reach now: it may grow. */
static bool views_clash(const struct engine_session *session, const struct block_view *view)
{
    if (session->closing || !session->view.write || !view->write || (session->view.shared && view->shared))
        return false;
    return ranges_overlap(session->view.offset, view_most(&session->view), view->offset, view_most(view));
}

static uint64_t view_size(const struct block_view *view, const struct block_limits *limits)
{
    uint64_t rest = limits->size > view->offset ? limits->size - view->offset : 0;

    if (rest > view->size)
        rest = view->size;
    return rest & ~(uint64_t)(limits->block_size - 1);
}

/* To the present limits. */
static void session_adapt(struct engine_session *session)
{
    const struct block_limits *limits = &session->engine->device->limits;

    session->size = view_size(&session->view, limits);
    session->writes = session->view.write && !(limits->flags & BLOCK_READ_ONLY);
}

enum status engine_session_open(struct block_engine *engine, struct engine_session *session,
                                const struct block_view *view)
{
    const struct block_limits *limits = &engine->device->limits;
    uint64_t mask = limits->block_size - 1;
    struct block_view allowed = *view;

    if (limits->flags & BLOCK_READ_ONLY)
        allowed.write = false;
    if (view->size == 0 || (view->offset & mask) || (view->size != UINT64_MAX && (view->size & mask)))
        return ERR_INVALID;
    if (view->offset > limits->size)
        return ERR_RANGE;
    LIST_EACH (link, &engine->sessions)
        if (views_clash(LIST_OWNER(link, struct engine_session, link), &allowed))
            return ERR_BUSY;
    session->engine = engine;
    session->view = allowed;
    session_adapt(session);
    session->acknowledged = engine->device->verifier;
    session->generation = 1;
    list_init(&session->pending);
    list_append(&engine->sessions, &session->link);
    return OK;
}

bool engine_session_close(struct engine_session *session)
{
    session->closing = true;
    if (!engine_queue_close(session))
        return false;
    list_remove(&session->link);
    return true;
}

enum status engine_queue_open(struct engine_session *session, void *memory,
                              const struct block_connect *layout, struct engine_job *jobs,
                              struct block_piece *pieces)
{
    char *base = memory;

    if (session->denied)
        return ERR_DENIED;
    struct engine_queue queue = {
        .state = memory,
        .segments = (const struct block_segment *)(base + layout->segment_offset),
        .jobs = jobs,
        .pieces = pieces,
        .depth = layout->depth,
        .segment_count = layout->segments,
        .open = true,
    };
    enum status status =
        ring_consumer_open(base + layout->submission_offset, layout->size - layout->submission_offset,
                           layout->depth, sizeof(struct block_element), &queue.submission);

    if (status == OK)
        status =
            ring_producer_open(base + layout->completion_offset, layout->size - layout->completion_offset,
                               layout->depth, sizeof(struct block_completion), &queue.completion);
    if (status != OK)
        return status;
    for (uint32_t tag = 0; tag < queue.depth; tag++) {
        jobs[tag].engine = session->engine;
        jobs[tag].session_opt = session;
        jobs[tag].tag = tag;
    }
    session->queue = queue;
    session->reason[0] = '\0';
    session->generation++;
    session->awake = true;
    session->engine->idle++;
    __atomic_store_n(&queue.state->generation, session->generation, __ATOMIC_RELEASE);
    return OK;
}

bool engine_queue_close(struct engine_session *session)
{
    if (session->queue.open) {
        queue_end(session, NULL);
        session->queue.open = false;
        session->engine->idle -= session->in_device == 0;
    }
    session->awake = false; /* its memory may go: what was not told yet is told to nobody */
    session->queue.completion.next = session->queue.completion.published;
    session->engine->leaving -= session->draining;
    session->draining = session->in_device != 0;
    session->engine->leaving += session->draining;
    return !session->draining;
}

void engine_session_info(const struct engine_session *session, struct block_info *out)
{
    const struct block_limits *limits = &session->engine->device->limits;
    uint32_t depth = 1;

    while (depth < limits->depth && depth < BLOCK_DEPTH_MAX)
        depth *= 2;
    *out = (struct block_info){
        .size = session->size,
        .block_size = limits->block_size,
        .physical_block_size = limits->physical_block_size,
        .flags = (limits->flags & (BLOCK_HAS_FUA | BLOCK_HAS_DISCARD | BLOCK_HAS_WRITE_ZEROES | BLOCK_GONE)) |
                 (session->view.write ? limits->flags & BLOCK_READ_ONLY : BLOCK_READ_ONLY) |
                 (session->queue.ended && session->reason[0] ? BLOCK_QUEUE_ENDED : 0),
        .queue_depth = depth,
        .transfer_max = limits->transfer_max,
        .segments_max = limits->pieces_max,
        .alignment = limits->alignment,
        .boundary = limits->boundary,
        .discard_max = limits->flags & BLOCK_HAS_DISCARD ? limits->discard_max : 0,
        .discard_granularity = limits->discard_granularity,
        .write_zeroes_max = limits->flags & BLOCK_HAS_WRITE_ZEROES ? limits->write_zeroes_max : session->size,
        .verifier = session->engine->device->verifier,
        .generation = session->generation,
    };
    (void)string_copy(out->reason, sizeof(out->reason), session->reason);
}

enum status engine_session_acknowledge(struct engine_session *session, uint64_t verifier)
{
    if (verifier != session->engine->device->verifier)
        return ERR_LOST;
    session->acknowledged = verifier;
    return OK;
}

static bool memory_gone(struct block_device *device, struct engine_session *session)
{
    bool gone = false;

    for (unsigned i = 0; i < BLOCK_REGIONS_MAX; i++) {
        struct engine_region *region = &session->regions[i];

        if (region->present)
            region->region.gone |= device->ops->region_gone(device, &region->region);
        gone |= region->region.gone;
    }
    return gone;
}

void block_engine_check_memory(struct block_engine *engine)
{
    if (!engine->device->ops->region_gone)
        return;
    LIST_EACH (link, &engine->sessions) {
        struct engine_session *session = LIST_OWNER(link, struct engine_session, link);

        if (!memory_gone(engine->device, session))
            continue;
        session->denied = true;
        if (session->queue.open)
            queue_end(session, "registered memory was freed");
    }
}

void block_engine_changed(struct block_engine *engine)
{
    limits_take(engine);
    LIST_EACH (link, &engine->sessions) {
        struct engine_session *session = LIST_OWNER(link, struct engine_session, link);

        session_adapt(session);
        session->generation++;
        for (uint32_t tag = 0; tag < session->queue.depth; tag++)
            session->queue.jobs[tag].steps |= STEP_JUDGE; /* those that are FREE begin anew anyway */
        if (!session->queue.open)
            continue;
        __atomic_store_n(&session->queue.state->generation, session->generation, __ATOMIC_RELEASE);
        session->notify = true;
    }
}
