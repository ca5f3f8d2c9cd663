/* SPDX-License-Identifier: MIT */
/*
 * A client that tries what it should not: each attempt has its answer, and the server goes on for the others.
 */
#include "test/report/report_test.h"

#include "contract/report/client.h"
#include "contract/rom/client.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/string/string.h"

#define CYCLES 200u
#define FLOOD  2000u

static enum status open_report(const char *label, uint64_t ram, uint32_t caps, struct connection *out)
{
    return session_open(
        &(struct session_options){.service = REPORT_SERVICE, .label_opt = label, .ram = ram, .caps = caps},
        out);
}

static void too_little(void)
{
    struct connection connection;
    struct rom_reader reader;

    expect(open_report("own", 4096, 0, &connection) == ERR_NO_RAM, "a report without RAM");
    expect(open_report("own", REPORT_SESSION_RAM, 2, &connection) == ERR_NO_CAPS,
           "a report without capabilities");
    expect(rom_open("secret", 4096, &reader) == ERR_DENIED, "a ROM that no policy grants");
    expect(rom_open("hostile -> own", 4096, &reader) == ERR_DENIED, "a reporter's label is no reader's");
}

/* What CONNECT must refuse, all in one session, which stays usable. */
static void bad_connects(uint32_t session, const struct memory *memory)
{
    uint32_t map = CAP_NONE, note = CAP_NONE;

    expect(report_session_submit(session, 1) == ERR_RANGE, "a text before CONNECT");
    expect(report_session_submit(session, 0) == ERR_INVALID, "an empty text before CONNECT");
    expect(report_session_connect(session, 4097, memory->dataspace) == ERR_NO_RAM, "more than was lent");
    expect(report_session_connect(session, UINT64_MAX, memory->dataspace) == ERR_RANGE, "the largest size");
    expect(report_session_connect(session, 100, CAP_NONE) != OK, "no dataspace");
    expect(pd_region_map_create(ENV_SLOT_PD_SESSION, 4096, &map) == OK, "a region map");
    expect(report_session_connect(session, 100, map) == ERR_UNSUPPORTED, "a region map is no dataspace");
    expect(pd_region_map_destroy(ENV_SLOT_PD_SESSION, map) == OK, "the region map goes");
    expect(notification_create(&note) == OK, "a notification");
    expect(report_session_connect(session, 100, note) != OK, "a notification is no dataspace");
    expect(report_session_connect(session, 100, session) != OK, "nor is the session itself");
    notification_destroy(note);
}

/* Then the memory is taken away under the server. */
static void reports(void)
{
    struct connection connection, second;
    struct memory memory;

    expect(open_report("own", REPORT_SESSION_RAM + 4096, 0, &connection) == ERR_NO_CAPS,
           "default capabilities");
    expect(open_report("own", REPORT_SESSION_RAM + 4096, REPORT_SESSION_CAPS, &connection) == OK,
           "a session");
    expect(open_report("own", REPORT_SESSION_RAM, REPORT_SESSION_CAPS, &second) == ERR_EXISTS,
           "two reporters of one report");
    expect(memory_alloc(4096, &memory) == OK, "memory");
    bad_connects(connection.slot, &memory);
    expect(report_session_connect(connection.slot, 4096, memory.dataspace) == OK, "a good CONNECT");
    expect(report_session_connect(connection.slot, 10, memory.dataspace) == ERR_EXISTS, "a second CONNECT");
    expect(report_session_submit(connection.slot, 4097) == ERR_RANGE, "longer than connected");
    expect(report_session_submit(connection.slot, UINT64_MAX) == ERR_RANGE, "longer than anything");
    for (unsigned i = 0; i < FLOOD; i++)
        expect(report_session_submit(connection.slot, i) == OK, "a flood of texts");
    memory_free(&memory);
    expect(report_session_submit(connection.slot, 4096) == OK, "a text in memory that is gone");
    session_close(&connection);
}

/* More sessions than would fit if anything stayed behind. */
static void cycles(void)
{
    for (unsigned i = 0; i < CYCLES; i++) {
        struct report report;
        struct rom_reader reader;

        expect(report_open("own", 65536, &report) == OK, "a report once more");
        expect(report_submit(&report, 65536) == OK, "its text");
        expect(rom_open("own", 65536, &reader) == OK && rom_update(&reader) == OK, "its reader");
        rom_close(&reader);
        report_close(&report);
    }
}

static void quota_of_readers(void)
{
    struct report report;
    struct rom_reader reader;

    expect(report_open("own", 65536, &report) == OK && report_submit(&report, 65536) == OK, "a long report");
    expect(rom_open("own", 0, &reader) == OK, "a reader that lends little");
    expect(rom_update(&reader) == ERR_NO_RAM, "who does not pay cannot read");
    expect(report_submit(&report, 10) == OK, "a short report");
    expect(rom_update(&reader) == OK && reader.rom.size == 10, "that can be read");
    expect(report_submit(&report, 0) == OK, "an empty report");
    expect(rom_update(&reader) == OK && reader.rom.size == 0, "that can be read, too");
    report_close(&report);
    expect(rom_update(&reader) == ERR_AGAIN, "it goes with its reporter");
    rom_close(&reader);
    expect(report_open("nobody", 4096, &report) == OK && report_submit(&report, 4096) == OK,
           "a report for nobody is taken");
    report_close(&report);
}

/* Tries to write into its copy of a text that others read. Role `check` looks whether it reaches them. */
static void scribble(void)
{
    struct rom_reader reader;
    struct rom_dataspace content;
    uint32_t dataspace;
    void *address;

    expect(rom_open("pattern", 4096, &reader) == OK, "the others' text");
    for (unsigned i = 0; i < 50; i++) {
        if (rom_dataspace(reader.connection.slot, &content, &dataspace) != OK)
            continue;
        expect(memory_attach(dataspace, PD_READ | PD_WRITE, &address) == ERR_DENIED,
               "a reader's copy is to be read");
        expect(pd_dataspace_free(ENV_SLOT_PD_SESSION, dataspace) != OK,
               "another's dataspace is not ours to free");
        cap_free(dataspace);
    }
    expect(rom_set_notification(reader.connection.slot, CAP_NONE) != OK, "no notification");
    rom_close(&reader);
}

void role_hostile(void)
{
    scribble();
    too_little();
    reports();
    scribble();
    quota_of_readers();
    cycles();
    scribble();
}
