/* SPDX-License-Identifier: MIT */
/*
 * REPORT, the client's half: a buffer to write into, and handing it in.
 *
 *     struct report report;
 *     status = report_open("state", 4096, &report);
 *     length = fmt_format(report.text, report.size, "<state ready=\"yes\"/>");
 *     status = report_submit(&report, length);
 *
 * Every call may return ERR_PEER_GONE: close and open again.
 */
#ifndef CONTRACT_REPORT_CLIENT_H
#define CONTRACT_REPORT_CLIENT_H

#include "contract/report/wire.h"
#include "lib/base/memory.h"
#include "lib/base/session.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

struct report {
    struct connection connection;
    struct memory memory;
    char *text; /* `size` bytes */
    size_t size;
};

/* `size`: the longest report, 1 .. REPORT_SIZE_MAX. The session is lent what the server's copy costs. */
[[nodiscard]] enum status report_open(const char *label, size_t size, struct report *out);

/* The first `length` bytes of report->text are the new report. ERR_RANGE: more than report->size. */
[[nodiscard]] enum status report_submit(const struct report *report, size_t length);
void report_close(struct report *report);

/* The bare calls. The dataspace is *lent*. */
[[nodiscard]] enum status report_session_connect(uint32_t session, uint64_t size, uint32_t dataspace);
[[nodiscard]] enum status report_session_submit(uint32_t session, uint64_t length);

#endif
