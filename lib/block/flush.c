/* SPDX-License-Identifier: MIT */
/*
 * FLUSH of the device, for all who wait for one.
 *
 * It makes durable what was completed before it is submitted. So whoever comes while one is in the device waits for
 * the next, and all who have come until then share it. A loss (another verifier) is looked for before and after.
 */
#include "lib/block/engine.h"

void flush_add(struct engine_job *job)
{
    job->state = JOB_FLUSH_WAITS;
    job->engine->direct = 0;
    list_append(&job->engine->flush_waiting, &job->link);
}

void flush_drop(struct engine_job *job)
{
    list_remove(&job->link);
}

/* What happens to a job when the FLUSH that it waited for has ended, or will not be. */
static void flush_serve(struct engine_job *job, enum status status)
{
    struct engine_session *session = job->session_opt;

    if (job->job.operation == BLOCK_FLUSH) {
        if (status == OK && session_has_lost(session))
            status = ERR_LOST;
        job_finish(job, status, 0);
    } else if (job->steps & STEP_FLUSH_BEFORE) {
        if (status == OK && session_has_lost(session))
            status = ERR_LOST;
        job->steps &= (uint8_t)~STEP_FLUSH_BEFORE;
        if (status == OK)
            admission_add(job, false);
        else
            job_finish(job, status, 0);
    } else {
        if (status == OK && job->verifier != job->engine->device->verifier)
            status = ERR_IO; /* it was written, and is lost */
        job_finish(job, status, status == OK ? job->range.length : 0);
    }
}

/* Serving one may drop others from the list. */
static void flush_serve_all(struct list_link *list, enum status status)
{
    while (!list_empty(list)) {
        struct engine_job *job = LIST_OWNER(list->next, struct engine_job, link);

        list_remove(&job->link);
        flush_serve(job, status);
    }
}

void flush_submit(struct block_engine *engine)
{
    struct engine_job *flush = &engine->flush;
    enum status status;

    LIST_EACH (link, &engine->flush_waiting)
        LIST_OWNER(link, struct engine_job, link)->state = JOB_FLUSH_RUNS;
    list_move_all(&engine->flush_running, &engine->flush_waiting);
    if (engine->device->limits.flags & BLOCK_GONE) {
        flush_serve_all(&engine->flush_running, ERR_PEER_GONE);
        return;
    }
    flush->job = (struct block_job){.operation = BLOCK_FLUSH};
    flush->state = JOB_DEVICE;
    engine->flush_in_device = true;
    engine->exclusive = engine->device->limits.exclusive;
    engine->in_device++;
    engine->submitted = true;
    status = engine->device->ops->submit(engine->device, &flush->job);
    if (status == OK) {
        engine->flushed = engine->device->limits.exclusive;
        return;
    }
    if (status != ERR_AGAIN) {
        block_job_done(&flush->job, status, 0);
        return;
    }
    engine->in_device--;
    engine->flush_in_device = engine->exclusive = false;
    flush->state = JOB_FREE;
    engine->stalled = true;
    LIST_EACH (link, &engine->flush_running)
        LIST_OWNER(link, struct engine_job, link)->state = JOB_FLUSH_WAITS;
    list_move_all(&engine->flush_waiting, &engine->flush_running);
}

/* The one behind those that failed would lie (G7). While they all fail nobody believes anything, and to tell of a loss each time
   would only keep clients busy with writing again. */
static void look_for_drops(struct block_engine *engine, enum status status)
{
    if (status == OK && engine->flush_failed) {
        engine->device->verifier++;
        block_engine_changed(engine);
    }
    engine->flush_failed = status != OK;
}

void flush_done(struct block_engine *engine, enum status status)
{
    engine->flush.state = JOB_FREE;
    engine->flush_in_device = false;
    engine->in_device--;
    if (engine->exclusive)
        exclusive_end(engine);
    if (engine->device->flush_drops)
        look_for_drops(engine, status);
    flush_serve_all(&engine->flush_running, status);
}
