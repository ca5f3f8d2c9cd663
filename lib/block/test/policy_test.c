/* SPDX-License-Identifier: MIT */
/* A server's <policy> nodes: views by label, and what is said of wrong ones, by lib/config as in a component. */
#include "lib/block/policy.h"
#include "lib/config/test/world.h"
#include "lib/xml/test/parse.h"

/* What is said of it; "": nothing, it is right. */
static const char *said(const char *text, const char *other_opt)
{
    message[0] = '\0';
    enum status status = block_policy_check(xml_parsed(text), other_opt);
    CHECK_EQ(status == OK, message[0] == '\0');
    return message;
}

static void test_mistakes(void)
{
    CASE("each mistake is named, with its place and what was expected");
    CHECK_STR(said("<config/>", NULL), "");
    CHECK_STR(
        said("<config><policy label='a -> b' offset='1M' size='1G' write='yes' shared='no'/></config>", NULL),
        "");
    CHECK_STR(said("<config>\n<polciy label='a'/></config>", NULL),
              "config:2: <polciy>: unknown node, known: policy");
    CHECK_STR(said("<config><rule/></config>", NULL), "config:1: <rule>: unknown node, known: policy");
    CHECK_STR(said("<config><rule/><policy label='a'/></config>", "rule"), "");
    CHECK_STR(said("<config><ruel/></config>", "rule"), "config:1: <ruel>: unknown node, known: policy rule");
    CHECK_STR(said("<config><policy label='a' writeable='yes'/></config>", NULL),
              "config:1: <policy>: unknown attribute `writeable'");
    CHECK_STR(said("<config><policy write='yes'/></config>", NULL),
              "config:1: <policy>: label=\"\": exactly one of label and label_prefix must be there");
    CHECK_STR(said("<config><policy label='a' label_prefix='b'/></config>", NULL),
              "config:1: <policy>: label=\"a\": exactly one of label and label_prefix must be there");
    CHECK_STR(said("<config><policy label='a' size='0'/></config>", NULL),
              "config:1: <policy>: size=\"0\": must be a size, not 0, that ends below 2^64");
    CHECK_STR(said("<config><policy label='a' offset='x'/></config>", NULL),
              "config:1: <policy>: offset=\"x\": must be a size");
    CHECK_STR(
        said("<config><policy label='a' offset='1M' size='18446744073709551615'/></config>", NULL),
        "config:1: <policy>: size=\"18446744073709551615\": must be a size, not 0, that ends below 2^64");
    CHECK_STR(
        said("<config><policy label='a' write='on'/><policy label='b' shared='perhaps'/></config>", NULL),
        "config:1: <policy>: shared=\"perhaps\": must be yes or no");
}

static void test_numbers(void)
{
    struct xml_node node = xml_parsed("<config port='99' depth='many'/>");
    uint64_t value = 7;

    CASE("numbers: the range is told");
    CHECK_EQ(config_number(node, "port", 0, 0, 31, &value), ERR_RANGE);
    CHECK_STR(message, "config:1: <config>: port=\"99\": must be a number from 0 to 31");
    CHECK_EQ(config_number(node, "depth", 0, 4, 256, &value), ERR_INVALID);
    CHECK_STR(message, "config:1: <config>: depth=\"many\": must be a number from 4 to 256");
    CHECK_EQ(value, 7);
    CHECK_EQ(config_number(node, "none", 5, 4, 256, &value), OK);
    CHECK_EQ(value, 5);
    node = xml_parsed("<config size='0' size_max='4T' ahead='64K'/>");
    value = 7;
    CHECK_EQ(config_size(node, "size", 1, 512, 4096, &value), ERR_RANGE);
    CHECK_STR(message, "config:1: <config>: size=\"0\": must be a size from 512 to 4096");
    CHECK_EQ(config_size(node, "size_max", 1, 0, 4096, &value), ERR_INVALID);
    CHECK_STR(message, "config:1: <config>: size_max=\"4T\": must be a size from 0 to 4096");
    CHECK_EQ(value, 7);
    CHECK_EQ(config_size(node, "ahead", 1, 0, 65536, &value), OK);
    CHECK_EQ(value, 65536);
    CHECK_EQ(config_size(node, "none", 1, 0, 65536, &value), OK);
    CHECK_EQ(value, 1);
}

static void test_views(void)
{
    struct xml_node config =
        xml_parsed("<config><policy label='vm -> root' offset='4096' size='8192' write='yes'/>"
                   "<policy label_prefix='vm' shared='yes'/></config>");
    struct block_view view = {.size = UINT64_MAX, .write = true, .shared = true};

    CASE("the first that fits narrows the view; who has none is refused");
    CHECK_EQ(block_policy_view(config, "vm -> root", &view), OK);
    CHECK_EQ(view.offset, 4096);
    CHECK_EQ(view.size, 8192);
    CHECK(view.write && !view.shared);
    view = (struct block_view){.offset = 4096, .size = 8192, .write = true};
    CHECK_EQ(block_policy_view(config, "vm -> root", &view), ERR_RANGE);
    view = (struct block_view){.offset = 512, .size = 512, .write = true, .shared = true};
    CHECK_EQ(block_policy_view(config, "vm2 -> disk", &view), OK);
    CHECK_EQ(view.offset, 512);
    CHECK(!view.write && view.shared);
    CHECK_EQ(block_policy_view(config, "stranger", &view), ERR_DENIED);
    CHECK_EQ(block_policy_view(xml_parsed("<config/>"), "stranger", &view), OK);
}

int main(void)
{
    test_mistakes();
    test_numbers();
    test_views();
    return check_finish();
}
