/* SPDX-License-Identifier: MIT */
/*
 * The parser case by case: what is accepted, what is refused where and why, and what the cursors see.
 */
#include "lib/xml/xml.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xml/test/parse.h"
#include "test/check.h"

/* An exact copy on the heap, so that the address sanitizer sees every read outside the document. */
static char *exact_copy(const char *text, size_t length)
{
    char *copy = malloc(length != 0 ? length : 1);
    memcpy(copy, text, length);
    return copy;
}

static void expect_good(const char *text)
{
    struct xml_error error = {0};
    size_t length = strlen(text);
    char *copy = exact_copy(text, length);

    enum status status = xml_validate(copy, length, &error);
    CHECK_EQ(status, OK);
    if (status != OK)
        printf("  %s\n  line %zu column %zu: %s\n", text, error.line, error.column, error.reason);
    free(copy);
}

static void expect_bad(const char *text, size_t line, size_t column, const char *reason, bool unsupported)
{
    struct xml_error error = {0};
    size_t length = strlen(text);
    char *copy = exact_copy(text, length);

    CHECK_EQ(xml_validate(copy, length, &error), ERR_INVALID);
    CHECK_STR(error.reason, reason);
    CHECK_EQ(error.line, line);
    CHECK_EQ(error.column, column);
    CHECK_EQ(error.unsupported, unsupported);
    free(copy);
}

static bool slice_equals(struct xml_slice slice, const char *text)
{
    return xml_slice_is(slice, text);
}

static void test_accepted(void)
{
    CASE("accepted documents");
    expect_good("<a/>");
    expect_good(" \n<a ></a >\n");
    expect_good("<?xml version=\"1.0\"?><a/>");
    expect_good("<?xml version = '1.0' encoding='utf-8' ?>\n<!-- c --><a/><!---->");
    expect_good("<config><start name='x' caps=\"100\"/> text &lt;&gt;&amp;&quot;&apos; > ]] </config>");
    expect_good("<a b='\"' c=\"'\" d = '>' _e.f-1=''/>");
    expect_good("<a>gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80<!-- \xc3\xa4 --></a>");
}

static void test_refused(void)
{
    CASE("refused: not well-formed, with position and reason");
    expect_bad("", 1, 1, "no root element", false);
    expect_bad("<!-- only -->", 1, 14, "no root element", false);
    expect_bad("hello", 1, 1, "only comments may stand outside the root element", false);
    expect_bad("<a/>\n<b/>", 2, 1, "only comments may stand outside the root element", false);
    expect_bad("<a>\n <b>\n </a>\n", 3, 2, "end tag does not match the open element", false);
    expect_bad("<a>\n <b>\n", 2, 2, "element without end tag", false);
    expect_bad("</a>", 1, 1, "end tag without start tag", false);
    expect_bad("<a/></a>", 1, 5, "end tag without start tag", false);
    expect_bad("<a x='1' y='2' x='3'/>", 1, 16, "attribute given twice", false);
    expect_bad("<a x='1'y='2'/>", 1, 9, "malformed tag", false);
    expect_bad("<a x=1/>", 1, 6, "an attribute value must stand in quotes", false);
    expect_bad("<a x/>", 1, 5, "'=' is expected behind an attribute name", false);
    expect_bad("<a x='1/>", 1, 6, "attribute value without closing quote", false);
    expect_bad("<a x='<'/>", 1, 7, "'<' in an attribute value must be written '&lt;'", false);
    expect_bad("<a>&nbsp;</a>", 1, 4, "unknown entity, or '&' that should be '&amp;'", false);
    expect_bad("<a>&</a>", 1, 4, "unknown entity, or '&' that should be '&amp;'", false);
    expect_bad("<a>]]></a>", 1, 4, "']]>' in character data must be written ']]&gt;'", false);
    expect_bad("<a><!-- x -- y --></a>", 1, 11, "'--' inside a comment", false);
    expect_bad("<a><!-- x ---></a>", 1, 11, "'--' inside a comment", false);
    expect_bad("<a>\n<!-- x </a>", 2, 1, "comment without end", false);
    expect_bad("< a/>", 1, 2, "a name is expected here", false);
    expect_bad("<1/>", 1, 2, "a name is expected here", false);
    expect_bad("<a", 1, 3, "malformed tag", false);
    expect_bad("<a/ >", 1, 4, "malformed tag", false);
    expect_bad("<a></a x=''>", 1, 8, "malformed end tag", false);
    expect_bad("<a>\x01</a>", 1, 4, "invalid character or UTF-8 sequence", false);
    expect_bad("<?xml encoding='UTF-8'?><a/>", 1, 23, "an XML declaration may have version and encoding only",
               true);
    expect_bad("<?xml ?><a/>", 1, 7, "malformed XML declaration", false);
}

static void test_unsupported(void)
{
    CASE("refused: XML, but outside the subset");
    expect_bad("<!DOCTYPE a><a/>", 1, 1, "document type declarations are not supported", true);
    expect_bad("<a><![CDATA[x]]></a>", 1, 4, "CDATA sections are not supported", true);
    expect_bad("<a><?php x ?></a>", 1, 4, "processing instructions are not supported", true);
    expect_bad("<a>&#65;</a>", 1, 4, "character references are not supported", true);
    expect_bad("<a:b/>", 1, 3, "namespaces are not supported", true);
    expect_bad("<a xmlns='x'/>", 1, 9, "namespaces are not supported", true);
    expect_bad("<gr\xc3\xbc/>", 1, 4, "names must be ASCII", true);
    expect_bad("\xef\xbb\xbf<a/>", 1, 1, "byte-order marks are not supported", true);
    expect_bad("<?xml version='1.1'?><a/>", 1, 20, "only XML 1.0 is supported", true);
    expect_bad("<?xml version='1.0' encoding='latin1'?><a/>", 1, 38, "only the encoding UTF-8 is supported",
               true);
}

static void test_utf8(void)
{
    static const char *const bad[] = {
        "\x80",         "\xc3",         "\xc3(",         "\xc0\xaf",         "\xc1\xbf", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xef\xbf\xbe", "\xef\xbf\xbf",  "\xf0\x8f\xbf\xbf", "\xe2\x82", "\xf4\x90\x80\x80",
        "\xf8\x88\x80", "\xff",         "\xf0\x9f\x98 ",
    };

    CASE("refused: malformed UTF-8");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[32];
        snprintf(text, sizeof text, "<a>%s</a>", bad[i]);
        expect_bad(text, 1, 4, "invalid character or UTF-8 sequence", false);
        snprintf(text, sizeof text, "<a b='%s'/>", bad[i]);
        expect_bad(text, 1, 7, "invalid character or UTF-8 sequence", false);
    }
}

static void test_limits(void)
{
    char text[4096];
    size_t at;

    CASE("limits: depth and attributes");
    for (unsigned depth = XML_DEPTH_MAX; depth <= XML_DEPTH_MAX + 1; depth++) {
        at = 0;
        for (unsigned i = 0; i < depth; i++)
            at += (size_t)sprintf(text + at, i + 1 == depth ? "<a/>" : "<a>");
        for (unsigned i = 1; i < depth; i++)
            at += (size_t)sprintf(text + at, "</a>");
        if (depth == XML_DEPTH_MAX)
            expect_good(text);
        else
            expect_bad(text, 1, 3 * XML_DEPTH_MAX + 5, "elements are nested too deeply", true);
    }
    for (unsigned count = XML_ATTRIBUTES_MAX; count <= XML_ATTRIBUTES_MAX + 1; count++) {
        at = (size_t)sprintf(text, "<a");
        for (unsigned i = 0; i < count; i++)
            at += (size_t)sprintf(text + at, " a%u=''", i);
        sprintf(text + at, "/>");
        if (count == XML_ATTRIBUTES_MAX)
            expect_good(text);
        else
            expect_bad(text, 1, at + 1, "too many attributes", true);
    }
}

static void test_cursors(void)
{
    static const char text[] =
        "<?xml version='1.0'?>\n"
        "<config>\n"
        "  <!-- first --> <start name='init' caps='100'><config x='1'>in<b/>ner</config></start>\n"
        "  <start name='b'/> words <other/>\n"
        "</config>\n";
    struct xml_node root = xml_parsed(text), child = {0}, inner = {0};
    struct xml_slice name, value;
    unsigned count = 0;

    CASE("cursors: names, children, siblings, lines");
    CHECK(xml_name_is(root, "config") && !xml_name_is(root, "confi") && !xml_name_is(root, "config2"));
    CHECK_EQ(xml_line(root), 2);
    for (bool more = xml_first_child(root, &child); more; more = xml_next_sibling(child, &child))
        count++;
    CHECK_EQ(count, 3);
    CHECK(xml_name_is(child, "other"));
    CHECK_EQ(xml_line(child), 4);
    CHECK(!xml_next_sibling(root, &child));
    CHECK(!xml_first_child(child, &child));
    CHECK(xml_first_child_named(root, "other", &child) && xml_line(child) == 4);
    CHECK(!xml_first_child_named(root, "none", &child));
    CHECK(xml_first_child_named(root, "start", &child) && xml_line(child) == 3);
    CHECK(xml_first_child_named(child, "config", &inner));
    CHECK(xml_next_sibling_named(child, "start", &child) && xml_attribute_is(child, "name", "b"));
    CHECK(!xml_next_sibling_named(child, "start", &child));

    CASE("cursors: source of an element and its content");
    CHECK(slice_equals(xml_raw(inner), "<config x='1'>in<b/>ner</config>"));
    CHECK(slice_equals(xml_content(inner), "in<b/>ner"));
    CHECK(xml_first_child(inner, &child) && slice_equals(xml_raw(child), "<b/>"));
    CHECK_EQ(xml_content(child).length, 0);
    CHECK(xml_root(xml_raw(inner).start, xml_raw(inner).length, &child));
    CHECK(xml_name_is(child, "config") && !xml_next_sibling(child, &child));

    CASE("cursors: attributes by place");
    CHECK(xml_first_child(root, &child));
    CHECK(xml_attribute_at(child, 1, &name, &value));
    CHECK(slice_equals(name, "caps") && slice_equals(value, "100"));
    CHECK(!xml_attribute_at(child, 2, &name, &value));
}

static void test_values(void)
{
    struct xml_node node =
        xml_parsed("<a n='42' h='0x10' s='512M' big='99999999999999999999' y='yes' f='off' e=''\n"
                   " t='a &lt;b&gt; &amp;&quot;&apos;\t\r\n\n\xc3\xa4' />");
    uint64_t number = 7;
    bool truth = false;
    char text[20];

    CASE("typed values");
    CHECK(xml_attribute_unsigned(node, "n", &number) == OK && number == 42);
    CHECK(xml_attribute_unsigned(node, "h", &number) == OK && number == 16);
    CHECK(xml_attribute_size(node, "s", &number) == OK && number == 512u << 20);
    number = 7;
    CHECK_EQ(xml_attribute_unsigned(node, "s", &number), ERR_INVALID);
    CHECK_EQ(xml_attribute_unsigned(node, "e", &number), ERR_INVALID);
    CHECK_EQ(xml_attribute_unsigned(node, "big", &number), ERR_RANGE);
    CHECK_EQ(xml_attribute_size(node, "none", &number), ERR_NOT_FOUND);
    CHECK_EQ(number, 7);
    CHECK(xml_attribute_bool(node, "y", &truth) == OK && truth);
    CHECK(xml_attribute_bool(node, "f", &truth) == OK && !truth);
    CHECK_EQ(xml_attribute_bool(node, "n", &truth), ERR_INVALID);
    CHECK_EQ(xml_attribute_bool(node, "none", &truth), ERR_NOT_FOUND);

    CASE("decoded values");
    CHECK_EQ(xml_attribute_copy(node, "t", text, sizeof text), OK);
    CHECK_STR(text, "a <b> &\"'   \xc3\xa4");
    CHECK(xml_attribute_is(node, "t", text));
    CHECK(!xml_attribute_is(node, "t", "a <b>") && !xml_attribute_is(node, "e", "x"));
    CHECK(xml_attribute_is(node, "e", "") && !xml_attribute_is(node, "none", ""));
    CHECK_EQ(xml_attribute_copy(node, "t", text, strlen(text) + 1), OK);
    CHECK_EQ(xml_attribute_copy(node, "t", text, strlen(text)), ERR_OVERFLOW);
    CHECK_EQ(xml_attribute_copy(node, "e", text, 0), ERR_OVERFLOW);
    CHECK_EQ(xml_attribute_copy(node, "e", text, 1), OK);
    CHECK_EQ(xml_attribute_copy(node, "none", text, 1), ERR_NOT_FOUND);
}

int main(void)
{
    test_accepted();
    test_refused();
    test_unsupported();
    test_utf8();
    test_limits();
    test_cursors();
    test_values();
    return check_finish();
}
