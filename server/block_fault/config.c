/* SPDX-License-Identifier: MIT */
/* The configuration, see config.schema. */
#include "server/block_fault/server.h"

#include "lib/block/policy.h"
#include "lib/config/config.h"

struct word {
    const char *text;
    unsigned value;
};

static const struct word operations[] = {
    {"any", 1u << BLOCK_READ | 1u << BLOCK_WRITE | 1u << BLOCK_FLUSH | 1u << BLOCK_DISCARD |
                1u << BLOCK_WRITE_ZEROES},
    {"read", 1u << BLOCK_READ},
    {"write", 1u << BLOCK_WRITE},
    {"flush", 1u << BLOCK_FLUSH},
    {"discard", 1u << BLOCK_DISCARD},
    {"write_zeroes", 1u << BLOCK_WRITE_ZEROES},
    {NULL, 0},
};

static const struct word kinds[] = {
    {"none", FAULT_NONE},
    {"error", FAULT_ERROR_BEFORE},
    {"late_error", FAULT_ERROR_AFTER},
    {"torn", FAULT_TORN},
    {NULL, 0},
};

static enum status word(struct xml_node node, const char *name, const struct word *words, unsigned *out)
{
    const struct word *one = words;
    struct xml_slice value;

    if (!xml_attribute(node, name, &value)) {
        *out = words->value;
        return OK;
    }
    for (; one->text; one++) {
        if (!xml_slice_is(value, one->text))
            continue;
        *out = one->value;
        return OK;
    }
    config_complain(node, name, "is none of the words that may stand there");
    return ERR_INVALID;
}

static enum status size(struct xml_node node, const char *name, uint64_t fallback, uint64_t *out)
{
    enum status status = xml_attribute_size(node, name, out);

    if (status == ERR_NOT_FOUND)
        *out = fallback;
    else if (status != OK)
        config_complain(node, name, "must be a size");
    return status == ERR_NOT_FOUND ? OK : status;
}

static enum status flag(struct xml_node config, const char *name, bool *out)
{
    enum status status = xml_attribute_bool(config, name, out);

    if (status != ERR_INVALID)
        return OK;
    config_complain(config, name, "must be yes or no");
    return status;
}

static enum status rule_read(struct xml_node node, struct fault_rule *rule)
{
    static const char *const names[] = {"operation", "offset", "size",     "after", "every",
                                        "count",     "fault",  "delay_ms", NULL};
    uint64_t delay_ms = 0;
    unsigned kind = FAULT_NONE;
    enum status status = config_check_attributes(node, names);

    if (status == OK)
        status = word(node, "operation", operations, &rule->operations);
    if (status == OK)
        status = word(node, "fault", kinds, &kind);
    if (status == OK)
        status = size(node, "offset", 0, &rule->offset);
    if (status == OK)
        status = size(node, "size", UINT64_MAX - rule->offset, &rule->size);
    if (status == OK)
        status = config_number(node, "after", 0, 0, UINT32_MAX, &rule->after);
    if (status == OK)
        status = config_number(node, "every", 1, 1, UINT32_MAX, &rule->every);
    if (status == OK)
        status = config_number(node, "count", 0, 0, UINT32_MAX, &rule->count);
    if (status == OK)
        status = config_number(node, "delay_ms", 0, 0, 3600000, &delay_ms);
    rule->kind = (enum fault_kind)kind;
    rule->delay = delay_ms * 1000000;
    if (status != OK || rule->size <= UINT64_MAX - rule->offset)
        return status;
    config_complain(node, "size", "goes beyond what there can be");
    return ERR_INVALID;
}

static enum status rules_read(struct fault_server *server)
{
    struct fault *fault = &server->fault;
    struct xml_node node;

    for (bool more = xml_first_child_named(server->config.root, "rule", &node); more;
         more = xml_next_sibling_named(node, "rule", &node)) {
        enum status status;

        if (fault->rule_count == FAULT_RULES) {
            config_complain(node, "rule", "is one more than there may be");
            return ERR_OVERFLOW;
        }
        status = rule_read(node, &fault->rules[fault->rule_count++]);
        if (status != OK)
            return status;
    }
    return OK;
}

enum status config_read(struct fault_server *server)
{
    static const char *const names[] = {"record", "reorder", "seed", NULL};
    struct fault_config *config = &server->config;
    uint64_t reorder = 0;
    enum status status = config_load_or_empty(&config->root);

    if (status == OK)
        status = config_check_attributes(config->root, names);
    if (status == OK)
        status = block_policy_check(config->root, "rule");
    if (status == OK)
        status = flag(config->root, "record", &config->record);
    if (status == OK)
        status = config_number(config->root, "reorder", 0, 0, FAULT_DEPTH, &reorder);
    if (status == OK)
        status = config_number(config->root, "seed", 1, 1, UINT32_MAX, &server->fault.random);
    server->fault.reorder = (unsigned)reorder;
    return status == OK ? rules_read(server) : status;
}
