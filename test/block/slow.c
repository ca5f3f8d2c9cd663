/* SPDX-License-Identifier: MIT */
/*
 * A disk that takes 3 ms for everything, one request after another, and keeps nothing: so that clients can go while it is at work.
 */
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/block/server.h"
#include "lib/fmt/status_text.h"

enum { DEPTH = 8, SIZE = 1 << 20 };

#define TAKES_NS 3000000ull

static struct entrypoint *entrypoint;
static struct block_job *jobs[DEPTH]; /* in order of arrival */
static unsigned count;
static struct timeout timeout;

static enum status submit(struct block_device *device, struct block_job *job)
{
    (void)device;
    jobs[count++] = job;
    if (count == 1)
        entrypoint_timeout_set(entrypoint, &timeout, time_after_ns(TAKES_NS));
    return OK;
}

static const struct block_device_ops ops = {.submit = submit};
static struct block_device device = {.ops = &ops,
                                     .verifier = 1,
                                     .limits = {.size = SIZE,
                                                .block_size = 4096,
                                                .physical_block_size = 4096,
                                                .depth = DEPTH,
                                                .transfer_max = SIZE,
                                                .pieces_max = 16,
                                                .alignment = 1}};

static void expired(struct timeout *unused)
{
    struct block_job *job = jobs[0];

    (void)unused;
    count--;
    for (unsigned i = 0; i < count; i++)
        jobs[i] = jobs[i + 1];
    if (count)
        entrypoint_timeout_set(entrypoint, &timeout, time_after_ns(TAKES_NS));
    block_job_done(job, OK, job->length);
    block_server_settle(&device);
}

int component_main(struct env *environment)
{
    enum status status;

    entrypoint = &environment->entrypoint;
    timeout.expired = expired;
    status = block_server_start(&device, entrypoint, NULL);
    if (status != OK) {
        log_error("cannot announce BLOCK: %s", status_text(status));
        return 1;
    }
    entrypoint_run(entrypoint);
    return 0;
}
