/* SPDX-License-Identifier: MIT */
/*
 * NVMe driver: one namespace becomes a BLOCK device. Here the configuration is read; driver.c does the rest.
 */
#include "driver/block/nvme/disk.h"
#include "driver/block/nvme/driver.h"
#include "lib/base/env.h"
#include "lib/block/policy.h"
#include "lib/config/config.h"

enum { EXIT_NO_DISK = 1, EXIT_NO_CONFIG = 2 };

static struct xml_node config;

static enum status settings_read(struct nvme_settings *out)
{
    static const char *const names[] = {"index", "namespace", "queues", "depth", "timeout", "fua", NULL};
    enum status status = config_load_or_empty(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status == OK)
        status = block_policy_check(config, NULL);
    if (status == OK)
        status = config_number(config, "index", 0, 0, 255, &out->index);
    if (status == OK)
        status = config_number(config, "namespace", 1, 1, UINT32_MAX - 2, &out->nsid);
    if (status == OK)
        status = config_number(config, "queues", 1, 1, NVME_QUEUES_MAX, &out->queues);
    if (status == OK)
        status = config_number(config, "depth", 128, 4, NVME_DEPTH_MAX, &out->depth);
    if (status == OK)
        status = config_number(config, "timeout", 10, 1, 600, &out->timeout);
    out->fua = false;
    if (status == OK && xml_attribute_bool(config, "fua", &out->fua) == ERR_INVALID) {
        config_complain(config, "fua", "must be yes or no");
        status = ERR_INVALID;
    }
    return status;
}

static enum status policy(struct block_device *device, const char *label, struct block_view *view)
{
    (void)device;
    return block_policy_view(config, label, view);
}

int component_main(struct env *environment)
{
    struct nvme_settings settings;

    if (settings_read(&settings) != OK)
        return EXIT_NO_CONFIG;
    if (driver_start(&settings, &environment->entrypoint, policy) != OK)
        return EXIT_NO_DISK;
    entrypoint_run(&environment->entrypoint);
    return 0;
}
