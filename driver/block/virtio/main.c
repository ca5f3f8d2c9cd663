/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk driver: a PCI function becomes BLOCK sessions. Here the configuration is read; driver.c joins the
 * parts.
 */
#include "driver/block/virtio/block.h"
#include "driver/block/virtio/driver.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/block/policy.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"

#define TIMEOUT_DEFAULT 30u

static struct xml_node config;

static enum status settings_read(const struct env *environment, struct driver_settings *out)
{
    static const char *const names[] = {"index", "queues", "depth", "timeout", NULL};
    uint64_t queues = environment->page->cpus < QUEUES_MAX ? environment->page->cpus : QUEUES_MAX;
    enum status status = config_load_or_empty(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status == OK)
        status = block_policy_check(config, NULL);
    if (status == OK)
        status = config_number(config, "index", 0, 0, 255, &out->index);
    if (status == OK)
        status = config_number(config, "queues", queues, 1, QUEUES_MAX, &out->queues);
    if (status == OK)
        status = config_number(config, "depth", 128, 2, DEPTH_MAX, &out->depth);
    if (status == OK)
        status = config_number(config, "timeout", TIMEOUT_DEFAULT, 2, 3600, &out->timeout);
    return status;
}

static enum status policy(struct block_device *device, const char *label, struct block_view *view)
{
    (void)device;
    return block_policy_view(config, label, view);
}

int component_main(struct env *environment)
{
    struct driver_settings settings;

    if (settings_read(environment, &settings) != OK ||
        driver_device_start(&environment->entrypoint, &settings) != OK)
        return 1;
    enum status status = driver_service_start(&environment->entrypoint, policy);
    if (status != OK) {
        log_error("cannot announce BLOCK: %s", status_text(status));
        return 1;
    }
    entrypoint_run(&environment->entrypoint);
    return 0;
}
