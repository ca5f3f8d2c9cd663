/* SPDX-License-Identifier: MIT */
/*
 * A strict subset of XML, read in place.
 *
 * Protocol: a document is checked once with xml_validate(), as a whole; then nodes are visited through cursors. A
 * cursor is a position in the text and owns nothing; the text must outlive it. No function allocates or recurses.
 *
 * The subset: elements, attributes in single or double quotes, character data, comments, an XML declaration for
 * version 1.0 in UTF-8, and the entities &lt; &gt; &amp; &quot; &apos;. Names are ASCII without colons. Anything else
 * of XML 1.0 (document types, processing instructions, CDATA, character references, namespaces, byte-order mark) is
 * refused by name. A document of this subset means what XML 1.0 says it means.
 *
 * The text of a ROM may belong to somebody else. Reading cursors over a text that was never checked, or that changes
 * meanwhile, gives wrong answers but stays inside the text and ends.
 */
#ifndef LIB_XML_XML_H
#define LIB_XML_XML_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    XML_DEPTH_MAX = 32,      /* elements inside each other, the root included */
    XML_ATTRIBUTES_MAX = 64, /* attributes of one element */
};

/* Part of a document, not terminated. */
struct xml_slice {
    const char *start;
    size_t length;
};

struct xml_error {
    size_t line, column; /* both from 1; columns count bytes */
    const char *reason;  /* for people; a constant */
    bool unsupported;    /* well-formed XML, perhaps, but outside the subset or its limits */
};

/* An element: the document and where in it the start tag begins. */
struct xml_node {
    const char *document;
    size_t length; /* of the document */
    size_t start;
};

/* Checks the document. ERR_INVALID: it is not of the subset; `error` (only then written) says where and why. */
[[nodiscard]] enum status xml_validate(const char *text, size_t length, struct xml_error *error);

/* The root element of a document that xml_validate() accepted. False only if there is none. */
[[nodiscard]] bool xml_root(const char *text, size_t length, struct xml_node *out);

/*
 * Moving on. False, with `out` untouched, if there is no such node; `out` may be the node one comes from:
 *     for (bool more = xml_first_child(node, &child); more; more = xml_next_sibling(child, &child))
 */
[[nodiscard]] bool xml_first_child(struct xml_node node, struct xml_node *out);
[[nodiscard]] bool xml_first_child_named(struct xml_node node, const char *name, struct xml_node *out);
[[nodiscard]] bool xml_next_sibling(struct xml_node node, struct xml_node *out);
[[nodiscard]] bool xml_next_sibling_named(struct xml_node node, const char *name, struct xml_node *out);

bool xml_slice_is(struct xml_slice slice, const char *text);
struct xml_slice xml_name(struct xml_node node);
bool xml_name_is(struct xml_node node, const char *name);

/* The line on which the start tag begins, from 1. */
size_t xml_line(struct xml_node node);

/* The source of the whole element, itself a valid document: what a parent passes on to a child as its ROM. */
struct xml_slice xml_raw(struct xml_node node);

/* The source between the tags, with entities and markup as they stand; empty for <a/>. */
struct xml_slice xml_content(struct xml_node node);

/*
 * The value of an attribute as it stands in the source, entities not decoded. False if the element has no such
 * attribute. xml_attribute_at() walks over all of them, in order: index 0, 1, ... until false.
 */
[[nodiscard]] bool xml_attribute(struct xml_node node, const char *name, struct xml_slice *out);
[[nodiscard]] bool xml_attribute_at(struct xml_node node, size_t index, struct xml_slice *name,
                                    struct xml_slice *value);

/*
 * Typed values. ERR_NOT_FOUND: no such attribute, `out` keeps its value, which so may be the default. ERR_INVALID:
 * the value is not of the type. ERR_RANGE: the number does not fit.
 * Numbers are decimal or 0x...; sizes may end in K, M or G; truth is one of yes true on, no false off.
 */
[[nodiscard]] enum status xml_attribute_unsigned(struct xml_node node, const char *name, uint64_t *out);
[[nodiscard]] enum status xml_attribute_size(struct xml_node node, const char *name, uint64_t *out);
[[nodiscard]] enum status xml_attribute_bool(struct xml_node node, const char *name, bool *out);

/*
 * The decoded value as a terminated string; white space characters become blanks, as XML says.
 * ERR_NOT_FOUND: no such attribute. ERR_OVERFLOW: it does not fit `size` bytes with its terminator; the content of
 * the buffer is then undefined.
 */
[[nodiscard]] enum status xml_attribute_copy(struct xml_node node, const char *name, char *buffer,
                                             size_t size);

/* True if the attribute exists and its decoded value is `text`. */
bool xml_attribute_is(struct xml_node node, const char *name, const char *text);

#endif
