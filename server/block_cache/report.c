/* SPDX-License-Identifier: MIT */
/* The cache's statistics as a REPORT, at each tick in which they have changed. */
#include "server/block_cache/server.h"

#include "lib/base/log.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#define REPORT_SIZE 4096u

typedef unsigned long long number;

void report_start(struct cache_server *server)
{
    enum status status = server->config.report ? report_open("statistics", REPORT_SIZE, &server->report) : OK;

    if (status == OK)
        return;
    log_error("no REPORT session, so no statistics: %s", status_text(status));
    server->config.report = false;
}

static size_t report_write(const struct cache *cache, char *text, size_t size)
{
    const struct cache_statistics *s = &cache->statistics;
    size_t length = fmt_format(
        text, size,
        "<block_cache policy=\"%s\" blocks=\"%u\" used=\"%u\" dirty=\"%u\" failed=\"%u\" unflushed=\"%u\">\n"
        "    <jobs reads=\"%llu\" writes=\"%llu\" flushes=\"%llu\" discards=\"%llu\"/>\n"
        "    <lookups hits=\"%llu\" misses=\"%llu\" evictions=\"%llu\" bypassed=\"%llu\"/>\n"
        "    <below read=\"%llu\" written=\"%llu\" losses=\"%llu\" written_again=\"%llu\"/>\n",
        cache->settings.policy->name, cache->frame_count, cache->policy.resident,
        cache->lists[CACHE_DIRTY].length + cache->lists[CACHE_WRITING].length,
        cache->lists[CACHE_FAILED].length,
        cache->lists[CACHE_UNFLUSHED].length + cache->lists[CACHE_COVERED].length, (number)s->reads,
        (number)s->writes, (number)s->flushes, (number)s->discards, (number)s->hits, (number)s->misses,
        (number)s->evictions, (number)s->bypassed, (number)s->read, (number)s->written, (number)s->losses,
        (number)s->written_again);

    length +=
        fmt_format(text + length, size - length,
                   "    <ahead read=\"%llu\" used=\"%llu\" lost=\"%llu\"/>\n"
                   "    <errors read=\"%llu\" write=\"%llu\" flush=\"%llu\" dropped=\"%llu\"/>\n"
                   "</block_cache>\n",
                   (number)s->ahead, (number)s->ahead_used, (number)s->ahead_lost, (number)s->read_errors,
                   (number)s->write_errors, (number)s->flush_errors, (number)s->dropped);
    return length;
}

void report_tick(struct cache_server *server)
{
    char text[REPORT_SIZE];
    size_t length;

    if (!server->config.report)
        return;
    length = report_write(&server->cache, text, sizeof(text));
    if (memcmp(text, server->report.text, length) == 0)
        return;
    memcpy(server->report.text, text, length);
    if (report_submit(&server->report, length) == OK)
        return;
    report_close(&server->report); /* its server has gone: a new session, at the next tick's expense */
    report_start(server);
}
