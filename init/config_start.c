/* SPDX-License-Identifier: MIT */
/*
 * Reading <start>.
 */
#include "init/config_reader.h"

#include "lib/string/string.h"

static void read_binary(struct reader *reader, struct xml_node node, void *target)
{
    struct config_child *child = target;

    expect_empty(reader, node);
    (void)read_text(reader, node, "name", child->binary, sizeof(child->binary), true);
}

static void read_resource(struct reader *reader, struct xml_node node, void *target)
{
    struct config_child *child = target;
    struct xml_slice quantum;

    expect_empty(reader, node);
    if (!xml_attribute_is(node, "name", "RAM"))
        config_complain(reader->report, node, "unknown resource, only RAM is one");
    else if (child->ram)
        config_complain(reader->report, node, "given twice");
    else if (!xml_attribute(node, "quantum", &quantum))
        config_complain(reader->report, node, "attribute `quantum' is missing");
    else
        read_size(reader, node, "quantum", &child->ram);
}

static void read_provides(struct reader *reader, struct xml_node node, void *target)
{
    read_services(reader, node, &((struct config_child *)target)->provides);
}

static void read_child_config(struct reader *reader, struct xml_node node, void *target)
{
    struct config_child *child = target;

    (void)reader;
    child->has_config = true;
    child->config = node;
}

static void read_exit(struct reader *reader, struct xml_node node, void *target)
{
    expect_empty(reader, node);
    read_bool(reader, node, "propagate", &((struct config_child *)target)->exit_propagate);
}

static void read_child_route(struct reader *reader, struct xml_node node, void *target)
{
    struct config_child *child = target;

    child->has_routes = true;
    read_routes(reader, node, &child->routes);
}

static void read_restart_on(struct reader *reader, struct xml_node node, enum config_restart_on *on)
{
    struct xml_slice value;

    *on = CONFIG_RESTART_FAILURE;
    if (!xml_attribute(node, "on", &value) || xml_slice_is(value, "failure"))
        return;
    if (xml_slice_is(value, "fault"))
        *on = CONFIG_RESTART_FAULT;
    else if (xml_slice_is(value, "always"))
        *on = CONFIG_RESTART_ALWAYS;
    else
        config_complain(reader->report, node, "attribute `on' must be fault, failure or always");
}

static void read_restart(struct reader *reader, struct xml_node node, void *target)
{
    struct config_restart *restart = &((struct config_child *)target)->restart;

    *restart = (struct config_restart){.delay_ms = 100, .max_delay_ms = 10000};
    expect_empty(reader, node);
    read_restart_on(reader, node, &restart->on);
    read_number(reader, node, "delay_ms", &restart->delay_ms);
    read_number(reader, node, "max_delay_ms", &restart->max_delay_ms);
    read_number(reader, node, "limit", &restart->limit);
    if (restart->delay_ms == 0 || restart->delay_ms > CONFIG_DELAY_MAX)
        config_complain(reader->report, node, "delay_ms must be 1 to %u", CONFIG_DELAY_MAX);
    if (restart->max_delay_ms < restart->delay_ms || restart->max_delay_ms > CONFIG_DELAY_MAX)
        config_complain(reader->report, node, "max_delay_ms must be delay_ms to %u", CONFIG_DELAY_MAX);
}

static void read_child_heartbeat(struct reader *reader, struct xml_node node, void *target)
{
    struct config_heartbeat *heartbeat = &((struct config_child *)target)->heartbeat;

    *heartbeat = (struct config_heartbeat){.wanted = true, .limit = 3};
    expect_empty(reader, node);
    read_number(reader, node, "limit", &heartbeat->limit);
    read_bool(reader, node, "restart", &heartbeat->restart);
    if (!reader->config->heartbeat_ms)
        config_complain(reader->report, node, "there is no <heartbeat rate_ms=\"...\"/> in <config> before");
}

static void read_affinity(struct reader *reader, struct xml_node node, void *target)
{
    struct config_affinity *affinity = &((struct config_child *)target)->affinity;
    uint64_t width = reader->config->affinity_width, height = 1, ypos = 0;

    *affinity = (struct config_affinity){.given = true, .count = 1};
    expect_empty(reader, node);
    read_number(reader, node, "xpos", &affinity->first);
    read_number(reader, node, "width", &affinity->count);
    read_number(reader, node, "ypos", &ypos);
    read_number(reader, node, "height", &height);
    if (!width)
        config_complain(reader->report, node, "there is no <affinity-space> in <config> before");
    else if (affinity->count == 0 || affinity->first >= width || affinity->count > width - affinity->first)
        config_complain(reader->report, node, "not inside the affinity space of width %llu",
                        (unsigned long long)width);
    if (ypos != 0 || height != 1)
        config_complain(reader->report, node, "ypos must be 0, height 1");
}

static void read_request(struct reader *reader, struct xml_node node, void *target)
{
    struct config_child *child = target;

    expect_empty(reader, node);
    read_size(reader, node, "ram", &child->request_ram);
    read_number(reader, node, "caps", &child->request_caps);
}

static void read_config_file(struct reader *reader, struct xml_node node, void *target)
{
    expect_empty(reader, node);
    read_new_text(reader, node, "name", CONFIG_BINARY_MAX, true,
                  &((struct config_child *)target)->config_file_opt);
}

void read_start(struct reader *reader, struct xml_node node, void *target)
{
    static const struct element elements[] = {
        {"binary", "name", true, read_binary},
        {"resource", "name quantum", false, read_resource},
        {"provides", "", true, read_provides},
        {"exit", "propagate", true, read_exit},
        {"config", NULL, true, read_child_config},
        {"route", "", true, read_child_route},
        {"configfile", "name", true, read_config_file},
        {"request", "ram caps", true, read_request},
        {"restart", "on delay_ms max_delay_ms limit", true, read_restart},
        {"heartbeat", "limit restart", true, read_child_heartbeat},
        {"affinity", "xpos ypos width height", true, read_affinity},
    };
    struct config *config = target;
    struct config_child *child = reader_alloc(reader, sizeof(*child)), **list = &config->children;

    if (!child)
        return;
    child->node = node;
    child->slice_us = CONFIG_SLICE_USUAL;
    (void)read_text(reader, node, "name", child->name, sizeof(child->name), true);
    (void)string_copy(child->binary, sizeof(child->binary), child->name);
    read_number(reader, node, "caps", &child->caps);
    read_number(reader, node, "priority", &child->priority);
    read_number(reader, node, "slice_us", &child->slice_us);
    read_new_text(reader, node, "version", CONFIG_BINARY_MAX, false, &child->version_opt);
    read_nodes(reader, node, elements, COUNT(elements), child);
    while (*list)
        list = &(*list)->next;
    *list = child;
    config->child_count++;
}
