/* SPDX-License-Identifier: MIT */
#include "app/block_tester/table.h"

#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"

void table_head(const struct block_info *info, const struct settings *settings)
{
    log_info("%llu MiB in blocks of %u, depth %u, at most %u bytes in %u segments a request; %llu session%s",
             (unsigned long long)(info->size >> 20), info->block_size, info->queue_depth, info->transfer_max,
             info->segments_max, (unsigned long long)settings->sessions, settings->sessions > 1 ? "s" : "");
    log_info("%-16s %9s %8s %9s %8s %8s %6s %7s %5s %5s %9s", "stage", "requests", "ms", "requests/s", "MB/s",
             "ticks", "notif", "errors", "lost", "died", "checked");
}

static uint64_t notifications(const struct load *loads, unsigned count)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++)
        sum += loads[i].client.notifications_sent + loads[i].client.notifications_received;
    return sum;
}

static uint64_t checked(const struct load *loads, unsigned count)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++)
        sum += loads[i].ledger.checked;
    return sum;
}

void table_begin(struct table_row *row, const struct load *loads, unsigned count)
{
    *row = (struct table_row){
        .start = time_now(), .notifications = notifications(loads, count), .checked = checked(loads, count)};
}

static struct load_totals totals_of(const struct load *loads, unsigned count)
{
    struct load_totals sum = {0};

    for (unsigned i = 0; i < count; i++) {
        sum.requests += loads[i].totals.requests;
        sum.bytes += loads[i].totals.bytes;
        sum.errors += loads[i].totals.errors;
        sum.lost += loads[i].totals.lost;
        sum.restarts += loads[i].totals.restarts;
    }
    return sum;
}

static void bench(const char *name, const struct load_totals *totals, uint64_t ticks, uint64_t ns,
                  uint64_t notes)
{
    uint64_t requests = totals->requests ? totals->requests : 1, us = ns / 1000 ? ns / 1000 : 1;

    log_info("BENCH %s_instructions_per_request %llu instructions", name,
             (unsigned long long)(ticks / requests));
    log_info("BENCH %s_requests_per_second %llu 1/s", name,
             (unsigned long long)(totals->requests * 1000000 / us));
    log_info("BENCH %s_throughput %llu MB/s", name, (unsigned long long)(totals->bytes / us));
    log_info("BENCH %s_notifications_per_request %llu.%03llu notifications", name,
             (unsigned long long)(notes / requests), (unsigned long long)(notes * 1000 / requests % 1000));
}

static void latencies(const struct stage *stage, const struct load *loads, unsigned count)
{
    static const unsigned points[] = {500, 900, 990, 999};
    static struct latency sum;
    uint64_t us[4];

    sum = (struct latency){0};
    for (unsigned i = 0; i < count; i++)
        latency_merge(&sum, &loads[i].latency);
    for (unsigned i = 0; i < 4; i++)
        us[i] = time_to_ns(latency_permille(&sum, points[i])) / 1000;
    log_info("%s: us a request, of a thousand 500 within %llu, 900 within %llu, 990 within %llu, 999 within "
             "%llu; at most %llu",
             stage->name, (unsigned long long)us[0], (unsigned long long)us[1], (unsigned long long)us[2],
             (unsigned long long)us[3], (unsigned long long)(time_to_ns(sum.most) / 1000));
    if (stage->bench[0])
        log_info("BENCH %s_p99 %llu us", stage->bench, (unsigned long long)us[2]);
}

static void problems(const struct load *load, unsigned number)
{
    const uint64_t *p = load->ledger.problems;

    if (p[LEDGER_STALE] || p[LEDGER_MISPLACED] || p[LEDGER_TORN] || p[LEDGER_FOREIGN])
        log_error("session %u: sectors stale %llu, misplaced %llu, torn %llu, foreign %llu; the first at "
                  "block %llu",
                  number, (unsigned long long)p[LEDGER_STALE], (unsigned long long)p[LEDGER_MISPLACED],
                  (unsigned long long)p[LEDGER_TORN], (unsigned long long)p[LEDGER_FOREIGN],
                  (unsigned long long)load->ledger.first_bad);
    if (load->totals.twice)
        log_error("session %u: %llu requests were done twice", number,
                  (unsigned long long)load->totals.twice);
    if (load->totals.died_most)
        log_info("session %u: died with %llu to %llu requests in flight%s", number,
                 (unsigned long long)load->totals.died_least, (unsigned long long)load->totals.died_most,
                 load->totals.twice ? "" : ", each of which was done once");
    if (load->first_error != OK)
        log_info("session %u: the first error was %s", number, status_text(load->first_error));
}

/* For programs: `sed -n 's/.*JSON //p'` takes these lines out of a log. */
static void json(const struct stage *stage, const struct load_totals *totals, uint64_t ns, uint64_t notes,
                 uint64_t sectors, bool good)
{
    char name[2 * sizeof(stage->name)];
    size_t length = 0;

    for (const char *c = stage->name; *c; c++) {
        if (*c == '"' || *c == '\\')
            name[length++] = '\\';
        name[length++] = (unsigned char)*c < ' ' ? ' ' : *c;
    }
    name[length] = 0;
    log_info("JSON {\"stage\": \"%s\", \"requests\": %llu, \"bytes\": %llu, \"us\": %llu, \"notifications\": "
             "%llu, "
             "\"errors\": %llu, \"lost\": %llu, \"died\": %llu, \"checked\": %llu, \"ok\": %s}",
             name, (unsigned long long)totals->requests, (unsigned long long)totals->bytes,
             (unsigned long long)(ns / 1000), (unsigned long long)notes, (unsigned long long)totals->errors,
             (unsigned long long)totals->lost, (unsigned long long)totals->restarts,
             (unsigned long long)sectors, good ? "true" : "false");
}

bool table_end(const struct table_row *row, const struct settings *settings, const struct stage *stage,
               const struct load *loads, unsigned count)
{
    uint64_t ticks = time_now() - row->start, ns = time_to_ns(ticks), us = ns / 1000 ? ns / 1000 : 1;
    uint64_t notes = notifications(loads, count) - row->notifications;
    struct load_totals totals = totals_of(loads, count);
    uint64_t requests = totals.requests ? totals.requests : 1, sectors = checked(loads, count) - row->checked;
    bool good = true;

    for (unsigned i = 0; i < count; i++)
        good &= load_good(&loads[i]);
    log_info("%-16s %9llu %8llu %9llu %8llu %8llu %2llu.%03llu %7llu %5llu %5llu %9llu %s", stage->name,
             (unsigned long long)totals.requests, (unsigned long long)(us / 1000),
             (unsigned long long)(totals.requests * 1000000 / us), (unsigned long long)(totals.bytes / us),
             (unsigned long long)(ticks / requests), (unsigned long long)(notes / requests),
             (unsigned long long)(notes * 1000 / requests % 1000), (unsigned long long)totals.errors,
             (unsigned long long)totals.lost, (unsigned long long)totals.restarts,
             (unsigned long long)sectors, good ? "ok" : "BAD");
    if (settings->json)
        json(stage, &totals, ns, notes, sectors, good);
    for (unsigned i = 0; i < count; i++)
        problems(&loads[i], i);
    if (stage->bench[0])
        bench(stage->bench, &totals, ticks, ns, notes);
    if (stage->latency)
        latencies(stage, loads, count);
    return good;
}
