/* SPDX-License-Identifier: MIT */
/*
 * RAM disk: memory of its own behind BLOCK sessions, with the content of a ROM if wanted.
 */
#include "contract/parent/wire.h"
#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/time.h"
#include "lib/block/policy.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"
#include "server/block_ram/ram.h"

enum { EXIT_NO_SERVICE = 1, EXIT_NO_CONFIG = 2, EXIT_NO_CONTENT = 3 };

#define SIZE_MOST (64ull << 30)

struct settings {
    struct xml_node config;
    uint64_t size, block_size;
    bool read_only, null;
    char rom[PARENT_LABEL_MAX];
};

static struct settings settings;
static struct ram_disk disk;
static struct entrypoint *entrypoint;

/* ---- bursts ---- */

static void rested(struct deferred *deferred)
{
    (void)deferred;
    ram_rested(&disk);
    block_server_settle(&disk.device);
}

static struct deferred rest = {.run = rested};

static void tired(struct ram_disk *ram)
{
    (void)ram;
    entrypoint_defer(entrypoint, &rest);
}

/* ---- start ---- */

static enum status flag(const char *name, bool *out)
{
    enum status status = xml_attribute_bool(settings.config, name, out);

    if (status != ERR_INVALID)
        return OK;
    config_complain(settings.config, name, "must be yes or no");
    return status;
}

static enum status configure(void)
{
    static const char *const names[] = {"size", "block_size", "read_only", "null", "rom", NULL};
    enum status status = config_load(&settings.config);

    if (status == OK)
        status = config_check_attributes(settings.config, names);
    if (status == OK)
        status = block_policy_check(settings.config, NULL);
    if (status == OK)
        status = flag("read_only", &settings.read_only);
    if (status == OK)
        status = flag("null", &settings.null);
    if (status != OK)
        return status;
    status = config_number(settings.config, "block_size", 512, 512, 4096, &settings.block_size);
    if (status != OK)
        return status;
    if (settings.block_size != 512 && settings.block_size != 4096) {
        config_complain(settings.config, "block_size", "must be 512 or 4096");
        return ERR_INVALID;
    }
    (void)xml_attribute_copy(settings.config, "rom", settings.rom, sizeof(settings.rom));
    status = xml_attribute_size(settings.config, "size", &settings.size);
    if ((status == ERR_NOT_FOUND && settings.rom[0]) ||
        (status == OK && settings.size >= settings.block_size && settings.size <= SIZE_MOST))
        return OK;
    config_complain(settings.config, "size", "must be a size, from a block to 64G (or that of `rom`)");
    return ERR_INVALID;
}

/* Memory of the disk, as large as the ROM if no size is given. */
static enum status content_make(struct memory *content)
{
    struct rom_reader rom = {0};
    enum status status = settings.rom[0] ? rom_open(settings.rom, settings.size, &rom) : OK;

    if (status == OK && settings.rom[0])
        status = rom_update(&rom);
    if (status != OK) {
        log_error("ROM \"%s\" cannot be read: %s", settings.rom, status_text(status));
        return status;
    }
    if (!settings.size)
        settings.size = (rom.rom.size + settings.block_size - 1) & ~(settings.block_size - 1);
    status = memory_alloc(settings.size, content);
    if (status == OK && settings.rom[0]) {
        memcpy(content->address, rom.rom.data, rom.rom.size < settings.size ? rom.rom.size : settings.size);
        rom_close(&rom);
    }
    if (status != OK)
        log_error("no memory for %llu bytes: %s", (unsigned long long)settings.size, status_text(status));
    return status;
}

static enum status policy(struct block_device *device, const char *label, struct block_view *view)
{
    (void)device;
    return block_policy_view(settings.config, label, view);
}

int component_main(struct env *environment)
{
    struct memory content = {0};
    enum status status = configure();

    if (status != OK) {
        log_error("no usable configuration: %s", status_text(status));
        return EXIT_NO_CONFIG;
    }
    if (!settings.null && content_make(&content) != OK)
        return EXIT_NO_CONTENT;
    entrypoint = &environment->entrypoint;
    ram_init(&disk, content.address, settings.size, (uint32_t)settings.block_size, settings.read_only, tired);
    disk.device.verifier = time_now(); /* what was written before this start is lost */
    status = block_server_start(&disk.device, entrypoint, policy);
    if (status != OK) {
        log_error("cannot announce BLOCK: %s", status_text(status));
        return EXIT_NO_SERVICE;
    }
    log_info("%s disk, %llu bytes, blocks of %llu%s", settings.null ? "null" : "RAM",
             (unsigned long long)disk.device.limits.size, (unsigned long long)settings.block_size,
             settings.read_only ? ", read-only" : "");
    entrypoint_run(entrypoint);
    return 0;
}
