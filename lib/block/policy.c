/* SPDX-License-Identifier: MIT */
/* Views by label; see policy.h. The configuration is read again for each session: sessions are rare, and nothing is kept. */
#include "lib/block/policy.h"

#include "contract/parent/wire.h"
#include "lib/config/config.h"
#include "lib/string/string.h"

struct policy {
    char label[PARENT_LABEL_MAX];
    bool prefix, write, shared;
    uint64_t offset, size;
};

/* Which attribute is wrong is told by *attribute. */
static enum status policy_read(struct xml_node node, struct policy *out, const char **attribute)
{
    struct xml_slice ignored;
    enum status status;

    *out = (struct policy){.size = UINT64_MAX, .prefix = xml_attribute(node, "label_prefix", &ignored)};
    *attribute = out->prefix ? "label_prefix" : "label";
    status = xml_attribute_copy(node, *attribute, out->label, sizeof(out->label));
    if (status != OK)
        return ERR_INVALID;
    *attribute = "offset";
    status = xml_attribute_size(node, *attribute, &out->offset);
    if (status != OK && status != ERR_NOT_FOUND)
        return ERR_INVALID;
    *attribute = "size";
    status = xml_attribute_size(node, *attribute, &out->size);
    if ((status != OK && status != ERR_NOT_FOUND) || out->size == 0 ||
        (status == OK && out->size > UINT64_MAX - 1 - out->offset))
        return ERR_INVALID;
    *attribute = "write";
    if (xml_attribute_bool(node, *attribute, &out->write) == ERR_INVALID)
        return ERR_INVALID;
    *attribute = "shared";
    return xml_attribute_bool(node, *attribute, &out->shared) == ERR_INVALID ? ERR_INVALID : OK;
}

enum status block_policy_check(struct xml_node config)
{
    static const char *const names[] = {"label", "label_prefix", "offset", "size", "write", "shared", NULL};
    struct xml_node node;

    for (bool more = xml_first_child_named(config, "policy", &node); more;
         more = xml_next_sibling_named(node, "policy", &node)) {
        struct policy policy;
        const char *attribute;
        enum status status = config_check_attributes(node, names);

        if (status != OK)
            return status;
        status = policy_read(node, &policy, &attribute);
        if (status != OK) {
            config_complain(node, attribute, "not what it should be");
            return status;
        }
    }
    return OK;
}

static bool fits(const struct policy *policy, const char *label)
{
    return policy->prefix ? strncmp(label, policy->label, strlen(policy->label)) == 0
                          : strcmp(label, policy->label) == 0;
}

static enum status narrow(const struct policy *policy, struct block_view *view)
{
    if (view->offset > policy->size || view->offset > UINT64_MAX - policy->offset)
        return ERR_RANGE;

    uint64_t left = policy->size == UINT64_MAX ? UINT64_MAX : policy->size - view->offset;

    if (view->size != UINT64_MAX && view->size > left)
        return ERR_RANGE;
    if (view->size > left)
        view->size = left;
    view->offset += policy->offset;
    view->write = view->write && policy->write;
    view->shared = view->shared && policy->shared;
    return OK;
}

enum status block_policy_view(struct xml_node config, const char *label, struct block_view *view)
{
    struct xml_node node;
    bool more = xml_first_child_named(config, "policy", &node);

    if (!more)
        return OK;
    for (; more; more = xml_next_sibling_named(node, "policy", &node)) {
        struct policy policy;
        const char *attribute;

        if (policy_read(node, &policy, &attribute) == OK && fits(&policy, label))
            return narrow(&policy, view);
    }
    return ERR_DENIED;
}
