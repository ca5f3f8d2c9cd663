/* SPDX-License-Identifier: MIT */
/*
 * The parser: one scanner for checking and for visiting.
 *
 * A scanner cuts the text into tokens and checks all that can be seen in one token; xml_validate() adds what concerns
 * several: matching tags, depth, a single root. Cursors run the same scanner from their position.
 *
 * Invariants:
 *   1. scanner.at <= scanner.length; text is read only below length.
 *   2. Every token but TOKEN_END has consumed at least one byte: all loops end.
 *   3. After an error the reason is set, `at` is where it was found, and every further token is TOKEN_END.
 */
#include "lib/xml/xml.h"

#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

struct scanner {
    const char *text;
    size_t length;
    size_t at;
    const char *reason_opt;
    bool unsupported;
};

enum token_kind {
    TOKEN_END,
    TOKEN_OPEN,
    TOKEN_EMPTY,
    TOKEN_CLOSE,
    TOKEN_TEXT,
    TOKEN_BLANK /* or a comment */
};

struct token {
    enum token_kind kind;
    size_t start;          /* the first byte; the scanner stands behind the last */
    struct xml_slice name; /* of a tag */
};

struct attribute {
    struct xml_slice name, value;
};

static bool fail(struct scanner *scanner, const char *reason)
{
    if (!scanner->reason_opt)
        scanner->reason_opt = reason;
    return false;
}

static bool fail_unsupported(struct scanner *scanner, const char *reason)
{
    scanner->unsupported |= !scanner->reason_opt;
    return fail(scanner, reason);
}

static bool fail_at(struct scanner *scanner, size_t at, const char *reason)
{
    scanner->at = at;
    return fail(scanner, reason);
}

/* ---- characters ---- */

/* The byte `ahead` of the position, or -1 beyond the end. */
static int peek(const struct scanner *scanner, size_t ahead)
{
    return ahead < scanner->length - scanner->at ? (unsigned char)scanner->text[scanner->at + ahead] : -1;
}

static bool looking_at(const struct scanner *scanner, const char *text)
{
    size_t length = strlen(text);

    return length <= scanner->length - scanner->at && memcmp(scanner->text + scanner->at, text, length) == 0;
}

static bool accept(struct scanner *scanner, const char *text)
{
    bool found = looking_at(scanner, text);

    scanner->at += found ? strlen(text) : 0;
    return found;
}

static bool is_blank(int character)
{
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

static bool is_name_start(int character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           character == '_';
}

static bool is_name_part(int character)
{
    return is_name_start(character) || (character >= '0' && character <= '9') || character == '-' ||
           character == '.';
}

static bool skip_blanks(struct scanner *scanner)
{
    size_t start = scanner->at;

    while (is_blank(peek(scanner, 0)))
        scanner->at++;
    return scanner->at != start;
}

/* The length of the UTF-8 sequence at the position, or 0 if it is not a character that XML allows. */
static size_t character_length(const struct scanner *scanner)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int first = peek(scanner, 0);

    if (first < 0x80)
        return first >= ' ' || is_blank(first) ? 1 : 0;
    size_t length = first >= 0xf8 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    uint32_t code = (uint32_t)first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        int next = peek(scanner, i);
        if (next < 0x80 || next >= 0xc0)
            return 0;
        code = code << 6 | ((uint32_t)next & 0x3f);
    }
    bool excluded = (code >= 0xd800 && code < 0xe000) || code == 0xfffe || code == 0xffff || code > 0x10ffff;
    return code < least[length] || excluded ? 0 : length;
}

static bool skip_character(struct scanner *scanner)
{
    size_t length = character_length(scanner);

    scanner->at += length;
    return length != 0 || fail(scanner, "invalid character or UTF-8 sequence");
}

/* ---- names, entities, attributes ---- */

static struct xml_slice slice_from(const struct scanner *scanner, size_t start)
{
    return (struct xml_slice){scanner->text + start, scanner->at - start};
}

static bool slice_equal(struct xml_slice a, struct xml_slice b)
{
    return a.length == b.length && memcmp(a.start, b.start, a.length) == 0;
}

static bool scan_name(struct scanner *scanner, struct xml_slice *out)
{
    size_t start = scanner->at;

    while (is_name_part(peek(scanner, 0)))
        scanner->at++;
    if (peek(scanner, 0) >= 0x80)
        return fail_unsupported(scanner, "names must be ASCII");
    if (peek(scanner, 0) == ':')
        return fail_unsupported(scanner, "namespaces are not supported");
    if (scanner->at == start || !is_name_start((unsigned char)scanner->text[start]))
        return fail_at(scanner, start, "a name is expected here");
    *out = slice_from(scanner, start);
    return true;
}

/* Skips a character, of which `value` is the first byte, or an entity, of which it is the meaning. Not at the end. */
static bool scan_character(struct scanner *scanner, char *value)
{
    static const char names[][7] = {"&lt;", "&gt;", "&amp;", "&quot;", "&apos;"};

    *value = scanner->text[scanner->at];
    if (*value != '&')
        return skip_character(scanner);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *value = "<>&\"'"[i];
        if (accept(scanner, names[i]))
            return true;
    }
    if (peek(scanner, 1) == '#')
        return fail_unsupported(scanner, "character references are not supported");
    return fail(scanner, "unknown entity, or '&' that should be '&amp;'");
}

/* A quoted value; `out` is what stands between the quotes. */
static bool scan_value(struct scanner *scanner, struct xml_slice *out)
{
    int quote = peek(scanner, 0);
    char ignored;

    if (quote != '"' && quote != '\'')
        return fail(scanner, "an attribute value must stand in quotes");
    size_t start = ++scanner->at;
    while (peek(scanner, 0) != quote) {
        if (scanner->at == scanner->length)
            return fail_at(scanner, start - 1, "attribute value without closing quote");
        if (peek(scanner, 0) == '<')
            return fail(scanner, "'<' in an attribute value must be written '&lt;'");
        if (!scan_character(scanner, &ignored))
            return false;
    }
    *out = slice_from(scanner, start);
    scanner->at++;
    return true;
}

/* The next attribute. False at the end of the attributes, or with the reason set. */
static bool scan_attribute(struct scanner *scanner, struct attribute *out)
{
    bool separated = skip_blanks(scanner);
    int next = peek(scanner, 0);

    if (next == '>' || next == '/' || next == '?')
        return false;
    if (!separated)
        return fail(scanner, "malformed tag");
    if (!scan_name(scanner, &out->name))
        return false;
    if (xml_slice_is(out->name, "xmlns"))
        return fail_unsupported(scanner, "namespaces are not supported");
    skip_blanks(scanner);
    if (!accept(scanner, "="))
        return fail(scanner, "'=' is expected behind an attribute name");
    skip_blanks(scanner);
    return scan_value(scanner, &out->value);
}

/* ---- tokens: each function is called where the token begins ---- */

static bool scan_start_tag(struct scanner *scanner, struct token *token)
{
    struct attribute seen[XML_ATTRIBUTES_MAX + 1];
    size_t count = 0, start;

    scanner->at++;
    if (!scan_name(scanner, &token->name))
        return false;
    for (; scan_attribute(scanner, &seen[count]); count++) {
        start = (size_t)(seen[count].name.start - scanner->text);
        if (count == XML_ATTRIBUTES_MAX)
            return fail_unsupported(scanner, "too many attributes");
        for (size_t i = 0; i < count; i++)
            if (slice_equal(seen[i].name, seen[count].name))
                return fail_at(scanner, start, "attribute given twice");
    }
    if (scanner->reason_opt)
        return false;
    token->kind = accept(scanner, "/") ? TOKEN_EMPTY : TOKEN_OPEN;
    return accept(scanner, ">") || fail(scanner, "malformed tag");
}

static bool scan_end_tag(struct scanner *scanner, struct token *token)
{
    scanner->at += 2;
    if (!scan_name(scanner, &token->name))
        return false;
    skip_blanks(scanner);
    token->kind = TOKEN_CLOSE;
    return accept(scanner, ">") || fail(scanner, "malformed end tag");
}

static bool scan_comment(struct scanner *scanner, struct token *token)
{
    token->kind = TOKEN_BLANK;
    for (scanner->at += 4; !looking_at(scanner, "--");) {
        if (scanner->at == scanner->length)
            return fail_at(scanner, token->start, "comment without end");
        if (!skip_character(scanner))
            return false;
    }
    return accept(scanner, "-->") || fail(scanner, "'--' inside a comment");
}

static bool scan_text(struct scanner *scanner, struct token *token)
{
    char ignored;

    token->kind = TOKEN_BLANK;
    while (scanner->at < scanner->length && peek(scanner, 0) != '<') {
        token->kind = is_blank(peek(scanner, 0)) ? token->kind : TOKEN_TEXT;
        if (looking_at(scanner, "]]>"))
            return fail(scanner, "']]>' in character data must be written ']]&gt;'");
        if (!scan_character(scanner, &ignored))
            return false;
    }
    return true;
}

static bool scan_token(struct scanner *scanner, struct token *token)
{
    if (peek(scanner, 0) != '<')
        return scan_text(scanner, token);
    if (peek(scanner, 1) == '/')
        return scan_end_tag(scanner, token);
    if (looking_at(scanner, "<!--"))
        return scan_comment(scanner, token);
    if (looking_at(scanner, "<![CDATA["))
        return fail_unsupported(scanner, "CDATA sections are not supported");
    if (looking_at(scanner, "<!DOCTYPE"))
        return fail_unsupported(scanner, "document type declarations are not supported");
    if (peek(scanner, 1) == '?')
        return fail_unsupported(scanner, "processing instructions are not supported");
    return scan_start_tag(scanner, token);
}

static struct token next_token(struct scanner *scanner)
{
    struct token token = {.kind = TOKEN_END, .start = scanner->at};

    if (scanner->reason_opt || scanner->at == scanner->length || !scan_token(scanner, &token))
        token.kind = TOKEN_END;
    return token;
}

/* ---- checking a whole document ---- */

/* `<?xml version="1.0" encoding="UTF-8"?>`; the encoding, or everything, may be absent. */
static bool scan_declaration(struct scanner *scanner)
{
    struct attribute attribute;
    unsigned count = 0;

    if (looking_at(scanner, "\xef\xbb\xbf"))
        return fail_unsupported(scanner, "byte-order marks are not supported");
    if (!looking_at(scanner, "<?xml") || !is_blank(peek(scanner, 5)))
        return true;
    for (scanner->at += 5; scan_attribute(scanner, &attribute); count++) {
        if (!xml_slice_is(attribute.name, count == 0 ? "version" : "encoding") || count > 1)
            return fail_unsupported(scanner, "an XML declaration may have version and encoding only");
        if (count == 0 && !xml_slice_is(attribute.value, "1.0"))
            return fail_unsupported(scanner, "only XML 1.0 is supported");
        if (count == 1 && !xml_slice_is(attribute.value, "UTF-8") && !xml_slice_is(attribute.value, "utf-8"))
            return fail_unsupported(scanner, "only the encoding UTF-8 is supported");
    }
    return count != 0 && accept(scanner, "?>") ? true : fail(scanner, "malformed XML declaration");
}

/* Keeps the stack of open elements for a tag. */
static bool check_tag(struct scanner *scanner, const struct token *token, struct xml_slice *open,
                      size_t *depth)
{
    if (token->kind != TOKEN_CLOSE) {
        if (*depth == XML_DEPTH_MAX)
            return fail_unsupported(scanner, "elements are nested too deeply");
        if (token->kind == TOKEN_OPEN)
            open[(*depth)++] = token->name;
        return true;
    }
    if (*depth == 0)
        return fail_at(scanner, token->start, "end tag without start tag");
    if (!slice_equal(open[--*depth], token->name))
        return fail_at(scanner, token->start, "end tag does not match the open element");
    return true;
}

static bool check_document(struct scanner *scanner)
{
    struct xml_slice open[XML_DEPTH_MAX];
    struct token token;
    size_t depth = 0;
    bool rooted = false;

    if (!scan_declaration(scanner))
        return false;
    while ((token = next_token(scanner)).kind != TOKEN_END) {
        if (token.kind == TOKEN_BLANK || (token.kind == TOKEN_TEXT && depth != 0))
            continue;
        if (depth == 0 && (token.kind == TOKEN_TEXT || (rooted && token.kind != TOKEN_CLOSE)))
            return fail_at(scanner, token.start, "only comments may stand outside the root element");
        if (!check_tag(scanner, &token, open, &depth))
            return false;
        rooted = true;
    }
    if (depth != 0 && !scanner->reason_opt)
        return fail_at(scanner, (size_t)(open[depth - 1].start - scanner->text) - 1,
                       "element without end tag");
    return (rooted || fail(scanner, "no root element")) && !scanner->reason_opt;
}

enum status xml_validate(const char *text, size_t length, struct xml_error *error)
{
    struct scanner scanner = {.text = text, .length = length};

    if (check_document(&scanner))
        return OK;
    *error = (struct xml_error){1, 1, scanner.reason_opt, scanner.unsupported};
    for (size_t i = 0; i < scanner.at; i++) {
        error->column = text[i] == '\n' ? 1 : error->column + 1;
        error->line += text[i] == '\n';
    }
    return ERR_INVALID;
}

/* ---- cursors ---- */

static struct scanner scanner_at(struct xml_node node)
{
    return (struct scanner){.text = node.document, .length = node.length, .at = node.start};
}

/* The next element among the siblings at the scanner's position; false at the parent's end tag. */
static bool find_element(struct scanner *scanner, struct xml_node *out)
{
    struct token token;

    do
        token = next_token(scanner);
    while (token.kind == TOKEN_TEXT || token.kind == TOKEN_BLANK);
    if (token.kind != TOKEN_OPEN && token.kind != TOKEN_EMPTY)
        return false;
    *out = (struct xml_node){scanner->text, scanner->length, token.start};
    return true;
}

/* Moves the scanner from an element's start tag behind its end tag; returns where the last tag begins. */
static size_t skip_element(struct scanner *scanner)
{
    struct token token;
    size_t depth = 0;

    do {
        token = next_token(scanner);
        depth += token.kind == TOKEN_OPEN;
        depth -= token.kind == TOKEN_CLOSE && depth != 0;
    } while (depth != 0 && token.kind != TOKEN_END);
    return token.start;
}

bool xml_root(const char *text, size_t length, struct xml_node *out)
{
    struct scanner scanner = {.text = text, .length = length};

    return scan_declaration(&scanner) && find_element(&scanner, out);
}

bool xml_first_child(struct xml_node node, struct xml_node *out)
{
    struct scanner scanner = scanner_at(node);

    return next_token(&scanner).kind == TOKEN_OPEN && find_element(&scanner, out);
}

bool xml_next_sibling(struct xml_node node, struct xml_node *out)
{
    struct scanner scanner = scanner_at(node);

    skip_element(&scanner);
    return find_element(&scanner, out);
}

/* Starting with `node`, if there is one, the first of its name. */
static bool find_named(bool more, struct xml_node node, const char *name, struct xml_node *out)
{
    while (more && !xml_name_is(node, name))
        more = xml_next_sibling(node, &node);
    if (more)
        *out = node;
    return more;
}

bool xml_first_child_named(struct xml_node node, const char *name, struct xml_node *out)
{
    bool more = xml_first_child(node, &node);

    return find_named(more, node, name, out);
}

bool xml_next_sibling_named(struct xml_node node, const char *name, struct xml_node *out)
{
    bool more = xml_next_sibling(node, &node);

    return find_named(more, node, name, out);
}

bool xml_slice_is(struct xml_slice slice, const char *text)
{
    return slice_equal(slice, (struct xml_slice){text, strlen(text)});
}

/* The name of the element; the scanner ends where its attributes begin, or in error. */
static struct xml_slice scan_element_name(struct scanner *scanner)
{
    struct xml_slice name = {scanner->text, 0};

    if (accept(scanner, "<"))
        (void)scan_name(scanner, &name);
    return name;
}

struct xml_slice xml_name(struct xml_node node)
{
    struct scanner scanner = scanner_at(node);

    return scan_element_name(&scanner);
}

bool xml_name_is(struct xml_node node, const char *name)
{
    return xml_slice_is(xml_name(node), name);
}

size_t xml_line(struct xml_node node)
{
    size_t line = 1;

    for (size_t i = 0; i < node.start; i++)
        line += node.document[i] == '\n';
    return line;
}

struct xml_slice xml_raw(struct xml_node node)
{
    struct scanner scanner = scanner_at(node);

    skip_element(&scanner);
    return slice_from(&scanner, node.start);
}

struct xml_slice xml_content(struct xml_node node)
{
    struct scanner tag = scanner_at(node), whole = tag;
    bool open = next_token(&tag).kind == TOKEN_OPEN;
    size_t end = open ? skip_element(&whole) : tag.at;

    return (struct xml_slice){node.document + tag.at, end > tag.at ? end - tag.at : 0};
}

/* ---- attributes ---- */

/* The attribute of this name, or, without a name, the one with this index. */
static bool find_attribute(struct xml_node node, const char *name_opt, size_t index, struct attribute *out)
{
    struct scanner scanner = scanner_at(node);

    (void)scan_element_name(&scanner);
    while (!scanner.reason_opt && scan_attribute(&scanner, out))
        if (name_opt ? xml_slice_is(out->name, name_opt) : index-- == 0)
            return true;
    return false;
}

bool xml_attribute_at(struct xml_node node, size_t index, struct xml_slice *name, struct xml_slice *value)
{
    struct attribute attribute;

    if (!find_attribute(node, NULL, index, &attribute))
        return false;
    *name = attribute.name;
    *value = attribute.value;
    return true;
}

bool xml_attribute(struct xml_node node, const char *name, struct xml_slice *out)
{
    struct attribute attribute;

    if (!find_attribute(node, name, 0, &attribute))
        return false;
    *out = attribute.value;
    return true;
}

enum status xml_attribute_unsigned(struct xml_node node, const char *name, uint64_t *out)
{
    struct xml_slice value;

    return xml_attribute(node, name, &value) ? fmt_parse_unsigned(value.start, value.length, out)
                                             : ERR_NOT_FOUND;
}

enum status xml_attribute_size(struct xml_node node, const char *name, uint64_t *out)
{
    struct xml_slice value;

    return xml_attribute(node, name, &value) ? fmt_parse_size(value.start, value.length, out) : ERR_NOT_FOUND;
}

enum status xml_attribute_bool(struct xml_node node, const char *name, bool *out)
{
    struct xml_slice value;

    if (!xml_attribute(node, name, &value))
        return ERR_NOT_FOUND;
    bool yes = xml_slice_is(value, "yes") || xml_slice_is(value, "true") || xml_slice_is(value, "on");
    if (!yes && !xml_slice_is(value, "no") && !xml_slice_is(value, "false") && !xml_slice_is(value, "off"))
        return ERR_INVALID;
    *out = yes;
    return OK;
}

/* Decodes the next byte of a value; an end of line of two bytes is one blank. */
static char decode_byte(struct scanner *scanner)
{
    char byte = scanner->text[scanner->at];

    if (byte == '&' && scan_character(scanner, &byte))
        return byte;
    scanner->at += looking_at(scanner, "\r\n") ? 2 : 1;
    return is_blank(byte) ? ' ' : byte;
}

enum status xml_attribute_copy(struct xml_node node, const char *name, char *buffer, size_t size)
{
    struct xml_slice value;
    size_t length = 0;

    if (!xml_attribute(node, name, &value))
        return ERR_NOT_FOUND;
    struct scanner scanner = {.text = value.start, .length = value.length};
    while (scanner.at < scanner.length && length < size)
        buffer[length++] = decode_byte(&scanner);
    if (length >= size)
        return ERR_OVERFLOW;
    buffer[length] = '\0';
    return OK;
}

bool xml_attribute_is(struct xml_node node, const char *name, const char *text)
{
    struct xml_slice value;

    if (!xml_attribute(node, name, &value))
        return false;
    struct scanner scanner = {.text = value.start, .length = value.length};
    while (scanner.at < scanner.length && *text != '\0')
        if (decode_byte(&scanner) != *text++)
            return false;
    return scanner.at == scanner.length && *text == '\0';
}
