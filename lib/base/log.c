/* SPDX-License-Identifier: MIT */
/*
 * Messages collect in one buffer until a newline, and go out in as few calls as possible. The lock also keeps the lines of
 * several threads apart.
 */
#include "lib/base/log.h"

#include "contract/log/wire.h"
#include "lib/base/ipc.h"
#include "lib/base/lock.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

#define LINE_MAX 1000u

enum log_state { LOG_UNOPENED, LOG_OPEN, LOG_ABSENT };

static struct lock lock;
static const struct thread *holder; /* a panic inside a message must not wait for itself */
static enum log_state state;
static struct connection session;
static struct log_write buffer; /* .length: bytes collected */

static bool session_ready(void)
{
    if (state == LOG_UNOPENED)
        state = session_open(&(struct session_options){.service = LOG_SERVICE}, &session) == OK ? LOG_OPEN
                                                                                                : LOG_ABSENT;
    return state == LOG_OPEN;
}

static enum status write(void)
{
    return ipc_call(&(struct ipc){.portal = session.slot,
                                  .opcode = LOG_WRITE,
                                  .in = &buffer,
                                  .in_size = offsetof(struct log_write, text) + buffer.length});
}

/* A message that cannot be written has nobody to be told. After the death of its server the next one opens a new session. */
static void flush(void)
{
    if (buffer.length && session_ready() && write() == ERR_PEER_GONE) {
        session_close(&session);
        state = LOG_UNOPENED;
    }
    buffer.length = 0;
}

/* With the lock. A piece without newline stays in the buffer. */
static void collect(const char *text, size_t length)
{
    bool newline = false;

    for (size_t i = 0; i < length; i++) {
        if (buffer.length == LOG_TEXT_MAX)
            flush();
        buffer.text[buffer.length++] = text[i];
        newline = text[i] == '\n';
    }
    if (newline)
        flush();
}

void log_text(const char *text, size_t length)
{
    if (holder == thread_self())
        return;
    lock_take(&lock);
    holder = thread_self();
    collect(text, length);
    holder = NULL;
    lock_leave(&lock);
}

static void log_line(const char *prefix, const char *format, va_list arguments)
{
    char line[LINE_MAX];
    size_t length = fmt_format(line, sizeof(line), "%s", prefix);

    length += fmt_vformat(line + length, sizeof(line) - length, format, arguments);
    if (length > sizeof(line) - 2)
        length = sizeof(line) - 2;
    line[length] = '\n';
    log_text(line, length + 1);
}

void log_vinfo(const char *format, va_list arguments)
{
    log_line("", format, arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_line("", format, arguments);
    va_end(arguments);
}

void log_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_line("error: ", format, arguments);
    va_end(arguments);
}
