/* SPDX-License-Identifier: MIT */
/*
 * Reading the configuration: the root, and the whole.
 */
#include "init/config_reader.h"

#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

static void read_parent_provides(struct reader *reader, struct xml_node node, void *target)
{
    read_services(reader, node, &((struct config *)target)->parent_provides);
}

static void read_default_route(struct reader *reader, struct xml_node node, void *target)
{
    read_routes(reader, node, &((struct config *)target)->default_routes);
}

static void read_default(struct reader *reader, struct xml_node node, void *target)
{
    struct config *config = target;

    expect_empty(reader, node);
    read_number(reader, node, "caps", &config->default_caps);
    read_size(reader, node, "ram", &config->default_ram);
}

static void read_affinity_space(struct reader *reader, struct xml_node node, void *target)
{
    struct config *config = target;
    uint64_t height = 1;

    expect_empty(reader, node);
    read_number(reader, node, "width", &config->affinity_width);
    read_number(reader, node, "height", &height);
    if (config->affinity_width == 0 || config->affinity_width > CONFIG_AFFINITY_MAX || height != 1)
        config_complain(reader->report, node, "width must be 1 to %u, height 1", CONFIG_AFFINITY_MAX);
}

static void read_heartbeat(struct reader *reader, struct xml_node node, void *target)
{
    struct config *config = target;

    config->heartbeat_ms = 1000;
    expect_empty(reader, node);
    read_number(reader, node, "rate_ms", &config->heartbeat_ms);
    if (config->heartbeat_ms < 10 || config->heartbeat_ms > CONFIG_DELAY_MAX)
        config_complain(reader->report, node, "rate_ms must be 10 to %u", CONFIG_DELAY_MAX);
}

static void read_report(struct reader *reader, struct xml_node node, void *target)
{
    struct config_state *state = &((struct config *)target)->state;

    *state = (struct config_state){.wanted = true, .delay_ms = 100};
    expect_empty(reader, node);
    read_bool(reader, node, "child_ram", &state->child_ram);
    read_bool(reader, node, "child_caps", &state->child_caps);
    read_number(reader, node, "delay_ms", &state->delay_ms);
    if (state->delay_ms > CONFIG_DELAY_MAX)
        config_complain(reader->report, node, "delay_ms is more than %u", CONFIG_DELAY_MAX);
}

static void read_alias(struct reader *reader, struct xml_node node, void *target)
{
    struct config *config = target;
    struct config_alias *alias = reader_alloc(reader, sizeof(*alias));

    if (!alias)
        return;
    expect_empty(reader, node);
    alias->node = node;
    read_new_text(reader, node, "name", CONFIG_NAME_MAX, true, &alias->name);
    read_new_text(reader, node, "child", CONFIG_NAME_MAX, true, &alias->child);
    if (!alias->name || !alias->child)
        return;
    alias->next = config->aliases;
    config->aliases = alias;
}

/* What the parent gets from children: a rule as in a <route>. */
static void read_offered_service(struct reader *reader, struct xml_node node, void *target)
{
    read_service_route(reader, node, &((struct config *)target)->services);
}

static void read_config(struct reader *reader, struct xml_node node)
{
    static const struct element elements[] = {
        {"parent-provides", "", true, read_parent_provides},
        {"default-route", "", true, read_default_route},
        {"default", "caps ram", true, read_default},
        {"affinity-space", "width height", true, read_affinity_space},
        {"heartbeat", "rate_ms", true, read_heartbeat},
        {"report", "child_ram child_caps delay_ms", true, read_report},
        {"alias", "name child", false, read_alias},
        {"service", ROUTE_ATTRIBUTES, false, read_offered_service},
        {"start", "name caps priority slice_us version", false, read_start},
    };

    if (!xml_name_is(node, "config")) {
        config_complain(reader->report, node, "unknown node, a configuration is a <config>");
        return;
    }
    check_attributes(reader, node, "verbose");
    read_bool(reader, node, "verbose", &reader->config->verbose);
    read_nodes(reader, node, elements, COUNT(elements), reader->config);
}

static void complain_xml(struct config_report *report, const struct xml_error *error)
{
    char line[CONFIG_MESSAGE_MAX];

    fmt_format(line, sizeof(line), "config:%zu: column %zu: not XML: %s", error->line, error->column,
               error->reason);
    report->count++;
    report->line(report, line);
}

enum status config_read(const char *text, size_t length, struct config_report *report, struct config *out)
{
    struct config config = {0};
    struct reader reader = {.config = &config, .report = report};
    struct xml_error error = {.line = 1, .column = 1, .reason = "there is no element"};
    struct xml_node root;
    unsigned before = report->count;

    if (xml_validate(text, length, &error) != OK || !xml_root(text, length, &root)) {
        complain_xml(report, &error);
        return ERR_INVALID;
    }
    read_config(&reader, root);
    if (!reader.no_memory)
        config_check(&config, report);
    if (reader.no_memory || report->count != before) {
        config_free(&config);
        return reader.no_memory ? ERR_NO_RAM : ERR_INVALID;
    }
    *out = config;
    return OK;
}

bool config_provides(const struct config_service *list, const char *service, unsigned *index_opt)
{
    for (unsigned i = 0; list; list = list->next, i++) {
        if (strcmp(list->name, service) != 0)
            continue;
        if (index_opt)
            *index_opt = i;
        return true;
    }
    return false;
}

struct xml_slice config_of_child(const struct config_child *child)
{
    static const char empty[] = "<config/>";

    if (child->has_config)
        return xml_raw(child->config);
    return (struct xml_slice){empty, sizeof(empty) - 1};
}
