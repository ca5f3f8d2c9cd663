/* SPDX-License-Identifier: MIT */
/* See config.h. */
#include "vmm/config.h"

#include "lib/fmt/fmt.h"
#include "lib/xml/xml.h"

#define LARGE_PAGE         (2ull << 20)
#define VALUE_SHOWN        40u
#define WALL_CLOCK_DEFAULT 1767225600ull /* 2026-01-01 */

static const char *const attributes[] = {"kernel", "initramfs",  "command_line", "ram",
                                         "vcpus",  "wall_clock", "statistics"};

static enum status refuse(char *error, struct xml_node node, const char *format, const char *what)
{
    size_t length = fmt_format(error, CONFIG_ERROR_MAX, "config:%zu: ", xml_line(node));

    fmt_format(error + length, CONFIG_ERROR_MAX - length, format, what);
    return ERR_INVALID;
}

static bool known(struct xml_slice name)
{
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
        if (xml_slice_is(name, attributes[i]))
            return true;
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

static enum status check_names(struct xml_node root, char *error)
{
    struct xml_slice name, value;
    struct xml_node child;

    for (size_t i = 0; xml_attribute_at(root, i, &name, &value); i++) {
        char text[CONFIG_NAME_MAX];

        if (known(name))
            continue;
        fmt_format(text, sizeof(text), "%.*s", (int)name.length, name.start);
        return refuse(
            error, root,
            "unknown attribute \"%s\", known: kernel initramfs command_line ram vcpus wall_clock statistics",
            text);
    }
    if (xml_first_child(root, &child))
        return refuse(error, child, "unknown node in %s, there is none", "<config>");
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
    enum status status = check_names(root, error);
    if (status == OK)
        status = read_values(root, &config, error);
    if (status == OK)
        status = check_values(root, &config, error);
    if (status == OK)
        *out = config;
    return status;
}
