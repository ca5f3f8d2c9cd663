/* SPDX-License-Identifier: MIT */
/*
 * Session arguments: name=value pairs separated by commas and blanks; a value with either stands in double quotes.
 */
#include "lib/base/session.h"

#include "lib/fmt/fmt.h"
#include "lib/string/string.h"

struct argument {
    const char *name, *value;
    size_t name_length, value_length;
};

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

/* The argument at *position; false at the end of the text, or where it is no argument. */
static bool next_argument(const char **position, struct argument *out)
{
    const char *p = *position;

    while (is_separator(*p))
        p++;
    out->name = p;
    while (*p && *p != '=' && !is_separator(*p))
        p++;
    out->name_length = (size_t)(p - out->name);
    if (*p++ != '=' || out->name_length == 0)
        return false;

    bool quoted = *p == '"';

    out->value = p += quoted;
    while (*p && (quoted ? *p != '"' : !is_separator(*p)))
        p++;
    out->value_length = (size_t)(p - out->value);
    if (quoted && *p++ != '"')
        return false;
    *position = p;
    return true;
}

static bool find_argument(const char *args, const char *name, struct argument *out)
{
    while (next_argument(&args, out))
        if (out->name_length == strlen(name) && memcmp(out->name, name, out->name_length) == 0)
            return true;
    return false;
}

enum status session_arg(const char *args, const char *name, char *value, uint64_t size)
{
    struct argument found;

    if (!find_argument(args, name, &found))
        return ERR_NOT_FOUND;
    if (found.value_length >= size)
        return ERR_OVERFLOW;
    memcpy(value, found.value, found.value_length);
    value[found.value_length] = 0;
    return OK;
}

enum status session_arg_number(const char *args, const char *name, uint64_t *value)
{
    struct argument found;

    if (!find_argument(args, name, &found))
        return ERR_NOT_FOUND;
    return fmt_parse_size(found.value, found.value_length, value);
}
