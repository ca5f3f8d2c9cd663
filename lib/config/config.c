/* SPDX-License-Identifier: MIT */
/* A component's own configuration; see config.h. */
#include "lib/config/config.h"

#include "contract/rom/client.h"
#include "lib/base/entrypoint.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/session.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"

#define KNOWN_MAX 100u

static enum status parse(const char *text, size_t length, struct xml_node *out)
{
    struct xml_error error;
    struct xml_node root;

    /* A ROM is whole pages for some servers: zeros behind the text do not count. */
    while (length && text[length - 1] == '\0')
        length--;
    if (xml_validate(text, length, &error) != OK) {
        log_error("config:%zu: column %zu: not XML: %s", error.line, error.column, error.reason);
        return ERR_INVALID;
    }
    if (!xml_root(text, length, &root) || !xml_name_is(root, "config")) {
        log_error("config: the root node must be <config>");
        return ERR_INVALID;
    }
    *out = root;
    return OK;
}

#define CONFIG_RAM  (ROM_READER_RAM + 16384) /* for servers that copy what changes */
#define CONFIG_CAPS (ROM_READER_CAPS + 2)

static struct rom_reader reader; /* of the one configuration that a component has */
static struct signal changes;
static void (*changed_opt)(struct xml_node root);

enum status config_load(struct xml_node *out)
{
    struct session_options options = {
        .service = ROM_SERVICE, .label_opt = "config", .ram = CONFIG_RAM, .caps = CONFIG_CAPS};
    enum status status = session_open(&options, &reader.connection);

    if (status != OK)
        return status;
    status = rom_map(reader.connection.slot, &reader.rom);
    if (status == OK)
        return parse(reader.rom.data, reader.rom.size, out);
    log_error("config: cannot be read: %s", status_text(status));
    session_close(&reader.connection);
    return status;
}

static void changes_received(struct signal *signal)
{
    struct xml_node root;
    struct rom fresh;

    (void)signal;
    if (rom_map(reader.connection.slot, &fresh) != OK)
        return;
    if (fresh.generation == reader.rom.generation || parse(fresh.data, fresh.size, &root) != OK) {
        rom_unmap(&fresh);
        return;
    }
    changed_opt(root);
    rom_unmap(&reader.rom);
    reader.rom = fresh;
}

enum status config_watch(struct entrypoint *entrypoint, void (*changed)(struct xml_node root))
{
    changed_opt = changed;
    if (!reader.connection.id) /* it was given none, and never will be */
        return OK;
    enum status status = signal_create(entrypoint, &changes, changes_received);

    if (status != OK)
        return status;
    status = rom_set_notification(reader.connection.slot, changes.slot);
    if (status == OK)
        notification_signal(changes.slot); /* it may have changed since it was loaded */
    return status;
}

enum status config_load_or_empty(struct xml_node *out)
{
    static const char empty[] = "<config/>";
    enum status status = config_load(out);

    if (status == ERR_NOT_FOUND || status == ERR_DENIED)
        status = parse(empty, sizeof(empty) - 1, out);
    return status;
}

void config_complain(struct xml_node node, const char *attribute, const char *reason)
{
    struct xml_slice name = xml_name(node), value = {"", 0};

    (void)xml_attribute(node, attribute, &value);
    log_error("config:%zu: <%.*s>: %s=\"%.*s\": %s", xml_line(node), (int)name.length, name.start, attribute,
              (int)value.length, value.start, reason);
}

enum status config_check_attributes(struct xml_node node, const char *const *names)
{
    struct xml_slice name, value, node_name = xml_name(node);

    for (size_t i = 0; xml_attribute_at(node, i, &name, &value); i++) {
        const char *const *known = names;
        while (*known && !xml_slice_is(name, *known))
            known++;
        if (*known)
            continue;
        log_error("config:%zu: <%.*s>: unknown attribute `%.*s'", xml_line(node), (int)node_name.length,
                  node_name.start, (int)name.length, name.start);
        return ERR_INVALID;
    }
    return OK;
}

enum status config_check_children(struct xml_node node, const char *const *names)
{
    struct xml_node child;

    for (bool more = xml_first_child(node, &child); more; more = xml_next_sibling(child, &child)) {
        const char *const *known = names;
        struct xml_slice name = xml_name(child);
        char list[KNOWN_MAX] = "";

        while (*known && !xml_name_is(child, *known))
            known++;
        if (*known)
            continue;
        for (size_t length = 0; *names && length < sizeof(list); names++)
            length += fmt_format(list + length, sizeof(list) - length, " %s", *names);
        log_error("config:%zu: <%.*s>: unknown node, known:%s", xml_line(child), (int)name.length, name.start,
                  list);
        return ERR_INVALID;
    }
    return OK;
}

typedef enum status value_read(struct xml_node node, const char *attribute, uint64_t *out);

static enum status bounded(struct xml_node node, const char *attribute, value_read *read, const char *what,
                           uint64_t fallback, uint64_t low, uint64_t high, uint64_t *out)
{
    uint64_t value = fallback;
    char expected[KNOWN_MAX];
    enum status status = read(node, attribute, &value);

    if (status == ERR_NOT_FOUND)
        status = OK;
    else if (status == OK && (value < low || value > high))
        status = ERR_RANGE;
    if (status == OK) {
        *out = value;
        return OK;
    }
    fmt_format(expected, sizeof(expected), "must be a %s from %llu to %llu", what, (unsigned long long)low,
               (unsigned long long)high);
    config_complain(node, attribute, expected);
    return status;
}

enum status config_number(struct xml_node node, const char *attribute, uint64_t fallback, uint64_t low,
                          uint64_t high, uint64_t *out)
{
    return bounded(node, attribute, xml_attribute_unsigned, "number", fallback, low, high, out);
}

enum status config_size(struct xml_node node, const char *attribute, uint64_t fallback, uint64_t low,
                        uint64_t high, uint64_t *out)
{
    return bounded(node, attribute, xml_attribute_size, "size", fallback, low, high, out);
}
