/* SPDX-License-Identifier: MIT */
#include "app/block_tester/stage.h"

#include "lib/config/config.h"

struct number {
    const char *name;
    uint64_t fallback, low, high;
    uint64_t *out;
    bool size;
};

static enum status number_read(struct xml_node node, const struct number *number)
{
    return (number->size ? config_size : config_number)(node, number->name, number->fallback, number->low,
                                                        number->high, number->out);
}

static enum status numbers_read(struct xml_node node, const struct number *numbers, unsigned count)
{
    enum status status = OK;

    for (unsigned i = 0; i < count && status == OK; i++)
        status = number_read(node, &numbers[i]);
    return status;
}

static enum status flag_read(struct xml_node node, const char *name, bool fallback, bool *out)
{
    enum status status;

    *out = fallback;
    status = xml_attribute_bool(node, name, out);
    if (status == OK || status == ERR_NOT_FOUND)
        return OK;
    config_complain(node, name, "must be yes or no");
    return status;
}

enum status settings_read(struct xml_node config, struct settings *out)
{
    static const char *const names[] = {"label",         "offset", "size", "sessions", "depth", "bounce",
                                        "bounce_always", "retain", "seed", "json",     NULL};
    struct xml_slice ignored;
    enum status status = config_check_attributes(config, names);

    if (status == OK)
        status = config_check_children(config, (const char *const[]){"stage", NULL});
    *out = (struct settings){.view = xml_attribute(config, "size", &ignored) ||
                                     xml_attribute(config, "offset", &ignored)};
    const struct number numbers[] = {
        {"offset", 0, 0, UINT64_MAX, &out->offset, true},
        {"size", 0, 0, UINT64_MAX, &out->size, true},
        {"bounce", 0, 0, 64u << 20, &out->bounce, true},
        {"sessions", 1, 1, SESSIONS_MAX, &out->sessions, false},
        {"depth", 0, 0, DEPTH_MAX, &out->depth, false},
        {"seed", 1, 1, UINT64_MAX, &out->seed, false},
    };

    if (status == OK)
        status = numbers_read(config, numbers, sizeof(numbers) / sizeof(*numbers));
    if (status == OK)
        status = flag_read(config, "retain", false, &out->retain);
    if (status == OK)
        status = flag_read(config, "bounce_always", false, &out->bounce_always);
    if (status == OK)
        status = flag_read(config, "json", false, &out->json);
    if (status != OK)
        return status;
    (void)xml_attribute_copy(config, "label", out->label, sizeof(out->label));
    if (out->sessions > 1 && !out->size) {
        config_complain(config, "sessions", "more than one needs a size to divide");
        return ERR_INVALID;
    }
    if (out->depth & (out->depth - 1)) {
        config_complain(config, "depth", "must be a power of two");
        return ERR_INVALID;
    }
    return OK;
}

/* One of three words; the first one by default. */
static enum status word_read(struct xml_node node, const char *attribute, const char *const words[3],
                             const char *expected, unsigned *out)
{
    struct xml_slice ignored;

    *out = 0;
    if (!xml_attribute(node, attribute, &ignored))
        return OK;
    for (unsigned i = 0; i < 3; i++)
        if (xml_attribute_is(node, attribute, words[i])) {
            *out = i;
            return OK;
        }
    config_complain(node, attribute, expected);
    return ERR_INVALID;
}

static enum status words_read(struct xml_node node, struct stage *out)
{
    static const char *const patterns[] = {"sequential", "random", "trace"};
    static const char *const errors[] = {"none", "any", "some"};
    unsigned pattern, expected = ERRORS_NONE;
    enum status status =
        word_read(node, "pattern", patterns, "must be sequential, random or trace", &pattern);

    if (status == OK)
        status = word_read(node, "errors", errors, "must be none, any or some", &expected);
    if (status != OK)
        return status;
    out->pattern = pattern;
    out->errors = expected;
    if (xml_attribute_copy(node, "name", out->name, sizeof(out->name)) != OK) {
        config_complain(node, "name", "is missing, or too long");
        return ERR_INVALID;
    }
    (void)xml_attribute_copy(node, "bench", out->bench, sizeof(out->bench));
    (void)xml_attribute_copy(node, "trace", out->trace, sizeof(out->trace));
    if ((out->pattern == PATTERN_TRACE) != (out->trace[0] != 0)) {
        config_complain(node, "trace", "and pattern=\"trace\" go together");
        return ERR_INVALID;
    }
    return OK;
}

enum status stage_read(struct xml_node node, const struct settings *settings, struct stage *out)
{
    static const char *const names[] = {"name",        "pattern",  "block",   "depth",   "requests",
                                        "write",       "zeroes",   "discard", "fua",     "barrier",
                                        "flush_every", "restarts", "time_ms", "verify",  "lost",
                                        "errors",      "trace",    "bench",   "latency", NULL};
    enum status status = config_check_attributes(node, names);

    *out = (struct stage){.pattern = PATTERN_SEQUENTIAL};
    const struct number numbers[] = {
        {"block", 4096, 512, REQUEST_MAX, &out->block, true},
        {"depth", 1, 1, DEPTH_MAX, &out->depth, false},
        {"requests", 0, 0, UINT64_MAX, &out->requests, false},
        {"write", 0, 0, 100, &out->write, false},
        {"zeroes", 0, 0, 100, &out->zeroes, false},
        {"discard", 0, 0, 100, &out->discard, false},
        {"fua", 0, 0, 100, &out->fua, false},
        {"barrier", 0, 0, 100, &out->barrier, false},
        {"flush_every", 0, 0, UINT64_MAX, &out->flush_every, false},
        {"restarts", 0, 0, 1000000, &out->restarts, false},
        {"time_ms", 0, 0, 86400000, &out->time_ms, false},
    };

    (void)settings;
    if (status == OK)
        status = words_read(node, out);
    if (status == OK)
        status = numbers_read(node, numbers, sizeof(numbers) / sizeof(*numbers));
    if (status == OK)
        status = flag_read(node, "verify", true, &out->verify);
    if (status == OK)
        status = flag_read(node, "lost", false, &out->lost);
    if (status == OK)
        status = flag_read(node, "latency", false, &out->latency);
    if (status == OK && out->write + out->zeroes + out->discard > 100) {
        config_complain(node, "write", "with zeroes and discard is more than 100");
        return ERR_INVALID;
    }
    return status;
}
