/* SPDX-License-Identifier: MIT */
/*
 * A server that keeps capabilities and memory for its clients, each as much as the client has lent it, and that uses
 * memory of a client beyond the client's death.
 */
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/service.h"
#include "lib/base/thread.h"
#include "test/quota/wire.h"

#define KEPT_MOST 256u

struct keeper_session {
    struct service_session base;
    uint64_t ram_used;
    unsigned cap_count, memory_count;
    uint32_t caps[KEPT_MOST];
    struct memory memory[KEPT_MOST];
};

static struct {
    struct thread *thread_opt;
    volatile uint64_t *words;
    uint64_t count;
    volatile bool stop;
    struct keeper_report report;
} lent;

static void use_lent(void *argument)
{
    (void)argument;
    while (!lent.stop) {
        for (uint64_t i = 0; i < lent.count; i += 64) {
            uint64_t word = lent.words[i];

            lent.report.strange += word != KEEPER_WORD && word != 0;
            lent.words[i] = KEEPER_WORD;
        }
        lent.report.rounds++;
    }
}

static enum status lend(uint32_t dataspace)
{
    struct thread_options options = {.name = "lent", .priority = 10};
    uint64_t size;
    void *address;
    enum status status = lent.thread_opt ? ERR_BUSY : dataspace_size(dataspace, &size);

    if (status == OK)
        status = memory_attach(dataspace, PD_READ | PD_WRITE, &address);
    if (status != OK)
        return status;
    lent.words = address;
    lent.count = size / 8;
    lent.stop = false;
    lent.report = (struct keeper_report){0};
    status = thread_create_on(&options, env.page->cpus - 1, use_lent, NULL, &lent.thread_opt);
    if (status != OK)
        memory_detach(address);
    return status;
}

static enum status release(struct keeper_report *report)
{
    if (!lent.thread_opt)
        return ERR_NOT_FOUND;
    lent.stop = true;
    thread_join(lent.thread_opt);
    lent.thread_opt = NULL;
    memory_detach((void *)lent.words);
    *report = lent.report;
    return OK;
}

static enum status keep_cap(struct keeper_session *session, uint32_t slot)
{
    if (session->cap_count + KEEPER_SESSION_CAPS >= session->base.caps || session->cap_count == KEPT_MOST)
        return ERR_NO_CAPS;
    enum status status = cap_keep(slot, &session->caps[session->cap_count]);

    session->cap_count += status == OK;
    return status;
}

/* A page more is for core's notes. */
static enum status keep_ram(struct keeper_session *session, uint64_t bytes)
{
    uint64_t cost = page_round_up(bytes) + PAGE_SIZE;

    if (bytes > session->base.ram || cost > session->base.ram - KEEPER_SESSION_RAM - session->ram_used ||
        session->memory_count == KEPT_MOST)
        return ERR_NO_RAM;
    if (session->cap_count + session->memory_count + KEEPER_SESSION_CAPS >= session->base.caps)
        return ERR_NO_CAPS;
    enum status status = memory_alloc(bytes, &session->memory[session->memory_count]);

    if (status != OK)
        return status;
    session->memory_count++;
    session->ram_used += cost;
    return OK;
}

static enum status keeper_dispatch(struct service_session *base, struct dispatch *d)
{
    static const struct dispatch_rule rules[KEEPER_OPCODE_COUNT] = {
        [KEEPER_KEEP_CAP] = DISPATCH_RULE_EMPTY(1),
        [KEEPER_KEEP_RAM] = DISPATCH_RULE(struct keeper_size, 0),
        [KEEPER_LEND] = DISPATCH_RULE_EMPTY(1),
        [KEEPER_RELEASE] = DISPATCH_RULE_EMPTY(0),
    };
    struct keeper_session *session = (struct keeper_session *)base;
    struct keeper_report report;
    struct keeper_size size;
    enum status status = dispatch_check(d, rules, KEEPER_OPCODE_COUNT);

    if (status != OK)
        return status;
    switch (d->opcode) {
    case KEEPER_KEEP_CAP: return keep_cap(session, dispatch_cap(d, 0));
    case KEEPER_KEEP_RAM: dispatch_request(d, &size, sizeof(size)); return keep_ram(session, size.bytes);
    case KEEPER_LEND: return lend(dispatch_cap(d, 0));
    default: break;
    }
    status = release(&report);
    if (status == OK)
        dispatch_reply(d, &report, sizeof(report));
    return status;
}

static enum status keeper_create(struct service *service, const struct parent_request *request,
                                 struct service_session **out)
{
    (void)service;
    if (request->ram < KEEPER_SESSION_RAM)
        return ERR_NO_RAM;
    if (request->caps < KEEPER_SESSION_CAPS)
        return ERR_NO_CAPS;
    struct keeper_session *session = heap_alloc(sizeof(struct keeper_session));

    if (!session)
        return ERR_NO_RAM;
    *out = &session->base;
    return OK;
}

static void keeper_close(struct service *service, struct service_session *base)
{
    struct keeper_session *session = (struct keeper_session *)base;

    (void)service;
    while (session->cap_count > 0)
        cap_free(session->caps[--session->cap_count]);
    while (session->memory_count > 0)
        memory_free(&session->memory[--session->memory_count]);
    heap_free(session);
}

static struct service keeper = {
    .name = KEEPER_SERVICE, .create = keeper_create, .close = keeper_close, .dispatch = keeper_dispatch};

int component_main(struct env *environment)
{
    if (service_start(&keeper, &environment->entrypoint) != OK)
        return 1;
    entrypoint_run(&environment->entrypoint);
    return 0;
}
