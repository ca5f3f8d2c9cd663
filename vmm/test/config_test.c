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
    CHECK_EQ(parse("<config kernel='k' initramfs='i' ram='64M' vcpus='1' command_line='a=&quot;b&quot;'/>", &config), OK);
    CHECK_STR(config.kernel, "k");
    CHECK_STR(config.command_line, "a=\"b\"");
    CHECK_EQ(config.ram, 64ull << 20);
    CHECK(!config.statistics);

    CASE("each mistake is named with its line");
    check_refused("<config", "config:1:8: malformed tag");
    check_refused("\n<config ram='2M'/>", "config:2: attribute \"kernel\" is missing or too long");
    check_refused("<config kernel='k'/>", "config:1: attribute \"ram\" is missing or not a size");
    check_refused("<config kernel='k' ram='many'/>", "config:1: attribute \"ram\" is missing or not a size");
    check_refused("<config kernel='k' ram='3M'/>", "config:1: attribute \"ram\" must be a multiple of 2M, at least 2M");
    check_refused("<config kernel='k' ram='2M' vcpus='0'/>",
                  "config:1: attribute \"vcpus\" is 0: a machine needs a processor");
    check_refused("<config kernel='k' ram='2M' vcpus='2'/>",
                  "config:1: attribute \"vcpus\": this version supports one virtual CPU");
    check_refused("<config kernel='k' ram='2M' vpus='1'/>", "config:1: unknown attribute \"vpus\"");
    check_refused("<config kernel='k' ram='2M'>\n<x/></config>", "config:2: <config> has no child nodes");
    check_refused("<vm/>", "config:1: the root node must be <config>");
    return check_finish();
}
