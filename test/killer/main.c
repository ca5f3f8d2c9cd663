/* SPDX-License-Identifier: MIT */
/*
 * Kills children of an init, by its configuration: the ROM `config` that this component serves is a text in which victims get new
 * versions. In a round random ones get them at random moments, at its end all of them at once; then comes a quiet time, after which
 * the accounts must be what they were after the first round.
 */
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/rom/server.h"
#include "lib/string/string.h"
#include "test/killer/accounts.h"
#include "test/killer/victims.h"

#define MS      1000000ull
#define LOOKS   12u /* at the accounts */
#define LOOK_MS 700u

enum { EXIT_NO_SERVICE = 1, EXIT_NO_CONFIG = 2 };

static struct killer {
    struct entrypoint *entrypoint;
    struct rom_server server;
    struct rom_source source;
    struct victims victims;
    struct timeout next;
    uint64_t seed, delay_ms, time_ms, events, pause_ms, pause_max_ms, together, quiet_ms;
    uint64_t end;           /* tick after which no round begins */
    uint64_t deaths, event; /* of all rounds; of this one */
    unsigned round, looks, differing;
} killer;

static struct rom_source *find(struct rom_server *server, const struct parent_request *request)
{
    (void)server;
    (void)request;
    return &killer.source;
}

static void then(void (*what)(struct timeout *timeout), uint64_t ms)
{
    killer.next.expired = what;
    entrypoint_timeout_set(killer.entrypoint, &killer.next, time_after_ns(ms * MS));
}

static void kill_them(unsigned chosen)
{
    char names[VICTIMS_MAX * VICTIM_NAME];

    victims_kill(&killer.victims, chosen, names, sizeof(names));
    killer.deaths++;
    log_info("death %llu: %s", (unsigned long long)killer.deaths, names);
    rom_source_changed(&killer.server, &killer.source);
}

/* ---- rounds ---- */

static void round_begin(struct timeout *timeout);

static void finish(void)
{
    for (unsigned i = 0; i < killer.victims.count; i++)
        log_info("%s was built anew %u times", killer.victims.all[i].name, killer.victims.all[i].deaths);
    log_info("killer: %u rounds, %llu deaths, seed %llu, %u rounds left other accounts than the first",
             killer.round, (unsigned long long)killer.deaths, (unsigned long long)killer.seed,
             killer.differing);
}

static bool is_victim(const char *name)
{
    for (unsigned i = 0; i < killer.victims.count; i++)
        if (strcmp(killer.victims.all[i].name, name) == 0)
            return true;
    return false;
}

/* A report may be of a moment at which something is under way: what differs only now does not count. */
static void round_end(struct timeout *timeout)
{
    unsigned differences = accounts_compare(is_victim, killer.looks + 1 == LOOKS);

    (void)timeout;
    if (differences && ++killer.looks < LOOKS) {
        then(round_end, LOOK_MS);
        return;
    }
    accounts_settle();
    killer.differing += differences != 0;
    log_info("round %u ends, %u accounts differ", killer.round, differences);
    if (time_now() < killer.end)
        then(round_begin, 1);
    else
        finish();
}

/* All at once; so what several deaths at a time need at most has been needed in the first round already. */
static void last(struct timeout *timeout)
{
    (void)timeout;
    kill_them((1u << killer.victims.count) - 1);
    then(round_end, killer.quiet_ms);
}

static void event(struct timeout *timeout)
{
    uint64_t span = killer.pause_max_ms - killer.pause_ms + 1;

    (void)timeout;
    kill_them(victims_choose(&killer.victims, killer.together));
    then(++killer.event == killer.events ? last : event,
         killer.pause_ms + victims_random(&killer.victims, span));
}

static void round_begin(struct timeout *timeout)
{
    killer.round++;
    killer.event = killer.looks = 0;
    event(timeout);
}

/* ---- start ---- */

static enum status configure(void)
{
    static const char *const names[] = {"seed",     "delay_ms",     "time_ms",  "events", "pause_ms",
                                        "together", "pause_max_ms", "quiet_ms", NULL};
    const struct {
        const char *name;
        uint64_t fallback, low, high, *out;
    } numbers[] = {{"seed", 1, 1, UINT64_MAX, &killer.seed},
                   {"delay_ms", 1000, 0, 86400000, &killer.delay_ms},
                   {"time_ms", 60000, 0, 86400000, &killer.time_ms},
                   {"events", 5, 1, 1000, &killer.events},
                   {"pause_ms", 500, 1, 600000, &killer.pause_ms},
                   {"pause_max_ms", 3000, 1, 600000, &killer.pause_max_ms},
                   {"together", 20, 0, 100, &killer.together},
                   {"quiet_ms", 5000, 0, 600000, &killer.quiet_ms}};
    struct xml_node config;
    enum status status = config_load(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers) && status == OK; i++)
        status = config_number(config, numbers[i].name, numbers[i].fallback, numbers[i].low, numbers[i].high,
                               numbers[i].out);
    if (status == OK && killer.pause_max_ms < killer.pause_ms)
        status = ERR_INVALID;
    if (status == OK)
        status = victims_read(config, killer.seed, &killer.victims);
    return status == OK ? accounts_open(config) : status;
}

int component_main(struct env *environment)
{
    enum status status = configure();

    if (status != OK) {
        log_error("no usable configuration: %s", status_text(status));
        return EXIT_NO_CONFIG;
    }
    killer.entrypoint = &environment->entrypoint;
    killer.source =
        (struct rom_source){.data = killer.victims.text, .size = killer.victims.size, .present = true};
    killer.server.find = find;
    if (rom_server_start(&killer.server, killer.entrypoint) != OK)
        return EXIT_NO_SERVICE;
    log_info("seed %llu", (unsigned long long)killer.seed);
    killer.end = time_after_ns((killer.delay_ms + killer.time_ms) * MS);
    then(round_begin, killer.delay_ms);
    entrypoint_run(killer.entrypoint);
    return 0;
}
