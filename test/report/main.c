/* SPDX-License-Identifier: MIT */
/*
 * Those who report and read, one program in several roles (<config role="..."/>):
 *
 *   pattern   reports texts of one letter, spoils its memory right after each, and says "end" at last
 *   check     reads them: each text must be whole
 *   mortal    reports "alive" as `gone` and as `kept`, waits for the witness, and crashes
 *   witness   sees `gone` go and `kept` stay
 *   hostile   does what it should not (hostile.c)
 */
#include "test/report/report_test.h"

#include "contract/report/client.h"
#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#define TEXT_SIZE 4096u
#define TEXTS     300u

static unsigned failures;
static uint32_t changed; /* notification of all ROMs */

void expect(bool good, const char *what)
{
    if (good)
        return;
    log_error("FAIL: %s", what);
    failures++;
}

static void must(enum status status, const char *what)
{
    if (status == OK)
        return;
    log_error("FAIL: %s: %s", what, status_text(status));
    component_exit(2);
}

static void say(const struct report *report, const char *text)
{
    memcpy(report->text, text, strlen(text));
    must(report_submit(report, strlen(text)), "submit");
}

static void follow(const char *label, struct rom_reader *reader)
{
    if (changed == CAP_NONE)
        must(notification_create(&changed), "notification");
    must(rom_open(label, 2 * TEXT_SIZE, reader), label);
    must(rom_notify(reader, changed), "notify");
}

static void wait(void)
{
    uint64_t bits;

    must(notification_wait(changed, UINT64_MAX, &bits), "wait");
}

static bool content_is(struct rom_reader *reader, const char *text)
{
    enum status status = rom_update(reader);

    expect(status == OK || status == ERR_AGAIN, "update");
    return status == OK && reader->rom.size == strlen(text) &&
           memcmp(reader->rom.data, text, strlen(text)) == 0;
}

static void wait_for(struct rom_reader *reader, const char *text)
{
    while (!content_is(reader, text))
        wait();
}

/* ---- roles ---- */

static void role_pattern(void)
{
    struct report report;

    must(report_open("pattern", TEXT_SIZE, &report), "report");
    for (unsigned i = 0; i < TEXTS; i++) {
        memset(report.text, 'a' + (int)(i % 26), TEXT_SIZE);
        must(report_submit(&report, TEXT_SIZE - i), "submit");
        memset(report.text, '?', TEXT_SIZE);
    }
    say(&report, "end");
    entrypoint_run(&env.entrypoint);
}

static bool whole(const struct rom *rom)
{
    const char *text = rom->data;

    if (rom->size < TEXT_SIZE - TEXTS || rom->size > TEXT_SIZE || text[0] < 'a' || text[0] > 'z')
        return false;
    for (uint64_t i = 1; i < rom->size; i++)
        if (text[i] != text[0])
            return false;
    return true;
}

static void role_check(void)
{
    struct rom_reader reader;
    uint64_t generation = 0;
    bool end = false;

    follow("pattern", &reader);
    while (!end) {
        if (rom_update(&reader) == OK) {
            end = reader.rom.size == 3 && memcmp(reader.rom.data, "end", 3) == 0;
            expect(end || whole(&reader.rom), "half a text");
            expect(reader.rom.generation >= generation, "the past comes back");
            generation = reader.rom.generation;
        }
        if (!end)
            wait();
    }
    rom_close(&reader);
    log_info("all texts were whole");
}

static void role_mortal(void)
{
    struct report gone, kept;
    struct rom_reader witness;

    must(report_open("gone", 64, &gone), "gone");
    must(report_open("kept", 64, &kept), "kept");
    say(&gone, "alive");
    say(&kept, "alive");
    follow("witness", &witness);
    wait_for(&witness, "seen");
    __builtin_trap();
}

static void role_witness(void)
{
    struct report report;
    struct rom_reader gone, kept;

    follow("gone", &gone);
    follow("kept", &kept);
    wait_for(&gone, "alive");
    wait_for(&kept, "alive");
    must(report_open("witness", 64, &report), "report");
    say(&report, "seen");
    while (rom_update(&gone) != ERR_AGAIN)
        wait();
    expect(content_is(&kept, "alive"), "the kept report is there");
    log_info("one report has gone with its reporter, one is kept");
}

static void play(struct xml_node config)
{
    static const struct {
        const char *name;
        void (*play)(void);
    } roles[] = {{"pattern", role_pattern},
                 {"check", role_check},
                 {"mortal", role_mortal},
                 {"witness", role_witness},
                 {"hostile", role_hostile}};

    for (unsigned i = 0; i < sizeof(roles) / sizeof(*roles); i++)
        if (xml_attribute_is(config, "role", roles[i].name)) {
            roles[i].play();
            return;
        }
    must(ERR_NOT_FOUND, "role");
}

int component_main(struct env *environment)
{
    struct xml_node config;

    must(config_load(&config), "configuration");
    play(config);
    log_info("%s: %u failed", environment->name, failures);
    return failures != 0;
}
