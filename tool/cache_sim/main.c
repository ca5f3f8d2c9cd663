/* SPDX-License-Identifier: MIT */
/*
 * cache_sim: what would a cache of this size and policy miss? See README.md.
 *
 * Exit status: 0; 1 a trace that cannot be read; 2 a wrong argument.
 */
#include "lib/fmt/fmt.h"
#include "tool/cache_sim/cache_sim.h"

#include <stdlib.h>
#include <string.h>

enum { EXIT_TRACE = 1, EXIT_USAGE = 2 };
static const char usage[] =
    "usage: cache_sim [option]... TRACE...\n"
    "  --policy LIST   of s3-fifo, lru, lirs (all)\n"
    "  --size LIST     of numbers of blocks, bytes (with K, M, G), or shares of the distinct blocks (10%)\n"
    "                  (1%,10%,20%)\n"
    "  --key start     a request is looked up by its lba, whatever its length (default)\n"
    "  --key split     a request is looked up once for each block it touches\n"
    "  --sector BYTES  what an lba counts (512)      --block BYTES  of a block (4096)\n"
    "  --format csv|oracle  (by the name: .bin and .oracleGeneral are oracle)\n"
    "  --output table|csv|json\n";

static _Noreturn void wrong(const char *what, const char *value)
{
    fprintf(stderr, "cache_sim: %s: %s\n%s", what, value, usage);
    exit(EXIT_USAGE);
}

/* ---- arguments ---- */

/* "12.5%" in thousandths: 12500. */
static bool parse_percent(const char *text, size_t length, uint64_t *thousandths)
{
    char number[16], *end;

    if (length < 2 || length > sizeof(number) || text[length - 1] != '%')
        return false;
    memcpy(number, text, length - 1);
    number[length - 1] = '\0';

    double value = strtod(number, &end);

    if (*end || !(value > 0 && value <= 100))
        return false;
    *thousandths = (uint64_t)(value * 1000 + 0.5);
    return true;
}

static struct size parse_size(const struct options *options, const char *text, size_t length)
{
    uint64_t value;

    if (parse_percent(text, length, &value))
        return (struct size){value, true};
    if (fmt_parse_unsigned(text, length, &value) == OK && value && value <= CACHE_FRAMES_MAX)
        return (struct size){value, false};
    if (fmt_parse_size(text, length, &value) == OK && value >= options->trace.block &&
        value / options->trace.block <= CACHE_FRAMES_MAX)
        return (struct size){value / options->trace.block, false};
    wrong("no size", text);
}

static void parse_item(struct options *options, bool policies, const char *text, size_t length)
{
    if (!policies && options->size_count < LIST_MAX) {
        options->sizes[options->size_count++] = parse_size(options, text, length);
        return;
    }
    if (policies && options->policy_count < LIST_MAX) {
        options->policies[options->policy_count] = cache_policy_named(text, length);
        if (!options->policies[options->policy_count++])
            wrong("no such policy", text);
        return;
    }
    wrong("too many", text);
}

static void parse_list(struct options *options, bool policies, const char *text)
{
    for (;;) {
        size_t length = strcspn(text, ",");

        parse_item(options, policies, text, length);
        if (!text[length])
            return;
        text += length + 1;
    }
}

static uint64_t parse_bytes(const char *text)
{
    uint64_t value;

    if (fmt_parse_size(text, strlen(text), &value) != OK || value == 0 || value > TRACE_REQUEST_MAX)
        wrong("no number of bytes", text);
    return value;
}

static int choose(const char *text, const char *const *names)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    wrong("not one of the choices", text);
}

static void parse_option(struct options *options, const char *name, const char *value)
{
    static const char *const keys[] = {"start", "split", NULL};
    static const char *const formats[] = {"csv", "oracle", NULL};
    static const char *const outputs[] = {"table", "csv", "json", NULL};

    if (strcmp(name, "--key") == 0) {
        options->trace.split = choose(value, keys) == 1;
    } else if (strcmp(name, "--sector") == 0) {
        options->trace.sector = parse_bytes(value);
    } else if (strcmp(name, "--block") == 0) {
        options->trace.block = parse_bytes(value);
    } else if (strcmp(name, "--format") == 0) {
        options->oracle = choose(value, formats) == 1;
        options->csv = !options->oracle;
    } else if (strcmp(name, "--output") == 0) {
        options->output = (enum output)choose(value, outputs);
    } else if (strcmp(name, "--policy") == 0) {
        parse_list(options, true, value);
    } else if (strcmp(name, "--size") == 0) {
        parse_list(options, false, value);
    } else {
        wrong("no such option", name);
    }
}

/* Returns the index of the first trace. */
static int parse_arguments(struct options *options, int count, char **arguments)
{
    int i = 1;

    for (; i < count && strncmp(arguments[i], "--", 2) == 0; i += 2) {
        if (i + 1 == count)
            wrong("an option without its value", arguments[i]);
        parse_option(options, arguments[i], arguments[i + 1]);
    }
    if (i == count)
        wrong("no trace", "say which file");
    if (!options->policy_count)
        parse_list(options, true, "s3-fifo,lru,lirs");
    if (!options->size_count)
        parse_list(options, false, "1%,10%,20%");
    return i;
}

/* ---- traces ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool read_trace(struct trace *trace, const struct options *options, const char *name)
{
    bool oracle =
        options->oracle || (!options->csv && (ends_with(name, ".bin") || ends_with(name, ".oracleGeneral")));
    FILE *file = fopen(name, "rb");

    if (!file) {
        perror(name);
        return false;
    }
    bool good = oracle ? trace_read_oracle(trace, &options->trace, name, file)
                       : trace_read_csv(trace, &options->trace, name, file);

    fclose(file);
    return good;
}

int main(int count, char **arguments)
{
    struct options options = {.trace = {.sector = 512, .block = 4096}};
    struct trace trace = {0};
    int first = parse_arguments(&options, count, arguments);
    bool good = true;

    for (int i = first; i < count && good; i++)
        good = read_trace(&trace, &options, arguments[i]);
    good = good && trace_finish(&trace) && print_results(&trace, &options);
    trace_free(&trace);
    return good ? 0 : EXIT_TRACE;
}
