/* SPDX-License-Identifier: MIT */
/*
 * The configuration as a whole: what no single node can show. Fills in defaults, and finds the children that routes name.
 */
#include "init/config.h"

#include "lib/string/string.h"

static struct config_child *find_child(const struct config *config, const char *name)
{
    struct config_child *child = config->children;

    while (child && strcmp(child->name, name) != 0)
        child = child->next;
    return child;
}

static struct config_child *find_target(const struct config *config, const char *name)
{
    for (const struct config_alias *alias = config->aliases; alias; alias = alias->next)
        if (strcmp(alias->name, name) == 0)
            return find_child(config, alias->child);
    return find_child(config, name);
}

/* ---- children ---- */

/* A name becomes part of labels, whose parts " -> " separates, and of arguments in quotation marks. */
static bool name_ok(const char *name)
{
    for (const char *at = name; *at; at++)
        if (*at < ' ' || *at == '"' || *at == '>' || (unsigned char)*at >= 127)
            return false;
    return name[0] != ' ';
}

static void check_provides(const struct config_child *child, struct config_report *report)
{
    unsigned count = 0;

    for (const struct config_service *service = child->provides; service; service = service->next) {
        count++;
        for (const struct config_service *other = service->next; other; other = other->next)
            if (strcmp(service->name, other->name) == 0)
                config_complain(report, child->node, "provides `%s' twice", service->name);
    }
    if (count > CONFIG_PROVIDES_MAX)
        config_complain(report, child->node, "provides more than %u services", CONFIG_PROVIDES_MAX);
}

static void check_child(const struct config *config, struct config_child *child, struct config_report *report)
{
    const struct config_child *first = find_child(config, child->name);

    if (first != child && child->name[0])
        config_complain(report, child->node, "a child of this name is on line %zu already",
                        xml_line(first->node));
    if (!name_ok(child->name))
        config_complain(report, child->node, "name has characters that labels cannot have");
    if (!child->caps)
        child->caps = config->default_caps;
    if (!child->ram)
        child->ram = config->default_ram;
    if (!child->caps)
        config_complain(report, child->node,
                        "no capability quota: attribute `caps', or <default caps=\"...\"/>");
    else if (child->caps > UINT32_MAX)
        config_complain(report, child->node, "capability quota is too large");
    if (!child->ram)
        config_complain(report, child->node, "no RAM quota: <resource name=\"RAM\" quantum=\"...\"/>");
    if (child->priority > CONFIG_PRIORITY_MAX)
        config_complain(report, child->node, "priority is more than %u", CONFIG_PRIORITY_MAX);
    if (child->slice_us < CONFIG_SLICE_LEAST || child->slice_us > CONFIG_SLICE_MOST)
        config_complain(report, child->node, "slice_us is not %u to %u", CONFIG_SLICE_LEAST,
                        CONFIG_SLICE_MOST);
    if ((child->request_ram && child->request_ram < child->ram) ||
        (child->request_caps && child->request_caps < child->caps) || child->request_caps > UINT32_MAX)
        config_complain(report, child->node, "<request> allows less than the quota, or too much");
    if (child->has_config && child->config_file_opt)
        config_complain(report, child->node, "<config> and <configfile> exclude each other");
    check_provides(child, report);
}

static void check_aliases(const struct config *config, struct config_report *report)
{
    for (const struct config_alias *alias = config->aliases; alias; alias = alias->next) {
        if (!find_child(config, alias->child))
            config_complain(report, alias->node, "there is no child `%s'", alias->child);
        if (find_child(config, alias->name))
            config_complain(report, alias->node, "a child has this name");
    }
}

/* ---- routes ---- */

static bool somebody_provides(const struct config *config, const char *service)
{
    for (const struct config_child *child = config->children; child; child = child->next)
        if (config_provides(child->provides, service, NULL))
            return true;
    return false;
}

/* `service_opt` NULL: any service, so the target only has to exist. */
static void check_target(const struct config *config, const struct config_child *client_opt,
                         const char *service_opt, struct config_target *target, struct config_report *report)
{
    if (target->kind == CONFIG_TARGET_PARENT) {
        if (service_opt && !config_provides(config->parent_provides, service_opt, NULL))
            config_complain(report, target->node, "`%s' is not in <parent-provides>", service_opt);
        return;
    }
    if (target->kind == CONFIG_TARGET_ANY_CHILD) {
        if (service_opt && !somebody_provides(config, service_opt))
            config_complain(report, target->node, "no child provides `%s'", service_opt);
        return;
    }
    if (!target->name_opt)
        return;
    target->child_opt = find_target(config, target->name_opt);
    if (!target->child_opt)
        config_complain(report, target->node, "there is no child of this name");
    else if (target->child_opt == client_opt)
        config_complain(report, target->node, "a child cannot be its own server");
    else if (service_opt && !config_provides(target->child_opt->provides, service_opt, NULL))
        config_complain(report, target->node, "does not provide `%s'", service_opt);
    else if (!service_opt && !target->child_opt->provides)
        config_complain(report, target->node, "provides no service at all");
}

static void check_routes(const struct config *config, const struct config_child *client_opt,
                         struct config_route *routes, struct config_report *report)
{
    for (struct config_route *route = routes; route; route = route->next) {
        if (!route->targets)
            config_complain(report, route->node, "a route to nobody: neither <parent> nor <child>");
        for (struct config_target *target = route->targets; target; target = target->next)
            check_target(config, client_opt, route->service_opt, target, report);
    }
}

static void check_offered(const struct config *config, struct config_report *report)
{
    for (const struct config_route *route = config->services; route; route = route->next)
        for (const struct config_target *target = route->targets; target; target = target->next)
            if (target->kind == CONFIG_TARGET_PARENT)
                config_complain(report, target->node, "what the parent asks for cannot come from the parent");
}

void config_check(struct config *config, struct config_report *report)
{
    for (struct config_child *child = config->children; child; child = child->next)
        check_child(config, child, report);
    check_aliases(config, report);
    check_routes(config, NULL, config->default_routes, report);
    check_routes(config, NULL, config->services, report);
    check_offered(config, report);
    for (struct config_child *child = config->children; child; child = child->next)
        check_routes(config, child, child->routes, report);
}
