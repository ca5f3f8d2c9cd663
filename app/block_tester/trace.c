/* SPDX-License-Identifier: MIT */
#include "app/block_tester/trace.h"

#include "lib/fmt/fmt.h"

#define FIELDS 4u

struct field {
    const char *start;
    size_t length;
};

/* The next line, cut at commas. False: the end. */
static bool line_next(struct trace *trace, struct field fields[FIELDS], unsigned *count)
{
    *count = 0;
    if (trace->at >= trace->length || trace->text[trace->at] == 0)
        return false;
    fields[0] = (struct field){.start = trace->text + trace->at};
    for (; trace->at < trace->length; trace->at++) {
        char c = trace->text[trace->at];

        if (c == '\n')
            break;
        if (c == '\r')
            continue;
        if (c == ' ' && fields[*count].length == 0) {
            fields[*count].start++;
            continue;
        }
        if (c != ',')
            fields[*count].length = (size_t)(trace->text + trace->at + 1 - fields[*count].start);
        else if (++*count < FIELDS)
            fields[*count] = (struct field){.start = trace->text + trace->at + 1};
        else
            *count = FIELDS - 1; /* what follows is left out */
    }
    trace->at++;
    (*count)++;
    return true;
}

static char operation_of(struct field field)
{
    char c = field.length ? field.start[0] : 0;

    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    return c == 'R' || c == 'W' || c == 'F' ? c : 0;
}

static bool record_read(const struct field fields[FIELDS], unsigned count, struct trace_record *out)
{
    uint64_t lba, bytes;
    char operation = count == FIELDS ? operation_of(fields[1]) : 0;

    if (!operation)
        return false;
    if (fmt_parse_unsigned(fields[2].start, fields[2].length, &lba) != OK ||
        fmt_parse_unsigned(fields[3].start, fields[3].length, &bytes) != OK || lba > UINT64_MAX / 512)
        return false;
    *out = (struct trace_record){.operation = operation, .offset = lba * 512, .length = bytes};
    return true;
}

bool trace_next(struct trace *trace, struct trace_record *out)
{
    struct field fields[FIELDS];
    unsigned count;
    bool head = trace->at == 0;

    for (; line_next(trace, fields, &count); head = false) {
        if (fields[0].length == 0 || fields[0].start[0] == '#')
            continue;
        if (record_read(fields, count, out))
            return true;
        if (!head)
            trace->bad_lines++;
    }
    return false;
}
