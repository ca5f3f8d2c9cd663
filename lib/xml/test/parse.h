/* SPDX-License-Identifier: MIT */
/* For tests of what reads XML. */
#ifndef LIB_XML_TEST_PARSE_H
#define LIB_XML_TEST_PARSE_H

#include "lib/xml/xml.h"
#include "test/check.h"

/* The root of a text that must be right; refers to it. */
static inline struct xml_node xml_parsed(const char *text)
{
    struct xml_error error;
    struct xml_node root = {0};

    REQUIRE(xml_validate(text, strlen(text), &error) == OK);
    REQUIRE(xml_root(text, strlen(text), &root));
    return root;
}

#endif
