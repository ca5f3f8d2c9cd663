/* SPDX-License-Identifier: MIT */
/* See config.h. */
#include "vmm/config.h"

#include "lib/fmt/fmt.h"
#include "lib/string/string.h"
#include "lib/xml/xml.h"

#define LARGE_PAGE         (2ull << 20)
#define VALUE_SHOWN        40u
#define WALL_CLOCK_DEFAULT 1767225600ull /* 2026-01-01 */

#define KNOWN      "kernel initramfs command_line ram vcpus wall_clock statistics"
#define KNOWN_DISK "name label read_only bounce queues"

static enum status refuse(char *error, struct xml_node node, const char *format, const char *what)
{
    size_t length = fmt_format(error, CONFIG_ERROR_MAX, "config:%zu: ", xml_line(node));

    fmt_format(error + length, CONFIG_ERROR_MAX - length, format, what);
    return ERR_INVALID;
}

/* `names`: words between blanks. */
static bool known(struct xml_slice name, const char *names)
{
    while (*names) {
        size_t length = 0;

        while (names[length] && names[length] != ' ')
            length++;
        if (length == name.length && !memcmp(names, name.start, length))
            return true;
        names += length + (names[length] == ' ');
    }
    return false;
}

/* For values: the attribute, and what it should have been. */
static enum status refuse_value(char *error, struct xml_node node, const char *name, const char *expected)
{
    size_t length = fmt_format(error, CONFIG_ERROR_MAX, "config:%zu: ", xml_line(node));
    struct xml_slice value;

    if (!xml_attribute(node, name, &value))
        fmt_format(error + length, CONFIG_ERROR_MAX - length, "attribute \"%s\" is missing", name);
    else
        fmt_format(error + length, CONFIG_ERROR_MAX - length, "%s=\"%.*s\" %s", name,
                   (int)(value.length < VALUE_SHOWN ? value.length : VALUE_SHOWN), value.start, expected);
    return ERR_INVALID;
}

static enum status check_names(struct xml_node node, const char *names, char *error)
{
    struct xml_slice name, value;

    for (size_t i = 0; xml_attribute_at(node, i, &name, &value); i++) {
        char text[CONFIG_ERROR_MAX];

        if (known(name, names))
            continue;
        fmt_format(text, sizeof(text), "\"%.*s\", known: %s",
                   (int)(name.length < VALUE_SHOWN ? name.length : VALUE_SHOWN), name.start, names);
        return refuse(error, node, "unknown attribute %s", text);
    }
    return OK;
}

/* A missing attribute keeps the default that is in *out. */
static bool bad(enum status status)
{
    return status != OK && status != ERR_NOT_FOUND;
}

static enum status read_values(struct xml_node root, struct vmm_config *out, char *error)
{
    if (xml_attribute_copy(root, "kernel", out->kernel, sizeof(out->kernel)) != OK || !out->kernel[0])
        return refuse_value(error, root, "kernel", "is empty or too long");
    if (bad(xml_attribute_copy(root, "initramfs", out->initramfs, sizeof(out->initramfs))))
        return refuse(error, root, "attribute \"%s\" is too long", "initramfs");
    if (bad(xml_attribute_copy(root, "command_line", out->command_line, sizeof(out->command_line))))
        return refuse(error, root, "attribute \"%s\" is too long", "command_line");
    if (xml_attribute_size(root, "ram", &out->ram) != OK)
        return refuse_value(error, root, "ram", "is not a size (a number, with K, M or G)");
    if (bad(xml_attribute_unsigned(root, "vcpus", &out->vcpus)))
        return refuse_value(error, root, "vcpus", "is not a number");
    if (bad(xml_attribute_unsigned(root, "wall_clock", &out->wall_clock)))
        return refuse_value(error, root, "wall_clock", "is not a number");
    if (bad(xml_attribute_bool(root, "statistics", &out->statistics)))
        return refuse_value(error, root, "statistics", "is not yes or no");
    return OK;
}

static enum status read_disk(struct xml_node node, struct config_disk *disk, char *error)
{
    enum status status = check_names(node, KNOWN_DISK, error);
    struct xml_node child;

    *disk = (struct config_disk){.queues = 1};
    if (status != OK)
        return status;
    if (xml_first_child(node, &child))
        return refuse(error, child, "unknown node in %s, there is none", "<disk>");
    if (xml_attribute_copy(node, "name", disk->name, sizeof(disk->name)) != OK || !disk->name[0])
        return refuse_value(error, node, "name", "is empty or too long");
    (void)string_copy(disk->label, sizeof(disk->label), disk->name);
    if (bad(xml_attribute_copy(node, "label", disk->label, sizeof(disk->label))) || !disk->label[0])
        return refuse_value(error, node, "label", "is empty or too long");
    if (bad(xml_attribute_bool(node, "read_only", &disk->read_only)))
        return refuse_value(error, node, "read_only", "is not yes or no");
    if (bad(xml_attribute_bool(node, "bounce", &disk->bounce)))
        return refuse_value(error, node, "bounce", "is not yes or no");
    if (bad(xml_attribute_unsigned(node, "queues", &disk->queues)) || !disk->queues ||
        disk->queues > CONFIG_QUEUES_MAX)
        return refuse_value(error, node, "queues", "is not a number from 1 to 8");
    return OK;
}

static enum status read_disks(struct xml_node root, struct vmm_config *out, char *error)
{
    struct xml_node child;

    for (bool more = xml_first_child(root, &child); more; more = xml_next_sibling(child, &child)) {
        struct config_disk *disk = &out->disk[out->disks];

        if (!xml_name_is(child, "disk"))
            return refuse(error, child, "unknown node in %s, known: disk", "<config>");
        if (out->disks == CONFIG_DISKS_MAX)
            return refuse(error, child, "%s is one too many: a machine has 8 at most", "<disk>");
        enum status status = read_disk(child, disk, error);
        if (status != OK)
            return status;
        for (unsigned i = 0; i < out->disks; i++)
            if (!strcmp(out->disk[i].name, disk->name))
                return refuse_value(error, child, "name", "is another disk's, too");
        out->disks++;
    }
    return OK;
}

static enum status check_values(struct xml_node root, const struct vmm_config *config, char *error)
{
    if (config->ram < CONFIG_RAM_MIN || config->ram % LARGE_PAGE)
        return refuse_value(error, root, "ram", "is not a multiple of 2M, like 512M");
    if (!config->vcpus)
        return refuse_value(error, root, "vcpus", "is too few: a machine needs a processor");
    if (config->vcpus > CONFIG_VCPUS_MAX)
        return refuse_value(error, root, "vcpus", "is too many: a machine has 8 processors at most");
    return OK;
}

enum status vmm_config_parse(const char *text, size_t length, struct vmm_config *out,
                             char error[CONFIG_ERROR_MAX])
{
    struct vmm_config config = {.vcpus = 1, .wall_clock = WALL_CLOCK_DEFAULT};
    struct xml_error xml;
    struct xml_node root;

    if (xml_validate(text, length, &xml) != OK) {
        fmt_format(error, CONFIG_ERROR_MAX, "config:%zu:%zu: %s", xml.line, xml.column, xml.reason);
        return ERR_INVALID;
    }
    if (!xml_root(text, length, &root) || !xml_name_is(root, "config"))
        return refuse(error, root, "the root node must be %s", "<config>");
    enum status status = check_names(root, KNOWN, error);
    if (status == OK)
        status = read_values(root, &config, error);
    if (status == OK)
        status = read_disks(root, &config, error);
    if (status == OK)
        status = check_values(root, &config, error);
    if (status == OK)
        *out = config;
    return status;
}
