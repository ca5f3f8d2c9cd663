/* SPDX-License-Identifier: MIT */
/* Routing, see route.h. */
#include "init/route.h"

#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

#define ARROW " -> "

bool route_label(char *out, size_t size, const char *name, const char *label)
{
    return fmt_format(out, size, "%s%s%s", name, label[0] ? ARROW : "", label) < size;
}

static const char *last_part(const char *label)
{
    const char *last = label;

    for (const char *at = label; *at; at++)
        if (strncmp(at, ARROW, sizeof(ARROW) - 1) == 0)
            last = at + sizeof(ARROW) - 1;
    return last;
}

static bool equal(const char *condition_opt, const char *text)
{
    return !condition_opt || strcmp(condition_opt, text) == 0;
}

static bool begins(const char *condition_opt, const char *text)
{
    return !condition_opt || strncmp(text, condition_opt, strlen(condition_opt)) == 0;
}

static bool ends(const char *condition_opt, const char *text)
{
    size_t length = strlen(text), end = condition_opt ? strlen(condition_opt) : 0;

    return !condition_opt || (length >= end && strcmp(text + length - end, condition_opt) == 0);
}

/* `full`: with the client's name before it. */
static bool matches(const struct config_route *route, const char *service, const char *label,
                    const char *full)
{
    return equal(route->service_opt, service) && equal(route->label_opt, label) &&
           begins(route->prefix_opt, label) && ends(route->suffix_opt, label) &&
           equal(route->last_opt, last_part(label)) && equal(route->unscoped_opt, full);
}

/* OK, ERR_NOT_FOUND, or ERR_EXISTS if there are several. */
static enum status any_child(const struct config *config, const struct config_child *client,
                             const char *service, const struct config_child **out)
{
    const struct config_child *found_opt = NULL;

    for (const struct config_child *child = config->children; child; child = child->next) {
        if (child == client || !config_provides(child->provides, service, NULL))
            continue;
        if (found_opt)
            return ERR_EXISTS;
        found_opt = child;
    }
    if (!found_opt)
        return ERR_NOT_FOUND;
    *out = found_opt;
    return OK;
}

/* The server that the target means, if it provides the service. NULL in *out: the parent. */
static enum status resolve(const struct config *config, const struct config_child *client,
                           const struct config_target *target, const char *service,
                           const struct config_child **out)
{
    switch (target->kind) {
    case CONFIG_TARGET_PARENT:
        if (!config_provides(config->parent_provides, service, NULL))
            return ERR_NOT_FOUND;
        *out = NULL;
        return OK;
    case CONFIG_TARGET_CHILD:
        if (target->child_opt == client || !config_provides(target->child_opt->provides, service, NULL))
            return ERR_NOT_FOUND;
        *out = target->child_opt;
        return OK;
    case CONFIG_TARGET_ANY_CHILD: return any_child(config, client, service, out);
    }
    return ERR_NOT_FOUND;
}

static const struct config_route *routes_of(const struct config *config, const struct config_child *client)
{
    return client->has_routes ? client->routes : config->default_routes;
}

/* The first target of the route that provides the service. ERR_NOT_FOUND: none does. */
static enum status choose(const struct config *config, const struct config_child *client_opt,
                          const struct config_route *route, const char *service, const char *full,
                          struct route *out)
{
    for (const struct config_target *target = route->targets; target; target = target->next) {
        const struct config_child *server_opt;
        enum status status = resolve(config, client_opt, target, service, &server_opt);

        if (status == ERR_NOT_FOUND)
            continue;
        if (status != OK)
            return status;
        out->server_opt = server_opt;
        (void)string_copy(out->label, sizeof(out->label), target->label_opt ? target->label_opt : full);
        return OK;
    }
    return ERR_NOT_FOUND;
}

enum status route_find(const struct config *config, const struct config_child *client, const char *service,
                       const char *label, struct route *out)
{
    char full[PARENT_LABEL_MAX];

    if (!route_label(full, sizeof(full), client->name, label))
        return ERR_OVERFLOW;
    for (const struct config_route *route = routes_of(config, client); route; route = route->next) {
        if (!matches(route, service, label, full))
            continue;
        enum status status = choose(config, client, route, service, full, out);

        if (status != ERR_NOT_FOUND)
            return status;
        if (route->service_opt)
            return ERR_DENIED;
    }
    return ERR_DENIED;
}

enum status route_find_offered(const struct config *config, const char *service, const char *label,
                               struct route *out)
{
    for (const struct config_route *route = config->services; route; route = route->next) {
        if (!matches(route, service, label, label))
            continue;
        enum status status = choose(config, NULL, route, service, label, out);

        return status == ERR_NOT_FOUND ? ERR_DENIED : status;
    }
    return ERR_DENIED;
}

bool route_overrides_config(const struct config *config, const struct config_child *client)
{
    char full[PARENT_LABEL_MAX];

    if (!route_label(full, sizeof(full), client->name, "config"))
        return false;
    for (const struct config_route *route = routes_of(config, client); route; route = route->next)
        if (route->service_opt && (route->label_opt || route->last_opt || route->unscoped_opt) &&
            matches(route, "ROM", "config", full))
            return true;
    return false;
}
