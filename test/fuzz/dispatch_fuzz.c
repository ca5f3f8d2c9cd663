/* SPDX-License-Identifier: MIT */
/*
 * Any message at the dispatch function of any contract: the message area is read only where the message is, a failure's
 * reply carries nothing, and a reply that carries something fits the area. The area is a block of its own, so that the
 * address sanitizer sees every access beside it. Input: service, opcode, words, capabilities, then the words.
 *
 * What handlers are promised is checked in contract/test, by handlers with their real types; here all are one function.
 */
#include <stdlib.h>
#include <string.h>

#include "contract/accounts/dispatch.h"
#include "contract/block/dispatch.h"
#include "contract/dma/dispatch.h"
#include "contract/io_mem/dispatch.h"
#include "contract/io_port/dispatch.h"
#include "contract/irq/dispatch.h"
#include "contract/log/dispatch.h"
#include "contract/parent/dispatch.h"
#include "contract/pd/dispatch.h"
#include "contract/report/dispatch.h"
#include "contract/rom/dispatch.h"
#include "contract/terminal/dispatch.h"
#include "contract/timer/dispatch.h"
#include "contract/vm/dispatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned handled;

static enum status handler(void *session)
{
    (void)session;
    handled++;
    return handled % 3 ? OK : ERR_BUSY;
}

/* A table whose every entry is the handler above. */
static void fill(void *table, size_t size)
{
    enum status (*function)(void *) = handler;

    for (size_t at = 0; at < size; at += sizeof(function))
        memcpy((char *)table + at, &function, sizeof(function));
}

#define SERVICE(name)                                 \
    static enum status name##_any(struct dispatch *d) \
    {                                                 \
        struct name##_handlers handlers;              \
                                                      \
        fill(&handlers, sizeof(handlers));            \
        return name##_dispatch(&handlers, NULL, d);   \
    }

SERVICE(accounts)
SERVICE(block)
SERVICE(dma)
SERVICE(io_mem)
SERVICE(io_port)
SERVICE(irq)
SERVICE(log)
SERVICE(parent)
SERVICE(pd)
SERVICE(report)
SERVICE(rom)
SERVICE(terminal)
SERVICE(timer)
SERVICE(vm)

static enum status (*const services[])(struct dispatch *) = {
    accounts_any, block_any, dma_any,    io_mem_any, io_port_any,  irq_any,   log_any,
    parent_any,   pd_any,    report_any, rom_any,    terminal_any, timer_any, vm_any};

static void must(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5)
        return 0;

    struct message_area *area = malloc(sizeof(*area));
    unsigned words = data[2] | (data[3] & 1u) << 8, caps = data[4] % (MESSAGE_CAPS + 1);
    size_t given = size - 5;
    struct dispatch d;

    if (words > MESSAGE_WORDS)
        words = MESSAGE_WORDS;
    memset(area, 0xa5, sizeof(*area));
    area->receive_base = 100;
    memcpy(area->words, data + 5, given < sizeof(area->words) ? given : sizeof(area->words));
    dispatch_begin(&d, tag_make(data[1], words, caps), area);

    enum status status = services[data[0] % (sizeof(services) / sizeof(services[0]))](&d);
    message_tag reply = dispatch_finish(&d, status, area);

    must(tag_words(reply) <= MESSAGE_WORDS && tag_caps(reply) <= MESSAGE_CAPS);
    must(tag_label(reply) == (uint32_t)status && (unsigned)status < STATUS_COUNT);
    must(status == OK || (tag_words(reply) == 0 && tag_caps(reply) == 0));
    free(area);
    return 0;
}
