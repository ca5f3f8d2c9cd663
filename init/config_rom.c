/* SPDX-License-Identifier: MIT */
/*
 * A child's ROM `config`: its <config> node, in a dataspace that the child itself pays for. When the node changes, a child
 * that has asked to be told gets the new text; any other one has to start anew.
 */
#include "init/init.h"

#include "contract/rom/dispatch.h"
#include "lib/base/cap.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/string/string.h"

static void release(const struct init_child *child, uint32_t dataspace)
{
    if (dataspace == CAP_NONE)
        return;
    (void)pd_dataspace_free(child->pd.slot, dataspace);
    cap_free(dataspace);
}

/* The one before stays valid until the child asks for the present one. */
static enum status handle_dataspace(void *context, struct rom_dataspace *out, struct message_cap *dataspace)
{
    struct init_child *child = context;

    if (child->config_shown != child->config_dataspace)
        release(child, child->config_shown);
    child->config_shown = child->config_dataspace;
    *out = (struct rom_dataspace){.size = child->config_size, .generation = child->config_generation};
    *dataspace = (struct message_cap){child->config_dataspace, RIGHT_PORTAL_CALL};
    return OK;
}

static enum status handle_set_notification(void *context, uint32_t notification)
{
    struct init_child *child = context;
    uint32_t slot;
    enum status status = cap_keep(notification, &slot);

    if (status != OK)
        return status;
    cap_free(child->config_watch);
    child->config_watch = slot;
    return OK;
}

static const struct rom_handlers handlers = {
    .dataspace = handle_dataspace,
    .set_notification = handle_set_notification,
};

static enum status config_rom_dispatch(struct portal *portal, struct dispatch *d)
{
    struct init_child *child =
        (struct init_child *)((char *)portal - offsetof(struct init_child, config_rom));

    return rom_dispatch(&handlers, child, d);
}

/* The child's text begins at the line where it stands in the configuration, so that its messages name that line, too. */
static size_t lines_before(const struct config_child *child)
{
    return child->has_config ? xml_line(child->config) - 1 : 0;
}

static enum status fill(uint32_t dataspace, size_t lines, struct xml_slice text)
{
    void *address;
    enum status status = memory_attach(dataspace, PD_READ | PD_WRITE, &address);

    if (status != OK)
        return status;
    memset(address, '\n', lines);
    memcpy((char *)address + lines, text.start, text.length);
    memory_detach(address);
    return OK;
}

/* Sealed: it is a ROM, also for whom the child gives it to. */
static enum status make_text(struct init_child *child, uint32_t *out, size_t *size)
{
    struct xml_slice text = config_of_child(child->config);
    size_t lines = lines_before(child->config);
    uint32_t dataspace;
    enum status status = pd_dataspace_alloc(child->pd.slot, lines + text.length, 0, &dataspace);

    if (status != OK)
        return status;
    status = fill(dataspace, lines, text);
    if (status == OK)
        status = pd_dataspace_seal(child->pd.slot, dataspace);
    if (status != OK) {
        release(child, dataspace);
        return status;
    }
    *out = dataspace;
    *size = lines + text.length;
    return OK;
}

enum status init_config_rom_create(struct init_child *child)
{
    enum status status = make_text(child, &child->config_dataspace, &child->config_size);

    if (status != OK)
        return status;
    child->config_generation++;
    child->config_rom.dispatch = config_rom_dispatch;
    return portal_create(init.entrypoint, &child->config_rom);
}

enum status init_config_rom_update(struct init_child *child)
{
    uint32_t dataspace;
    size_t size;

    if (child->config_watch == CAP_NONE)
        return ERR_UNSUPPORTED;
    enum status status = make_text(child, &dataspace, &size);

    if (status != OK)
        return status;
    if (child->config_dataspace != child->config_shown)
        release(child, child->config_dataspace);
    child->config_dataspace = dataspace;
    child->config_size = size;
    child->config_generation++;
    notification_signal(child->config_watch);
    return OK;
}

/* The dataspaces have gone with the PD session that paid for them. */
void init_config_rom_destroy(struct init_child *child)
{
    if (child->config_shown != child->config_dataspace)
        cap_free(child->config_shown);
    cap_free(child->config_dataspace);
    cap_free(child->config_watch);
    child->config_dataspace = child->config_shown = child->config_watch = CAP_NONE;
}
