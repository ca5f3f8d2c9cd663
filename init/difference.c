/* SPDX-License-Identifier: MIT */
/* Differences between configurations, see difference.h. */
#include "init/difference.h"

#include "lib/string/string.h"

static bool same_text(const char *a_opt, const char *b_opt)
{
    return a_opt && b_opt ? strcmp(a_opt, b_opt) == 0 : a_opt == b_opt;
}

/* Init counts announced services by their places in this list. */
static bool same_services(const struct config_service *a, const struct config_service *b)
{
    while (a && b && strcmp(a->name, b->name) == 0) {
        a = a->next;
        b = b->next;
    }
    return !a && !b;
}

/* Init's own number of CPUs is the same before and after. */
static bool same_affinity(const struct config *before, const struct config_child *old,
                          const struct config *after, const struct config_child *new)
{
    if (!old->affinity.given || !new->affinity.given)
        return old->affinity.given == new->affinity.given;
    return before->affinity_width == after->affinity_width && old->affinity.first == new->affinity.first &&
           old->affinity.count == new->affinity.count;
}

static bool same_config(const struct config_child *old, const struct config_child *new)
{
    struct xml_slice a = config_of_child(old), b = config_of_child(new);

    return a.length == b.length && memcmp(a.start, b.start, a.length) == 0;
}

static const char *restart_reason(const struct config *before, const struct config_child *old,
                                  const struct config *after, const struct config_child *new)
{
    if (strcmp(old->binary, new->binary) != 0)
        return "binary";
    if (!same_text(old->version_opt, new->version_opt))
        return "version";
    if (old->priority != new->priority)
        return "priority";
    if (old->slice_us != new->slice_us)
        return "slice_us";
    if (!same_affinity(before, old, after, new))
        return "affinity";
    if (!same_services(old->provides, new->provides))
        return "provided services";
    if (!same_text(old->config_file_opt, new->config_file_opt))
        return "configfile";
    return NULL;
}

struct difference difference_find(const struct config *before, const struct config_child *old,
                                  const struct config *after, const struct config_child *new)
{
    return (struct difference){
        .restart_opt = restart_reason(before, old, after, new),
        .config = !same_config(old, new),
        .quota = old->ram != new->ram || old->caps != new->caps,
    };
}

struct config_child *difference_counterpart(const struct config *config, const char *name)
{
    struct config_child *child = config->children;

    while (child && strcmp(child->name, name) != 0)
        child = child->next;
    return child;
}
