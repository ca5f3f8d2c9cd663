/* SPDX-License-Identifier: MIT */
#include "test/disk/part.h"

#include "lib/config/config.h"
#include "lib/string/string.h"

static const struct {
    const char *name;
    enum block_operation operation;
    unsigned flags;
} operations[] = {{"read", BLOCK_READ, 0},
                  {"write", BLOCK_WRITE, 0},
                  {"flush", BLOCK_FLUSH, 0},
                  {"zero", BLOCK_WRITE_ZEROES, 0},
                  {"discard", BLOCK_DISCARD, 0},
                  {"write_fua", BLOCK_WRITE, BLOCK_FUA},
                  {"write_barrier", BLOCK_WRITE, BLOCK_BARRIER}};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static unsigned operation_index(const char *name)
{
    unsigned i = 0;

    while (i < OPERATIONS && strcmp(name, operations[i].name) != 0)
        i++;
    return i;
}

void part_default(const char *operation, struct part *out)
{
    unsigned i = operation_index(operation);

    *out = (struct part){.operation = operations[i].operation, .flags = operations[i].flags, .blocks = 4096};
    (void)string_copy(out->name, sizeof(out->name), operation);
    out->requests = out->operation == BLOCK_FLUSH ? 16 : out->blocks;
    out->flush_every = out->flags ? 0 : 256;
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

    if (status != OK || xml_attribute_copy(node, "operation", text, sizeof(text)) != OK)
        return ERR_INVALID;
    if (operation_index(text) == OPERATIONS)
        return ERR_INVALID;
    part_default(text, out);
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
