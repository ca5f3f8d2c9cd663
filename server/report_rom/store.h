/* SPDX-License-Identifier: MIT */
/*
 * Reports and who may read them, hardware-free.
 *
 * The configuration names the reports: in <policy label report>, which lets the ROM session `label` read `report`, and in
 * <report label keep>, which keeps up to `keep` bytes of a report whose reporter has gone. These reports are all there
 * ever are, so clients cannot make the store grow. A report has at most one reporter at a time. Its text lies in memory
 * that the reporter has paid for; only a kept one lies in the store's own, set aside at the start.
 */
#ifndef SERVER_REPORT_ROM_STORE_H
#define SERVER_REPORT_ROM_STORE_H

#include "contract/parent/wire.h"
#include "lib/base/status.h"
#include "lib/rom/server.h"
#include "lib/xml/xml.h"

#include <stdbool.h>
#include <stddef.h>

struct report {
    struct rom_source source;
    bool taken; /* there is a reporter */
    char *keep_opt;
    size_t keep_size;
    struct report *next;
    char label[PARENT_LABEL_MAX]; /* the reporter's, e.g. "vm -> state" */
};

struct policy {
    struct report *report;
    struct policy *next;
    bool prefix;                  /* `label` is only a beginning */
    char label[PARENT_LABEL_MAX]; /* the reader's */
};

struct store {
    struct report *reports;
    struct policy *policies; /* in the order of the configuration */
};

/* What is wrong with the configuration: where, and why. */
struct store_error {
    struct xml_node node;
    const char *attribute_opt;
    const char *reason;
};

/* Reads the children of <config>. ERR_INVALID: `error` says why. ERR_NO_RAM. The store is then of no use. */
[[nodiscard]] enum status store_init(struct store *store, struct xml_node config, struct store_error *error);

/* The report that the ROM session with this label may read: by the first policy that fits. NULL: none. */
struct report *store_readable(const struct store *store, const char *label);

/* The report of the REPORT session with this label. NULL: nobody may read it. */
struct report *store_report(const struct store *store, const char *label);

/* A reporter comes. ERR_EXISTS: there is one already. What is kept of the last one stays until the first report_put. */
[[nodiscard]] enum status report_take(struct report *report);

/* A new text. It must stay readable until the next report_put or report_leave. Readers are to be told. */
void report_put(struct report *report, const void *text, size_t length);

/* The reporter has gone; its text will no longer be used. True: readers are to be told. */
bool report_leave(struct report *report);

#endif
