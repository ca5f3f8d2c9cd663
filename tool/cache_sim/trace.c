/* SPDX-License-Identifier: MIT */
/* Traces become lists of keys, see trace.h. */
#include "tool/cache_sim/trace.h"

#include "lib/fmt/fmt.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 256
#define FIELDS         4
#define RECORD_BYTES   24

enum { TIME, OPERATION, LBA, BYTES };

static bool out_of_memory(const char *name)
{
    fprintf(stderr, "cache_sim: %s: out of memory\n", name);
    return false;
}

static bool add_key(struct trace *trace, uint64_t key)
{
    if (trace->key_count == trace->key_room) {
        size_t room = trace->key_room ? trace->key_room * 2 : 1 << 16;
        uint64_t *keys = realloc(trace->keys, room * sizeof(*keys));

        if (!keys)
            return false;
        trace->keys = keys;
        trace->key_room = room;
    }
    trace->keys[trace->key_count++] = key;
    return true;
}

/* The reason why a request cannot be, or NULL. */
static const char *implausible(const struct trace_options *options, uint64_t lba, uint64_t bytes)
{
    if (bytes > TRACE_REQUEST_MAX)
        return "a request of more than 1 GiB";
    if (lba > (UINT64_MAX - TRACE_REQUEST_MAX) / options->sector)
        return "an lba beyond 2^64 bytes";
    return NULL;
}

static bool add_request(struct trace *trace, const struct trace_options *options, uint64_t lba,
                        uint64_t bytes)
{
    trace->requests++;
    if (!options->split)
        return add_key(trace, lba);

    uint64_t first = lba * options->sector / options->block;
    uint64_t last = (lba * options->sector + (bytes ? bytes - 1 : 0)) / options->block;

    for (uint64_t key = first; key <= last; key++)
        if (!add_key(trace, key))
            return false;
    return true;
}

/* ---- CSV ---- */

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char *trimmed(char *text)
{
    size_t length = strlen(text);

    while (length && blank(text[length - 1]))
        text[--length] = '\0';
    while (blank(*text))
        text++;
    return text;
}

/* False: more or fewer than four fields. */
static bool split_fields(char *line, char *fields[FIELDS])
{
    for (int i = 0; i < FIELDS; i++) {
        char *comma = strchr(line, ',');

        if ((comma != NULL) != (i < FIELDS - 1))
            return false;
        if (comma)
            *comma++ = '\0';
        fields[i] = trimmed(line);
        line = comma;
    }
    return true;
}

static bool is_operation(const char *text)
{
    static const char *const known[] = {"R", "W", "r", "w", "read", "write", "READ", "WRITE"};

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(text, known[i]) == 0)
            return true;
    return false;
}

/* Times may have a fraction; they are not used. */
static bool is_time(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits &&
           (text[digits] == '\0' ||
            (text[digits] == '.' && strspn(text + digits + 1, "0123456789") == strlen(text + digits + 1)));
}

static const char *parse_line(char *fields[FIELDS], uint64_t *lba, uint64_t *bytes)
{
    if (!is_time(fields[TIME]))
        return "the time is no number";
    if (!is_operation(fields[OPERATION]))
        return "the operation is neither R nor W";
    if (fmt_parse_unsigned(fields[LBA], strlen(fields[LBA]), lba) != OK)
        return "the lba is no number";
    if (fmt_parse_unsigned(fields[BYTES], strlen(fields[BYTES]), bytes) != OK)
        return "the length is no number";
    return NULL;
}

static bool is_heading(char *fields[FIELDS])
{
    return strcmp(fields[TIME], "time") == 0 && strcmp(fields[OPERATION], "op") == 0;
}

/* What is wrong with the line, or NULL. */
static const char *read_line(struct trace *trace, const struct trace_options *options, char *line, bool first,
                             bool *memory)
{
    char *text = trimmed(line), *fields[FIELDS];
    uint64_t lba, bytes;
    const char *wrong;

    if (*text == '\0' || *text == '#')
        return NULL;
    if (!split_fields(text, fields))
        return "not four fields: time,op,lba,bytes";
    if (first && is_heading(fields))
        return NULL;
    wrong = parse_line(fields, &lba, &bytes);
    if (!wrong)
        wrong = implausible(options, lba, bytes);
    if (!wrong)
        *memory = add_request(trace, options, lba, bytes);
    return wrong;
}

bool trace_read_csv(struct trace *trace, const struct trace_options *options, const char *name, FILE *file)
{
    char line[LINE_MAX_BYTES];
    size_t number = 0;

    while (fgets(line, sizeof(line), file)) {
        const char *wrong = NULL;
        bool memory = true;
        size_t length = strlen(line);

        number++;
        if (length == sizeof(line) - 1 && line[length - 1] != '\n')
            wrong = "a line of more than 254 characters";
        else if (length && line[length - 1] != '\n' && !feof(file))
            wrong = "a zero byte: this is no text";
        else
            wrong = read_line(trace, options, line, number == 1, &memory);
        if (!memory)
            return out_of_memory(name);
        if (wrong) {
            fprintf(stderr, "%s:%zu: %s\n", name, number, wrong);
            return false;
        }
    }
    if (ferror(file)) {
        perror(name);
        return false;
    }
    return true;
}

/* ---- oracleGeneral ---- */

static uint64_t little_endian(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;

    while (count--)
        value = value << 8 | bytes[count];
    return value;
}

bool trace_read_oracle(struct trace *trace, const struct trace_options *options, const char *name, FILE *file)
{
    uint8_t record[RECORD_BYTES];
    size_t number = 0, got;

    while ((got = fread(record, 1, sizeof(record), file)) == sizeof(record)) {
        uint64_t lba = little_endian(record + 4, 8), bytes = little_endian(record + 12, 4);
        const char *wrong = implausible(options, lba, bytes);

        number++;
        if (wrong) {
            fprintf(stderr, "%s: record %zu: %s\n", name, number, wrong);
            return false;
        }
        if (!add_request(trace, options, lba, bytes))
            return out_of_memory(name);
    }
    if (ferror(file)) {
        perror(name);
        return false;
    }
    if (got) {
        fprintf(stderr, "%s: record %zu: cut off after %zu of %d bytes\n", name, number + 1, got,
                RECORD_BYTES);
        return false;
    }
    return true;
}

/* ---- the whole ---- */

static int compare_keys(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

bool trace_finish(struct trace *trace)
{
    uint64_t *sorted = malloc((trace->key_count + 1) * sizeof(*sorted));

    if (!sorted)
        return out_of_memory("counting");
    if (trace->key_count)
        memcpy(sorted, trace->keys, trace->key_count * sizeof(*sorted));
    qsort(sorted, trace->key_count, sizeof(*sorted), compare_keys);
    trace->distinct = 0;
    for (size_t i = 0; i < trace->key_count; i++)
        trace->distinct += i == 0 || sorted[i] != sorted[i - 1];
    free(sorted);
    return true;
}

void trace_free(struct trace *trace)
{
    free(trace->keys);
    *trace = (struct trace){0};
}
