/* SPDX-License-Identifier: MIT */
/*
 * ROM: boot modules, attached in place and read-only (programs may be executed from there).
 */
#include "contract/rom/dispatch.h"
#include "core/core.h"
#include "core/dataspace.h"
#include "core/session.h"
#include "lib/base/session.h"
#include "lib/string/string.h"

struct rom_session {
    struct session session;
    const struct boot_module *module;
    struct dataspace *dataspace;
};

static enum status rom_open(struct session *session, const char *args)
{
    struct rom_session *rom = (struct rom_session *)session;
    char name[BOOT_MODULE_NAME];

    if (session_arg(args, "name", name, sizeof(name)) != OK &&
        !string_copy(name, sizeof(name), label_last(session->label)))
        return ERR_NOT_FOUND;
    rom->module = boot_module(name);
    if (!rom->module || rom->module->size == 0)
        return ERR_NOT_FOUND;
    enum status status = dataspace_create_foreign(&session->account, rom->module->physical, rom->module->size,
                                                  DATASPACE_EXECUTE, &rom->dataspace);
    if (status != OK)
        return status;
    status = object_publish(&rom->dataspace->object, 0);
    if (status != OK)
        dataspace_destroy(rom->dataspace);
    return status;
}

static void rom_close(struct session *session)
{
    struct rom_session *rom = (struct rom_session *)session;

    object_unpublish(&rom->dataspace->object);
    dataspace_destroy(rom->dataspace);
}

static enum status handle_dataspace(void *session, struct rom_dataspace *out, struct message_cap *cap)
{
    struct rom_session *rom = session;

    *out = (struct rom_dataspace){.size = rom->module->size, .generation = 1};
    *cap = object_cap(&rom->dataspace->object);
    return OK;
}

/* Modules never change, so the notification will never be signalled. */
static enum status handle_set_notification(void *session, uint32_t notification)
{
    (void)session;
    (void)notification;
    return OK;
}

static const struct rom_handlers handlers = {
    .dataspace = handle_dataspace,
    .set_notification = handle_set_notification,
};

static enum status rom_session_dispatch(struct session *session, struct dispatch *d)
{
    return rom_dispatch(&handlers, session, d);
}

const struct service rom_service = {
    .name = ROM_SERVICE,
    .kind = KIND_ROM,
    .size = sizeof(struct rom_session),
    .open = rom_open,
    .close = rom_close,
    .dispatch = rom_session_dispatch,
};
