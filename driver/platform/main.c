/* SPDX-License-Identifier: MIT */
/*
 * Platform driver: finds the machine's PCI functions, puts IOMMUs to work, and gives each driver the one function that
 * policy says. Here the parts are started in order: configuration space, functions, confinement, sessions.
 */
#include "driver/platform/confinement.h"
#include "driver/platform/firmware.h"
#include "driver/platform/function.h"
#include "driver/platform/registers.h"
#include "driver/platform/report.h"
#include "driver/platform/session.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"

enum { EXIT_NO_MACHINE = 1, EXIT_NO_CONFIG = 2 };

static enum status configure(struct policy **policies, bool *report)
{
    static const char *const names[] = {"report", NULL};
    struct policy_error error = {0};
    struct xml_node config;
    enum status status = config_load_or_empty(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status != OK)
        return status;
    *report = false;
    if (xml_attribute_bool(config, "report", report) == ERR_INVALID) {
        config_complain(config, "report", "must be yes or no");
        return ERR_INVALID;
    }
    status = policy_read(config, policies, &error);
    if (status == ERR_INVALID && error.attribute_opt)
        config_complain(error.node, error.attribute_opt, error.reason);
    else if (status == ERR_INVALID)
        log_error("config:%zu: <%.*s>: %s", xml_line(error.node), (int)xml_name(error.node).length,
                  xml_name(error.node).start, error.reason);
    return status;
}

static void find_by_memory(const void *mcfg)
{
    const struct pci_access *access;
    struct acpi_ecam ecam;
    enum status status;

    for (unsigned i = 0; (status = acpi_mcfg_entry(mcfg, i, &ecam)) != ERR_NOT_FOUND; i++) {
        if (status == OK)
            status = registers_ecam(&ecam, &access);
        if (status != OK) {
            log_error("entry %u of the MCFG table cannot be used: %s", i, status_text(status));
            continue;
        }
        log_info("configuration space of segment %u, buses %02x to %02x, is memory at 0x%llx", ecam.segment,
                 ecam.first_bus, ecam.last_bus, (unsigned long long)ecam.base);
        functions_find(access);
    }
}

static enum status find_by_ports(void)
{
    const struct pci_access *access;
    enum status status = registers_ports(&access);

    if (status != OK)
        return status;
    log_info("no MCFG table: configuration space is reached by ports, the first 256 bytes of it");
    functions_find(access);
    return OK;
}

int component_main(struct env *environment)
{
    struct policy *policies;
    const void *mcfg;
    bool report;
    enum status status = configure(&policies, &report);

    if (status != OK) {
        log_error("no usable configuration: %s", status_text(status));
        return EXIT_NO_CONFIG;
    }
    firmware_start();
    if (firmware_table("MCFG", &mcfg) == OK)
        find_by_memory(mcfg);
    if (!function_at(0))
        status = find_by_ports();
    if (status != OK) {
        log_error("no access to configuration space: %s", status_text(status));
        return EXIT_NO_MACHINE;
    }
    confinement_start(&environment->entrypoint);
    if (report && (status = report_devices()) != OK)
        log_error("no report: %s", status_text(status));
    status = sessions_start(&environment->entrypoint, policies);
    if (status != OK) {
        log_error("cannot announce PLATFORM: %s", status_text(status));
        return EXIT_NO_MACHINE;
    }
    entrypoint_run(&environment->entrypoint);
    return 0;
}
