/* SPDX-License-Identifier: MIT */
/*
 * Follows the ROM "message" of a server. Attribute `wait_for`: a list of texts; each is waited for in turn, and said. "-"
 * stands for no content. Changes may be missed when the machine is slow, so texts must come again or stay.
 */
#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#define SIZE_MAX_CONTENT 8192u

static struct rom_reader reader;
static struct signal changed;
static struct xml_slice rest; /* what is still to come */
static uint64_t generation;
static unsigned wakeups;

static bool blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\0';
}

/* Takes the first word off; empty at the end. */
static struct xml_slice next_word(struct xml_slice *text)
{
    struct xml_slice word;

    while (text->length && blank(*text->start))
        text->start++, text->length--;
    word = (struct xml_slice){text->start, 0};
    while (word.length < text->length && !blank(word.start[word.length]))
        word.length++;
    text->start += word.length;
    text->length -= word.length;
    return word;
}

static struct xml_slice content(void)
{
    struct xml_slice text = {reader.rom.data, reader.rom.size};

    return next_word(&text);
}

static void look(struct signal *signal)
{
    struct xml_slice all = rest, wanted = next_word(&all), seen = {"-", 1};
    enum status status = rom_update(&reader);

    wakeups += signal != NULL;
    if (status == OK) {
        if (reader.rom.generation < generation)
            log_error("FAIL: generation %llu after %llu", (unsigned long long)reader.rom.generation,
                      (unsigned long long)generation);
        generation = reader.rom.generation;
        seen = content();
    } else if (status != ERR_AGAIN) {
        log_error("FAIL: %s", status_text(status));
    }
    if (seen.length != wanted.length || memcmp(seen.start, wanted.start, seen.length) != 0)
        return;
    log_info("saw %.*s", (int)seen.length, seen.start);
    rest = all;
    if (next_word(&all).length == 0)
        entrypoint_stop(&env.entrypoint);
}

int component_main(struct env *environment)
{
    struct xml_node config;
    enum status status = config_load(&config);

    if (status == OK && !xml_attribute(config, "wait_for", &rest))
        status = ERR_INVALID;
    if (status == OK)
        status = rom_open("message", SIZE_MAX_CONTENT, &reader);
    if (status == OK)
        status = signal_create(&environment->entrypoint, &changed, look);
    if (status == OK)
        status = rom_notify(&reader, changed.slot);
    if (status != OK) {
        log_error("FAIL: %s", status_text(status));
        return 2;
    }
    look(NULL);
    entrypoint_run(&environment->entrypoint);
    rom_close(&reader);
    log_info("woken %s", wakeups ? "by signals" : "never");
    return 0;
}
