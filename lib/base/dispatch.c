/* SPDX-License-Identifier: MIT */
/*
 * What all contracts' dispatch functions share. The message is the kernel's copy: the sender cannot change it any more,
 * but a handler's own calls would overwrite it, hence the copy into a typed local.
 */
#include "lib/base/dispatch.h"

#include "lib/string/string.h"

void dispatch_begin(struct dispatch *d, message_tag tag, struct message_area *area)
{
    unsigned words = tag_words(tag), caps = tag_caps(tag);

    d->opcode = tag_label(tag);
    d->size = (words < MESSAGE_WORDS ? words : MESSAGE_WORDS) * 8;
    d->cap_count = caps < MESSAGE_CAPS ? caps : MESSAGE_CAPS;
    d->cap_base = area->receive_base;
    d->words = area->words;
    d->reply_size = 0;
    d->reply_cap_count = 0;
}

/*
 * A client may bind the events of its own threads to a session's portal. The kernel then takes the answer for a state,
 * whose groups are in the first word: none, lest the thread learns what else is in our words.
 */
message_tag dispatch_finish(struct dispatch *d, enum status status, struct message_area *area)
{
    if (status != OK || d->reply_size == 0)
        area->words[0] = 0;
    if (status != OK)
        return tag_make(status, 0, 0);
    for (unsigned i = 0; i < d->reply_cap_count; i++)
        area->send[i] = d->reply_caps[i];
    return tag_make(OK, d->reply_size / 8, d->reply_cap_count);
}

enum status dispatch_check(const struct dispatch *d, const struct dispatch_rule *rules, size_t count)
{
    if (d->opcode >= count || !rules[d->opcode].valid)
        return ERR_UNSUPPORTED;
    const struct dispatch_rule *rule = &rules[d->opcode];

    /* A variable part is filled up to whole words, so the largest size is compared in words too. */
    if (d->size < rule->size_min || d->size > (rule->size_max + 7u) / 8 * 8 || d->cap_count != rule->caps)
        return ERR_INVALID;
    return OK;
}

void dispatch_request(const struct dispatch *d, void *request, size_t size)
{
    size_t sent = d->size < size ? d->size : size;

    memcpy(request, d->words, sent);
    memset((char *)request + sent, 0, size - sent);
}

void dispatch_reply(struct dispatch *d, const void *reply, size_t size)
{
    memcpy(d->words, reply, size);
    d->reply_size = (uint32_t)size;
}

void dispatch_reply_cap(struct dispatch *d, struct message_cap cap)
{
    d->reply_caps[d->reply_cap_count++] = cap;
}

bool dispatch_text_ok(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == 0)
            return true;
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return false;
}
