/* SPDX-License-Identifier: MIT */
/*
 * AHCI driver: a SATA disk becomes a BLOCK service. Here the configuration is read; controller.c opens the hardware, disk.c
 * serves.
 */
#include "driver/block/ahci/disk.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/block/policy.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"

enum { EXIT_NO_DISK = 1, EXIT_NO_CONFIG = 2, EXIT_NO_SERVICE = 3 };

static struct xml_node config;

static enum status flag(const char *name, bool *out)
{
    enum status status = xml_attribute_bool(config, name, out);

    if (status != ERR_INVALID)
        return OK;
    config_complain(config, name, "must be yes or no");
    return status;
}

static enum status configure(struct disk_settings *settings, uint64_t *controller)
{
    static const char *const names[] = {"controller", "port", "timeout_ms", "tries", "fua", NULL};
    enum status status = config_load_or_empty(&config);

    *settings = (struct disk_settings){.port = DISK_ANY_PORT};
    if (status == OK)
        status = config_check_attributes(config, names);
    if (status == OK)
        status = block_policy_check(config, NULL);
    if (status == OK)
        status = config_number(config, "controller", 0, 0, 255, controller);
    if (status == OK)
        status = config_number(config, "port", DISK_ANY_PORT, 0, AHCI_PORTS_MAX - 1, &settings->port);
    if (status == OK)
        status = config_number(config, "timeout_ms", 10000, 100, 600000, &settings->timeout_ms);
    if (status == OK)
        status = config_number(config, "tries", 3, 1, 100, &settings->tries);
    return status == OK ? flag("fua", &settings->fua) : status;
}

static enum status policy(struct block_device *device, const char *label, struct block_view *view)
{
    (void)device;
    return block_policy_view(config, label, view);
}

int component_main(struct env *environment)
{
    static struct controller controller;
    struct disk_settings settings;
    uint64_t index;

    if (configure(&settings, &index) != OK) {
        log_error("no usable configuration");
        return EXIT_NO_CONFIG;
    }
    if (controller_open(&controller, (unsigned)index) != OK || controller_memory(&controller) != OK ||
        disk_find(&controller, &settings) != OK)
        return EXIT_NO_DISK;
    enum status status = disk_serve(&environment->entrypoint, policy);
    if (status != OK) {
        log_error("cannot serve BLOCK: %s", status_text(status));
        return EXIT_NO_SERVICE;
    }
    entrypoint_run(&environment->entrypoint);
    return 0;
}
