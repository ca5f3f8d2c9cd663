/* SPDX-License-Identifier: MIT */
/*
 * The life of one module, hardware-free: a <rom> node is a list of steps, <inline> and <empty> (new content), <sleep>.
 */
#ifndef SERVER_DYNAMIC_ROM_SCRIPT_H
#define SERVER_DYNAMIC_ROM_SCRIPT_H

#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_SLEEP_MAX (24u * 60 * 60 * 1000) /* milliseconds */

struct script {
    struct xml_node rom;
    struct xml_node step; /* the next one, if `more` */
    bool more;
    bool repeat; /* after the last step comes the first */
    bool sleeps; /* there is a <sleep> */
};

/* What is so until the next call. */
struct script_state {
    bool changed;            /* of `content` and `present` since the last call */
    bool present;            /* only if changed */
    struct xml_node inline_; /* the content's node, if present */
    uint64_t sleep_ms;       /* only if !over */
    bool over;               /* nothing will change any more */
};

/* What is wrong with a <rom> node: where, and why. */
struct script_error {
    struct xml_node node;
    const char *attribute_opt;
    const char *reason;
};

/* ERR_INVALID: `error` says why. `rom` must be of a document that xml_validate accepted. */
[[nodiscard]] enum status script_init(struct script *script, struct xml_node rom, struct script_error *error);

/* Runs the steps up to the next <sleep>. */
void script_advance(struct script *script, struct script_state *out);

/*
 * The content's text stands on the lines on which it stands in the document, as init does it with <config>: `lines` empty
 * ones come before it.
 */
struct script_text {
    size_t lines;
    struct xml_slice text;
};
struct script_text script_text(struct xml_node inline_);

/* The longest content, in bytes. */
size_t script_size_max(const struct script *script);

#endif
