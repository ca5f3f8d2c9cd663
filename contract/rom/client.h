/* SPDX-License-Identifier: MIT */
/*
 * ROM, the client's half: reading a module, and following one that changes.
 *
 *     status = rom_open("config", 16384, &reader);
 *     status = rom_notify(&reader, changed.slot);   a struct signal of the entry point
 *     status = rom_update(&reader);                 now and at each signal; ERR_AGAIN: there is nothing at present
 *     parse(reader.rom.data, reader.rom.size);      until the next rom_update
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE.
 */
#ifndef CONTRACT_ROM_CLIENT_H
#define CONTRACT_ROM_CLIENT_H

#include "contract/rom/wire.h"
#include "lib/base/session.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* *dataspace is a fresh slot, *given*. */
[[nodiscard]] enum status rom_dataspace(uint32_t session, struct rom_dataspace *out, uint32_t *dataspace);

/* The notification is *lent* for the session's life. */
[[nodiscard]] enum status rom_set_notification(uint32_t session, uint32_t notification);

/* A module in memory. */
struct rom {
    uint32_t dataspace;
    const void *data;
    uint64_t size; /* bytes of content; zeroes follow to the end of the page */
    uint64_t generation;
};

/* Fetches the present content and attaches it; rom_unmap detaches it. */
[[nodiscard]] enum status rom_map(uint32_t session, struct rom *out);
void rom_unmap(struct rom *rom);

/* A session, and its content as last fetched. */
struct rom_reader {
    struct connection connection;
    struct rom rom; /* data is NULL while there is none */
};

/*
 * `size`: the most that a server shall be able to copy for this reader, who pays for it (ROM_READER_RAM + size are
 * lent). Servers that hand out what they have anyway (boot modules) do not need it: 0 then.
 */
[[nodiscard]] enum status rom_open(const char *label, uint64_t size, struct rom_reader *out);

/* The notification, *lent*, is signalled at each change; ask for the content after setting it, else one may be missed. */
[[nodiscard]] enum status rom_notify(const struct rom_reader *reader, uint32_t notification);

/* Fetches the present content. Whatever the outcome, the content before is no longer mapped: copy what must stay. */
[[nodiscard]] enum status rom_update(struct rom_reader *reader);
void rom_close(struct rom_reader *reader);

#endif
