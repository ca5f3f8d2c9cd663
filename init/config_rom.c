/* SPDX-License-Identifier: MIT */
/*
 * A child's ROM `config`: its <config> node, in a dataspace that the child itself pays for.
 */
#include "init/init.h"

#include "contract/rom/dispatch.h"
#include "lib/base/cap.h"
#include "lib/base/memory.h"
#include "lib/base/pd_session.h"
#include "lib/string/string.h"

static enum status handle_dataspace(void *context, struct rom_dataspace *out, struct message_cap *dataspace)
{
    const struct init_child *child = context;

    *out = (struct rom_dataspace){.size = child->config_size, .generation = 1};
    *dataspace = (struct message_cap){child->config_dataspace, RIGHT_PORTAL_CALL};
    return OK;
}

/* This content never changes, so there is nothing to be told. */
static enum status handle_set_notification(void *context, uint32_t notification)
{
    (void)context;
    (void)notification;
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

enum status init_config_rom_create(struct init_child *child)
{
    struct xml_slice text = config_of_child(child->config);
    size_t lines = lines_before(child->config), size = lines + text.length;
    enum status status = pd_dataspace_alloc(child->pd.slot, size, 0, &child->config_dataspace);

    if (status == OK)
        status = fill(child->config_dataspace, lines, text);
    if (status != OK)
        return status;
    child->config_size = size;
    child->config_rom.dispatch = config_rom_dispatch;
    return portal_create(init.entrypoint, &child->config_rom);
}
