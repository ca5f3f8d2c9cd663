/* SPDX-License-Identifier: MIT */
/* Several consoles on one screen; see mux.h. */
#include "server/terminal_mux/mux.h"

#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

#define BYTE_CANCEL 0x18 /* ends an unfinished escape sequence */
#define BYTE_ESCAPE 0x1b

/* ---- the sink ---- */

size_t mux_room(const struct mux *mux)
{
    return MUX_SINK - mux->sink_length;
}

static void put(struct mux *mux, uint8_t byte)
{
    if (mux->sink_length == MUX_SINK)
        return; /* cannot be: MUX_ROOM */
    mux->sink[(mux->sink_head + mux->sink_length) % MUX_SINK] = byte;
    mux->sink_length++;
}

static void put_text(struct mux *mux, const char *text)
{
    while (*text)
        put(mux, (uint8_t)*text++);
}

size_t mux_pending(const struct mux *mux, const uint8_t **bytes)
{
    size_t to_end = MUX_SINK - mux->sink_head;

    *bytes = &mux->sink[mux->sink_head];
    return mux->sink_length < to_end ? mux->sink_length : to_end;
}

void mux_sent(struct mux *mux, size_t length)
{
    mux->sink_head = (mux->sink_head + length) % MUX_SINK;
    mux->sink_length -= length;
}

/* ---- lines ---- */

static void escape_advance(struct mux_client *client, uint8_t byte)
{
    if (byte == BYTE_ESCAPE)
        client->escape = MUX_ESCAPE_STARTED;
    else if (client->escape == MUX_ESCAPE_STARTED)
        client->escape = byte == '[' ? MUX_ESCAPE_CONTROL : MUX_ESCAPE_NONE;
    else if (client->escape == MUX_ESCAPE_CONTROL && byte >= 0x40)
        client->escape = MUX_ESCAPE_NONE;
}

/* Ends the focused client's unfinished line, so that something else can be printed. */
static void line_hide(struct mux *mux)
{
    if (!mux->shown)
        return;
    if (mux->focus_opt->escape != MUX_ESCAPE_NONE)
        put(mux, BYTE_CANCEL);
    put_text(mux, "\r\n");
    mux->shown = false;
}

/* Prints it again. */
static void line_show(struct mux *mux)
{
    struct mux_client *client = mux->focus_opt;

    if (mux->shown || !client || client->length == 0)
        return;
    for (size_t i = 0; i < client->length; i++)
        put(mux, client->line[i]);
    mux->shown = true;
}

/* A collected line without what would move the cursor. */
static void put_plain(struct mux *mux, const uint8_t *line, size_t length)
{
    struct mux_client state = {.escape = MUX_ESCAPE_NONE};

    for (size_t i = 0; i < length; i++) {
        bool inside = state.escape != MUX_ESCAPE_NONE;
        escape_advance(&state, line[i]);
        if (inside || state.escape != MUX_ESCAPE_NONE || line[i] == '\r')
            continue;
        put(mux, line[i] < ' ' && line[i] != '\t' ? '?' : line[i]);
    }
}

static void line_emit(struct mux *mux, struct mux_client *client)
{
    line_hide(mux);
    if (!client->plain) {
        put(mux, '[');
        put_text(mux, client->name);
        put_text(mux, "] ");
    }
    put_plain(mux, client->line, client->length);
    put_text(mux, "\r\n");
    client->length = 0;
}

static void collect(struct mux *mux, struct mux_client *client, uint8_t byte)
{
    if (byte == '\n') {
        line_emit(mux, client);
        return;
    }
    if (client->length == MUX_LINE_MAX)
        line_emit(mux, client);
    client->line[client->length++] = byte;
}

/* Remembers what stands on the line; of a very long one, its end. */
static void remember(struct mux_client *client, uint8_t byte)
{
    if (client->returned && byte != '\n' && byte != '\r')
        client->length = 0; /* the line is written anew from its beginning */
    client->returned = byte == '\r';
    if (byte == '\n') {
        client->length = 0;
        return;
    }
    if (client->length == MUX_LINE_MAX) {
        memmove(client->line, client->line + 1, MUX_LINE_MAX - 1);
        client->length--;
    }
    client->line[client->length++] = byte;
}

static void pass(struct mux *mux, struct mux_client *client, uint8_t byte)
{
    if (byte == '\n' && !client->returned)
        put(mux, '\r');
    put(mux, byte);
    escape_advance(client, byte);
    remember(client, byte);
    mux->shown = client->length != 0;
}

void mux_output(struct mux *mux, struct mux_client *client, const uint8_t *bytes, size_t length)
{
    if (client == mux->focus_opt)
        line_show(mux);
    for (size_t i = 0; i < length; i++) {
        if (client == mux->focus_opt)
            pass(mux, client, bytes[i]);
        else
            collect(mux, client, bytes[i]);
    }
    line_show(mux);
}

void mux_say(struct mux *mux, const char *text)
{
    line_hide(mux);
    put_text(mux, "[console] ");
    put_text(mux, text);
    put_text(mux, "\r\n");
    line_show(mux);
}

/* ---- clients and focus ---- */

void mux_init(struct mux *mux, uint8_t key)
{
    *mux = (struct mux){.key = key};
}

void mux_focus(struct mux *mux, struct mux_client *client)
{
    char text[MUX_NAME_MAX + 64];

    line_hide(mux);
    if (mux->focus_opt) {
        mux->focus_opt->returned = false;
        mux->focus_opt->escape = MUX_ESCAPE_NONE;
    }
    mux->focus_opt = client;
    client->returned = client->length && client->line[client->length - 1] == '\r';
    fmt_format(text, sizeof(text), "input goes to %s (ctrl-%c: next)", client->name,
               mux->key >= 1 && mux->key <= 26 ? mux->key + 'a' - 1 : mux->key + '@');
    mux_say(mux, text);
}

void mux_add(struct mux *mux, struct mux_client *client)
{
    struct mux_client **link = &mux->clients;

    while (*link)
        link = &(*link)->next;
    *link = client;
    client->next = NULL;
    if (!mux->focus_opt && !client->output_only)
        mux_focus(mux, client);
}

/* The next one that takes input, perhaps the same. */
static struct mux_client *next_of(struct mux *mux, struct mux_client *client)
{
    struct mux_client *next = client;

    do {
        next = next->next ? next->next : mux->clients;
    } while (next->output_only && next != client);
    return next;
}

void mux_remove(struct mux *mux, struct mux_client *client)
{
    struct mux_client **link = &mux->clients;
    struct mux_client *next = next_of(mux, client);

    if (client == mux->focus_opt) {
        line_hide(mux);
        mux->focus_opt = NULL;
    } else if (client->length) {
        line_emit(mux, client);
    }
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    if (!mux->focus_opt && next != client)
        mux_focus(mux, next);
    line_show(mux);
}

struct mux_client *mux_input(struct mux *mux, uint8_t byte)
{
    if (!mux->focus_opt || byte != mux->key)
        return mux->focus_opt;
    mux_focus(mux, next_of(mux, mux->focus_opt));
    return NULL;
}

bool mux_key_parse(const char *text, size_t length, uint8_t *key)
{
    static const char prefix[] = "ctrl-";
    size_t n = sizeof(prefix) - 1;

    if (length != n + 1 || memcmp(text, prefix, n) != 0)
        return false;
    if (text[n] >= 'a' && text[n] <= 'z')
        *key = (uint8_t)(text[n] - 'a' + 1);
    else if (text[n] == '\\' || text[n] == '^' || text[n] == '_')
        *key = (uint8_t)(text[n] - '@');
    else
        return false;
    return true;
}
