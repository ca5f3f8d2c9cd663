/* SPDX-License-Identifier: MIT */
/* See policy.h. */
#include "server/block_part/policy.h"

#include "lib/string/string.h"

#define TEXT_MAX 200u

static const char *const choices[] = {"number", "name", "uuid", "whole"};

static bool has(struct xml_node node, const char *attribute)
{
    struct xml_slice slice;

    return xml_attribute(node, attribute, &slice);
}

static enum status complain(struct xml_node node, const char *attribute, const char *reason,
                            struct policy_error *error)
{
    *error = (struct policy_error){.node = node, .attribute = attribute, .reason = reason};
    return ERR_INVALID;
}

static enum status check_truth(struct xml_node node, const char *attribute, struct policy_error *error)
{
    bool value;

    if (xml_attribute_bool(node, attribute, &value) == ERR_INVALID)
        return complain(node, attribute, "must be yes or no", error);
    return OK;
}

static enum status check_choice(struct xml_node node, struct policy_error *error)
{
    uint64_t number = 1;
    unsigned count = 0;
    bool whole = true;

    for (unsigned i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
        count += has(node, choices[i]);
    if (count != 1)
        return complain(node, "number", "exactly one of number, name, uuid, whole must be there", error);
    if (has(node, "number") && (xml_attribute_unsigned(node, "number", &number) != OK || number == 0))
        return complain(node, "number", "must be a partition's number, from 1 on", error);
    if (has(node, "whole") && (xml_attribute_bool(node, "whole", &whole) != OK || !whole))
        return complain(node, "whole", "must be yes where it is", error);
    return OK;
}

/* A `writable` that is not read would be a client that wonders why it may not write. */
static enum status check_names(struct xml_node node, struct policy_error *error)
{
    static const char *const names[] = {"label", "label_prefix", "number",    "name",
                                        "uuid",  "whole",        "writeable", "shared"};
    struct xml_slice name, value;

    for (size_t i = 0; xml_attribute_at(node, i, &name, &value); i++) {
        bool known = false;

        for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
            known |= xml_slice_is(name, names[j]);
        if (known)
            continue;
        size_t length = name.length < sizeof(error->unknown) ? name.length : sizeof(error->unknown) - 1;
        (void)complain(node, error->unknown,
                       "unknown attribute, known: label label_prefix number name uuid whole writeable shared",
                       error);
        memcpy(error->unknown, name.start, length);
        return ERR_INVALID;
    }
    return OK;
}

static enum status check_node(struct xml_node node, struct policy_error *error)
{
    enum status status = check_names(node, error);

    if (status == OK)
        status = check_choice(node, error);
    if (status != OK)
        return status;
    if (has(node, "label") == has(node, "label_prefix"))
        return complain(node, "label", "exactly one of label and label_prefix must be there", error);
    status = check_truth(node, "writeable", error);
    return status == OK ? check_truth(node, "shared", error) : status;
}

enum status policy_check(struct xml_node config, struct policy_error *error)
{
    struct xml_node node;
    enum status status = OK;

    for (bool more = xml_first_child(config, &node); more && status == OK;
         more = xml_next_sibling(node, &node))
        status = xml_name_is(node, "policy")
                     ? check_node(node, error)
                     : complain(node, "label", "unknown node, known: <policy>", error);
    return status;
}

static bool fits(struct xml_node node, const char *label)
{
    char text[TEXT_MAX];

    if (xml_attribute_is(node, "label", label))
        return true;
    return xml_attribute_copy(node, "label_prefix", text, sizeof(text)) == OK &&
           strncmp(label, text, strlen(text)) == 0;
}

static const struct partition *choose(struct xml_node node, const struct table *table)
{
    char text[TEXT_MAX];
    uint64_t number;

    if (xml_attribute_unsigned(node, "number", &number) == OK)
        return table_by_number(table, number);
    if (xml_attribute_copy(node, "name", text, sizeof(text)) == OK)
        return table_by_name(table, text);
    if (xml_attribute_copy(node, "uuid", text, sizeof(text)) == OK)
        return table_by_uuid(table, text);
    return NULL;
}

static enum status grant(struct xml_node node, const struct table *table, uint64_t disk_size,
                         struct grant *out, const char **reason)
{
    struct grant granted = {.size = disk_size};

    (void)(xml_attribute_bool(node, "writeable", &granted.write) == OK);
    (void)(xml_attribute_bool(node, "shared", &granted.shared) == OK);
    if (!has(node, "whole")) {
        const struct partition *partition = choose(node, table);

        if (!partition) {
            *reason = "there is no such partition";
            return ERR_NOT_FOUND;
        }
        if (partition->problem_opt) {
            *reason = partition->problem_opt;
            return ERR_DENIED;
        }
        granted.offset = partition->offset;
        granted.size = partition->size;
    }
    *out = granted;
    return OK;
}

enum status policy_find(struct xml_node config, const char *label, const struct table *table,
                        uint64_t disk_size, struct grant *out, const char **reason)
{
    struct xml_node node;

    for (bool more = xml_first_child_named(config, "policy", &node); more;
         more = xml_next_sibling_named(node, "policy", &node))
        if (fits(node, label))
            return grant(node, table, disk_size, out, reason);
    *reason = "no policy for this label";
    return ERR_DENIED;
}
