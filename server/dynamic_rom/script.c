/* SPDX-License-Identifier: MIT */
/* The life of one module; see script.h. */
#include "server/dynamic_rom/script.h"

static enum status refuse(struct script_error *error, struct xml_node node, const char *attribute_opt,
                          const char *reason)
{
    *error = (struct script_error){node, attribute_opt, reason};
    return ERR_INVALID;
}

static bool only_attribute(struct xml_node node, const char *name)
{
    struct xml_slice found, value;

    for (size_t i = 0; xml_attribute_at(node, i, &found, &value); i++)
        if (!xml_slice_is(found, name))
            return false;
    return true;
}

static enum status check_sleep(struct xml_node step, struct script_error *error)
{
    uint64_t ms = 0;

    if (!only_attribute(step, "milliseconds"))
        return refuse(error, step, NULL, "only the attribute 'milliseconds' is known");
    if (xml_attribute_unsigned(step, "milliseconds", &ms) != OK || ms == 0 || ms > SCRIPT_SLEEP_MAX)
        return refuse(error, step, "milliseconds", "must be 1 to 86400000 (a day)");
    return OK;
}

static enum status check_step(struct xml_node step, struct script_error *error)
{
    if (xml_name_is(step, "sleep"))
        return check_sleep(step, error);
    if (!xml_name_is(step, "inline") && !xml_name_is(step, "empty"))
        return refuse(error, step, NULL, "must be <inline>, <sleep> or <empty>");
    return only_attribute(step, "description") ? OK : refuse(error, step, NULL, "unknown attribute");
}

static enum status check_rom(struct script *script, struct script_error *error)
{
    static const char *const names[] = {"name", "repeat", NULL};
    struct xml_slice name, value;
    enum status status = xml_attribute_bool(script->rom, "repeat", &script->repeat);

    if (status != OK && status != ERR_NOT_FOUND)
        return refuse(error, script->rom, "repeat", "must be yes or no");
    for (size_t i = 0; xml_attribute_at(script->rom, i, &name, &value); i++)
        if (!xml_slice_is(name, names[0]) && !xml_slice_is(name, names[1]))
            return refuse(error, script->rom, NULL, "only the attributes 'name' and 'repeat' are known");
    if (!xml_attribute(script->rom, "name", &value) || value.length == 0)
        return refuse(error, script->rom, "name", "a module needs a name");
    return OK;
}

enum status script_init(struct script *script, struct xml_node rom, struct script_error *error)
{
    struct script fresh = {.rom = rom, .repeat = true};
    struct xml_node step;
    enum status status = check_rom(&fresh, error);

    for (bool more = xml_first_child(rom, &step); status == OK && more;
         more = xml_next_sibling(step, &step)) {
        status = check_step(step, error);
        fresh.sleeps |= xml_name_is(step, "sleep");
    }
    if (status != OK)
        return status;
    fresh.more = xml_first_child(rom, &fresh.step);
    if (!fresh.more)
        return refuse(error, rom, NULL, "has no steps");
    *script = fresh;
    return OK;
}

/* The step after this one; false: that was all. Without a <sleep>, one round says everything. */
static bool next_step(struct script *script)
{
    script->more = xml_next_sibling(script->step, &script->step);
    if (!script->more && script->repeat && script->sleeps)
        script->more = xml_first_child(script->rom, &script->step);
    return script->more;
}

void script_advance(struct script *script, struct script_state *out)
{
    *out = (struct script_state){0};
    for (; script->more; (void)next_step(script)) {
        if (xml_name_is(script->step, "sleep")) {
            (void)(xml_attribute_unsigned(script->step, "milliseconds", &out->sleep_ms) == OK);
            (void)next_step(script);
            out->over = !script->more;
            return;
        }
        out->changed = true;
        out->present = xml_name_is(script->step, "inline");
        out->inline_ = script->step;
    }
    out->over = true;
}

struct script_text script_text(struct xml_node inline_)
{
    struct xml_slice text = xml_content(inline_);
    struct xml_slice raw = xml_raw(inline_);
    struct script_text out = {.lines = xml_line(inline_) - 1, .text = text};

    /* A start tag may itself cover several lines. */
    for (const char *p = raw.start; text.length && p < text.start; p++)
        out.lines += *p == '\n';
    return out;
}

size_t script_size_max(const struct script *script)
{
    struct xml_node step;
    size_t most = 0;

    for (bool more = xml_first_child_named(script->rom, "inline", &step); more;
         more = xml_next_sibling_named(step, "inline", &step)) {
        struct script_text text = script_text(step);
        size_t size = text.lines + text.text.length;

        most = size > most ? size : most;
    }
    return most;
}
