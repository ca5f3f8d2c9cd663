/* SPDX-License-Identifier: MIT */
/*
 * Any text as a configuration: it becomes a model, whose routes can be asked, or mistakes with a message each. Besides
 * the input itself, a good configuration is read with the changes that the input describes: three bytes a change.
 */
#include "init/affinity.h"
#include "init/config.h"
#include "init/difference.h"
#include "init/quota.h"
#include "init/route.h"
#include "init/test/host.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char good[] =
    "<config verbose='yes'><parent-provides><service name='LOG'/></parent-provides>"
    "<default-route><any-service><parent/><any-child/></any-service></default-route>"
    "<default caps='100' ram='1M'/><affinity-space width='4'/><heartbeat rate_ms='10'/>"
    "<report child_ram='yes' delay_ms='5'/><alias name='z' child='a'/>"
    "<service name='LOG' label='x'><child name='z'/></service>"
    "<start name='a' priority='9'><provides><service name='LOG'/></provides></start>"
    "<start name='b' caps='50'><binary name='c'/><resource name='RAM' quantum='2M'/>"
    "<exit propagate='yes'/><config x='1'><y/></config><restart on='fault' delay_ms='3' limit='2'/>"
    "<heartbeat limit='2'/><affinity xpos='1' width='2'/><request ram='3M' caps='70'/><route>"
    "<service name='LOG' label='l' label_prefix='a' label_suffix='b' label_last='b' unscoped_label='b -&gt; "
    "l'>"
    "<child name='a' label='m'/></service><any-service><parent/></any-service></route></start></config>";

static void count(struct config_report *report, const char *text)
{
    (void)report;
    if (strncmp(text, "config:", 7) != 0 || strlen(text) >= CONFIG_MESSAGE_MAX)
        abort();
}

static void use(const struct config *config)
{
    unsigned children = 0;
    char reason[CONFIG_MESSAGE_MAX];
    struct route route;

    for (const struct config_child *child = config->children; child; child = child->next) {
        children++;
        if (route_find(config, child, "LOG", "a -> b", &route) == OK &&
            strlen(route.label) >= PARENT_LABEL_MAX)
            abort();
        (void)route_overrides_config(config, child);
        (void)!quota_check((struct quota){1 << 20, 100}, child, reason, sizeof(reason));
        if (config_of_child(child).length == 0)
            abort();
    }
    if (children != config->child_count)
        abort();
}

/* Against the good one, both ways: every child is decided about, and nothing is a change to itself. */
static void differ(const struct config *old, const struct config *new)
{
    for (const struct config_child *child = old->children; child; child = child->next) {
        const struct config_child *other_opt = difference_counterpart(new, child->name);
        struct difference same = difference_find(old, child, old, child);

        if (same.restart_opt || same.config || same.quota)
            abort();
        if (affinity_range(3, old, child).count == 0 || affinity_range(3, old, child).first > 2)
            abort();
        if (other_opt)
            (void)difference_find(old, child, new, other_opt);
    }
}

static void compare(const struct config *config)
{
    struct config_report report = {.line = count};
    struct config other;

    if (config_read(good, sizeof(good) - 1, &report, &other) != OK)
        abort();
    differ(config, &other);
    differ(&other, config);
    config_free(&other);
}

static void try_text(const char *text, size_t size)
{
    struct config_report report = {.line = count};
    struct config config;
    enum status status = config_read(text, size, &report, &config);

    if ((status == OK) != (report.count == 0))
        abort();
    if (status == OK) {
        use(&config);
        compare(&config);
        config_free(&config);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[sizeof(good)];

    try_text((const char *)data, size);
    memcpy(text, good, sizeof(good));
    for (size_t i = 0; i + 2 < size; i += 3)
        text[(data[i] | data[i + 1] << 8) % (sizeof(good) - 1)] = (char)data[i + 2];
    try_text(text, sizeof(good) - 1);
    return 0;
}
