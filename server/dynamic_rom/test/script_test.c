/* SPDX-License-Identifier: MIT */
/* Scripts of modules: order, sleeping, repeating, ending, and configurations that are refused. */
#include "server/dynamic_rom/script.h"

#include "lib/xml/test/parse.h"
#include "test/check.h"

static struct script script_of(const char *text)
{
    struct script_error error;
    struct script script;

    REQUIRE(script_init(&script, xml_parsed(text), &error) == OK);
    return script;
}

static bool content_is(const struct script_state *state, const char *text)
{
    return state->changed && state->present && xml_slice_is(xml_content(state->inline_), text);
}

static void test_order(void)
{
    struct script script =
        script_of("<rom name='a'><inline>one</inline><sleep milliseconds='5'/><inline>two</inline>"
                  "<sleep milliseconds='7'/><empty/><sleep milliseconds='1'/></rom>");
    struct script_state state;

    CASE("steps come in order and start over");
    for (int round = 0; round < 3; round++) {
        script_advance(&script, &state);
        CHECK(content_is(&state, "one"));
        CHECK_EQ(state.sleep_ms, 5);
        CHECK(!state.over);
        script_advance(&script, &state);
        CHECK(content_is(&state, "two"));
        CHECK_EQ(state.sleep_ms, 7);
        script_advance(&script, &state);
        CHECK(state.changed && !state.present);
        CHECK_EQ(state.sleep_ms, 1);
    }
}

static void test_end(void)
{
    struct script_state state;
    struct script script = script_of(
        "<rom name='a' repeat='no'><sleep milliseconds='3'/><inline>x</inline><inline>y</inline></rom>");

    CASE("without repeat the last content stays; of several without sleep the last counts");
    script_advance(&script, &state);
    CHECK(!state.changed && !state.over);
    CHECK_EQ(state.sleep_ms, 3);
    script_advance(&script, &state);
    CHECK(content_is(&state, "y"));
    CHECK(state.over);
    script_advance(&script, &state);
    CHECK(!state.changed && state.over);

    CASE("a last sleep without repeat is no reason to wake up");
    script = script_of("<rom name='a' repeat='no'><inline>x</inline><sleep milliseconds='3'/></rom>");
    script_advance(&script, &state);
    CHECK(content_is(&state, "x"));
    CHECK(state.over);

    CASE("without any sleep the module is shown once");
    script = script_of("<rom name='a'><inline>x</inline><inline/></rom>");
    script_advance(&script, &state);
    CHECK(content_is(&state, ""));
    CHECK(state.over);

    CASE("sleeps follow each other");
    script = script_of("<rom name='a'><sleep milliseconds='1'/><sleep milliseconds='2'/></rom>");
    for (uint64_t i = 0; i < 6; i++) {
        script_advance(&script, &state);
        CHECK_EQ(state.sleep_ms, 1 + i % 2);
        CHECK(!state.over && !state.changed);
    }
}

static void test_lines(void)
{
    struct script script =
        script_of("<rom\nname='a'>\n<inline>\n<config/></inline>\n<inline\n\n>x</inline></rom>");
    struct script_state state;
    struct script_text text;

    CASE("content stands on its own lines");
    script_advance(&script, &state);
    text = script_text(state.inline_);
    CHECK_EQ(text.lines, 6);
    CHECK(xml_slice_is(text.text, "x"));
    CHECK_EQ(script_size_max(&script), 2 + strlen("\n<config/>"));
}

static void refused(const char *text, const char *reason)
{
    struct script_error error = {0};
    struct script script;

    CHECK_EQ(script_init(&script, xml_parsed(text), &error), ERR_INVALID);
    CHECK(error.reason && strstr(error.reason, reason));
}

static void test_refused(void)
{
    CASE("what is refused");
    refused("<rom name='a'/>", "no steps");
    refused("<rom><inline/></rom>", "needs a name");
    refused("<rom name=''><inline/></rom>", "needs a name");
    refused("<rom name='a' repeat='maybe'><inline/></rom>", "yes or no");
    refused("<rom name='a' size='1'><inline/></rom>", "known");
    refused("<rom name='a'><outline/></rom>", "must be <inline>");
    refused("<rom name='a'><sleep/></rom>", "1 to");
    refused("<rom name='a'><sleep milliseconds='0'/></rom>", "1 to");
    refused("<rom name='a'><sleep milliseconds='86400001'/></rom>", "1 to");
    refused("<rom name='a'><sleep milliseconds='99999999999999999999999'/></rom>", "1 to");
    refused("<rom name='a'><sleep milliseconds='-1'/></rom>", "1 to");
    refused("<rom name='a'><sleep seconds='1'/></rom>", "milliseconds");
    refused("<rom name='a'><inline name='x'/></rom>", "unknown attribute");
}

int main(void)
{
    test_order();
    test_end();
    test_lines();
    test_refused();
    return check_finish();
}
