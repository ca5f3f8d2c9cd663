/* SPDX-License-Identifier: MIT */
/*
 * expat as the oracle of init's reading: the configurations of all scenarios and tests, as they are and mutated. What init takes,
 * expat takes as well-formed, and both see the same children in the same order, with binary, caps and RAM as written, and the
 * same number of services and routes. LONG=N repeats the mutations N times.
 */
#include "init/config.h"
#include "init/test/host.h"
#include "lib/fmt/fmt.h"

#include <expat.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/check.h"

enum { CHILDREN_MAX = 64, TEXT_MAX = 65536, MUTANTS = 400 };

/* What both saw of one child, as one line. */
struct view {
    unsigned count;
    char line[CHILDREN_MAX][256];
};

struct seen {
    struct view *view;
    unsigned depth, start_depth; /* of the <start> that is open, 0: none */
    unsigned route_depth;
    char name[CONFIG_NAME_MAX], binary[CONFIG_BINARY_MAX], caps[32], ram[32];
    unsigned provides, routes;
    bool own_caps, own_ram;
};

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static unsigned random_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % limit;
}

static const char *attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (!strcmp(*attributes, name))
            return attributes[1];
    return 0;
}

static void start_element(struct seen *seen, const char **attributes)
{
    const char *name = attribute(attributes, "name"), *caps = attribute(attributes, "caps"),
               *ram = attribute(attributes, "ram");

    seen->start_depth = seen->depth;
    snprintf(seen->name, sizeof(seen->name), "%s", name ? name : "");
    snprintf(seen->binary, sizeof(seen->binary), "%s", seen->name);
    snprintf(seen->caps, sizeof(seen->caps), "%s", caps ? caps : "");
    snprintf(seen->ram, sizeof(seen->ram), "%s", ram ? ram : "");
    seen->provides = seen->routes = 0;
}

/* Direct children of <start>, and what is in its <provides> and <route>. */
static void inner_element(struct seen *seen, const char *element, const char **attributes)
{
    unsigned below = seen->depth - seen->start_depth;
    const char *name = attribute(attributes, "name");

    if (below == 1 && !strcmp(element, "binary") && name)
        snprintf(seen->binary, sizeof(seen->binary), "%s", name);
    if (below == 1 && !strcmp(element, "resource") && name && !strcmp(name, "RAM"))
        snprintf(seen->ram, sizeof(seen->ram), "%s", attribute(attributes, "quantum"));
    if (below == 1)
        seen->route_depth = !strcmp(element, "route") ? 2 : !strcmp(element, "provides") ? 1 : 0;
    if (below == 2 && seen->route_depth == 2)
        seen->routes++;
    if (below == 2 && seen->route_depth == 1)
        seen->provides++;
}

static void XMLCALL opened(void *user, const char *element, const char **attributes)
{
    struct seen *seen = user;

    seen->depth++;
    if (seen->depth == 2 && !strcmp(element, "start"))
        start_element(seen, attributes);
    else if (seen->start_depth)
        inner_element(seen, element, attributes);
}

static void XMLCALL closed(void *user, const char *element)
{
    struct seen *seen = user;

    (void)element;
    if (seen->start_depth && seen->depth == seen->start_depth) {
        uint64_t ram = 0, caps = 0;

        (void)(fmt_parse_size(seen->ram, strlen(seen->ram), &ram) == OK);
        (void)(fmt_parse_unsigned(seen->caps, strlen(seen->caps), &caps) == OK);
        if (seen->view->count < CHILDREN_MAX)
            snprintf(seen->view->line[seen->view->count++], sizeof(seen->view->line[0]),
                     "%s %s ram %lu caps %lu provides %u routes %u", seen->name, seen->binary, ram, caps,
                     seen->provides, seen->routes);
        seen->start_depth = 0;
    }
    seen->depth--;
}

static bool oracle(const char *text, size_t length, struct view *out)
{
    XML_Parser parser = XML_ParserCreate("UTF-8");
    struct seen seen = {.view = out};

    out->count = 0;
    XML_SetUserData(parser, &seen);
    XML_SetElementHandler(parser, opened, closed);
    bool good = XML_Parse(parser, text, (int)length, 1) == XML_STATUS_OK;

    XML_ParserFree(parser);
    return good;
}

static void ignore(struct config_report *report, const char *text)
{
    (void)report;
    (void)text;
}

static unsigned provided(const struct config_child *child)
{
    unsigned count = 0;

    for (const struct config_service *service = child->provides; service; service = service->next)
        count++;
    return count;
}

static unsigned routed(const struct config_child *child)
{
    unsigned count = 0;

    for (const struct config_route *route = child->routes; route; route = route->next)
        count++;
    return count;
}

/* A child without quotas of its own has the defaults, which the oracle does not know: 0 for it. */
static bool ours(const char *text, size_t length, struct view *out)
{
    struct config_report report = {.line = ignore};
    struct config config;

    out->count = 0;
    if (config_read(text, length, &report, &config) != OK)
        return false;
    for (const struct config_child *child = config.children; child && out->count < CHILDREN_MAX;
         child = child->next)
        snprintf(out->line[out->count++], sizeof(out->line[0]),
                 "%s %s ram %lu caps %lu provides %u routes %u", child->name, child->binary,
                 child->ram == config.default_ram ? 0 : child->ram,
                 child->caps == config.default_caps ? 0 : child->caps, provided(child), routed(child));
    config_free(&config);
    return true;
}

static bool same_line(const char *mine, const char *theirs)
{
    char name[2][CONFIG_NAME_MAX], binary[2][CONFIG_BINARY_MAX];
    unsigned long ram[2], caps[2];
    unsigned provides[2], routes[2];
    const char *line[2] = {mine, theirs};

    for (unsigned i = 0; i < 2; i++)
        if (sscanf(line[i], "%s %s ram %lu caps %lu provides %u routes %u", name[i], binary[i], &ram[i],
                   &caps[i], &provides[i], &routes[i]) != 6)
            return !strcmp(mine, theirs);
    return !strcmp(name[0], name[1]) && !strcmp(binary[0], binary[1]) && (!ram[0] || ram[0] == ram[1]) &&
           (!caps[0] || caps[0] == caps[1]) && provides[0] == provides[1] && routes[0] == routes[1];
}

static struct view mine, theirs;

/* True if init took it. */
static bool compare(const char *text, size_t length)
{
    char *block = malloc(length ? length : 1); /* of its own, so that reading past its end is found */

    memcpy(block, text, length);
    bool taken = ours(block, length, &mine);

    free(block);
    if (!taken)
        return false;
    CHECK(oracle(text, length, &theirs));
    CHECK_EQ(mine.count, theirs.count);
    for (unsigned i = 0; i < mine.count && i < theirs.count; i++)
        if (!same_line(mine.line[i], theirs.line[i])) {
            printf("init: %s\nexpat: %s\n", mine.line[i], theirs.line[i]);
            CHECK(false);
        }
    return true;
}

/* One to three bytes or pieces changed: another character, a piece dropped, doubled, or taken from elsewhere. */
static size_t mutate(char *text, size_t length)
{
    static const char characters[] = "<>/\"'&;= \n\tax0-!?[]";

    for (unsigned times = 1 + random_below(3); times; times--) {
        size_t at = random_below((unsigned)length), size = 1 + random_below(24), from;

        if (size > length - at)
            size = length - at;
        from = random_below((unsigned)(length - size + 1));
        switch (random_below(4)) {
        case 0: text[at] = characters[random_below(sizeof(characters) - 1)]; break;
        case 1: memmove(text + at, text + from, size); break;
        case 2:
            memmove(text + at, text + at + size, length - at - size);
            length -= size;
            break;
        default:
            if (length + size > TEXT_MAX)
                break;
            memmove(text + at + size, text + at, length - at);
            length += size;
        }
        if (length < 2)
            break;
    }
    return length;
}

static size_t load(const char *path, char *text)
{
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(text, 1, TEXT_MAX, file) : 0;

    if (file)
        fclose(file);
    return length;
}

int main(void)
{
    static char text[TEXT_MAX], changed[TEXT_MAX];
    unsigned times = getenv("LONG") ? (unsigned)atoi(getenv("LONG")) : 1, files = 0, good = 0, taken = 0;
    glob_t paths;

    CASE("init and expat see the same children in every configuration of the tree, and in mutated ones");
    CHECK_EQ(glob("scenario/*/*.xml", 0, 0, &paths), 0);
    CHECK_EQ(glob("test/*/*.xml", GLOB_APPEND, 0, &paths), 0);
    for (size_t i = 0; i < paths.gl_pathc; i++) {
        size_t length = load(paths.gl_pathv[i], text);

        files++;
        good += compare(text, length);
        for (unsigned mutant = 0; length > 2 && mutant < MUTANTS * times; mutant++) {
            memcpy(changed, text, length);
            taken += compare(changed, mutate(changed, length));
        }
    }
    globfree(&paths);
    printf("%u configurations, %u of them good; %u mutants taken\n", files, good, taken);
    CHECK(good > 20 && taken > 1000);
    return check_finish();
}
