/* SPDX-License-Identifier: MIT */
/* Which session may have which function, see policy.h. */
#include "driver/platform/policy.h"

#include "lib/base/heap.h"
#include "lib/string/string.h"

#define ADDRESS_TEXT_MAX 16u

static enum status refuse(struct policy_error *error, struct xml_node node, const char *attribute_opt,
                          const char *reason)
{
    *error = (struct policy_error){node, attribute_opt, reason};
    return ERR_INVALID;
}

/* ---- addresses ---- */

static bool hexadecimal(char c, unsigned *digit)
{
    if (c >= '0' && c <= '9')
        *digit = (unsigned)(c - '0');
    else if (c >= 'a' && c <= 'f')
        *digit = (unsigned)(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
        *digit = (unsigned)(c - 'A') + 10;
    else
        return false;
    return true;
}

/* One number of at least one digit, at most `most`; moves *text behind it. */
static bool number(const char **text, unsigned most, unsigned *out)
{
    const char *at = *text;
    unsigned value = 0, digit;

    while (hexadecimal(*at, &digit) && value <= most) {
        value = value * 16 + digit;
        at++;
    }
    if (at == *text || value > most)
        return false;
    *text = at;
    *out = value;
    return true;
}

static bool sign(const char **text, char c)
{
    if (**text != c)
        return false;
    ++*text;
    return true;
}

static bool short_address(const char **text, unsigned *bus, unsigned *rest)
{
    unsigned device, function;

    if (!number(text, 255, bus) || !sign(text, ':') || !number(text, 31, &device) || !sign(text, '.') ||
        !number(text, 7, &function))
        return false;
    *rest = device << 3 | function;
    return **text == '\0';
}

enum status policy_parse_address(const char *text, uint64_t *out)
{
    const char *at = text;
    unsigned segment = 0, bus, rest;

    if (!short_address(&at, &bus, &rest)) {
        at = text;
        if (!number(&at, 0xffff, &segment) || !sign(&at, ':') || !short_address(&at, &bus, &rest))
            return ERR_INVALID;
    }
    *out = (uint64_t)segment << 16 | bus << 8 | rest;
    return OK;
}

/* ---- the configuration ---- */

static enum status check_names(struct xml_node node, struct policy_error *error)
{
    static const char *const names[] = {"label", "label_prefix", "class", "vendor", "device", "address"};
    struct xml_slice name, value;

    for (size_t i = 0; xml_attribute_at(node, i, &name, &value); i++) {
        bool known = false;

        for (size_t j = 0; j < sizeof(names) / sizeof(*names); j++)
            known |= xml_slice_is(name, names[j]);
        if (!known)
            return refuse(error, node, NULL,
                          "unknown attribute, known: label label_prefix class vendor device address");
    }
    return OK;
}

static enum status read_label(struct xml_node node, struct policy *policy, struct policy_error *error)
{
    struct xml_slice exact, prefix;

    policy->prefix = xml_attribute(node, "label_prefix", &prefix);
    if (xml_attribute(node, "label", &exact) == policy->prefix)
        return refuse(error, node, NULL, "needs either 'label' or 'label_prefix'");
    const char *attribute = policy->prefix ? "label_prefix" : "label";

    if (xml_attribute_copy(node, attribute, policy->label, sizeof(policy->label)) != OK || !policy->label[0])
        return refuse(error, node, attribute, "must be a label, of at most 159 bytes");
    return OK;
}

static enum status read_number(struct xml_node node, const char *attribute, uint64_t most, uint64_t *out,
                               struct policy_error *error)
{
    enum status status = xml_attribute_unsigned(node, attribute, out);

    if (status == ERR_NOT_FOUND)
        return OK;
    return status == OK && *out <= most ? OK
                                        : refuse(error, node, attribute,
                                                 most > 0xffff ? "must be a number, at most 0xffffff"
                                                               : "must be a number, at most 0xffff");
}

static enum status read_address(struct xml_node node, struct policy *policy, struct policy_error *error)
{
    char text[ADDRESS_TEXT_MAX];
    enum status status = xml_attribute_copy(node, "address", text, sizeof(text));

    if (status == ERR_NOT_FOUND)
        return OK;
    if (status == OK)
        status = policy_parse_address(text, &policy->address);
    return status == OK ? OK : refuse(error, node, "address", "must be an address like 00:1f.2");
}

static enum status read_one(struct xml_node node, struct policy *policy, struct policy_error *error)
{
    *policy = (struct policy){
        .class_code = POLICY_ANY, .vendor = POLICY_ANY, .device = POLICY_ANY, .address = POLICY_ANY};
    enum status status = check_names(node, error);

    if (status == OK)
        status = read_label(node, policy, error);
    if (status == OK)
        status = read_number(node, "class", 0xffffff, &policy->class_code, error);
    if (status == OK)
        status = read_number(node, "vendor", 0xffff, &policy->vendor, error);
    if (status == OK)
        status = read_number(node, "device", 0xffff, &policy->device, error);
    if (status == OK)
        status = read_address(node, policy, error);
    if (status != OK)
        return status;
    if ((policy->class_code & policy->vendor & policy->device & policy->address) == POLICY_ANY)
        return refuse(error, node, NULL, "needs 'class', 'vendor', 'device' or 'address'");
    return OK;
}

enum status policy_read(struct xml_node config, struct policy **out, struct policy_error *error)
{
    struct xml_node node;

    *out = NULL;
    for (bool more = xml_first_child(config, &node); more; more = xml_next_sibling(node, &node)) {
        if (!xml_name_is(node, "policy"))
            return refuse(error, node, NULL, "unknown node, known: policy");
        struct policy *policy = heap_alloc(sizeof(*policy));

        if (!policy)
            return ERR_NO_RAM;
        enum status status = read_one(node, policy, error);

        if (status != OK) {
            heap_free(policy);
            return status;
        }
        *out = policy;
        out = &policy->next;
    }
    return OK;
}

/* ---- questions ---- */

const struct policy *policy_find(const struct policy *first, const char *label)
{
    const struct policy *policy = first;

    while (policy && (policy->prefix ? strncmp(label, policy->label, strlen(policy->label))
                                     : strcmp(label, policy->label)) != 0)
        policy = policy->next;
    return policy;
}

static bool fits(uint64_t wanted, uint64_t value)
{
    return wanted == POLICY_ANY || wanted == value;
}

bool policy_allows(const struct policy *policy, const struct policy_subject *subject)
{
    return fits(policy->class_code, subject->class_code) && fits(policy->vendor, subject->vendor) &&
           fits(policy->device, subject->device) &&
           fits(policy->address, (uint64_t)subject->segment << 16 | subject->address);
}
