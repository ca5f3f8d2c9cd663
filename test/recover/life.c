/* SPDX-License-Identifier: MIT */
/*
 * A component that shows that it lives: it says its word at the start and counts from then on, so a counter that goes on is
 * one life. With follow="yes" it follows changes of its configuration.
 */
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/resource.h"
#include "lib/base/time.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "test/recover/bank.h"

#define MS_NS 1000000ull

static struct timeout tick;
static uint64_t tick_ms, ticks;
static char word[32];

static void take(struct xml_node config)
{
    if (xml_attribute_copy(config, "word", word, sizeof(word)) != OK)
        word[0] = 0;
}

static void changed(struct xml_node config)
{
    take(config);
    log_info("now says \"%s\", tick %llu", word, (unsigned long long)ticks);
}

static void ticked(struct timeout *timeout)
{
    log_info("tick %llu", (unsigned long long)++ticks);
    entrypoint_timeout_set(&env.entrypoint, timeout, time_after_ns(tick_ms * MS_NS));
}

/* Asks for more RAM, once. */
static void request(struct xml_node config)
{
    uint64_t ram;

    if (xml_attribute_size(config, "request", &ram) != OK)
        return;
    log_info("%lluK more RAM: %s", (unsigned long long)(ram >> 10), status_text(resource_request(ram, 0)));
}

static void refuse(uint64_t *ram, uint32_t *caps)
{
    *ram = 0;
    *caps = 0;
}

int life_main(struct entrypoint *entrypoint, struct xml_node config)
{
    bool follow = false, generous = true;

    take(config);
    log_info("begins, says \"%s\", CPUs: %u", word, env.page->cpus);
    (void)!xml_attribute_bool(config, "follow", &follow);
    (void)!xml_attribute_bool(config, "generous", &generous);
    if (!generous)
        resource_on_yield(refuse);
    if (follow && config_watch(entrypoint, changed) != OK)
        return 1;
    request(config);
    if (xml_attribute_is(config, "role", "exit"))
        return 3;
    if (xml_attribute_unsigned(config, "tick_ms", &tick_ms) == OK && tick_ms) {
        tick.expired = ticked;
        entrypoint_timeout_set(entrypoint, &tick, time_after_ns(tick_ms * MS_NS));
    }
    entrypoint_run(entrypoint);
    return 0;
}
