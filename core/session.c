/* SPDX-License-Identifier: MIT */
/* Sessions, see session.h. */
#include "core/session.h"

#include "core/core.h"
#include "lib/string/string.h"

static const struct service *const services[] = {
    &pd_service,  &rom_service, &log_service,      &io_mem_service, &io_port_service,
    &irq_service, &vm_service,  &accounts_service, &dma_service,
};

static struct tree sessions;
static struct session *kinds[KIND_PARENT];
static uint64_t count, last_id;

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

static void link_session(struct session *session)
{
    struct session **head = &kinds[session->object.kind];

    session->node.key = ++last_id;
    tree_insert(&sessions, &session->node);
    count++;
    session->next = *head;
    session->previous_next = head;
    if (*head)
        (*head)->previous_next = &session->next;
    *head = session;
}

static void unlink_session(struct session *session)
{
    tree_remove(&sessions, &session->node);
    count--;
    *session->previous_next = session->next;
    if (session->next)
        session->next->previous_next = session->previous_next;
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
    link_session(session);
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

    for (const struct session *session = session_after(0); session;
         session = session_after(session_id(session)))
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

enum status session_end(struct session *session)
{
    char label[SESSION_LABEL_MAX];

    session->closing = true;
    object_unpublish(&session->object);
    if (session->service->close(session) != OK)
        return ERR_AGAIN;
    unlink_session(session);
    (void)string_copy(label, sizeof(label), session->label);
    unmake(session);
    check_balance(label);
    return OK;
}

static struct session *session_of(struct tree_node *node)
{
    return node ? (struct session *)((char *)node - offsetof(struct session, node)) : NULL;
}

struct session *session_after(uint64_t id)
{
    return id == UINT64_MAX ? NULL : session_of(tree_at_least(&sessions, id + 1));
}

struct session *session_find(uint64_t id)
{
    struct session *session = session_of(tree_at_least(&sessions, id));

    return session && session_id(session) == id ? session : NULL;
}

uint64_t session_count(void)
{
    return count;
}

struct session *session_next(enum object_kind kind, struct session *after_opt)
{
    return after_opt ? after_opt->next : kinds[kind];
}

const char *label_last(const char *label)
{
    const char *last = label;

    for (const char *at = label; *at; at++)
        if (strncmp(at, " -> ", 4) == 0)
            last = at + 4;
    return last;
}
