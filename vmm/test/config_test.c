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
                  "config:2: unknown node in <config>, there is none");
    check_refused("<vm/>", "config:1: the root node must be <config>");
    return check_finish();
}
