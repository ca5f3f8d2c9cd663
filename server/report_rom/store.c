/* SPDX-License-Identifier: MIT */
/* Reports and who may read them; see store.h. */
#include "server/report_rom/store.h"

#include "contract/report/wire.h"
#include "lib/base/heap.h"
#include "lib/string/string.h"

static enum status refuse(struct store_error *error, struct xml_node node, const char *attribute_opt,
                          const char *reason)
{
    *error = (struct store_error){node, attribute_opt, reason};
    return ERR_INVALID;
}

/* ---- the configuration ---- */

static enum status check_names(struct xml_node node, const char *const *known, struct store_error *error)
{
    struct xml_slice name, value;

    for (size_t i = 0; xml_attribute_at(node, i, &name, &value); i++) {
        const char *const *one = known;
        while (*one && !xml_slice_is(name, *one))
            one++;
        if (!*one)
            return refuse(error, node, NULL, "unknown attribute");
    }
    return OK;
}

static enum status read_label(struct xml_node node, const char *attribute, char *label,
                              struct store_error *error)
{
    enum status status = xml_attribute_copy(node, attribute, label, PARENT_LABEL_MAX);

    if (status != OK || label[0] == '\0')
        return refuse(error, node, attribute, "must be a label, of at most 159 bytes");
    return OK;
}

/* Finds the report, or makes it. */
static enum status report_named(struct store *store, const char *label, struct report **out)
{
    struct report *report = store_report(store, label);

    if (!report) {
        report = heap_alloc(sizeof(*report));
        if (!report)
            return ERR_NO_RAM;
        (void)string_copy(report->label, sizeof(report->label), label);
        report->next = store->reports;
        store->reports = report;
    }
    *out = report;
    return OK;
}

static enum status add_policy(struct store *store, struct xml_node node, struct policy ***end,
                              struct store_error *error)
{
    static const char *const names[] = {"label", "label_prefix", "report", NULL};
    char report[PARENT_LABEL_MAX];
    struct xml_slice exact, prefix;
    struct policy *policy = heap_alloc(sizeof(*policy));
    enum status status = policy ? check_names(node, names, error) : ERR_NO_RAM;

    if (status != OK)
        return status;
    policy->prefix = xml_attribute(node, "label_prefix", &prefix);
    if (xml_attribute(node, "label", &exact) == policy->prefix)
        return refuse(error, node, NULL, "needs either 'label' or 'label_prefix'");
    status = read_label(node, policy->prefix ? "label_prefix" : "label", policy->label, error);
    if (status == OK)
        status = read_label(node, "report", report, error);
    if (status == OK)
        status = report_named(store, report, &policy->report);
    if (status != OK)
        return status;
    **end = policy;
    *end = &policy->next;
    return OK;
}

static enum status set_keep(struct store *store, struct xml_node node, struct store_error *error)
{
    static const char *const names[] = {"label", "keep", NULL};
    char label[PARENT_LABEL_MAX];
    struct report *report;
    uint64_t keep = 0;
    enum status status = check_names(node, names, error);

    if (status == OK)
        status = read_label(node, "label", label, error);
    if (status == OK)
        status = report_named(store, label, &report);
    if (status != OK)
        return status;
    if (report->keep_opt)
        return refuse(error, node, "label", "is there already");
    if (xml_attribute_size(node, "keep", &keep) != OK || keep == 0 || keep > REPORT_SIZE_MAX)
        return refuse(error, node, "keep", "must be a size, 1 to 1M");
    report->keep_opt = heap_alloc(keep);
    report->keep_size = keep;
    return report->keep_opt ? OK : ERR_NO_RAM;
}

enum status store_init(struct store *store, struct xml_node config, struct store_error *error)
{
    struct policy **end = &store->policies;
    struct xml_node node;
    enum status status = OK;

    *store = (struct store){0};
    for (bool more = xml_first_child(config, &node); status == OK && more;
         more = xml_next_sibling(node, &node)) {
        if (xml_name_is(node, "policy"))
            status = add_policy(store, node, &end, error);
        else if (xml_name_is(node, "report"))
            status = set_keep(store, node, error);
        else
            status = refuse(error, node, NULL, "must be <policy> or <report>");
    }
    return status;
}

/* ---- in service ---- */

struct report *store_readable(const struct store *store, const char *label)
{
    for (const struct policy *policy = store->policies; policy; policy = policy->next)
        if (policy->prefix ? strncmp(label, policy->label, strlen(policy->label)) == 0
                           : strcmp(label, policy->label) == 0)
            return policy->report;
    return NULL;
}

struct report *store_report(const struct store *store, const char *label)
{
    struct report *report = store->reports;

    while (report && strcmp(report->label, label) != 0)
        report = report->next;
    return report;
}

enum status report_take(struct report *report)
{
    if (report->taken)
        return ERR_EXISTS;
    report->taken = true;
    return OK;
}

void report_put(struct report *report, const void *text, size_t length)
{
    report->source.data = text;
    report->source.size = length;
    report->source.present = true;
}

bool report_leave(struct report *report)
{
    struct rom_source *source = &report->source;

    report->taken = false;
    if (!source->present || source->data == report->keep_opt)
        return false;
    if (report->keep_opt && source->size <= report->keep_size) {
        memcpy(report->keep_opt, source->data, source->size);
        source->data = report->keep_opt;
        return false;
    }
    source->present = false;
    source->data = NULL;
    return true;
}
