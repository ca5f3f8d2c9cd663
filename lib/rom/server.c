/* SPDX-License-Identifier: MIT */
/* ROM sessions with content that changes; see server.h. */
#include "lib/rom/server.h"

#include "contract/rom/dispatch.h"
#include "lib/base/cap.h"
#include "lib/base/heap.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/string/string.h"

struct rom_session {
    struct service_session base;
    struct rom_source *source;
    uint32_t notification;
    struct memory
        copy; /* the session's; size 0: none yet. Attached here for writing, sealed for all others */
    uint64_t generation; /* of what is in it */
};

static struct rom_server *server_of(struct service *service)
{
    return (struct rom_server *)((char *)service - offsetof(struct rom_server, service));
}

static void copy_drop(struct rom_session *session)
{
    if (session->copy.size)
        memory_free(&session->copy);
}

/* Makes the session's copy fit, within its quota. */
static enum status copy_resize(struct rom_session *session, size_t content)
{
    uint64_t size = page_round_up(content ? content : 1);

    if (size == session->copy.size)
        return OK;
    if (session->base.ram < ROM_READER_RAM || size > session->base.ram - ROM_READER_RAM)
        return ERR_NO_RAM;
    copy_drop(session);

    enum status status = memory_alloc(size, &session->copy);

    if (status != OK)
        return status;
    status = dataspace_seal(session->copy.dataspace);
    if (status != OK)
        copy_drop(session);
    return status;
}

static void copy_fill(struct rom_session *session)
{
    const struct rom_source *source = session->source;

    memcpy(session->copy.address, source->data, source->size);
    memset((char *)session->copy.address + source->size, 0, session->copy.size - source->size);
    session->generation = source->generation;
}

/* ---- the contract's handlers ---- */

static enum status dataspace(void *opaque, struct rom_dataspace *out, struct message_cap *cap)
{
    struct rom_session *session = opaque;
    const struct rom_source *source = session->source;
    enum status status = source->present ? OK : ERR_AGAIN;

    if (status == OK && (!session->copy.size || session->generation != source->generation)) {
        status = copy_resize(session, source->size);
        if (status == OK)
            copy_fill(session);
    }
    if (status != OK)
        return status;
    *out = (struct rom_dataspace){.size = source->size, .generation = source->generation};
    *cap = (struct message_cap){session->copy.dataspace, RIGHT_PORTAL_CALL};
    return OK;
}

static enum status set_notification(void *opaque, uint32_t notification)
{
    struct rom_session *session = opaque;
    uint32_t kept;
    enum status status = cap_keep(notification, &kept);

    if (status != OK)
        return status;
    cap_free(session->notification);
    session->notification = kept;
    return OK;
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct rom_handlers handlers = {.dataspace = dataspace,
                                                 .set_notification = set_notification};

    return rom_dispatch(&handlers, session, d);
}

/* ---- the service's table ---- */

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct rom_server *server = server_of(service);
    struct rom_source *source;
    struct rom_session *session;

    if (request->ram < ROM_READER_RAM)
        return ERR_NO_RAM;
    if (request->caps < ROM_READER_CAPS)
        return ERR_NO_CAPS;
    source = server->find(server, request);
    if (!source)
        return ERR_DENIED;
    session = heap_alloc(sizeof(*session));
    if (!session)
        return ERR_NO_RAM;
    session->source = source;
    *out = &session->base;
    return OK;
}

static void close(struct service *service, struct service_session *base)
{
    struct rom_session *session = (struct rom_session *)base;

    (void)service;
    copy_drop(session);
    cap_free(session->notification);
    heap_free(session);
}

enum status rom_request_name(const struct parent_request *request, char *name, size_t size)
{
    static const char separator[] = " -> ";
    const char *last = request->label;

    for (const char *p = last; *p; p++)
        if (strncmp(p, separator, sizeof(separator) - 1) == 0)
            last = p + sizeof(separator) - 1;
    return string_copy(name, size, last) ? OK : ERR_OVERFLOW;
}

enum status rom_server_start(struct rom_server *server, struct entrypoint *entrypoint)
{
    server->service =
        (struct service){.name = ROM_SERVICE, .create = create, .dispatch = dispatch, .close = close};
    return service_start(&server->service, entrypoint);
}

void rom_source_changed(struct rom_server *server, struct rom_source *source)
{
    source->generation++;
    for (struct service_session *base = server->service.sessions; base; base = base->next) {
        const struct rom_session *session = (const struct rom_session *)base;

        if (session->source == source && session->notification != CAP_NONE)
            notification_signal(session->notification);
    }
}
