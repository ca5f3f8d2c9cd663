/* SPDX-License-Identifier: MIT */
/*
 * Sessions: what core's services hand out.
 *
 * A session is opened with RAM and capabilities of its opener, which form an account of its own. Everything that core
 * keeps for the session, the struct itself included, is paid from there, and goes back when the session is closed: at
 * that moment the account must have nothing in use (account_close checks).
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "contract/parent/wire.h"
#include "core/object.h"
#include "core/tree.h"
#include "lib/base/dispatch.h"

#define SESSION_LABEL_MAX 192u

struct session;

/* A service: `size` is that of its session struct, which begins with struct session. */
struct service {
    const char *name;
    enum object_kind kind;
    size_t size;
    enum status (*open)(struct session *session, const char *args);
    enum status (*close)(
        struct session *session); /* gives back all but the session's struct and portal, or ERR_AGAIN */
    enum status (*dispatch)(struct session *session, struct dispatch *d);
};

struct session {
    struct object object;
    struct account account;
    const struct service *service;
    struct tree_node node;                 /* key: id, which only grows */
    struct session *next, **previous_next; /* of the same kind */
    struct kmem *kmem_opt;                 /* a kernel account of its own */
    bool closing;
    char label[SESSION_LABEL_MAX]; /* from core's view, e.g. "init -> timer" */
};

extern const struct service pd_service, rom_service, log_service, io_mem_service, io_port_service,
    irq_service, vm_service, accounts_service, dma_service;

/* NULL: core has no such service. */
const struct service *service_find(const char *name);

[[nodiscard]] enum status session_create(const struct service *service, struct account *payer, uint64_t ram,
                                         uint64_t caps, const char *label, const char *args,
                                         struct session **out);
/* Once begun it must be repeated until it is OK. ERR_AGAIN: a bounded part is done. */
[[nodiscard]] enum status session_end(struct session *session);

static inline uint64_t session_id(const struct session *session)
{
    return session->node.key;
}

struct session *session_find(uint64_t id);

/* The session opened next after this one (0: the first), and how many there are. */
struct session *session_after(uint64_t id);
uint64_t session_count(void);

/* The next session of this kind behind `after_opt`, from the first one on if that is NULL. */
struct session *session_next(enum object_kind kind, struct session *after_opt);

/* The part of a label behind the last " -> ". */
const char *label_last(const char *label);

#endif
