/* SPDX-License-Identifier: MIT */
/*
 * A component's own configuration: the ROM "config" that its parent made of the <config> node.
 *
 * The text is mapped for the component's life and checked once, so slices of it may be kept. What is wrong is said in
 * the log with line, column and reason.
 */
#ifndef LIB_CONFIG_CONFIG_H
#define LIB_CONFIG_CONFIG_H

#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stddef.h>

struct entrypoint;

/* The root node, which must be <config>. ERR_NOT_FOUND: there is no such ROM; ERR_INVALID: it is no such XML. */
[[nodiscard]] enum status config_load(struct xml_node *out);

/* The same, or <config/> if the component was given none. */
[[nodiscard]] enum status config_load_or_empty(struct xml_node *out);

/*
 * After config_load: `changed` is called on the entry point with each new configuration, slices of the one before
 * are gone by then. A text that is no configuration is reported and left out. Having called this is what tells the
 * parent that the component need not be restarted when its configuration changes.
 */
[[nodiscard]] enum status config_watch(struct entrypoint *entrypoint, void (*changed)(struct xml_node root));

/*
 * Refuses what the component does not know: every attribute of `node` must be in `names` (NULL at the end). Children are
 * not looked at. ERR_INVALID, and the log names line and attribute.
 */
[[nodiscard]] enum status config_check_attributes(struct xml_node node, const char *const *names);

/* The same for its children's names. */
[[nodiscard]] enum status config_check_children(struct xml_node node, const char *const *names);

/* Logs "config:N: <name>: ATTRIBUTE="...": reason", as init does for its own. */
void config_complain(struct xml_node node, const char *attribute, const char *reason);

/* A number with a default and a range; complaints are logged, with the range. ERR_INVALID, ERR_RANGE. */
[[nodiscard]] enum status config_number(struct xml_node node, const char *attribute, uint64_t fallback,
                                        uint64_t low, uint64_t high, uint64_t *out);

/* The same for a number of bytes (4096, 4K, 1G). */
[[nodiscard]] enum status config_size(struct xml_node node, const char *attribute, uint64_t fallback,
                                      uint64_t low, uint64_t high, uint64_t *out);

#endif
