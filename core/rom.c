/* SPDX-License-Identifier: MIT */
/*
 * ROM: boot modules, attached in place and read-only (programs may be executed from there), core's log, and what a
 * platform driver must know of the machine. The label alone names them, since that is what init routes by.
 */
#include "contract/log/core_log.h"
#include "contract/rom/dispatch.h"
#include "core/core.h"
#include "core/core_log.h"
#include "core/session.h"
#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

#define PLATFORM_INFO_ROM "platform_info"

struct rom_session {
    struct session session;
    bool log; /* core's log, whose dataspace is core's own and which changes */
    struct dataspace *dataspace;
    uint64_t size;
    uint32_t notification;
};

static enum status open_module(struct rom_session *rom, const char *name)
{
    const struct boot_module *module = boot_module(name);

    if (!module || module->size == 0)
        return ERR_NOT_FOUND;
    rom->size = module->size;
    return dataspace_create_foreign(&rom->session.account, module->physical, module->size, DATASPACE_EXECUTE,
                                    &rom->dataspace);
}

/* A page of its own for each session, which pays for it. */
static enum status open_platform_info(struct rom_session *rom)
{
    uint64_t physical;
    enum status status = dataspace_create(&rom->session.account, FRAME_SIZE, 0, &rom->dataspace);

    if (status != OK)
        return status;
    status = dataspace_physical(rom->dataspace, 0, &physical);
    if (status != OK) {
        dataspace_destroy(rom->dataspace);
        return status;
    }
    rom->size = fmt_format(frames_pointer(&core.frames, physical), FRAME_SIZE,
                           "<platform_info>\n    <acpi root=\"0x%llx\"/>\n</platform_info>\n",
                           (unsigned long long)core.boot->acpi_root);
    return OK;
}

static enum status rom_open(struct session *session, const char *args)
{
    struct rom_session *rom = (struct rom_session *)session;
    char name[BOOT_MODULE_NAME];

    (void)args;
    if (!string_copy(name, sizeof(name), label_last(session->label)))
        return ERR_NOT_FOUND;
    if (strcmp(name, CORE_LOG_ROM) == 0) {
        rom->log = true;
        rom->size = CORE_LOG_SIZE;
        rom->dataspace = core_log_dataspace();
        return OK;
    }
    bool info = strcmp(name, PLATFORM_INFO_ROM) == 0;
    enum status status = info ? open_platform_info(rom) : open_module(rom, name);

    if (status != OK)
        return status;
    status = object_publish(&rom->dataspace->object, 0);
    if (status != OK)
        dataspace_destroy(rom->dataspace);
    return status;
}

static enum status rom_close(struct session *session)
{
    struct rom_session *rom = (struct rom_session *)session;

    slot_give(&session->account, rom->notification);
    rom->notification = CAP_NONE;
    if (rom->log)
        return OK;
    object_unpublish(&rom->dataspace->object);
    if (dataspace_retire(rom->dataspace) != OK)
        return ERR_AGAIN;
    dataspace_destroy(rom->dataspace);
    return OK;
}

static enum status handle_dataspace(void *session, struct rom_dataspace *out, struct message_cap *cap)
{
    struct rom_session *rom = session;

    *out = (struct rom_dataspace){.size = rom->size, .generation = 1};
    *cap = object_cap(&rom->dataspace->object);
    return OK;
}

/* For modules it will never be signalled: they do not change. */
static enum status handle_set_notification(void *session, uint32_t notification)
{
    struct rom_session *rom = session;

    return slot_replace(&rom->session.account, notification, RIGHT_NOTIFICATION_SIGNAL, &rom->notification);
}

void rom_signal_core_log(void)
{
    struct session *session = NULL;

    while ((session = session_next(KIND_ROM, session))) {
        const struct rom_session *rom = (const struct rom_session *)session;

        if (rom->log && rom->notification != CAP_NONE)
            (void)(kernel_notification_signal(rom->notification) == OK);
    }
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
