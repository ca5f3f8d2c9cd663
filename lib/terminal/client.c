/* SPDX-License-Identifier: MIT */
/* Client's half of a TERMINAL session; see client.h. */
#include "lib/terminal/client.h"

#include "contract/terminal/client.h"
#include "lib/base/cap.h"
#include "lib/base/kernel.h"
#include "lib/base/notification.h"
#include "lib/terminal/quota.h"

static void received(struct signal *signal)
{
    struct terminal_client *client =
        (struct terminal_client *)((char *)signal - offsetof(struct terminal_client, signal));

    client->changed(client);
}

static enum status connect(struct terminal_client *client)
{
    struct terminal_connect layout;
    size_t size;
    enum status status = stream_layout(TERMINAL_OUTPUT_DEFAULT, TERMINAL_INPUT_DEFAULT, &layout, &size);

    if (status != OK)
        return status;
    status = memory_alloc(size, &client->memory);
    if (status != OK)
        return status;
    status =
        stream_open(client->memory.address, client->memory.size, &layout, STREAM_CLIENT, &client->stream);
    if (status == OK)
        status = terminal_connect(client->connection.slot, &layout, client->memory.dataspace,
                                  client->signal.slot, &client->server);
    if (status != OK)
        memory_free(&client->memory);
    return status;
}

enum status terminal_client_open(struct entrypoint *entrypoint, const char *label_opt,
                                 void (*changed)(struct terminal_client *client),
                                 struct terminal_client *client)
{
    struct session_options options = {
        .service = TERMINAL_SERVICE,
        .label_opt = label_opt,
        .ram = TERMINAL_SESSION_RAM,
        .caps = TERMINAL_SESSION_CAPS,
    };
    enum status status;

    *client = (struct terminal_client){.changed = changed, .entrypoint = entrypoint};
    status = session_open(&options, &client->connection);
    if (status != OK)
        return status;
    status = signal_create(entrypoint, &client->signal, received);
    if (status != OK)
        goto close_session;
    status = connect(client);
    if (status == OK)
        return OK;
    signal_destroy(entrypoint, &client->signal);
close_session:
    session_close(&client->connection);
    return status;
}

void terminal_client_close(struct terminal_client *client)
{
    session_close(&client->connection);
    cap_free(client->server);
    signal_destroy(client->entrypoint, &client->signal);
    memory_free(&client->memory);
}

enum status terminal_client_write(struct terminal_client *client, const void *bytes, size_t length,
                                  size_t *taken)
{
    bool notify;
    enum status status = stream_write(&client->stream, bytes, length, taken, &notify);

    if (notify)
        notification_signal(client->server);
    return status;
}

bool terminal_client_gone(const struct terminal_client *client)
{
    return kernel_notification_signal(client->server) != OK;
}

enum status terminal_client_read(struct terminal_client *client, void *bytes, size_t size, size_t *got)
{
    bool notify;
    enum status status = stream_read(&client->stream, bytes, size, got, &notify);

    if (notify)
        notification_signal(client->server);
    return status;
}
