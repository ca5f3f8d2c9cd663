/* SPDX-License-Identifier: MIT */
/*
 * LOG: lines of components on the kernel's console, each with its label. A line appears when it is complete (or too
 * long), in one piece, so lines of different components never mix.
 */
#include "contract/log/dispatch.h"
#include "core/core.h"
#include "core/session.h"
#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

#define LOG_LINE_MAX 256u

struct log_session {
    struct session session;
    size_t length;
    char line[LOG_LINE_MAX];
};

static void flush(struct log_session *log)
{
    char line[SESSION_LABEL_MAX + LOG_LINE_MAX + 4];
    size_t prefix = fmt_format(line, sizeof(line), "[%s] ", log->session.label);

    memcpy(line + prefix, log->line, log->length);
    console_line(line, prefix + log->length);
    log->length = 0;
}

/* Escape sequences pass, so that components can use colours; nothing else may move the cursor. */
static bool is_printable(char c)
{
    return (unsigned char)c >= 0x20 || c == '\t' || c == 0x1b;
}

static enum status handle_write(void *session, const char *text, size_t length)
{
    struct log_session *log = session;

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            flush(log);
            continue;
        }
        if (text[i] == '\r')
            continue;
        if (log->length == LOG_LINE_MAX)
            flush(log);
        log->line[log->length++] = is_printable(text[i]) ? text[i] : '?';
    }
    return OK;
}

static enum status log_open(struct session *session, const char *args)
{
    (void)session;
    (void)args;
    return OK;
}

static enum status log_close(struct session *session)
{
    struct log_session *log = (struct log_session *)session;

    if (log->length > 0)
        flush(log);
    return OK;
}

static const struct log_handlers handlers = {.write = handle_write};

static enum status log_session_dispatch(struct session *session, struct dispatch *d)
{
    return log_dispatch(&handlers, session, d);
}

const struct service log_service = {
    .name = LOG_SERVICE,
    .kind = KIND_LOG,
    .size = sizeof(struct log_session),
    .open = log_open,
    .close = log_close,
    .dispatch = log_session_dispatch,
};
