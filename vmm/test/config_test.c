/* SPDX-License-Identifier: MIT */
/* The monitor's configuration: what is accepted, and what is said about the rest. */
#include "vmm/config.h"

#include <string.h>

#include "test/check.h"

static char message[CONFIG_ERROR_MAX];

static enum status parse(const char *text, struct vmm_config *out)
{
    message[0] = 0;
    return vmm_config_parse(text, strlen(text), out, message);
}

static void check_refused(const char *text, const char *expected)
{
    struct vmm_config config = {.ram = 77};

    CHECK_EQ(parse(text, &config), ERR_INVALID);
    CHECK_STR(message, expected);
    CHECK_EQ(config.ram, 77);
}

/* A configuration with these nodes from line 2 on. */
static const char *with(const char *nodes)
{
    static char text[2048];

    snprintf(text, sizeof(text), "<config kernel='k' ram='2M'>\n%s</config>", nodes);
    return text;
}

static void test_disks(void)
{
    struct vmm_config config;
    char many[1024] = "";

    CASE("disks");
    CHECK_EQ(parse(with("<disk name='root'/>\n<disk name='data' label='ahci' read_only='yes' bounce='yes' "
                        "queues='8'/>"),
                   &config),
             OK);
    CHECK_EQ(config.disks, 2);
    CHECK_STR(config.disk[0].label, "root");
    CHECK(!config.disk[0].read_only && !config.disk[0].bounce && config.disk[0].queues == 1);
    CHECK_STR(config.disk[1].name, "data");
    CHECK_STR(config.disk[1].label, "ahci");
    CHECK(config.disk[1].read_only && config.disk[1].bounce && config.disk[1].queues == 8);

    CASE("mistakes in a disk are named with its line");
    check_refused(with("<disk/>"), "config:2: attribute \"name\" is missing");
    check_refused(with("<disk name=''/>"), "config:2: name=\"\" is empty or too long");
    check_refused(with("\n<disk name='a' label=''/>"), "config:3: label=\"\" is empty or too long");
    check_refused(with("<disk name='a' bounce='2'/>"), "config:2: bounce=\"2\" is not yes or no");
    check_refused(with("<disk name='a' read_only=''/>"), "config:2: read_only=\"\" is not yes or no");
    check_refused(with("<disk name='a' queues='9'/>"), "config:2: queues=\"9\" is not a number from 1 to 8");
    check_refused(with("<disk name='a' queues='0'/>"), "config:2: queues=\"0\" is not a number from 1 to 8");
    check_refused(with("<disk name='a' readonly='no'/>"),
                  "config:2: unknown attribute \"readonly\", known: name label read_only bounce queues");
    check_refused(with("<disk name='a'><b/></disk>"), "config:2: unknown node in <disk>, there is none");
    check_refused(with("<disk name='a'/>\n<disk name='a'/>"), "config:3: name=\"a\" is another disk's, too");
    for (unsigned i = 0; i < 9; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), "<disk name='%u'/>\n", i);
    check_refused(with(many), "config:10: <disk> is one too many: a machine has 8 at most");
}

int main(void)
{
    struct vmm_config config;

    CASE("a complete configuration");
    CHECK_EQ(parse("<config kernel='k' initramfs='i' ram='64M' vcpus='1' command_line='a=&quot;b&quot;'/>",
                   &config),
             OK);
    CHECK_STR(config.kernel, "k");
    CHECK_STR(config.command_line, "a=\"b\"");
    CHECK_EQ(config.ram, 64ull << 20);
    CHECK(!config.statistics);

    CASE("each mistake is named with its line");
    check_refused("<config", "config:1:8: malformed tag");
    check_refused("\n<config ram='2M'/>", "config:2: attribute \"kernel\" is missing");
    check_refused("<config kernel='k'/>", "config:1: attribute \"ram\" is missing");
    check_refused("<config kernel='' ram='2M'/>", "config:1: kernel=\"\" is empty or too long");
    check_refused("<config kernel='k' ram='many'/>",
                  "config:1: ram=\"many\" is not a size (a number, with K, M or G)");
    check_refused("<config kernel='k' ram='512'/>",
                  "config:1: ram=\"512\" is not a multiple of 2M, like 512M");
    check_refused("<config kernel='k' ram='3M'/>", "config:1: ram=\"3M\" is not a multiple of 2M, like 512M");
    check_refused("<config kernel='k' ram='2M' vcpus='0'/>",
                  "config:1: vcpus=\"0\" is too few: a machine needs a processor");
    CHECK_EQ(parse("<config kernel='k' ram='2M' vcpus='8'/>", &config), OK);
    check_refused("<config kernel='k' ram='2M' vcpus='9'/>",
                  "config:1: vcpus=\"9\" is too many: a machine has 8 processors at most");
    check_refused("<config kernel='k' ram='2M' vpus='1'/>",
                  "config:1: unknown attribute \"vpus\", known: kernel "
                  "initramfs command_line ram vcpus wall_clock statistics");
    check_refused("<config kernel='k' ram='2M'>\n<x/></config>",
                  "config:2: unknown node in <config>, known: disk");
    check_refused("<vm/>", "config:1: the root node must be <config>");
    test_disks();
    return check_finish();
}
