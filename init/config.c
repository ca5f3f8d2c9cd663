/* SPDX-License-Identifier: MIT */
/*
 * Reading the configuration: tables say which nodes and attributes there are, one function walks them.
 */
#include "init/config.h"

#include "lib/base/heap.h"
#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

struct config_block {
    struct config_block *next;
    max_align_t content[];
};

struct reader {
    struct config *config;
    struct config_report *report;
    bool no_memory;
};

/* A kind of node: its attributes, separated by blanks, and what reads it. */
struct element {
    const char *name;
    const char *attributes;
    bool once;
    void (*read)(struct reader *reader, struct xml_node node, void *target);
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void *config_alloc(struct config *config, size_t size)
{
    struct config_block *block = heap_alloc(sizeof(struct config_block) + size);

    if (!block)
        return NULL;
    memset(block, 0, sizeof(struct config_block) + size);
    block->next = config->blocks;
    config->blocks = block;
    return block->content;
}

void config_free(struct config *config)
{
    while (config->blocks) {
        struct config_block *block = config->blocks;

        config->blocks = block->next;
        heap_free(block);
    }
    *config = (struct config){0};
}

static void *reader_alloc(struct reader *reader, size_t size)
{
    void *block = config_alloc(reader->config, size);

    if (!block)
        reader->no_memory = true;
    return block;
}

/* ---- mistakes ---- */

static size_t put_node(char *line, size_t size, struct xml_node node)
{
    struct xml_slice name = xml_name(node), value;
    size_t length = fmt_format(line, size, "config:%zu: <%.*s", xml_line(node), (int)name.length, name.start);

    if (length < size && xml_attribute(node, "name", &value))
        length += fmt_format(line + length, size - length, " name=\"%.*s\"",
                             (int)(value.length < CONFIG_BINARY_MAX ? value.length : CONFIG_BINARY_MAX),
                             value.start);
    if (length < size)
        length += fmt_format(line + length, size - length, ">: ");
    return length < size ? length : size - 1;
}

void config_complain(struct config_report *report, struct xml_node node, const char *format, ...)
{
    char line[CONFIG_MESSAGE_MAX];
    size_t length = put_node(line, sizeof(line), node);
    va_list arguments;

    va_start(arguments, format);
    fmt_vformat(line + length, sizeof(line) - length, format, arguments);
    va_end(arguments);
    report->count++;
    report->line(report, line);
}

/* ---- attributes ---- */

/* True if `name` is one of the words of `list`. */
static bool listed(const char *list, struct xml_slice name)
{
    while (*list) {
        size_t length = 0;

        while (list[length] && list[length] != ' ')
            length++;
        if (length == name.length && memcmp(list, name.start, length) == 0)
            return true;
        list += length + (list[length] == ' ');
    }
    return false;
}

static void check_attributes(struct reader *reader, struct xml_node node, const char *known)
{
    struct xml_slice name, value;

    for (size_t i = 0; xml_attribute_at(node, i, &name, &value); i++)
        if (!listed(known, name))
            config_complain(reader->report, node, "unknown attribute `%.*s', %s%s", (int)name.length,
                            name.start, known[0] ? "known: " : "there is none", known);
}

/* Into a buffer; `needed`: it must be there and not be empty. */
static bool read_text(struct reader *reader, struct xml_node node, const char *name, char *buffer,
                      size_t size, bool needed)
{
    enum status status = xml_attribute_copy(node, name, buffer, size);

    if (status == ERR_NOT_FOUND) {
        buffer[0] = '\0';
        if (needed)
            config_complain(reader->report, node, "attribute `%s' is missing", name);
        return false;
    }
    if (status != OK) {
        buffer[0] = '\0';
        config_complain(reader->report, node, "attribute `%s' is longer than %zu bytes", name, size - 1);
        return false;
    }
    if (needed && !buffer[0]) {
        config_complain(reader->report, node, "attribute `%s' is empty", name);
        return false;
    }
    return true;
}

/* Into memory of the model; *out stays NULL if there is no such attribute. */
static void read_new_text(struct reader *reader, struct xml_node node, const char *name, size_t size,
                          bool needed, const char **out)
{
    char buffer[PARENT_LABEL_MAX];

    if (size > sizeof(buffer))
        size = sizeof(buffer);
    if (!read_text(reader, node, name, buffer, size, needed))
        return;
    size_t length = strlen(buffer) + 1;
    char *text = reader_alloc(reader, length);

    if (!text)
        return;
    memcpy(text, buffer, length);
    *out = text;
}

/* Reports what a typed read said; an absent attribute is fine. */
static void check_value(struct reader *reader, struct xml_node node, const char *name, enum status status,
                        const char *what)
{
    struct xml_slice value;

    if (status == OK || status == ERR_NOT_FOUND || !xml_attribute(node, name, &value))
        return;
    config_complain(reader->report, node, "%s=\"%.*s\" is not %s", name,
                    (int)(value.length < 40 ? value.length : 40), value.start, what);
}

static void read_number(struct reader *reader, struct xml_node node, const char *name, uint64_t *out)
{
    check_value(reader, node, name, xml_attribute_unsigned(node, name, out), "a number");
}

static void read_size(struct reader *reader, struct xml_node node, const char *name, uint64_t *out)
{
    check_value(reader, node, name, xml_attribute_size(node, name, out), "a size (a number, with K, M or G)");
}

static void read_bool(struct reader *reader, struct xml_node node, const char *name, bool *out)
{
    check_value(reader, node, name, xml_attribute_bool(node, name, out), "yes or no");
}

/* ---- nodes ---- */

static void complain_node(struct reader *reader, struct xml_node parent, struct xml_node node,
                          const struct element *elements, size_t count)
{
    struct xml_slice name = xml_name(parent);
    char known[CONFIG_MESSAGE_MAX] = "there is none";

    for (size_t i = 0, length = 0; i < count && length < sizeof(known); i++)
        length +=
            fmt_format(known + length, sizeof(known) - length, "%s%s", i ? " " : "known: ", elements[i].name);
    config_complain(reader->report, node, "unknown node in <%.*s>, %s", (int)name.length, name.start, known);
}

static void read_nodes(struct reader *reader, struct xml_node parent, const struct element *elements,
                       size_t count, void *target)
{
    struct xml_node node;
    uint64_t seen = 0;

    for (bool more = xml_first_child(parent, &node); more; more = xml_next_sibling(node, &node)) {
        size_t i = 0;

        while (i < count && !xml_name_is(node, elements[i].name))
            i++;
        if (i == count) {
            complain_node(reader, parent, node, elements, count);
            continue;
        }
        if (elements[i].once && seen & 1ull << i)
            config_complain(reader->report, node, "given twice");
        seen |= 1ull << i;
        if (elements[i].attributes)
            check_attributes(reader, node, elements[i].attributes);
        elements[i].read(reader, node, target);
    }
}

/* For nodes without content. */
static void expect_empty(struct reader *reader, struct xml_node node)
{
    read_nodes(reader, node, NULL, 0, NULL);
}

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

static void read_services(struct reader *reader, struct xml_node node, void *target)
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

static void read_service_route(struct reader *reader, struct xml_node node, void *target)
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

static void read_routes(struct reader *reader, struct xml_node node, void *target)
{
    static const struct element elements[] = {
        {"service", "name label label_prefix label_suffix label_last unscoped_label", false,
         read_service_route},
        {"any-service", "", false, read_any_service_route},
    };

    read_nodes(reader, node, elements, COUNT(elements), target);
}

/* ---- <start> ---- */

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

static void read_start(struct reader *reader, struct xml_node node, void *target)
{
    static const struct element elements[] = {
        {"binary", "name", true, read_binary},     {"resource", "name quantum", false, read_resource},
        {"provides", "", true, read_provides},     {"exit", "propagate", true, read_exit},
        {"config", NULL, true, read_child_config}, {"route", "", true, read_child_route},
    };
    struct config *config = target;
    struct config_child *child = reader_alloc(reader, sizeof(*child)), **list = &config->children;

    if (!child)
        return;
    child->node = node;
    (void)read_text(reader, node, "name", child->name, sizeof(child->name), true);
    (void)string_copy(child->binary, sizeof(child->binary), child->name);
    read_number(reader, node, "caps", &child->caps);
    read_number(reader, node, "priority", &child->priority);
    read_nodes(reader, node, elements, COUNT(elements), child);
    while (*list)
        list = &(*list)->next;
    *list = child;
    config->child_count++;
}

/* ---- <config> ---- */

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

static void read_config(struct reader *reader, struct xml_node node)
{
    static const struct element elements[] = {
        {"parent-provides", "", true, read_parent_provides},
        {"default-route", "", true, read_default_route},
        {"default", "caps ram", true, read_default},
        {"start", "name caps priority", false, read_start},
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
