/* SPDX-License-Identifier: MIT */
/*
 * ACCOUNTS: what core and each of its sessions use.
 */
#include "contract/accounts/dispatch.h"
#include "core/core.h"
#include "core/session.h"
#include "lib/string/string.h"

static struct kernel_account kernel_account(uint32_t pd_slot)
{
    struct kernel_account account = {0};

    if (pd_slot != CAP_NONE && kernel_pd_info(pd_slot, &account) != OK)
        return (struct kernel_account){0};
    return account;
}

static enum status handle_system(void *session, struct accounts_system *out)
{
    struct kernel_account kernel = kernel_account(core.kmem.pd_slot);

    (void)session;
    *out = (struct accounts_system){
        .ram_total = core.ram,
        .ram_free = core.frames.free_count * FRAME_SIZE,
        .core_ram = core.root.ram.used,
        .core_caps = core.root.caps.used,
        .debts = core.frames.debts,
        .kernel_frames = kernel.frames,
        .kernel_frames_used = kernel.frames_used,
        .kernel_objects = kernel.objects,
        .sessions = session_count(),
    };
    return OK;
}

static enum status handle_next(void *context, uint64_t after, struct accounts_session *out)
{
    const struct session *session = session_after(after);

    (void)context;
    if (!session)
        return ERR_NOT_FOUND;
    struct kernel_account kernel = kernel_account(session->kmem_opt ? session->kmem_opt->pd_slot : CAP_NONE);

    *out = (struct accounts_session){
        .id = session_id(session),
        .ram_limit = session->account.ram.limit,
        .ram_used = session->account.ram.used,
        .caps_limit = session->account.caps.limit,
        .caps_used = session->account.caps.used,
        .kernel_frames = kernel.frames,
        .kernel_frames_used = kernel.frames_used,
        .kernel_objects = kernel.objects,
    };
    (void)string_copy(out->service, sizeof(out->service), session->service->name);
    (void)string_copy(out->label, sizeof(out->label), session->label);
    return OK;
}

static enum status accounts_open(struct session *session, const char *args)
{
    (void)session;
    (void)args;
    return OK;
}

static enum status accounts_close(struct session *session)
{
    (void)session;
    return OK;
}

static const struct accounts_handlers handlers = {.system = handle_system, .next = handle_next};

static enum status accounts_session_dispatch(struct session *session, struct dispatch *d)
{
    return accounts_dispatch(&handlers, session, d);
}

const struct service accounts_service = {
    .name = ACCOUNTS_SERVICE,
    .kind = KIND_ACCOUNTS,
    .size = sizeof(struct session),
    .open = accounts_open,
    .close = accounts_close,
    .dispatch = accounts_session_dispatch,
};
