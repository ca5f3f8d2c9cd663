/* SPDX-License-Identifier: MIT */
/*
 * From a PD session and a binary to a running child. What fails in between is undone by the one who takes it apart.
 */
#include "init/init.h"

#include "contract/rom/client.h"
#include "lib/base/pd_session.h"
#include "lib/child/child.h"

static enum status load(struct init_child *child, struct child *loaded)
{
    struct rom rom;
    enum status status = rom_map(child->binary.slot, &rom);

    if (status != OK)
        return status;

    status = child_load(&(struct child_options){.name = child->config->name,
                                                .elf = rom.data,
                                                .elf_size = rom.size,
                                                .pd_session = child->pd.slot,
                                                .parent_portal = child->parent.slot,
                                                .priority = init_child_priority(child)},
                        loaded);
    rom_unmap(&rom);
    return status;
}

enum status init_child_build(struct init_child *child, uint32_t fault_notification, const char **what)
{
    struct child loaded;
    enum status status;

    *what = "its portal";
    child->parent.dispatch = init_parent_dispatch;
    status = portal_create(init.entrypoint, &child->parent);
    if (status != OK)
        return status;
    *what = "its configuration";
    status = init_config_rom_create(child);
    if (status != OK)
        return status;
    *what = "loading its binary";
    status = load(child, &loaded);
    if (status == ERR_INVALID)
        *what = "its binary is no static ELF program for x86-64";
    if (status != OK)
        return status;
    *what = "starting it";
    status = pd_fault_notify(child->pd.slot, fault_notification);
    if (status != OK)
        return status;
    child->state = CHILD_RUNNING;
    status = child_start(&loaded);
    if (status != OK)
        child->state = CHILD_STARTING;
    return status;
}
