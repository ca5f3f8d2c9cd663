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

/* What is wrong, if something is. */
struct mistake {
    const char *attribute, *reason;
};

static bool absent_or(enum status status)
{
    return status == OK || status == ERR_NOT_FOUND;
}

static enum status label_read(struct xml_node node, struct policy *out, struct mistake *mistake)
{
    struct xml_slice ignored;

    out->prefix = xml_attribute(node, "label_prefix", &ignored);
    *mistake = (struct mistake){"label", "exactly one of label and label_prefix must be there"};
    if (xml_attribute(node, "label", &ignored) == out->prefix)
        return ERR_INVALID;
    *mistake = (struct mistake){out->prefix ? "label_prefix" : "label", "must have at most 159 bytes"};
    return xml_attribute_copy(node, mistake->attribute, out->label, sizeof(out->label)) == OK ? OK
                                                                                              : ERR_INVALID;
}

static enum status policy_read(struct xml_node node, struct policy *out, struct mistake *mistake)
{
    enum status status;

    *out = (struct policy){.size = UINT64_MAX};
    if (label_read(node, out, mistake) != OK)
        return ERR_INVALID;
    *mistake = (struct mistake){"offset", "must be a size"};
    if (!absent_or(xml_attribute_size(node, "offset", &out->offset)))
        return ERR_INVALID;
    *mistake = (struct mistake){"size", "must be a size, not 0, that ends below 2^64"};
    status = xml_attribute_size(node, "size", &out->size);
    if (!absent_or(status) || out->size == 0 || (status == OK && out->size > UINT64_MAX - 1 - out->offset))
        return ERR_INVALID;
    *mistake = (struct mistake){"write", "must be yes or no"};
    if (!absent_or(xml_attribute_bool(node, "write", &out->write)))
        return ERR_INVALID;
    mistake->attribute = "shared";
    return absent_or(xml_attribute_bool(node, "shared", &out->shared)) ? OK : ERR_INVALID;
}

static enum status policy_check(struct xml_node node)
{
    static const char *const names[] = {"label", "label_prefix", "offset", "size", "write", "shared", NULL};
    struct policy policy;
    struct mistake mistake;
    enum status status = config_check_attributes(node, names);

    if (status != OK)
        return status;
    status = policy_read(node, &policy, &mistake);
    if (status != OK)
        config_complain(node, mistake.attribute, mistake.reason);
    return status;
}

/* Who writes <polciy> must not find that everybody may have everything. */
enum status block_policy_check(struct xml_node config, const char *other_opt)
{
    const char *const names[] = {"policy", other_opt, NULL};
    enum status status = config_check_children(config, names);
    struct xml_node node;

    for (bool more = xml_first_child_named(config, "policy", &node); more && status == OK;
         more = xml_next_sibling_named(node, "policy", &node))
        status = policy_check(node);
    return status;
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
        struct mistake mistake;

        if (policy_read(node, &policy, &mistake) == OK && fits(&policy, label))
            return narrow(&policy, view);
    }
    return ERR_DENIED;
}
