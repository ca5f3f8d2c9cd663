/* SPDX-License-Identifier: MIT */
/*
 * What the dispatch tests share: a message area filled by hand, and a service behind which every handler counts its calls.
 */
#ifndef CONTRACT_TEST_MESSAGE_H
#define CONTRACT_TEST_MESSAGE_H

#include "lib/base/dispatch.h"

#include "test/check.h"

/* Handlers get its address as `session`. */
struct calls {
    unsigned count;
    enum status answer;
};

#define CALLED(session) (((struct calls *)(session))->count++, ((struct calls *)(session))->answer)

typedef enum status (*dispatch_function)(struct calls *calls, struct dispatch *d);

struct exchange {
    struct message_area area;
    struct calls calls;
    struct dispatch d;
    message_tag reply;
};

/* Sends a message of `size` bytes; returns the reply's status. */
static inline enum status exchange_run(struct exchange *exchange, dispatch_function dispatch, uint32_t opcode,
                                       const void *request, size_t size, unsigned caps)
{
    memset(&exchange->area, 0xaa, sizeof(exchange->area)); /* what is left of earlier messages */
    exchange->area.receive_base = 100;
    if (size)
        memcpy(exchange->area.words, request, size);
    exchange->calls.count = 0;
    dispatch_begin(&exchange->d, tag_make(opcode, (unsigned)((size + 7) / 8), caps), &exchange->area);
    exchange->reply =
        dispatch_finish(&exchange->d, dispatch(&exchange->calls, &exchange->d), &exchange->area);
    return (enum status)tag_label(exchange->reply);
}

/* A good request: its size, capabilities, and those of its reply. */
struct good_request {
    uint32_t opcode;
    const void *request;
    size_t size;
    unsigned caps;
    size_t reply_size;
    unsigned reply_caps;
};

/* The good request reaches its handler; with any other size or number of capabilities it does not. */
static inline void good_request_check(dispatch_function dispatch, const struct good_request *good)
{
    static struct exchange exchange;
    static uint64_t zeroes[MESSAGE_WORDS];

    exchange.calls.answer = OK;
    CHECK_EQ(exchange_run(&exchange, dispatch, good->opcode, good->request, good->size, good->caps), OK);
    CHECK_EQ(exchange.calls.count, 1);
    CHECK_EQ(tag_words(exchange.reply), good->reply_size / 8);
    CHECK_EQ(tag_caps(exchange.reply), good->reply_caps);

    exchange.calls.answer = ERR_BUSY; /* a failure carries nothing else */
    (void)exchange_run(&exchange, dispatch, good->opcode, good->request, good->size, good->caps);
    CHECK_EQ(exchange.reply, tag_make(ERR_BUSY, 0, 0));
    CHECK_EQ(exchange.area.words[0],
             0); /* nor does it as the state of a thread that has bound its events to it */

    exchange.calls.answer = OK;
    for (unsigned caps = 0; caps <= MESSAGE_CAPS; caps++) {
        if (caps == good->caps)
            continue;
        CHECK_EQ(exchange_run(&exchange, dispatch, good->opcode, good->request, good->size, caps),
                 ERR_INVALID);
        CHECK_EQ(exchange.calls.count, 0);
    }
    for (size_t words = 0; words <= MESSAGE_WORDS; words++) {
        memcpy(zeroes, good->request ? good->request : zeroes, good->size);
        if (words == (good->size + 7) / 8)
            continue;
        CHECK_NE(exchange_run(&exchange, dispatch, good->opcode, zeroes, words * 8, good->caps), OK);
        CHECK_EQ(exchange.calls.count, 0);
    }
    memset(zeroes, 0, sizeof(zeroes));
}

/* No opcode from `count` on, nor 0, reaches a handler. */
static inline void unknown_opcodes_check(dispatch_function dispatch, uint32_t count)
{
    static struct exchange exchange;
    uint32_t opcodes[] = {0, count, count + 1, 0x7fffffff, 0x80000000, UINT32_MAX};

    for (unsigned i = 0; i < sizeof(opcodes) / sizeof(*opcodes); i++) {
        CHECK_EQ(exchange_run(&exchange, dispatch, opcodes[i], NULL, 0, 0), ERR_UNSUPPORTED);
        CHECK_EQ(exchange.calls.count, 0);
    }
}

/* The request is refused with this status and reaches no handler. */
#define REFUSED(dispatch, op, request_value, caps, expected)                                            \
    do {                                                                                                \
        static struct exchange exchange_;                                                               \
        exchange_.calls.answer = OK;                                                                    \
        CHECK_EQ(exchange_run(&exchange_, dispatch, op, &(request_value), sizeof(request_value), caps), \
                 expected);                                                                             \
        CHECK_EQ(exchange_.calls.count, 0);                                                             \
    } while (0)

#endif
