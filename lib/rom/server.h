/* SPDX-License-Identifier: MIT */
/*
 * ROM sessions with content that changes: the server's half.
 *
 * The server has sources, which hold the content. Each session reads one source and gets a copy of its own at its
 * DATASPACE call, charged to what the session has lent. So a reader never sees a text that is being written, and what
 * it does to its copy is seen by nobody else.
 *
 *     source->data = text; source->size = length; source->present = true;
 *     rom_source_changed(&server, source);          readers are signalled
 *
 * `data` must stay readable until the next change.
 */
#ifndef LIB_ROM_SERVER_H
#define LIB_ROM_SERVER_H

#include "contract/rom/wire.h"
#include "lib/base/service.h"
#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rom_source {
    const void *data;
    size_t size;
    bool present;        /* false: readers get ERR_AGAIN */
    uint64_t generation; /* kept by the library */
};

struct rom_server {
    /* Which source this request is for; NULL: refused as ERR_DENIED. The source stays as long as the server. */
    struct rom_source *(*find)(struct rom_server *server, const struct parent_request *request);

    /* private */
    struct service service;
};

/* The module asked for, the last part of the label; not of the arguments, which nobody routes by. ERR_OVERFLOW: too long. */
[[nodiscard]] enum status rom_request_name(const struct parent_request *request, char *name, size_t size);

/* Announces ROM. */
[[nodiscard]] enum status rom_server_start(struct rom_server *server, struct entrypoint *entrypoint);

/* After a change of content or of `present`. */
void rom_source_changed(struct rom_server *server, struct rom_source *source);

#endif
