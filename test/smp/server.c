/* SPDX-License-Identifier: MIT */
/*
 * A LOG server on a processor of its own. It checks that each line comes in its turn, and at the end of a session says how
 * many came, and on which processor it was all the time.
 */
#include "contract/log/dispatch.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/service.h"
#include "test/smp/processor.h"

struct counter {
    struct service_session base;
    uint64_t lines, wrong, elsewhere;
    unsigned processor;
};

/* Each line is the last digit of its number. */
static enum status count(void *session, const char *text, size_t length)
{
    struct counter *counter = session;

    counter->wrong += length != 1 || text[0] != (char)('0' + counter->lines % 10);
    counter->elsewhere += processor_number() != counter->processor;
    counter->lines++;
    return OK;
}

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct counter *counter = heap_alloc(sizeof(*counter));

    (void)service;
    (void)request;
    if (!counter)
        return ERR_NO_RAM;
    *counter = (struct counter){.processor = processor_number()};
    *out = &counter->base;
    return OK;
}

static void close(struct service *service, struct service_session *session)
{
    struct counter *counter = (struct counter *)session;

    (void)service;
    log_info("server on processor %u: %lu calls, %lu wrong, %lu on another processor", counter->processor,
             counter->lines, counter->wrong, counter->elsewhere);
    heap_free(counter);
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct log_handlers handlers = {.write = count};

    return log_dispatch(&handlers, session, d);
}

int component_main(struct env *environment)
{
    static struct service service = {.name = "LOG", .create = create, .close = close, .dispatch = dispatch};

    log_info("server runs on processor %u", processor_number());
    if (service_start(&service, &environment->entrypoint) != OK)
        return 1;
    entrypoint_run(&environment->entrypoint);
    return 0;
}
