/* SPDX-License-Identifier: MIT */
/*
 * expat as the oracle, on generated documents, half of them mutated:
 *   - what we accept, expat accepts, and both see the same elements, attributes and decoded values;
 *   - what expat accepts, we accept, unless a handler of expat's saw something that lies outside the subset;
 *   - what the generator made and nobody mutated, both accept.
 * Last, cursors walk over documents that were never accepted: they must stay inside the text and end.
 */
#include "lib/xml/xml.h"

#include <expat.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "test/check.h"

enum {
    DOCUMENTS = 40000,
    FUZZ_DOCUMENTS = 40000,
    LARGE = 2000,
    SMALL = 100,
    DUMP_MAX = 65536,
    VALUE_MAX = 4096
};

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static unsigned random_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % limit;
}

static const char *pick(const char *const *words, size_t count)
{
    return words[random_below((unsigned)count)];
}

#define PICK(words) pick(words, sizeof(words) / sizeof(words)[0])

/* ---- text that grows up to a limit ---- */

struct text {
    char bytes[DUMP_MAX];
    size_t length;
};

static void append_bytes(struct text *text, const char *bytes, size_t length)
{
    if (length > DUMP_MAX - text->length)
        length = DUMP_MAX - text->length;
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static void append(struct text *text, const char *string)
{
    append_bytes(text, string, strlen(string));
}

/* ---- the generator ---- */

static void generate_blank(struct text *out, bool needed)
{
    static const char *const blanks[] = {"", "", " ", "  ", "\n", "\t", "\r\n", "\r", " \n\t"};

    append(out, needed ? " " : "");
    append(out, PICK(blanks));
}

static void generate_data(struct text *out, char quote)
{
    static const char *const data[] = {
        "a",    "Z9", "&lt;",     "&gt;",         "&amp;", "&quot;", "&apos;", "\n",
        "\r\n", "\t", "\xc3\xa4", "\xe2\x82\xac", "x>",    "]",      "-",      "\xf0\x9f\x98\x80",
        "\x7f", "=",  "/",        "\r",           " ",     "0x10",   "512M",
    };

    for (unsigned count = random_below(6); count != 0; count--)
        append(out, PICK(data));
    if (quote != '\0')
        append(out, quote == '"' ? "'" : "\"");
}

static void generate_attributes(struct text *out)
{
    static const char *const names[] = {"name", "caps", "x", "_y", "a-b", "c.d", "quantum", "N1"};
    unsigned used = 0;

    for (unsigned count = random_below(5); count != 0; count--) {
        unsigned index = random_below(8);
        if (used >> index & 1)
            continue;
        used |= 1u << index;
        char quote[2] = {random_below(2) ? '"' : '\'', '\0'};
        generate_blank(out, true);
        append(out, names[index]);
        generate_blank(out, false);
        append(out, "=");
        generate_blank(out, false);
        append(out, quote);
        generate_data(out, quote[0]);
        append(out, quote);
    }
}

static void generate_comment(struct text *out)
{
    static const char *const comments[] = {"<!---->", "<!-- a - b > <x> & ]]> -->", "<!--\xc3\xa4\n-->"};

    append(out, PICK(comments));
}

/* Begins no further child once the document has `size` bytes. */
static void generate_element(struct text *out, unsigned depth, size_t size)
{
    static const char *const names[] = {"config", "start", "a", "route", "any-service", "_", "v1.0"};
    const char *name = PICK(names);

    append(out, "<");
    append(out, name);
    generate_attributes(out);
    generate_blank(out, false);
    if (random_below(3) == 0) {
        append(out, "/>");
        return;
    }
    append(out, ">");
    for (unsigned count = depth < 6 ? random_below(5) : 0; count != 0 && out->length < size; count--) {
        if (random_below(4) == 0)
            generate_comment(out);
        if (random_below(3) == 0)
            generate_data(out, '\0');
        generate_element(out, depth + 1, size);
        generate_blank(out, false);
    }
    append(out, "</");
    append(out, name);
    generate_blank(out, false);
    append(out, ">");
}

static void generate_document(struct text *out, size_t size)
{
    static const char *const declarations[] = {
        "",
        "",
        "<?xml version=\"1.0\"?>",
        "<?xml version='1.0' encoding = \"UTF-8\" ?>\n",
    };

    out->length = 0;
    append(out, PICK(declarations));
    if (out->length != 0)
        generate_blank(out, false);
    if (random_below(3) == 0)
        generate_comment(out);
    generate_element(out, 0, size);
    generate_blank(out, false);
    if (random_below(4) == 0)
        generate_comment(out);
}

/* ---- mutations ---- */

static void replace(struct text *text, size_t at, size_t removed, const char *bytes, size_t length)
{
    static struct text result;

    result.length = 0;
    append_bytes(&result, text->bytes, at);
    append_bytes(&result, bytes, length);
    append_bytes(&result, text->bytes + at + removed, text->length - at - removed);
    memcpy(text->bytes, result.bytes, result.length);
    text->length = result.length;
}

static void mutate(struct text *text)
{
    static const char *const pieces[] = {
        "<",
        ">",
        "/",
        "&",
        "'",
        "\"",
        "=",
        "--",
        "]]>",
        "<!--",
        "-->",
        "<a>",
        "</a>",
        "<a/>",
        "&#65;",
        "&#x41;",
        "&lt;",
        "&nbsp;",
        "<?pi?>",
        "xmlns='u'",
        "<![CDATA[x]]>",
        "<!DOCTYPE a>",
        ":",
        " ",
        "\n",
        "x='1'",
        " x='1' ",
        "\xc3\xa4",
        "\xff",
        "\xed\xa0\x80",
        "\xef\xbf\xbe",
        "\xef\xbb\xbf",
        "\x01",
        "<?xml version='1.0'?>",
        "standalone='yes'",
        "version='1.1'",
        "?",
    };
    size_t at = text->length != 0 ? random_below((unsigned)text->length) : 0, rest = text->length - at;
    size_t length = random_below(4) == 0 ? random_below(20) : 1;
    char byte = (char)random_below(256);

    if (length > rest)
        length = rest;
    switch (random_below(6)) {
    case 0: replace(text, at, length, "", 0); break;
    case 1: replace(text, at, length != 0, &byte, 1); break;
    case 2: {
        char chunk[20];
        memcpy(chunk, text->bytes + at, length);
        replace(text, random_below((unsigned)text->length + 1), 0, chunk, length);
        break;
    }
    case 3: replace(text, at, rest, "", 0); break;
    default: {
        const char *piece = PICK(pieces);
        replace(text, at, random_below(2) ? length : 0, piece, strlen(piece));
        break;
    }
    }
}

/* ---- what each parser saw, as text: (name a=value ... children) ---- */

struct oracle {
    struct text dump;
    bool outside; /* something outside the subset was seen */
    unsigned depth;
};

static bool name_outside(const char *name)
{
    bool outside = strchr(name, ':') || strcmp(name, "xmlns") == 0;

    for (; *name != '\0'; name++)
        outside |= (unsigned char)*name >= 0x80;
    return outside;
}

static void XMLCALL oracle_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct oracle *oracle = data;
    unsigned count = 0;

    append(&oracle->dump, "(");
    append(&oracle->dump, name);
    for (; *attributes; attributes += 2, count++) {
        append(&oracle->dump, " ");
        append(&oracle->dump, attributes[0]);
        append(&oracle->dump, "=");
        append(&oracle->dump, attributes[1]);
        oracle->outside |= name_outside(attributes[0]);
    }
    oracle->outside |= (strcmp(name, "xmlns") != 0 && name_outside(name)) || count > XML_ATTRIBUTES_MAX;
    oracle->outside |= ++oracle->depth > XML_DEPTH_MAX;
}

static void XMLCALL oracle_end(void *data, const XML_Char *name)
{
    struct oracle *oracle = data;

    (void)name;
    oracle->depth--;
    append(&oracle->dump, ")");
}

static void XMLCALL oracle_doctype(void *data, const XML_Char *a, const XML_Char *b, const XML_Char *c, int d)
{
    (void)a, (void)b, (void)c, (void)d;
    ((struct oracle *)data)->outside = true;
}

static void XMLCALL oracle_instruction(void *data, const XML_Char *target, const XML_Char *text)
{
    (void)target, (void)text;
    ((struct oracle *)data)->outside = true;
}

static void XMLCALL oracle_cdata(void *data)
{
    ((struct oracle *)data)->outside = true;
}

static void XMLCALL oracle_declaration(void *data, const XML_Char *version, const XML_Char *encoding,
                                       int standalone)
{
    bool plain = version && strcmp(version, "1.0") == 0 && standalone == -1;

    plain &= !encoding || strcmp(encoding, "UTF-8") == 0 || strcmp(encoding, "utf-8") == 0;
    ((struct oracle *)data)->outside |= !plain;
}

static bool oracle_parse(const char *text, size_t length, struct oracle *oracle)
{
    XML_Parser parser = XML_ParserCreate("UTF-8");

    oracle->dump.length = oracle->depth = 0;
    oracle->outside = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
    oracle->outside |= memmem(text, length, "&#", 2) != NULL;
    XML_SetUserData(parser, oracle);
    XML_SetElementHandler(parser, oracle_start, oracle_end);
    XML_SetStartDoctypeDeclHandler(parser, oracle_doctype);
    XML_SetProcessingInstructionHandler(parser, oracle_instruction);
    XML_SetStartCdataSectionHandler(parser, oracle_cdata);
    XML_SetXmlDeclHandler(parser, oracle_declaration);
    bool good = XML_Parse(parser, text, (int)length, 1) == XML_STATUS_OK;
    XML_ParserFree(parser);
    return good;
}

static void dump_attributes(struct xml_node node, struct text *dump)
{
    struct xml_slice name, value;
    char key[VALUE_MAX], decoded[VALUE_MAX];

    for (size_t i = 0; xml_attribute_at(node, i, &name, &value) && i <= XML_ATTRIBUTES_MAX; i++) {
        snprintf(key, sizeof key, "%.*s", (int)name.length, name.start);
        append(dump, " ");
        append(dump, key);
        append(dump, "=");
        if (xml_attribute_copy(node, key, decoded, sizeof decoded) == OK &&
            xml_attribute_is(node, key, decoded))
            append(dump, decoded);
    }
}

/* Calls itself once a level; `budget` bounds the walk over texts that are no documents. */
static void dump_node(struct xml_node node, struct text *dump, unsigned depth, unsigned *budget)
{
    struct xml_slice name = xml_name(node), raw = xml_raw(node), content = xml_content(node);
    struct xml_node child;

    append(dump, "(");
    append_bytes(dump, name.start, name.length);
    dump_attributes(node, dump);
    if (raw.start < node.document || raw.length > node.length || content.length > raw.length ||
        xml_line(node) == 0)
        append(dump, "<slice outside the document>");
    bool more = depth < XML_DEPTH_MAX && xml_first_child(node, &child);
    for (; more && *budget != 0; more = xml_next_sibling(child, &child)) {
        --*budget;
        dump_node(child, dump, depth + 1, budget);
    }
    append(dump, ")");
}

/* Both run on exact copies on the heap, so that the address sanitizer sees every read outside the text. */
static bool our_parse(const struct text *text, bool even_if_bad, struct text *dump, struct xml_error *error)
{
    struct xml_node root;
    unsigned budget = even_if_bad ? 200 : UINT32_MAX;
    char *copy = malloc(text->length != 0 ? text->length : 1);

    memcpy(copy, text->bytes, text->length);
    dump->length = 0;
    bool good = xml_validate(copy, text->length, error) == OK;
    if ((good || even_if_bad) && xml_root(copy, text->length, &root))
        dump_node(root, dump, 0, &budget);
    free(copy);
    return good;
}

static bool disagree(const char *what, const struct text *text, const struct xml_error *error)
{
    printf("  %s: %.*s\n  line %zu column %zu: %s\n", what, (int)text->length, text->bytes, error->line,
           error->column, error->reason ? error->reason : "");
    return true;
}

static bool compare(const struct text *text, bool mutated, unsigned *accepted)
{
    static struct oracle oracle;
    static struct text dump;
    struct xml_error error = {0};
    bool theirs = oracle_parse(text->bytes, text->length, &oracle),
         ours = our_parse(text, false, &dump, &error);

    *accepted += ours;
    if (ours && !theirs)
        return disagree("only we accept", text, &error);
    if (ours &&
        (dump.length != oracle.dump.length || memcmp(dump.bytes, oracle.dump.bytes, dump.length) != 0))
        return disagree("structures differ", text, &error);
    if (!ours && theirs && !oracle.outside)
        return disagree("only expat accepts", text, &error);
    if (!ours && !mutated)
        return disagree("generated, but refused", text, &error);
    return false;
}

/* LONG=50 in the environment: fifty times as many documents. */
static unsigned long_factor(void)
{
    const char *factor = getenv("LONG");

    return factor && atoi(factor) > 0 ? (unsigned)atoi(factor) : 1;
}

int main(void)
{
    const unsigned documents = DOCUMENTS * long_factor(), fuzz_documents = FUZZ_DOCUMENTS * long_factor();
    static struct text text, dump;
    unsigned wrong = 0, accepted = 0, mutated_accepted = 0;

    CASE("generated documents: accepted, same structure as expat's");
    for (unsigned i = 0; i < documents / 2 && wrong < 5; i++) {
        generate_document(&text, LARGE);
        wrong += compare(&text, false, &accepted);
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(accepted, documents / 2);

    CASE("mutated documents: same verdict as expat's within the subset");
    for (unsigned i = 0; i < documents && wrong < 5; i++) {
        generate_document(&text, SMALL);
        for (unsigned count = random_below(3) + 1; count != 0; count--)
            mutate(&text);
        wrong += compare(&text, true, &mutated_accepted);
    }
    CHECK_EQ(wrong, 0);
    printf("  %u of %u mutated documents were accepted\n", mutated_accepted, documents);
    CHECK(mutated_accepted > documents / 20 && mutated_accepted < documents / 20 * 19);

    CASE("fuzz: random bytes and cursors over unchecked text stay inside and end");
    for (unsigned i = 0; i < fuzz_documents; i++) {
        struct xml_error error;
        if (random_below(2)) {
            generate_document(&text, SMALL);
            for (unsigned count = random_below(8) + 1; count != 0; count--)
                mutate(&text);
        } else {
            for (text.length = 0; text.length < 200 && random_below(150) != 0; text.length++)
                text.bytes[text.length] =
                    random_below(3) ? "<>/='\"& a!-?["[random_below(13)] : (char)random_below(256);
        }
        our_parse(&text, true, &dump, &error);
    }
    CHECK(true);
    return check_finish();
}
