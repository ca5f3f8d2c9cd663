/* SPDX-License-Identifier: MIT */
/*
 * The engine of a BLOCK server: what becomes of requests between the clients' rings and one device. Hardware-free: memory comes from
 * the caller, the device is struct block_device_ops, the framework two hooks. server.c puts it into a component, the host tests
 * drive it with devices and clients of their own.
 *
 * A request's way (struct engine_job, one for each tag of a queue):
 *
 *     FREE -> PENDING -> DEVICE -> FREE
 *
 *   queue.c      takes elements from the ring, copies and checks them (FREE to PENDING)
 *   complete.c   completions of the device, and of jobs (to FREE)
 *   admission.c  chooses which session's oldest job goes to the device next (PENDING to DEVICE)
 *   flush.c      FLUSHING: jobs that wait for a FLUSH of the device, before it is submitted or while it is there. One
 *                FLUSH serves all that have come until it begins: requests of clients, the ones before a barrier write and
 *                after a write with FUA where the device has none
 *   overlap.h    ranges held by jobs, from their admission to their completion
 *   engine.c     the loop, sessions, changes
 *
 * Everything happens in block_engine_run(), but for block_job_done(), which only changes lists (D7 of server.h) and is followed by a run.
 * Who may cause a run: a client's notification, the device's completions, work that was left over (run returns true).
 * A session is *awake* while its ring is to be looked at in each run. It falls asleep when the ring is empty and it has
 * nothing pending; only then its client is asked for a notification. So with a full device, none is sent.
 *
 * Invariants, numbered; block_engine_check() asserts them in tests:
 *   E1  in_device is the number of jobs in state DEVICE, and one for the engine's own FLUSH; at most limits.depth when one is added
 *   E2  idle is the number of sessions with an open queue and no job in the device
 *   E3  a session is in `active` exactly if it has pending jobs
 *   E4  a job holds a range exactly if it was admitted once and is not complete; no two that are held are in conflict. READs
 *       hold none as long as nothing writes (`loose` is their number), and get theirs when something wants to. Of a session's
 *       pending jobs, those that hold ranges come first (else one could wait for another behind it)
 *   E5  users of a region is the number of pieces of jobs that are not FREE
 *   E6  leaving is the number of sessions that are draining
 */
#ifndef LIB_BLOCK_ENGINE_H
#define LIB_BLOCK_ENGINE_H

#include "lib/block/list.h"
#include "lib/block/overlap.h"
#include "lib/block/server.h"
#include "lib/ring/ring.h"

enum {
    ENGINE_BATCH = 64,       /* elements taken from one ring before it is another's turn */
    ENGINE_ROUNDS = 4,       /* of these in a run */
    ENGINE_QUANTUM = 131072, /* bytes that a session may have admitted before it is the next one's turn */
    ENGINE_COST_MIN = 4096,  /* what the smallest request counts */
};

enum job_state {
    JOB_FREE = 0,
    JOB_PENDING,
    JOB_DEVICE,
    JOB_FLUSH_WAITS, /* for the device's next FLUSH */
    JOB_FLUSH_RUNS,  /* for the one that it has */
};

/* What a job needs besides the device's one operation. */
enum job_step {
    STEP_FLUSH_BEFORE = 1u << 0,
    STEP_FLUSH_AFTER = 1u << 1,
    STEP_WRITES_ZEROES = 1u << 2, /* WRITE_ZEROES as a series of WRITEs */
    STEP_JUDGE = 1u << 3,         /* limits have changed since it was judged */
};

struct engine_job {
    struct block_job job; /* first: what the device sees, and gives back */
    struct block_engine *engine;
    struct engine_session *session_opt; /* NULL: the engine's own FLUSH */
    uint32_t tag;
    uint8_t state;              /* enum job_state */
    uint8_t steps;              /* enum job_step, still to be done */
    struct list_link link;      /* PENDING: in session->pending. FLUSH_*: in the engine's lists */
    struct overlap_entry range; /* what was asked for; job.offset and job.length are the part under way */
    uint64_t progress;          /* STEP_WRITES_ZEROES: bytes that are done */
    uint64_t verifier;          /* when the write was done that a FLUSH shall follow */
    struct block_piece zero;    /* of STEP_WRITES_ZEROES */
};

struct engine_region {
    struct block_region region; /* first: a piece's region is ours. Its size is 0 if there is none */
    uint32_t users;
    bool present;
};

/* A client's queue, and our half of it: as many jobs as tags, as many pieces as there are places in the segment table. */
struct engine_queue {
    struct block_state *state;
    const struct block_segment *segments;
    struct ring_consumer submission;
    struct ring_producer completion;
    struct engine_job *jobs;    /* by tag */
    struct block_piece *pieces; /* by place; in use if region is not NULL */
    uint32_t depth, segment_count;
    bool open;  /* there is a queue */
    bool ended; /* it is taken from no more */
};

struct engine_session {
    struct block_engine *engine;
    struct list_link link;    /* in engine->sessions */
    struct list_link active;  /* in engine->active */
    struct list_link blocked; /* in engine->blocked */
    struct list_link pending; /* jobs */
    struct engine_queue queue;
    struct engine_region regions[BLOCK_REGIONS_MAX];
    struct block_view view;
    uint64_t size;         /* of the view, cut to the device's end */
    uint64_t acknowledged; /* verifier */
    uint64_t generation;   /* told to the client */
    int64_t deficit;       /* bytes that may be admitted in this turn; less than 0: went before its turn */
    unsigned in_device;
    bool writes; /* the view and the device allow it */
    bool awake;
    bool is_blocked; /* its first pending job waits for a range */
    bool notify;     /* the client is to be notified */
    bool closing;
    bool draining; /* `drained` is to be called */
    bool denied;   /* it has freed registered memory: no queue any more */
    char reason[BLOCK_REASON_MAX];
};

struct engine_hooks {
    /* Signals the client. */
    void (*notify)(struct engine_session *session);
    /* A session that was closed, or whose queue was, while it had jobs in the device, has none there any more. In a
       run, once; may free the session if it was closed. */
    void (*drained)(struct engine_session *session);
};

/* What each request needs of the device's limits. */
struct engine_limits {
    uint32_t block_mask, align_mask;
    uint32_t transfer_max; /* 0: the device has gone */
    uint32_t pieces_max;
    uint32_t depth, reserve; /* places; most that are kept for sessions with nothing in the device */
    bool written;            /* it could be, at least once: FLUSH has something to do */
};

struct block_engine {
    struct block_device *device;
    const struct engine_hooks *hooks;
    struct engine_limits limits;
    struct list_link sessions, active, blocked;
    struct overlap_table ranges;
    struct engine_region *zeroes_opt; /* zeroed memory; needed if the device has no WRITE_ZEROES */
    struct engine_job flush;          /* the device's FLUSH */
    struct list_link flush_waiting, flush_running;
    uint64_t done; /* completions of the device */
    unsigned in_device, idle, active_count;
    unsigned leaving; /* sessions that are draining */
    unsigned loose;   /* READs in the device without a range */
    int direct;       /* jobs that may still go without being pending first; less than 1: none */
    bool flush_in_device;
    bool flush_failed; /* the last one */
    bool exclusive;    /* what is in the device must be alone there */
    bool draining;     /* something exclusive waits until the device is empty */
    bool rested;       /* since the last exclusive one, others have had their turn */
    bool flushed;      /* the last exclusive one was a FLUSH: a job goes before the next one */
    bool stalled;      /* the device had no room, and nothing has changed */
    bool submitted;    /* since the last kick */
    bool running;
};

void block_engine_init(struct block_engine *engine, struct block_device *device,
                       const struct engine_hooks *hooks);

/* ERR_INVALID, ERR_RANGE: no view of this device. ERR_BUSY: overlaps another writable one. `session` is zeroed. */
[[nodiscard]] enum status engine_session_open(struct block_engine *engine, struct engine_session *session,
                                              const struct block_view *view);

/* Drops what is not in the device. True: nothing is, and the memory of the session, its queue and its regions is free; else
   `drained` will be called. */
bool engine_session_close(struct engine_session *session);

/* `layout` has passed the dispatcher, and `memory` is as large as it says. `jobs` and `pieces` are zeroed. Only when there is none. */
[[nodiscard]] enum status engine_queue_open(struct engine_session *session, void *memory,
                                            const struct block_connect *layout, struct engine_job *jobs,
                                            struct block_piece *pieces);
/* Drops what is not in the device. True: nothing is; else `drained` will be called. */
bool engine_queue_close(struct engine_session *session);

void engine_session_info(const struct engine_session *session, struct block_info *out);
[[nodiscard]] enum status engine_session_acknowledge(struct engine_session *session, uint64_t verifier);

/* A client's notification has come. A run must follow. */
static inline void engine_session_wake(struct engine_session *session)
{
    session->awake = session->queue.open && !session->queue.ended;
}

/* Takes, admits, completes, notifies. True: there is more to do, call again soon. */
bool block_engine_run(struct block_engine *engine);

/* Limits or verifier are other ones. A run must follow. */
void block_engine_changed(struct block_engine *engine);

/* See block_server_check_memory(). A run must follow. */
void block_engine_check_memory(struct block_engine *engine);

/* ---- between the files of the engine ---- */

/* queue.c */
void queue_take(struct engine_session *session);
void queue_end(struct engine_session *session, const char *reason_opt);
enum status job_judge(struct engine_job *job); /* by the present limits: OK, or how it completes */

/* complete.c */
void job_free(struct engine_job *job);
void job_finish(struct engine_job *job, enum status status, uint64_t done); /* completes and frees */

/* admission.c */
/* Goes at once, or becomes pending. Only while its ring is taken from, as the next. */
void admission_begin(struct block_engine *engine, struct engine_session *session, struct engine_job *job);
/* Becomes pending. `first` is for who holds its range already: what is before it in the same session could wait for that range. */
void admission_add(struct engine_job *job, bool first);
void admission_drop(struct engine_job *job);       /* is pending no more */
void admission_admit(struct block_engine *engine); /* all that may go */

/* flush.c */
void flush_add(struct engine_job *job);
void flush_drop(struct engine_job *job);
void flush_submit(struct block_engine *engine);
void flush_done(struct block_engine *engine, enum status status);

void admission_back(struct engine_job *job, enum status status); /* submit() has failed */

/* A READ or WRITE goes to the device. */
static inline void admission_go(struct block_engine *engine, struct engine_session *session,
                                struct engine_job *job)
{
    enum status status;

    job->state = JOB_DEVICE;
    engine->in_device++;
    if (session->in_device++ == 0)
        engine->idle -= session->queue.open;
    engine->submitted = true;
    status = engine->device->ops->submit(engine->device, &job->job);
    if (__builtin_expect(status != OK, 0))
        admission_back(job, status);
}

/* A READ that has just been taken, while nobody waits for anything and nothing writes. */
static inline bool admission_read(struct block_engine *engine, struct engine_session *session,
                                  struct engine_job *job)
{
    if (__builtin_expect(engine->direct <= 0 || engine->ranges.writers != 0, 0))
        return false;
    engine->direct--;
    engine->loose++;
    admission_go(engine, session, job);
    return true;
}

static inline bool flush_wanted(const struct block_engine *engine)
{
    return !engine->flush_in_device && !list_empty(&engine->flush_waiting);
}

/* How many jobs of the session may go at once, nobody having to wait for anything; for admission_read() and admission_begin(). */
static inline void admission_open(struct block_engine *engine, const struct engine_session *session)
{
    unsigned others = engine->idle - (session->in_device == 0);

    if (others > engine->limits.reserve)
        others = engine->limits.reserve;
    engine->direct = (int)(engine->limits.depth - engine->in_device - others);
    if (engine->active_count || engine->stalled || engine->exclusive || flush_wanted(engine))
        engine->direct = 0;
}

static inline bool anybody_waits(const struct block_engine *engine)
{
    return engine->active_count || !list_empty(&engine->flush_waiting);
}

/* What may go, goes; and the device hears of it. It may complete some at once, and make room for others. */
static inline void admission_run(struct block_engine *engine)
{
    uint64_t done;

    do {
        if (anybody_waits(engine))
            admission_admit(engine);
        done = engine->done;
        if (engine->submitted && engine->device->ops->kick)
            engine->device->ops->kick(engine->device);
        engine->submitted = false;
    } while (engine->done != done && anybody_waits(engine));
}

/* Something exclusive is no longer in the device: now it is the others' turn. */
static inline void exclusive_end(struct block_engine *engine)
{
    engine->exclusive = false;
    engine->rested = false;
}

/* A job of the session is no longer in the device. */
static inline void admission_left(struct block_engine *engine, struct engine_session *session)
{
    engine->in_device--;
    if (--session->in_device == 0)
        engine->idle += session->queue.open;
    if (__builtin_expect(engine->exclusive, 0))
        exclusive_end(engine);
}

/* Completed writes that no FLUSH has covered may have gone, and the client has not said that it knows. */
static inline bool session_has_lost(const struct engine_session *session)
{
    return session->acknowledged != session->engine->device->verifier;
}

#endif
