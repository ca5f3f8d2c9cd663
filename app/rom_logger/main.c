/* SPDX-License-Identifier: MIT */
/*
 * Prints a ROM's content, now and at each change: to look at reports, and at what a component is given as its configuration.
 */
#include "contract/parent/wire.h"
#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"

#define SIZE_DEFAULT (16ull << 10)
#define SIZE_MOST    (1ull << 20)

static char label[PARENT_LABEL_MAX];
static struct rom_reader reader;
static struct signal changed;

/* Configurations begin with empty lines, so that their lines count as in the file that they stood in; here these say nothing. */
static void print(const char *text, size_t length)
{
    while (length && *text == '\n')
        text++, length--;
    while (length && (text[length - 1] == '\n' || text[length - 1] == '\0'))
        length--;
    log_text(text, length);
    log_text("\n", 1);
}

static void show(struct signal *signal)
{
    enum status status = rom_update(&reader);

    (void)signal;
    if (status == ERR_AGAIN) {
        log_info("\"%s\": no content", label);
        return;
    }
    if (status != OK) {
        log_error("\"%s\" cannot be read: %s", label, status_text(status));
        return;
    }
    log_info("\"%s\", %llu bytes:", label, (unsigned long long)reader.rom.size);
    print(reader.rom.data, reader.rom.size);
}

static enum status configure(uint64_t *size)
{
    static const char *const names[] = {"rom", "size", NULL};
    struct xml_node config;
    enum status status = config_load(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status != OK)
        return status;
    if (xml_attribute_copy(config, "rom", label, sizeof(label)) != OK || !label[0]) {
        config_complain(config, "rom", "must be a label");
        return ERR_INVALID;
    }
    status = xml_attribute_size(config, "size", size);
    if (status == ERR_NOT_FOUND || (status == OK && *size >= 1 && *size <= SIZE_MOST))
        return OK;
    config_complain(config, "size", "must be a size, 1 to 1M");
    return ERR_INVALID;
}

int component_main(struct env *environment)
{
    uint64_t size = SIZE_DEFAULT;
    enum status status;

    if (configure(&size) != OK)
        return 1;
    status = rom_open(label, size, &reader);
    if (status == OK)
        status = signal_create(&environment->entrypoint, &changed, show);
    if (status == OK)
        status = rom_notify(&reader, changed.slot);
    if (status != OK) {
        log_error("no ROM \"%s\": %s", label, status_text(status));
        return 2;
    }
    show(NULL);
    entrypoint_run(&environment->entrypoint);
    return 0;
}
