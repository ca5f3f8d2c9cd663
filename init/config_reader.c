/* SPDX-License-Identifier: MIT */
/*
 * Tables say which nodes and attributes there are, one function walks them; see config_reader.h.
 */
#include "init/config_reader.h"

#include "lib/base/heap.h"
#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

struct config_block {
    struct config_block *next;
    max_align_t content[];
};

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

void *reader_alloc(struct reader *reader, size_t size)
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

void check_attributes(struct reader *reader, struct xml_node node, const char *known)
{
    struct xml_slice name, value;

    for (size_t i = 0; xml_attribute_at(node, i, &name, &value); i++)
        if (!listed(known, name))
            config_complain(reader->report, node, "unknown attribute `%.*s', %s%s", (int)name.length,
                            name.start, known[0] ? "known: " : "there is none", known);
}

bool read_text(struct reader *reader, struct xml_node node, const char *name, char *buffer, size_t size,
               bool needed)
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

void read_new_text(struct reader *reader, struct xml_node node, const char *name, size_t size, bool needed,
                   const char **out)
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

void read_number(struct reader *reader, struct xml_node node, const char *name, uint64_t *out)
{
    check_value(reader, node, name, xml_attribute_unsigned(node, name, out), "a number");
}

void read_size(struct reader *reader, struct xml_node node, const char *name, uint64_t *out)
{
    check_value(reader, node, name, xml_attribute_size(node, name, out), "a size (a number, with K, M or G)");
}

void read_bool(struct reader *reader, struct xml_node node, const char *name, bool *out)
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

void read_nodes(struct reader *reader, struct xml_node parent, const struct element *elements, size_t count,
                void *target)
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

void expect_empty(struct reader *reader, struct xml_node node)
{
    read_nodes(reader, node, NULL, 0, NULL);
}
