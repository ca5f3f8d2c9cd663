/* SPDX-License-Identifier: MIT */
/* Reports and policies: who reads what, texts that come, go and stay, and configurations that are refused. */
#include "lib/base/heap.h"
#include "server/report_rom/store.h"

#include "lib/xml/test/parse.h"
#include "test/check.h"

#define BLOCKS 256u

static void *blocks[BLOCKS];
static unsigned block_count, blocks_left = BLOCKS;

void *heap_alloc(size_t size)
{
    if (blocks_left == 0 || block_count == BLOCKS)
        return NULL;
    blocks_left--;
    return blocks[block_count++] = calloc(1, size ? size : 1);
}

static void heap_reset(unsigned left)
{
    while (block_count)
        free(blocks[--block_count]);
    blocks_left = left;
}

static struct store store_of(const char *text)
{
    struct store_error error;
    struct store store;

    heap_reset(BLOCKS);
    REQUIRE(store_init(&store, xml_parsed(text), &error) == OK);
    return store;
}

static bool text_is(const struct report *report, const char *text)
{
    return report->source.present && report->source.size == strlen(text) &&
           memcmp(report->source.data, text, strlen(text)) == 0;
}

static void test_policy(void)
{
    struct store store = store_of("<config><policy label='a -> b' report='c -> state'/>"
                                  "<policy label_prefix='top -> ' report='d -> state'/>"
                                  "<policy label='top -> x' report='e -> state'/>"
                                  "<policy label='z' report='c -> state'/></config>");

    CASE("a reader gets the report of the first policy that fits, or none");
    CHECK(store_readable(&store, "a -> b") == store_report(&store, "c -> state"));
    CHECK(store_readable(&store, "z") == store_report(&store, "c -> state"));
    CHECK(store_readable(&store, "top -> x") == store_report(&store, "d -> state"));
    CHECK(store_readable(&store, "top -> ") == store_report(&store, "d -> state"));
    CHECK(!store_readable(&store, "a"));
    CHECK(!store_readable(&store, "a -> b -> c"));
    CHECK(!store_readable(&store, "top"));
    CHECK(!store_readable(&store, ""));
    CHECK(store_report(&store, "e -> state"));
    CHECK(!store_report(&store, "state"));
    CHECK(!store_report(&store, "a -> b"));
}

static void test_life(void)
{
    struct store store = store_of("<config><policy label='r' report='s'/></config>");
    struct report *report = store_report(&store, "s");

    CASE("a report goes with its reporter");
    CHECK(!report->source.present);
    CHECK_EQ(report_take(report), OK);
    CHECK_EQ(report_take(report), ERR_EXISTS);
    CHECK(!report->source.present);
    report_put(report, "one", 3);
    CHECK(text_is(report, "one"));
    report_put(report, "", 0);
    CHECK(text_is(report, ""));
    CHECK(report_leave(report));
    CHECK(!report->source.present);

    CASE("one that never said anything leaves without a sound");
    CHECK_EQ(report_take(report), OK);
    CHECK(!report_leave(report));
}

static void test_keep(void)
{
    struct store store =
        store_of("<config><policy label='r' report='s'/><report label='s' keep='4'/></config>");
    struct report *report = store_report(&store, "s");
    char text[] = "abcd";

    CASE("a kept report outlives its reporter, until the next one says something");
    CHECK_EQ(report_take(report), OK);
    report_put(report, text, 4);
    CHECK(!report_leave(report));
    memset(text, '!', 4);
    CHECK(text_is(report, "abcd"));
    CHECK_EQ(report_take(report), OK);
    CHECK(text_is(report, "abcd"));
    CHECK(!report_leave(report));
    CHECK(text_is(report, "abcd"));
    CHECK_EQ(report_take(report), OK);
    report_put(report, text, 2);
    CHECK(text_is(report, "!!"));
    CHECK(!report_leave(report));
    CHECK(text_is(report, "!!"));

    CASE("a longer one than may be kept is not cut, but goes");
    CHECK_EQ(report_take(report), OK);
    report_put(report, "abcde", 5);
    CHECK(report_leave(report));
    CHECK(!report->source.present);
}

static void refused(const char *text, const char *reason)
{
    struct store_error error = {0};
    struct store store;

    heap_reset(BLOCKS);
    CHECK_EQ(store_init(&store, xml_parsed(text), &error), ERR_INVALID);
    CHECK(error.reason && strstr(error.reason, reason));
}

static void test_refused(void)
{
    char text[400] = "<config><policy report='x' label='";
    struct store_error error;
    struct store store;

    CASE("what is refused");
    refused("<config><police/></config>", "must be <policy>");
    refused("<config><policy report='x'/></config>", "either");
    refused("<config><policy report='x' label='a' label_prefix='a'/></config>", "either");
    refused("<config><policy label='a'/></config>", "must be a label");
    refused("<config><policy label='' report='x'/></config>", "must be a label");
    refused("<config><policy label='a' report='x' size='1'/></config>", "unknown attribute");
    refused("<config><report keep='1'/></config>", "must be a label");
    refused("<config><report label='a'/></config>", "must be a size");
    refused("<config><report label='a' keep='0'/></config>", "must be a size");
    refused("<config><report label='a' keep='2M'/></config>", "must be a size");
    refused("<config><report label='a' keep='1'/><report label='a' keep='2'/></config>", "already");
    memset(text + strlen(text), 'l', PARENT_LABEL_MAX);
    strcat(text, "'/></config>");
    refused(text, "159");

    CASE("no memory is no crash");
    for (unsigned left = 0; left < 4; left++) {
        heap_reset(left);
        CHECK_EQ(
            store_init(
                &store,
                xml_parsed("<config><policy label='a' report='x'/><report label='y' keep='1'/></config>"),
                &error),
            ERR_NO_RAM);
    }
}

int main(void)
{
    test_policy();
    test_life();
    test_keep();
    test_refused();
    heap_reset(0);
    return check_finish();
}
