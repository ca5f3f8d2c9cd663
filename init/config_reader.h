/* SPDX-License-Identifier: MIT */
/*
 * What reads a configuration by tables: which nodes and attributes there are, and typed attributes. Hardware-free, and
 * private to config*.c. Mistakes are reported and reading goes on, so that all of them are found at once.
 */
#ifndef INIT_CONFIG_READER_H
#define INIT_CONFIG_READER_H

#include "init/config.h"

struct reader {
    struct config *config;
    struct config_report *report;
    bool no_memory;
};

/* A kind of node: its attributes, separated by blanks (NULL: any), and what reads it. */
struct element {
    const char *name;
    const char *attributes;
    bool once;
    void (*read)(struct reader *reader, struct xml_node node, void *target);
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Memory of the model; NULL, noted in the reader: none left. */
void *reader_alloc(struct reader *reader, size_t size);

/* The children of `parent`, each by the element of its name. */
void read_nodes(struct reader *reader, struct xml_node parent, const struct element *elements, size_t count,
                void *target);

/* For nodes without content. */
void expect_empty(struct reader *reader, struct xml_node node);
void check_attributes(struct reader *reader, struct xml_node node, const char *known);

/* Into a buffer; `needed`: it must be there and not be empty. */
bool read_text(struct reader *reader, struct xml_node node, const char *name, char *buffer, size_t size,
               bool needed);

/* Into memory of the model; *out stays as it is if there is no such attribute. */
void read_new_text(struct reader *reader, struct xml_node node, const char *name, size_t size, bool needed,
                   const char **out);

/* The output stays as it is if there is no such attribute. */
void read_number(struct reader *reader, struct xml_node node, const char *name, uint64_t *out);
void read_size(struct reader *reader, struct xml_node node, const char *name, uint64_t *out);
void read_bool(struct reader *reader, struct xml_node node, const char *name, bool *out);

#define ROUTE_ATTRIBUTES "name label label_prefix label_suffix label_last unscoped_label"

/* config_route.c: <service> lists, and routes. */
void read_services(struct reader *reader, struct xml_node node, void *target);
void read_routes(struct reader *reader, struct xml_node node, void *target);
void read_service_route(struct reader *reader, struct xml_node node, void *target);

/* config_start.c */
void read_start(struct reader *reader, struct xml_node node, void *target);

#endif
