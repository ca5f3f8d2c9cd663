/* SPDX-License-Identifier: MIT */
/* Sessions that have nothing but a portal: the servers of this test keep no state for a client. */
#ifndef TEST_SCHED_SESSION_H
#define TEST_SCHED_SESSION_H

#include "lib/base/heap.h"
#include "lib/base/service.h"

static inline enum status plain_create(struct service *service, const struct parent_request *request,
                                       struct service_session **out)
{
    struct service_session *session = heap_alloc(sizeof(*session));

    (void)service;
    (void)request;
    if (!session)
        return ERR_NO_RAM;
    *out = session;
    return OK;
}

static inline void plain_close(struct service *service, struct service_session *session)
{
    (void)service;
    heap_free(session);
}

#endif
