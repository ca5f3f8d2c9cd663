/* SPDX-License-Identifier: MIT */
/*
 * Takes all the memory that it can get, fills it, and watches it: a device that still writes for somebody who has died and whose
 * memory this was, is seen. Each word says where it is, so no pattern that a device may have is overlooked.
 */
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/pd_session.h"
#include "lib/base/resource.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"

#define MS          1000000ull
#define PIECE       (1ull << 20)
#define PIECE_LEAST (64ull << 10)
#define PIECES_MAX  1024u
#define RESERVE     (64ull << 10) /* for page tables, and what else this program needs */
#define LOOK_MS     250u
#define TELL_MS     1000u
#define TRIES       3u

enum { EXIT_CHANGED = 1, EXIT_NO_CONFIG = 2, EXIT_TOO_LITTLE = 3 };

static struct memory pieces[PIECES_MAX];
static unsigned count;
static uint64_t ask, least, hold_ms, bytes, changed;

static uint64_t word_of(unsigned piece, uint64_t index)
{
    return ((uint64_t)piece << 32 | index) * 0x9e3779b97f4a7c15ull | 1;
}

/* Who has been asked to yield may have given only a part in time, so it is tried again. */
static void ask_for_more(void)
{
    enum status status = ERR_AGAIN;

    for (unsigned tries = 0; tries < TRIES && status != OK; tries++)
        status = resource_request(ask, 0);
    log_info("asked for %lluK: %s", (unsigned long long)(ask >> 10), status_text(status));
}

/* What is there is bounded by the quota, and by the memory of the machine. */
static void take(void)
{
    struct pd_info info;

    for (uint64_t size = PIECE; size >= PIECE_LEAST; size /= 2)
        while (count < PIECES_MAX && pd_info(ENV_SLOT_PD_SESSION, &info) == OK &&
               info.ram_limit - info.ram_used > size + RESERVE && memory_alloc(size, &pieces[count]) == OK)
            bytes += pieces[count++].size;
}

static void fill(void)
{
    for (unsigned i = 0; i < count; i++)
        for (uint64_t *word = pieces[i].address, k = 0; k < pieces[i].size / 8; k++)
            word[k] = word_of(i, k);
}

/* What has changed is counted once. */
static void look(void)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t *word = pieces[i].address;

        for (uint64_t k = 0; k < pieces[i].size / 8; k++) {
            if (word[k] == word_of(i, k))
                continue;
            if (changed++ == 0)
                log_error("piece %u, byte 0x%llx: is %llx", i, (unsigned long long)k * 8,
                          (unsigned long long)word[k]);
            word[k] = word_of(i, k);
        }
    }
}

static void hold(void)
{
    uint64_t end = time_after_ns(hold_ms * MS), tell = time_now();

    do {
        thread_sleep_until(time_after_ns(LOOK_MS * MS));
        look();
        /* A change of quota makes the parent report how things are while all is taken. */
        if (ask && time_now() >= tell) {
            (void)!resource_request(PAGE_SIZE, 0);
            tell = time_after_ns(TELL_MS * MS);
        }
    } while (time_now() < end);
}

static enum status configure(void)
{
    static const char *const names[] = {"ask", "least", "hold_ms", NULL};
    struct xml_node config;
    enum status status = config_load_or_empty(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status == OK && (xml_attribute_size(config, "ask", &ask) == ERR_INVALID ||
                         xml_attribute_size(config, "least", &least) == ERR_INVALID))
        status = ERR_INVALID;
    return status == OK ? config_number(config, "hold_ms", 3000, 0, 86400000, &hold_ms) : status;
}

int component_main(struct env *environment)
{
    (void)environment;
    if (configure() != OK)
        return EXIT_NO_CONFIG;
    if (ask)
        ask_for_more();
    take();
    fill();
    log_info("canary: %lluK in %u pieces", (unsigned long long)(bytes >> 10), count);
    hold();
    log_info("canary: %lluK watched for %llu ms, %llu words have changed", (unsigned long long)(bytes >> 10),
             (unsigned long long)hold_ms, (unsigned long long)changed);
    if (changed)
        return EXIT_CHANGED;
    return bytes < least ? EXIT_TOO_LITTLE : 0;
}
