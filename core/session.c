/* SPDX-License-Identifier: MIT */
/* Sessions, see session.h. */
#include "core/session.h"

#include "core/core.h"
#include "lib/string/string.h"

static const struct service *const services[] = {
    &pd_service, &rom_service, &log_service, &io_mem_service, &io_port_service, &irq_service, &vm_service,
};

static struct session *sessions;
static uint64_t last_id;

const struct service *service_find(const char *name)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        if (strcmp(services[i]->name, name) == 0)
            return services[i];
    return NULL;
}

/* The account moves into the session that it pays for, and out again at the end. */
static enum status make(const struct service *service, struct account *payer, uint64_t ram, uint64_t caps,
                        struct session **out)
{
    struct account account;
    void *note;
    enum status status = account_open(&account, payer, ram, caps);

    if (status != OK)
        return status;
    status = slab_alloc(&account, service->size, &note);
    if (status != OK) {
        account_close(&account);
        return status;
    }
    struct session *session = note;

    account_move(&account, &session->account);
    session->object = (struct object){.kind = service->kind, .account = &session->account};
    session->service = service;
    *out = session;
    return OK;
}

static void unmake(struct session *session)
{
    struct account account;

    account_move(&session->account, &account);
    slab_free(session);
    account_close(&account);
}

enum status session_create(const struct service *service, struct account *payer, uint64_t ram, uint64_t caps,
                           const char *label, const char *args, struct session **out)
{
    struct session *session;
    enum status status = make(service, payer, ram, caps, &session);

    if (status != OK)
        return status;
    (void)string_copy(session->label, sizeof(session->label), label);
    status = object_publish(&session->object, 0);
    if (status != OK)
        goto unmake;
    status = service->open(session, args);
    if (status != OK)
        goto unpublish;
    session->id = ++last_id;
    session->next = sessions;
    sessions = session;
    *out = session;
    return OK;

unpublish:
    object_unpublish(&session->object);
unmake:
    unmake(session);
    return status;
}

/* In debug builds: every frame is free, or charged to somebody. */
static void check_balance(const char *label)
{
#ifdef DEBUG
    uint64_t used = core.root.ram.used;

    for (const struct session *session = sessions; session; session = session->next)
        used += session->account.ram.used;
    if (used + core.frames.free_count * FRAME_SIZE != core.ram)
        core_print("closed `%s': %llu bytes are lost", label,
                   (unsigned long long)(core.ram - core.frames.free_count * FRAME_SIZE - used));
    else
        core_print("closed `%s', its account returned exactly", label);
#else
    (void)label;
#endif
}

void session_destroy(struct session *session)
{
    struct session **link = &sessions;
    char label[SESSION_LABEL_MAX];

    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
    (void)string_copy(label, sizeof(label), session->label);
    object_unpublish(&session->object);
    session->service->close(session);
    unmake(session);
    check_balance(label);
}

struct session *session_find(uint64_t id)
{
    struct session *session = sessions;

    while (session && session->id != id)
        session = session->next;
    return session;
}

struct session *session_next(enum object_kind kind, struct session *after_opt)
{
    struct session *session = after_opt ? after_opt->next : sessions;

    while (session && session->object.kind != kind)
        session = session->next;
    return session;
}

const char *label_last(const char *label)
{
    const char *last = label;

    for (const char *at = label; *at; at++)
        if (strncmp(at, " -> ", 4) == 0)
            last = at + 4;
    return last;
}
