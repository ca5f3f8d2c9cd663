/* SPDX-License-Identifier: MIT */
/*
 * Where a child's session request goes. Hardware-free.
 *
 * The child's <route> decides, or <default-route> if it has none. The first <service> or <any-service> whose conditions
 * hold counts, and in it the first target that provides the service. A named service whose targets all lack it refuses
 * the request; an <any-service> lets the next rule try.
 */
#ifndef INIT_ROUTE_H
#define INIT_ROUTE_H

#include "init/config.h"

struct route {
    const struct config_child *server_opt; /* NULL: the parent */
    char label[PARENT_LABEL_MAX];          /* what the server sees */
};

/*
 * `label` is the client's own, without its name.
 * ERR_DENIED: no route. ERR_EXISTS: <any-child> finds several. ERR_OVERFLOW: the label does not fit.
 */
[[nodiscard]] enum status route_find(const struct config *config, const struct config_child *client,
                                     const char *service, const char *label, struct route *out);

/* The same for a request that comes from init's parent, with the label that the parent gives it. */
[[nodiscard]] enum status route_find_offered(const struct config *config, const char *service,
                                             const char *label, struct route *out);

/* True if the configuration routes the child's ROM `config` explicitly, so init does not answer it itself. */
bool route_overrides_config(const struct config *config, const struct config_child *client);

/* "name -> label", or "name" for an empty label. False: it does not fit. */
[[nodiscard]] bool route_label(char *out, size_t size, const char *name, const char *label);

#endif
