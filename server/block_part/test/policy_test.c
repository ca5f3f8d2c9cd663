/* SPDX-License-Identifier: MIT */
#include "server/block_part/policy.h"
#include "lib/xml/test/parse.h"
#include "test/check.h"

#define DISK_SIZE (1ull << 30)

static struct table table = {
    .scheme = TABLE_GPT,
    .count = 3,
    .partition = {
        {.number = 1, .offset = 1 << 20, .size = 4096, .name = "root", .uuid = "0000000a-0b"},
        {.number = 2, .offset = 2 << 20, .size = 8192, .name = "home & more", .uuid = "0000000a-0c"},
        {.number = 7, .offset = 3 << 20, .size = 512, .problem_opt = "it overlaps"}}};

static const char *wrong(const char *policy)
{
    static char text[300];
    struct policy_error error = {0};

    snprintf(text, sizeof(text), "<config>%s</config>", policy);
    return policy_check(xml_parsed(text), &error) == ERR_INVALID ? error.reason : "";
}

static const char config_text[] =
    "<config><policy label='vm -> root' name='root' writeable='yes'/>"
    "<policy label_prefix='vm' number='2' shared='yes'/><policy label='a' uuid='0000000A-0C'/>"
    "<policy label='b' name='home &amp; more'/><policy label='whole' whole='yes' writeable='on'/>"
    "<policy label='bad' number='7'/><policy label='none' number='3'/></config>";

static enum status find(const char *label, struct grant *out, const char **reason)
{
    return policy_find(xml_parsed(config_text), label, &table, DISK_SIZE, out, reason);
}

int main(void)
{
    struct grant grant;
    struct policy_error error;
    const char *reason = "";

    CASE("the first node that fits counts");
    CHECK_EQ(policy_check(xml_parsed(config_text), &error), OK);
    CHECK_EQ(find("vm -> root", &grant, &reason), OK);
    CHECK_EQ(grant.offset, 1 << 20);
    CHECK_EQ(grant.size, 4096);
    CHECK(grant.write && !grant.shared);
    CHECK_EQ(find("vm -> other", &grant, &reason), OK);
    CHECK_EQ(grant.offset, 2 << 20);
    CHECK(!grant.write && grant.shared);
    CHECK_EQ(find("a", &grant, &reason), OK);
    CHECK_EQ(grant.size, 8192);
    CHECK_EQ(find("b", &grant, &reason), OK);
    CHECK_EQ(grant.size, 8192);
    CHECK_EQ(find("whole", &grant, &reason), OK);
    CHECK_EQ(grant.offset, 0);
    CHECK_EQ(grant.size, DISK_SIZE);
    CHECK(grant.write);

    CASE("who gets nothing, and why; the output stays as it was");
    grant = (struct grant){.offset = 5};
    CHECK_EQ(find("stranger", &grant, &reason), ERR_DENIED);
    CHECK_STR(reason, "no policy for this label");
    CHECK_EQ(find("wholesale", &grant, &reason), ERR_DENIED);
    CHECK_EQ(find("bad", &grant, &reason), ERR_DENIED);
    CHECK_STR(reason, "it overlaps");
    CHECK_EQ(find("none", &grant, &reason), ERR_NOT_FOUND);
    CHECK_EQ(grant.offset, 5);

    CASE("configurations that are refused");
    CHECK_STR(wrong("<policy label='a' number='1'/>"), "");
    CHECK_STR(wrong("<policy number='1'/>"), "exactly one of label and label_prefix must be there");
    CHECK_STR(wrong("<policy label='a' label_prefix='b' number='1'/>"),
              "exactly one of label and label_prefix must be there");
    CHECK_STR(wrong("<policy label='a'/>"), "exactly one of number, name, uuid, whole must be there");
    CHECK_STR(wrong("<policy label='a' number='1' name='x'/>"),
              "exactly one of number, name, uuid, whole must be there");
    CHECK_STR(wrong("<policy label='a' number='0'/>"), "must be a partition's number, from 1 on");
    CHECK_STR(wrong("<policy label='a' number='x'/>"), "must be a partition's number, from 1 on");
    CHECK_STR(wrong("<policy label='a' whole='no'/>"), "must be yes where it is");
    CHECK_STR(wrong("<policy label='b' name='b'/><policy label='a' name='a' writeable='perhaps'/>"),
              "must be yes or no");
    CHECK_STR(wrong("<policy label='a' name='a' writable='yes'/>"),
              "unknown attribute, known: label label_prefix number name uuid whole writeable shared");
    REQUIRE(policy_check(xml_parsed("<config><policy label='a' name='a' writable='yes'/></config>"),
                         &error) == ERR_INVALID);
    CHECK_STR(error.attribute, "writable");
    CHECK_STR(wrong("<policy label='a' name='a' an_attribute_with_a_name_that_nobody_wants='yes'/>"),
              "unknown attribute, known: label label_prefix number name uuid whole writeable shared");
    CHECK_STR(wrong("<policy label='a' name='a'/><polciy label='a' name='a'/>"),
              "unknown node, known: <policy>");
    return check_finish();
}
