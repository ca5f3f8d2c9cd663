/* SPDX-License-Identifier: MIT */
/*
 * block_fault: between clients and a disk. Wiring; what it does is fault.h, what it writes down is record.h.
 */
#include "server/block_fault/server.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/block/policy.h"

enum { EXIT_NO_SERVICE = 1, EXIT_NO_CONFIG = 2, EXIT_NO_DISK = 3, EXIT_NO_LOG = 4 };

static struct fault_server server;

/* ---- requests ---- */

static enum status submit(struct block_device *device, struct block_job *job)
{
    enum status status;

    (void)device;
    server.submitting = true;
    status = fault_submit(&server.fault, job);
    server.submitting = false;
    return status;
}

static void kick(struct block_device *device)
{
    (void)device;
    block_client_kick(&server.disk);
    if (server.config.record)
        block_client_kick(&server.log);
    entrypoint_defer(server.entrypoint, &server.settle); /* what has a delay needs its timeout */
}

/* After completions, and when the record has room again. */
static void settle(struct deferred *deferred)
{
    uint64_t next = fault_tick(&server.fault);

    (void)deferred;
    if (next != FAULT_NEVER)
        entrypoint_timeout_set(server.entrypoint, &server.tick, time_to_ticks(next));
    server.fault.refused = false;
    block_server_settle(&server.device);
}

static void tick(struct timeout *timeout)
{
    (void)timeout;
    settle(&server.settle);
}

static void told(struct fault *fault)
{
    (void)fault;
    if (!server.submitting)
        entrypoint_defer(server.entrypoint, &server.settle);
}

static uint64_t now(void)
{
    return time_to_ns(time_now());
}

static enum status policy(struct block_device *device, const char *label, struct block_view *view)
{
    (void)device;
    return block_policy_view(server.config.root, label, view);
}

static int start(void)
{
    static const struct block_device_ops ops = {.submit = submit, .kick = kick};
    struct fault *fault = &server.fault;

    if (config_read(&server) != OK)
        return EXIT_NO_CONFIG;
    fault->now = now;
    fault->told = told;
    if (disk_start(&server) != OK)
        return EXIT_NO_DISK;
    if (server.config.record && log_start(&server) != OK)
        return EXIT_NO_LOG;
    fault_init(fault);
    server.device.ops = &ops;
    return block_server_start(&server.device, server.entrypoint, policy) == OK ? 0 : EXIT_NO_SERVICE;
}

int component_main(struct env *environment)
{
    int code;

    server.entrypoint = &environment->entrypoint;
    server.settle.run = settle;
    server.tick.expired = tick;
    code = start();
    if (code)
        return code;
    log_info("%u rules, %s", server.fault.rule_count, server.config.record ? "recording" : "no record");
    record_write(&server.fault.record);
    if (server.config.record)
        block_client_kick(&server.log);
    entrypoint_run(server.entrypoint);
    return 0;
}
