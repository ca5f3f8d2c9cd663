/* SPDX-License-Identifier: MIT */
/*
 * The state of the children as a REPORT session of init's at its parent, label `state`:
 *
 *     <state version="..."> <child name="x" state="running" restarts="0" ...> <ram quota="1M" used="..."/> </child> </state>
 *
 * Changes are collected for delay_ms, so that a child that fails all the time cannot keep init busy with reports. A report
 * that does not fit is not handed in. Without a REPORT service nothing is reported, and that is said once.
 */
#include "init/init.h"

#include "contract/report/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/pd_session.h"
#include "lib/base/time.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#define REPORT_SIZE (16u << 10)
#define MS_NS       1000000ull

static struct timeout delay;
static struct upstream upstream;
static struct memory memory;
static bool connected, refused;

struct writer {
    char *text;
    size_t size, length;
};

static void put(struct writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *writer, const char *format, ...)
{
    va_list arguments;

    if (writer->length >= writer->size)
        return;
    va_start(arguments, format);
    writer->length +=
        fmt_vformat(writer->text + writer->length, writer->size - writer->length, format, arguments);
    va_end(arguments);
}

/* Names have neither quotation marks nor `>'. */
static void put_name(struct writer *writer, const char *name)
{
    for (; *name; name++)
        if (*name == '&' || *name == '<')
            put(writer, "%s", *name == '&' ? "&amp;" : "&lt;");
        else
            put(writer, "%c", *name);
}

static const char *state_name(const struct init_child *child)
{
    switch (child->state) {
    case CHILD_NEW:
    case CHILD_STARTING: return "starting";
    case CHILD_RUNNING: return "running";
    case CHILD_LEAVING: return "leaving";
    case CHILD_RESTING: return "resting";
    case CHILD_ENDED: return "ended";
    }
    return "";
}

static void put_quota(struct writer *writer, const struct init_child *child)
{
    struct pd_info info;

    if (child->state != CHILD_RUNNING || pd_info(child->pd.slot, &info) != OK)
        return;
    if (init.config.state.child_ram)
        put(writer, "<ram quota=\"%llu\" used=\"%llu\"/>", (unsigned long long)info.ram_limit,
            (unsigned long long)info.ram_used);
    if (init.config.state.child_caps)
        put(writer, "<caps quota=\"%u\" used=\"%u\"/>", info.caps_limit, info.caps_used);
}

static void put_child(struct writer *writer, const struct init_child *child)
{
    put(writer, "    <child name=\"");
    put_name(writer, child->config->name);
    put(writer, "\" state=\"%s\" restarts=\"%u\"", state_name(child), child->restarts);
    if (child->control.beats_skipped)
        put(writer, " skipped_heartbeats=\"%llu\"", (unsigned long long)child->control.beats_skipped);
    if (child->state == CHILD_RESTING || child->state == CHILD_ENDED)
        put(writer, " exit_value=\"%d\"", child->exit_code);
    put(writer, ">");
    put_quota(writer, child);
    put(writer, "</child>\n");
}

static void submit(void)
{
    struct writer writer = {.text = memory.address, .size = memory.size};

    put(&writer, "<state>\n");
    for (const struct init_child *child = init.children; child; child = child->next)
        put_child(&writer, child);
    put(&writer, "</state>\n");
    if (writer.length < writer.size)
        (void)!report_session_submit(upstream.slot, writer.length);
    else
        log_error("the state report does not fit %u bytes", REPORT_SIZE);
}

static void opened(struct upstream *session, enum status status)
{
    if (status == OK)
        status = memory.size ? OK : memory_alloc(REPORT_SIZE, &memory);
    if (status == OK)
        status = report_session_connect(session->slot, memory.size, memory.dataspace);
    connected = status == OK;
    if (connected)
        submit();
    else if (status == ERR_PEER_GONE)
        init_report_trigger(); /* a new session, when there is something to say */
    else if (!refused) {
        refused = true;
        log_error("no report of the state: %s", status_text(status));
    }
}

static void report_now(struct timeout *timeout)
{
    struct parent_session_open request = {.service = REPORT_SERVICE,
                                          .label = "state",
                                          .ram = REPORT_SESSION_RAM + REPORT_SIZE,
                                          .caps = REPORT_SESSION_CAPS};

    (void)timeout;
    if (connected && upstream.id) {
        submit();
        return;
    }
    if (upstream.id) /* asked for */
        return;
    connected = false;
    enum status status = upstream_open(&upstream, &request, opened);

    if (status != OK)
        opened(&upstream, status);
}

void init_report_trigger(void)
{
    if (!init.config.state.wanted || refused || delay.queued)
        return;
    delay.expired = report_now;
    entrypoint_timeout_set(init.entrypoint, &delay, time_after_ns(init.config.state.delay_ms * MS_NS));
}
