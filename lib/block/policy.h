/* SPDX-License-Identifier: MIT */
/*
 * Who may have which view, by the label of the session: <policy> nodes in a server's configuration.
 *
 *     <policy label="vm -> root" offset="1M" size="1G" write="yes"/>
 *     <policy label_prefix="backup" shared="yes"/>
 *
 * The first that fits counts. The session's arguments choose inside its range: their offset counts from there. `write` and
 * `shared` (both no by default) are what the session may ask for. A label that none fits is refused. Without any <policy>, all
 * sessions that are routed here get what their arguments ask for: then the routes are the policy.
 */
#ifndef LIB_BLOCK_POLICY_H
#define LIB_BLOCK_POLICY_H

#include "lib/block/server.h"
#include "lib/xml/xml.h"

/* All <policy> nodes; what is wrong is said in the log. `other_opt`: another node that the component knows, which is not looked at;
   any other is refused. */
[[nodiscard]] enum status block_policy_check(struct xml_node config, const char *other_opt);

/* Narrows *view. ERR_DENIED: no <policy> fits. ERR_RANGE: outside its range. */
[[nodiscard]] enum status block_policy_view(struct xml_node config, const char *label,
                                            struct block_view *view);

#endif
