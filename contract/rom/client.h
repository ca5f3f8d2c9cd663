/* SPDX-License-Identifier: MIT */
/*
 * ROM, the client's half: reading a module.
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE.
 */
#ifndef CONTRACT_ROM_CLIENT_H
#define CONTRACT_ROM_CLIENT_H

#include "contract/rom/wire.h"
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

#endif
