/* SPDX-License-Identifier: MIT */
/*
 * Opening a session and waiting for it. All threads share one notification at the parent, so one opening at a time waits.
 */
#include "lib/base/session.h"

#include "lib/base/cap.h"
#include "lib/base/lock.h"
#include "lib/base/notification.h"
#include "lib/base/parent_session.h"
#include "lib/string/string.h"

static struct lock lock;
static uint32_t changed; /* signalled by the parent; CAP_NONE until the first opening */

static enum status notification_prepare(void)
{
    uint32_t fresh;

    if (changed != CAP_NONE)
        return OK;
    enum status status = notification_create(&fresh);

    if (status != OK)
        return status;
    status = parent_set_notification(PARENT_NOTIFY_BLOCKING, fresh);
    if (status != OK) {
        notification_destroy(fresh);
        return status;
    }
    changed = fresh;
    return OK;
}

static enum status request_make(const struct session_options *options, struct parent_session_open *out)
{
    *out = (struct parent_session_open){.ram = options->ram ? options->ram : SESSION_RAM_DEFAULT,
                                        .caps = options->caps ? options->caps : SESSION_CAPS_DEFAULT,
                                        .notify = PARENT_NOTIFY_BLOCKING};
    if (!string_copy(out->service, sizeof(out->service), options->service) ||
        !string_copy(out->label, sizeof(out->label), options->label_opt ? options->label_opt : "") ||
        !string_copy(out->args, sizeof(out->args), options->args_opt ? options->args_opt : ""))
        return ERR_OVERFLOW;
    return OK;
}

static enum status open_and_wait(const struct parent_session_open *request, struct connection *out)
{
    uint64_t id, bits;
    uint32_t slot;
    struct parent_returned returned;
    enum status status = parent_session_open(request, &id);

    if (status != OK)
        return status;
    while ((status = parent_session_get(id, &slot)) == ERR_AGAIN) {
        status = notification_wait(changed, UINT64_MAX, &bits);
        if (status != OK)
            break;
    }
    if (status != OK) {
        (void)parent_session_close(id, &returned);
        return status;
    }
    *out = (struct connection){.id = id, .slot = slot};
    return OK;
}

enum status session_open(const struct session_options *options, struct connection *out)
{
    struct parent_session_open request;
    enum status status = request_make(options, &request);

    if (status != OK)
        return status;
    lock_take(&lock);
    status = notification_prepare();
    if (status == OK)
        status = open_and_wait(&request, out);
    lock_leave(&lock);
    return status;
}

enum status session_upgrade(const struct connection *connection, uint64_t ram, uint32_t caps)
{
    return parent_session_upgrade(connection->id, ram, caps);
}

void session_close(struct connection *connection)
{
    struct parent_returned returned;

    /* The capability first: after closing it would denote nothing. */
    cap_free(connection->slot);
    (void)parent_session_close(connection->id, &returned);
    *connection = (struct connection){0};
}
