/* SPDX-License-Identifier: MIT */
/* See report.h. */
#include "server/block_part/report.h"

#include "lib/base/log.h"
#include "lib/fmt/fmt.h"

static const char *const schemes[] = {[TABLE_NONE] = "none", [TABLE_MBR] = "mbr", [TABLE_GPT] = "gpt"};

struct text {
    char *at;
    size_t left, length;
};

#define TEXT_ADD(text, ...) text_grow((text), fmt_format((text)->at, (text)->left, __VA_ARGS__))

static void text_grow(struct text *text, size_t length)
{
    size_t taken = length < text->left ? length : text->left;

    text->at += taken;
    text->left -= taken;
    text->length += taken;
}

/* A name is a stranger's: what means something in XML is written as an entity. */
static void add_escaped(struct text *text, const char *value)
{
    for (; *value; value++) {
        switch (*value) {
        case '<': TEXT_ADD(text, "&lt;"); break;
        case '>': TEXT_ADD(text, "&gt;"); break;
        case '&': TEXT_ADD(text, "&amp;"); break;
        case '"': TEXT_ADD(text, "&quot;"); break;
        default: TEXT_ADD(text, "%c", *value);
        }
    }
}

static void add_partition(struct text *text, const struct partition *partition)
{
    TEXT_ADD(text, "    <partition number=\"%u\" offset=\"%lu\" size=\"%lu\" name=\"", partition->number,
             partition->offset, partition->size);
    add_escaped(text, partition->name);
    TEXT_ADD(text, "\" uuid=\"%s\" type=\"%s\"", partition->uuid, partition->type);
    if (partition->problem_opt)
        TEXT_ADD(text, " problem=\"%s\"", partition->problem_opt);
    TEXT_ADD(text, "/>\n");
}

size_t report_text(const struct table *table, uint64_t disk_size, char *buffer, size_t size)
{
    struct text text = {.at = buffer, .left = size};

    TEXT_ADD(&text, "<partitions scheme=\"%s\" size=\"%lu\"", schemes[table->scheme], disk_size);
    if (table->backup)
        TEXT_ADD(&text, " backup=\"yes\"");
    if (table->problem_opt)
        TEXT_ADD(&text, " problem=\"%s\"", table->problem_opt);
    TEXT_ADD(&text, ">\n");
    for (uint32_t i = 0; i < table->count; i++)
        add_partition(&text, &table->partition[i]);
    TEXT_ADD(&text, "</partitions>\n");
    return text.length;
}

void report_log(const struct table *table)
{
    if (table->scheme == TABLE_NONE)
        log_info("the disk has no partition table");
    if (table->problem_opt)
        log_error("the disk's partition table is refused: %s", table->problem_opt);
    if (table->backup)
        log_error("the first GPT is broken: its backup at the end of the disk is used");
    for (uint32_t i = 0; i < table->count; i++) {
        const struct partition *partition = &table->partition[i];

        if (partition->problem_opt)
            log_error("partition %u is refused: %s", partition->number, partition->problem_opt);
        else
            log_info("partition %u: %lu KiB at %lu KiB%s%s", partition->number, partition->size >> 10,
                     partition->offset >> 10, partition->name[0] ? ", " : "", partition->name);
    }
}
