/* SPDX-License-Identifier: MIT */
/*
 * Policies: which label may have which function; configurations that are wrong.
 */
#include "driver/platform/policy.h"

#include "lib/base/heap.h"
#include "lib/xml/test/parse.h"
#include "test/check.h"

void *heap_alloc(size_t size)
{
    return calloc(1, size);
}

void heap_free(void *memory)
{
    free(memory);
}

static void policies_free(struct policy *policy)
{
    struct policy *next;

    for (; policy; policy = next) {
        next = policy->next;
        free(policy);
    }
}

static enum status read(const char *text, struct policy **out, struct policy_error *error)
{
    return policy_read(xml_parsed(text), out, error);
}

static void test_addresses(void)
{
    static const char *const bad[] = {"",          "1f.2",     "00:1f",     "00:20.0",   "00:1f.8",
                                      "100:00.0",  "00:1f.2 ", "00:1f.2.1", "0:0:0:0.0", "10000:00:00.0",
                                      "zz:00.0",   ":00.0",    "00:.0",     "00:1f.",    "-1:00.0",
                                      "00:1f.2:0", "0x0:0.0"};
    uint64_t address = 77;

    CASE("addresses: with and without a segment");
    CHECK_EQ(policy_parse_address("00:1f.2", &address), OK);
    CHECK_EQ(address, 0xfa);
    CHECK_EQ(policy_parse_address("0001:fF:1F.7", &address), OK);
    CHECK_EQ(address, 0x1ffff);
    CHECK_EQ(policy_parse_address("3:4.5", &address), OK);
    CHECK_EQ(address, 0x325);

    CASE("addresses: wrong ones");
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK_EQ(policy_parse_address(bad[i], &address), ERR_INVALID);
    CHECK_EQ(address, 0x325);
}

static void test_choice(void)
{
    struct policy *first;
    struct policy_error error;
    struct policy_subject ahci = {0x8086, 0x2922, 0x010601, 0, 0xfa},
                          nvme = {0x1b36, 0x10, 0x010802, 0, 0x30};

    CASE("the first policy whose label fits");
    CHECK_EQ(read("<config report='yes'><policy label='a -> b' address='00:06.0'/>"
                  "<policy label_prefix='a -> ' class='0x010601'/>"
                  "<policy label_prefix='v' vendor='0x8086' device='0x2922'/>"
                  "<policy label='v -> w' vendor='0x8086'/></config>",
                  &first, &error),
             OK);
    CHECK(policy_find(first, "a -> b") == first);
    CHECK(policy_find(first, "a -> c") == first->next);
    CHECK(policy_find(first, "a -> bc") == first->next);
    CHECK(policy_find(first, "v -> w") == first->next->next);
    CHECK(policy_find(first, "b") == NULL);
    CHECK(policy_find(first, "") == NULL);

    CASE("all properties must fit");
    CHECK(!policy_allows(first, &ahci));
    CHECK(policy_allows(first, &nvme));
    CHECK(policy_allows(first->next, &ahci));
    CHECK(!policy_allows(first->next, &nvme));
    CHECK(policy_allows(first->next->next, &ahci));
    ahci.device++;
    CHECK(!policy_allows(first->next->next, &ahci));
    nvme.segment = 1;
    CHECK(!policy_allows(first, &nvme));
    policies_free(first);

    CASE("no policies at all");
    CHECK_EQ(read("<config/>", &first, &error), OK);
    CHECK(policy_find(first, "a") == NULL);
}

static void test_mistakes(void)
{
    static const struct {
        const char *text, *attribute_opt;
    } bad[] = {
        {"<config><policy/></config>", NULL},
        {"<config><policy label='a'/></config>", NULL},
        {"<config><policy class='1'/></config>", NULL},
        {"<config><policy label='a' label_prefix='b' class='1'/></config>", NULL},
        {"<config><policy label='' class='1'/></config>", "label"},
        {"<config><policy label='a' class='0x1000000'/></config>", "class"},
        {"<config><policy label='a' vendor='65536'/></config>", "vendor"},
        {"<config><policy label='a' device='nothing'/></config>", "device"},
        {"<config><policy label='a' address='00:1f'/></config>", "address"},
        {"<config><policy label='a' address='0000:0000:0000:00.00'/></config>", "address"},
        {"<config><policy label='a' clas='1'/></config>", NULL},
        {"<config><polic label='a' class='1'/></config>", NULL},
    };
    struct policy_error error;
    struct policy *first;

    CASE("configurations that are wrong, and where");
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        error = (struct policy_error){0};
        CHECK_EQ(read(bad[i].text, &first, &error), ERR_INVALID);
        REQUIRE(error.reason != NULL);
        CHECK(strncmp(error.reason, "unknown", 7) != 0 ||
              strstr(error.reason, "known: ")); /* what is known */
        CHECK((error.attribute_opt == NULL) == (bad[i].attribute_opt == NULL));
        if (error.attribute_opt && bad[i].attribute_opt)
            CHECK(strcmp(error.attribute_opt, bad[i].attribute_opt) == 0);
        policies_free(first);
    }
}

int main(void)
{
    test_addresses();
    test_choice();
    test_mistakes();
    return check_finish();
}
