/* SPDX-License-Identifier: MIT */
/*
 * Moves the bytes between the clients, mux.c and the terminal below.
 *
 * `pump` moves output: what waits in the sink to the terminal, then a chunk of each client in turn while the sink has
 * room. It ends when all clients have been read short (they will signal), when the terminal takes no more (it will
 * signal), or after a number of rounds, to look at the input (then it runs again as deferred work).
 */
#include "server/terminal_mux/console.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"
#include "lib/terminal/client.h"
#include "lib/terminal/server.h"
#include "server/terminal_mux/mux.h"

#define CLIENTS_MAX    16u
#define ROUNDS_AT_ONCE 64u

struct console {
    struct terminal_session terminal;
    struct mux_client client;
};

static struct mux mux;
static struct terminal_client screen;
static struct xml_node config;
static unsigned clients;
static struct deferred again;

static struct console *console_of(struct mux_client *client)
{
    return (struct console *)((char *)client - offsetof(struct console, client));
}

/* ---- output ---- */

/* Without the screen there is nothing to do here; whoever started us knows what next. */
static void screen_check(enum status status)
{
    if (status == OK)
        return;
    log_error("the terminal is gone: %s", status_text(status));
    component_exit(EXIT_NO_SCREEN);
}

static void sink_drain(void)
{
    const uint8_t *bytes;
    size_t length, taken;

    do {
        length = mux_pending(&mux, &bytes);
        if (length == 0)
            return;
        screen_check(terminal_client_write(&screen, bytes, length, &taken));
        mux_sent(&mux, taken);
    } while (taken == length);
}

/* One chunk of the client; false: nothing there. */
static bool client_pump(struct mux_client *client)
{
    uint8_t bytes[MUX_CHUNK];
    size_t got;

    if (terminal_session_read(&console_of(client)->terminal, bytes, sizeof(bytes), &got) != OK || got == 0)
        return false;
    mux_output(&mux, client, bytes, got);
    return true;
}

static void pump(void)
{
    for (unsigned round = 0; round < ROUNDS_AT_ONCE; round++) {
        bool moved = false;
        for (struct mux_client *client = mux.clients; client; client = client->next) {
            sink_drain();
            if (mux_room(&mux) < MUX_ROOM)
                return;
            moved |= client_pump(client);
        }
        sink_drain();
        if (!moved)
            return;
    }
    entrypoint_defer(&env.entrypoint, &again);
}

static void pump_again(struct deferred *deferred)
{
    (void)deferred;
    pump();
}

/* ---- input ---- */

static void type(uint8_t byte)
{
    struct mux_client *client;
    size_t taken;

    /* A screen that takes nothing cannot show whose turn it is: the key must wait for better times. */
    if (byte == mux.key && mux_room(&mux) < MUX_ROOM)
        return;
    client = mux_input(&mux, byte);
    /* A client that does not read loses what is typed; it must not hold up the key that leaves it. */
    if (client && terminal_session_write(&console_of(client)->terminal, &byte, 1, &taken) != OK)
        return;
}

static void screen_changed(struct terminal_client *client)
{
    uint8_t bytes[64];
    size_t got;

    do {
        screen_check(terminal_client_read(client, bytes, sizeof(bytes), &got));
        for (size_t i = 0; i < got; i++)
            type(bytes[i]);
    } while (got == sizeof(bytes));
    pump();
}

/* ---- clients ---- */

static void changed(struct terminal_session *session)
{
    (void)session;
    pump();
}

/* True if the policy's label_prefix is a prefix of the label. */
static bool policy_matches(struct xml_node policy, const char *label)
{
    char prefix[PARENT_LABEL_MAX];

    return xml_attribute_copy(policy, "label_prefix", prefix, sizeof(prefix)) == OK &&
           strncmp(prefix, label, strlen(prefix)) == 0;
}

/* The child's name, which begins the label. */
static void client_default_name(struct mux_client *client, const char *label)
{
    const char *end = label;

    while (*end && !(end[0] == ' ' && end[1] == '-' && end[2] == '>'))
        end++;
    size_t length = (size_t)(end - label) < MUX_NAME_MAX - 1 ? (size_t)(end - label) : MUX_NAME_MAX - 1;
    memcpy(client->name, label, length);
    client->name[length] = '\0';
}

/* Applies the first matching <policy>. */
static void client_policy(struct mux_client *client, const char *label)
{
    struct xml_node policy;
    char name[MUX_NAME_MAX];
    bool prefix = true;
    bool input = true;
    bool more = xml_first_child_named(config, "policy", &policy);

    while (more && !policy_matches(policy, label))
        more = xml_next_sibling_named(policy, "policy", &policy);
    if (!more)
        return;
    enum status status = xml_attribute_copy(policy, "name", name, sizeof(name));
    if (status == OK)
        (void)string_copy(client->name, sizeof(client->name), name);
    else if (status == ERR_OVERFLOW)
        config_complain(policy, "name", "too long");
    if (xml_attribute_bool(policy, "prefix", &prefix) == ERR_INVALID)
        config_complain(policy, "prefix", "must be yes or no");
    if (xml_attribute_bool(policy, "input", &input) == ERR_INVALID)
        config_complain(policy, "input", "must be yes or no");
    client->plain = !prefix;
    client->output_only = !input;
}

static enum status opened(struct terminal_session *session, const struct parent_request *request)
{
    struct mux_client *client = &((struct console *)session)->client;

    if (clients == CLIENTS_MAX)
        return ERR_NO_CAPS;
    sink_drain();
    if (mux_room(&mux) < MUX_ROOM)
        return ERR_BUSY;
    clients++;
    client_default_name(client, request->label);
    client_policy(client, request->label);
    mux_add(&mux, client);
    if (xml_attribute_is(config, "focus", client->name) && mux.focus_opt != client)
        mux_focus(&mux, client);
    pump();
    return OK;
}

static void closed(struct terminal_session *session)
{
    struct mux_client *client = &((struct console *)session)->client;

    while (mux_room(&mux) >= MUX_ROOM && client_pump(client))
        sink_drain();
    mux_remove(&mux, client);
    clients--;
    pump();
}

/* ---- start ---- */

int console_start(struct entrypoint *entrypoint, struct xml_node node, uint8_t key)
{
    static struct terminal_server server = {
        .session_size = sizeof(struct console),
        .opened_opt = opened,
        .changed = changed,
        .closed_opt = closed,
    };
    enum status status;

    config = node;
    again.run = pump_again;
    mux_init(&mux, key);
    status = terminal_client_open(entrypoint, "screen", screen_changed, &screen);
    if (status != OK) {
        log_error("no terminal: %s", status_text(status));
        return EXIT_NO_SCREEN;
    }
    status = terminal_server_start(&server, entrypoint);
    if (status != OK) {
        log_error("cannot announce TERMINAL: %s", status_text(status));
        return EXIT_NO_SERVICE;
    }
    screen_changed(&screen);
    return 0;
}
