/* SPDX-License-Identifier: MIT */
#include "test/disk/part.h"

#include "lib/config/config.h"
#include "lib/string/string.h"

static const struct {
    const char *name;
    enum block_operation operation;
} operations[] = {{"read", BLOCK_READ},
                  {"write", BLOCK_WRITE},
                  {"flush", BLOCK_FLUSH},
                  {"zero", BLOCK_WRITE_ZEROES},
                  {"discard", BLOCK_DISCARD}};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

void part_default(enum block_operation operation, struct part *out)
{
    *out = (struct part){.operation = operation, .blocks = 4096, .flush_every = 256};
    for (unsigned i = 0; i < OPERATIONS; i++)
        if (operations[i].operation == operation)
            (void)string_copy(out->name, sizeof(out->name), operations[i].name);
    out->requests = operation == BLOCK_FLUSH ? 16 : out->blocks;
}

bool part_is_bad(const struct part *part, uint64_t block)
{
    for (unsigned i = 0; i < part->bad_count; i++)
        if (part->bad[i] == block)
            return true;
    return part->fails;
}

/* Numbers between blanks and commas. */
static enum status bad_read(struct xml_node node, struct part *out)
{
    char text[160];
    const char *rest = text;
    enum status status = xml_attribute_copy(node, "bad", text, sizeof(text));

    if (status != OK)
        return status == ERR_NOT_FOUND ? OK : status;
    while (*rest && out->bad_count < PART_BAD_MAX) {
        uint64_t value = 0;

        if (*rest < '0' || *rest > '9')
            return ERR_INVALID;
        while (*rest >= '0' && *rest <= '9')
            value = value * 10 + (uint64_t)(*rest++ - '0');
        out->bad[out->bad_count++] = value;
        while (*rest == ' ' || *rest == ',')
            rest++;
    }
    return *rest ? ERR_RANGE : OK;
}

static enum status flags_read(struct xml_node node, struct part *out)
{
    const struct {
        const char *name;
        bool *value;
    } flags[] = {{"fails", &out->fails}, {"flush_fails", &out->flush_fails}, {"time", &out->time}};

    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (xml_attribute_bool(node, flags[i].name, flags[i].value) == ERR_INVALID)
            return ERR_INVALID;
    return OK;
}

enum status part_read(struct xml_node node, struct part *out)
{
    static const char *const names[] = {"operation",   "name",        "first", "blocks",
                                        "requests",    "flush_every", "bad",   "fails",
                                        "flush_fails", "time",        NULL};
    char text[16];
    enum status status = config_check_attributes(node, names);
    unsigned i = 0;

    if (status != OK || xml_attribute_copy(node, "operation", text, sizeof(text)) != OK)
        return ERR_INVALID;
    while (i < OPERATIONS && strcmp(text, operations[i].name) != 0)
        i++;
    if (i == OPERATIONS)
        return ERR_INVALID;
    part_default(operations[i].operation, out);
    (void)xml_attribute_copy(node, "name", out->name, sizeof(out->name));
    status = config_number(node, "first", 0, 0, 1u << 20, &out->first);
    if (status == OK)
        status = config_number(node, "blocks", out->blocks, 1, 1u << 20, &out->blocks);
    if (status == OK)
        status = config_number(node, "requests", out->operation == BLOCK_FLUSH ? 16 : out->blocks, 1,
                               1u << 24, &out->requests);
    if (status == OK)
        status = config_number(node, "flush_every", out->flush_every, 0, 1u << 20, &out->flush_every);
    if (status == OK)
        status = flags_read(node, out);
    return status == OK ? bad_read(node, out) : status;
}
