/* SPDX-License-Identifier: MIT */
#include "test/killer/victims.h"

#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

/* Of the text that is handed out, not of our own configuration. */
static const char start_node[] = "start", version_attribute[] = "version";

/* xorshift */
uint64_t victims_random(struct victims *victims, uint64_t limit)
{
    victims->random ^= victims->random << 13;
    victims->random ^= victims->random >> 7;
    victims->random ^= victims->random << 17;
    return (victims->random >> 16) % limit;
}

/* ---- the text ---- */

/* What is inside, on the lines on which it stands in our own configuration, as init does it with <config>. */
static enum status text_copy(struct xml_node content, struct victims *out)
{
    struct xml_slice inside = xml_content(content);
    struct xml_error error;
    size_t lines = xml_line(content) - 1;

    out->size = lines + inside.length;
    out->text = heap_alloc(out->size + 1);
    if (!out->text)
        return ERR_NO_RAM;
    memset(out->text, '\n', lines);
    memcpy(out->text + lines, inside.start, inside.length);
    if (xml_validate(out->text, out->size, &error) == OK)
        return OK;
    log_error("config:%zu: <content>: %s", error.line, error.reason);
    return ERR_INVALID;
}

static bool version_find(struct victims *victims, struct victim *victim)
{
    struct xml_node root, start;
    struct xml_slice version;

    if (!xml_root(victims->text, victims->size, &root))
        return false;
    for (bool more = xml_first_child_named(root, start_node, &start); more;
         more = xml_next_sibling_named(start, start_node, &start)) {
        if (!xml_attribute_is(start, "name", victim->name))
            continue;
        if (!xml_attribute(start, version_attribute, &version) || version.length != VERSION_SIZE)
            return false;
        victim->version = victims->text + (version.start - victims->text);
        return true;
    }
    return false;
}

static enum status victim_read(struct xml_node node, struct victims *out)
{
    static const char *const names[] = {"name", "share", NULL};
    struct victim *victim = &out->all[out->count];
    enum status status = config_check_attributes(node, names);

    if (status == OK)
        status = config_number(node, "share", 1, 0, 1000, &victim->share);
    if (status != OK || out->count == VICTIMS_MAX)
        return ERR_INVALID;
    if (xml_attribute_copy(node, "name", victim->name, VICTIM_NAME) != OK || !version_find(out, victim)) {
        config_complain(node, "name", "no such child in the content, or its version has not eight digits");
        return ERR_INVALID;
    }
    out->shares += victim->share;
    out->count++;
    return OK;
}

enum status victims_read(struct xml_node config, uint64_t seed, struct victims *out)
{
    struct xml_node node;
    enum status status = xml_first_child_named(config, "content", &node) ? OK : ERR_INVALID;

    *out = (struct victims){.random = seed * 0x9e3779b97f4a7c15ull | 1};
    if (status == OK)
        status = text_copy(node, out);
    for (bool more = xml_first_child_named(config, "victim", &node); more && status == OK;
         more = xml_next_sibling_named(node, "victim", &node))
        status = victim_read(node, out);
    return status == OK && out->shares == 0 ? ERR_INVALID : status;
}

/* ---- who dies ---- */

static unsigned choose_one(struct victims *victims)
{
    uint64_t dice = victims_random(victims, victims->shares);
    unsigned i = 0;

    while (dice >= victims->all[i].share)
        dice -= victims->all[i++].share;
    return 1u << i;
}

unsigned victims_choose(struct victims *victims, uint64_t together)
{
    unsigned chosen = choose_one(victims);

    return victims_random(victims, 100) < together ? chosen | choose_one(victims) : chosen;
}

void victims_kill(struct victims *victims, unsigned chosen, char *names, size_t size)
{
    size_t length = 0;

    names[0] = 0;
    for (unsigned i = 0; i < victims->count; i++) {
        struct victim *victim = &victims->all[i];
        char digits[VERSION_SIZE + 1];

        if (!(chosen & 1u << i))
            continue;
        victim->deaths++;
        (void)fmt_format(digits, sizeof(digits), "%08u", victim->deaths % 100000000u);
        memcpy(victim->version, digits, VERSION_SIZE);
        if (length < size)
            length += fmt_format(names + length, size - length, "%s%s", length ? ", " : "", victim->name);
    }
}
