/* SPDX-License-Identifier: MIT */
/*
 * Reading lists of services and routes.
 */
#include "init/config_reader.h"

static void read_service(struct reader *reader, struct xml_node node, void *target)
{
    struct config_service **list = target;
    struct config_service *service = reader_alloc(reader, sizeof(*service));

    if (!service)
        return;
    expect_empty(reader, node);
    read_new_text(reader, node, "name", PARENT_SERVICE_MAX, true, &service->name);
    if (!service->name)
        return;
    while (*list)
        list = &(*list)->next;
    *list = service;
}

void read_services(struct reader *reader, struct xml_node node, void *target)
{
    static const struct element elements[] = {{"service", "name", false, read_service}};

    read_nodes(reader, node, elements, COUNT(elements), target);
}

static void add_target(struct reader *reader, struct xml_node node, struct config_route *route,
                       enum config_target_kind kind)
{
    struct config_target *target = reader_alloc(reader, sizeof(*target)), **list = &route->targets;

    if (!target)
        return;
    target->kind = kind;
    target->node = node;
    expect_empty(reader, node);
    read_new_text(reader, node, "label", PARENT_LABEL_MAX, false, &target->label_opt);
    if (kind == CONFIG_TARGET_CHILD)
        read_new_text(reader, node, "name", CONFIG_NAME_MAX, true, &target->name_opt);
    while (*list)
        list = &(*list)->next;
    *list = target;
}

static void read_parent_target(struct reader *reader, struct xml_node node, void *target)
{
    add_target(reader, node, target, CONFIG_TARGET_PARENT);
}

static void read_child_target(struct reader *reader, struct xml_node node, void *target)
{
    add_target(reader, node, target, CONFIG_TARGET_CHILD);
}

static void read_any_child_target(struct reader *reader, struct xml_node node, void *target)
{
    add_target(reader, node, target, CONFIG_TARGET_ANY_CHILD);
}

static struct config_route *add_route(struct reader *reader, struct xml_node node, struct config_route **list)
{
    static const struct element elements[] = {
        {"parent", "label", false, read_parent_target},
        {"child", "name label", false, read_child_target},
        {"any-child", "label", false, read_any_child_target},
    };
    struct config_route *route = reader_alloc(reader, sizeof(*route));

    if (!route)
        return NULL;
    route->node = node;
    while (*list)
        list = &(*list)->next;
    *list = route;
    read_nodes(reader, node, elements, COUNT(elements), route);
    return route;
}

void read_service_route(struct reader *reader, struct xml_node node, void *target)
{
    struct config_route *route = add_route(reader, node, target);

    if (!route)
        return;
    read_new_text(reader, node, "name", PARENT_SERVICE_MAX, true, &route->service_opt);
    read_new_text(reader, node, "label", PARENT_LABEL_MAX, false, &route->label_opt);
    read_new_text(reader, node, "label_prefix", PARENT_LABEL_MAX, false, &route->prefix_opt);
    read_new_text(reader, node, "label_suffix", PARENT_LABEL_MAX, false, &route->suffix_opt);
    read_new_text(reader, node, "label_last", PARENT_LABEL_MAX, false, &route->last_opt);
    read_new_text(reader, node, "unscoped_label", PARENT_LABEL_MAX, false, &route->unscoped_opt);
}

static void read_any_service_route(struct reader *reader, struct xml_node node, void *target)
{
    (void)add_route(reader, node, target);
}

void read_routes(struct reader *reader, struct xml_node node, void *target)
{
    static const struct element elements[] = {
        {"service", ROUTE_ATTRIBUTES, false, read_service_route},
        {"any-service", "", false, read_any_service_route},
    };

    read_nodes(reader, node, elements, COUNT(elements), target);
}
