/* SPDX-License-Identifier: MIT */
/*
 * Differences between configurations, and the CPUs that affinities mean.
 */
#include "init/affinity.h"
#include "init/difference.h"
#include "init/test/host.h"
#include "test/check.h"

#include <string.h>

static void line(struct config_report *report, const char *text)
{
    (void)report;
    printf("%s\n", text);
}

static struct config parse(const char *text)
{
    struct config_report report = {.line = line};
    struct config config = {0};

    REQUIRE(config_read(text, strlen(text), &report, &config) == OK);
    return config;
}

#define HEAD                                                                                     \
    "<config><default caps='9' ram='1M'/><parent-provides><service name='L'/></parent-provides>" \
    "<affinity-space width='4'/><heartbeat rate_ms='100'/>"
#define BASE "<start name='x'><provides><service name='A'/></provides><config a='1'/></start>"
#define TAIL "</config>"

static struct difference compare(const char *before, const char *after)
{
    struct config old = parse(before), new = parse(after);
    struct config_child *counterpart = difference_counterpart(&new, old.children->name);

    REQUIRE(counterpart != NULL);
    struct difference difference = difference_find(&old, old.children, &new, counterpart);

    config_free(&old);
    config_free(&new);
    return difference;
}

static void check_restart(const char *child, const char *reason_opt)
{
    struct difference difference = compare(HEAD BASE TAIL, child);

    if (!reason_opt)
        CHECK(!difference.restart_opt);
    else if (difference.restart_opt)
        CHECK_STR(difference.restart_opt, reason_opt);
    else
        CHECK(!"no restart");
}

static void test_nothing(void)
{
    struct difference difference = compare(HEAD BASE TAIL, HEAD BASE TAIL);

    CASE("the same configuration, also on other lines and beside other children, is no change");
    CHECK(!difference.restart_opt && !difference.config && !difference.quota);
    difference = compare(HEAD BASE TAIL, HEAD "\n\n<start name='y'/>\n" BASE TAIL);
    CHECK(!difference.restart_opt && !difference.config && !difference.quota);
    CASE("what is only init's business changes nothing for the child");
    difference =
        compare(HEAD BASE TAIL, HEAD "<start name='x'><provides><service name='A'/></provides><config a='1'/>"
                                     "<restart/><heartbeat/><exit propagate='yes'/><request ram='2M'/>"
                                     "</start>" TAIL);
    CHECK(!difference.restart_opt && !difference.config && !difference.quota);
}

static void test_reasons(void)
{
    CASE("what a running child cannot change");
    check_restart(HEAD
                  "<start name='x'><binary name='y'/><provides><service name='A'/></provides></start>" TAIL,
                  "binary");
    check_restart(HEAD "<start name='x' version='2'><provides><service name='A'/></provides></start>" TAIL,
                  "version");
    check_restart(HEAD "<start name='x' priority='2'><provides><service name='A'/></provides></start>" TAIL,
                  "priority");
    check_restart(HEAD "<start name='x' slice_us='200'><provides><service name='A'/></provides></start>" TAIL,
                  "slice_us");
    check_restart(HEAD "<start name='x'/>" TAIL, "provided services");
    check_restart(HEAD
                  "<start name='x'><provides><service name='A'/><service name='B'/></provides></start>" TAIL,
                  "provided services");
    check_restart(HEAD
                  "<start name='x'><provides><service name='A'/></provides><affinity xpos='1'/></start>" TAIL,
                  "affinity");
    check_restart(
        HEAD "<start name='x'><provides><service name='A'/></provides><configfile name='f'/></start>" TAIL,
        "configfile");
}

static void test_rest(void)
{
    struct difference difference =
        compare(HEAD BASE TAIL, HEAD "<start name='x' caps='10'><provides><service name='A'/></provides>"
                                     "<config a='2'/></start>" TAIL);

    CASE("configuration and quota can change while it runs");
    CHECK(!difference.restart_opt && difference.config && difference.quota);
    difference = compare(HEAD BASE TAIL, HEAD "<start name='x'><resource name='RAM' quantum='2M'/><provides>"
                                              "<service name='A'/></provides><config a='1'/></start>" TAIL);
    CHECK(!difference.restart_opt && !difference.config && difference.quota);
    difference =
        compare(HEAD BASE TAIL, HEAD "<start name='x'><provides><service name='A'/></provides></start>" TAIL);
    CHECK(!difference.restart_opt && difference.config && !difference.quota);
}

static void check_range(const char *affinity, uint32_t cpus, uint32_t first, uint32_t count)
{
    char text[512];

    snprintf(text, sizeof(text), HEAD "<start name='x'>%s</start>" TAIL, affinity);
    struct config config = parse(text);
    struct cpu_range range = affinity_range(cpus, &config, config.children);

    CHECK_EQ(range.first, first);
    CHECK_EQ(range.count, count);
    config_free(&config);
}

static void check_narrow(const char *args, uint32_t first, uint32_t count)
{
    struct cpu_range range = affinity_narrow((struct cpu_range){4, 3}, args);

    CHECK_EQ(range.first, first);
    CHECK_EQ(range.count, count);
}

static void test_affinity(void)
{
    CASE("an affinity space of 4 over 1, 2, 3, 4 and 8 CPUs");
    check_range("", 3, 0, 3);
    check_range("<affinity xpos='1'/>", 4, 1, 1);
    check_range("<affinity xpos='1' width='2'/>", 4, 1, 2);
    check_range("<affinity xpos='2' width='2'/>", 8, 4, 4);
    check_range("<affinity xpos='0' width='2'/>", 2, 0, 1);
    check_range("<affinity xpos='3' width='1'/>", 2, 1, 1);
    check_range("<affinity xpos='3' ypos='0' height='1'/>", 1, 0, 1);
    check_range("<affinity xpos='1'/>", 3, 0, 1);
    CASE("a child's own arguments only narrow its CPUs");
    check_narrow("", 4, 3);
    check_narrow("cpu=1", 5, 2);
    check_narrow("cpu=1, cpus=1", 5, 1);
    check_narrow("cpu=0, cpus=99", 4, 3);
    check_narrow("cpu=99", 6, 1);
    check_narrow("cpus=0", 4, 3);
    check_narrow("cpu=x, cpus=-1", 4, 3);
}

int main(void)
{
    test_nothing();
    test_reasons();
    test_rest();
    test_affinity();
    return check_finish();
}
