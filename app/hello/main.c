/* SPDX-License-Identifier: MIT */
/*
 * The first component: reads whom to greet from its configuration, prints a line and ends.
 *
 * A component has no arguments and no files. What it is to do stands in its <config>, which it gets as the ROM `config`;
 * what it says goes to its LOG session. Both come from its parent, which may refuse them.
 */
#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/session.h"
#include "lib/string/string.h"
#include "lib/xml/xml.h"

#define WHOM_MAX 64u

/* <config whom="..."/>; `whom` stays as it is if the attribute is missing. */
static enum status read_config(char *whom, size_t size)
{
    struct connection connection;
    struct xml_error error;
    struct xml_node root;
    struct rom rom;
    enum status status =
        session_open(&(struct session_options){.service = "ROM", .label_opt = "config"}, &connection);

    if (status != OK)
        return status;
    status = rom_map(connection.slot, &rom);
    if (status != OK)
        goto close;
    status = xml_validate(rom.data, rom.size, &error);
    if (status == OK && xml_root(rom.data, rom.size, &root))
        status = xml_attribute_copy(root, "whom", whom, size);
    if (status == ERR_NOT_FOUND)
        status = OK;
    rom_unmap(&rom);
close:
    session_close(&connection);
    return status;
}

int component_main(struct env *environment)
{
    char whom[WHOM_MAX] = "world";

    if (read_config(whom, sizeof(whom)) != OK) {
        log_error("the configuration cannot be read");
        return 1;
    }
    log_info("hello, %s: this is component \"%s\"", whom, environment->name);
    return 0;
}
