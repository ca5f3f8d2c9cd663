/* SPDX-License-Identifier: MIT */
/*
 * The BLOCK service of a component: sessions, memory, notifications around the engine (engine.h).
 *
 * What a client lends pays for what is kept for it (quota.h). When it goes while jobs of it are in the device, its memory stays
 * mapped, and its quota here, until they are done: only then the parent is told that the session is closed.
 */
#include "lib/block/server.h"

#include "contract/block/dispatch.h"
#include "lib/base/cap.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/session.h"
#include "lib/block/engine.h"
#include "lib/block/quota.h"
#include "lib/fmt/status_text.h"
#include "lib/range/range.h"
#include "lib/string/string.h"

#define ZEROES_SIZE (64u << 10)

struct block_server {
    struct service service; /* first */
    struct block_engine engine;
    struct entrypoint *entrypoint;
    enum status (*policy_opt)(struct block_device *device, const char *label, struct block_view *view);
    struct deferred more;
    struct memory zeroes;
    struct engine_region zeroes_region;
};

struct block_session {
    struct service_session base; /* first */
    struct engine_session engine;
    struct signal signal;
    uint32_t client;      /* notification; CAP_NONE: no queue */
    void *memory_opt;     /* the queue's */
    uint64_t queue_ram;   /* charged for it */
    uint64_t regions_ram; /* charged for them */
};

_Static_assert(sizeof(struct engine_job) <= BLOCK_JOB_RAM && sizeof(struct block_piece) <= BLOCK_PIECE_RAM,
               "what a client pays");
_Static_assert(sizeof(struct block_session) <= BLOCK_SESSION_RAM / 4, "what a client pays");

static struct block_server *server_of(struct engine_session *session)
{
    return (struct block_server *)(void *)((char *)session->engine - offsetof(struct block_server, engine));
}

static struct block_session *session_of(struct engine_session *session)
{
    return (struct block_session *)(void *)((char *)session - offsetof(struct block_session, engine));
}

static void run(struct block_server *server)
{
    if (block_engine_run(&server->engine))
        entrypoint_defer(server->entrypoint, &server->more);
}

static void run_more(struct deferred *deferred)
{
    run((struct block_server *)(void *)((char *)deferred - offsetof(struct block_server, more)));
}

static void received(struct signal *signal)
{
    struct block_session *session =
        (struct block_session *)(void *)((char *)signal - offsetof(struct block_session, signal));

    engine_session_wake(&session->engine);
    run(server_of(&session->engine));
}

/* ---- memory of a session ---- */

static void queue_free(struct block_session *session)
{
    if (!session->memory_opt)
        return;
    memory_detach(session->memory_opt);
    heap_free(session->engine.queue.jobs);
    heap_free(session->engine.queue.pieces);
    cap_free(session->client);
    session->memory_opt = NULL;
    session->client = CAP_NONE;
    session->queue_ram = 0;
    session->engine.queue = (struct engine_queue){0};
}

static enum status region_map(struct block_device *device, uint32_t dataspace,
                              const struct block_region_add *in, struct block_region *region)
{
    if (device->ops->region_map)
        return device->ops->region_map(device, dataspace, in->offset, region);
    return memory_attach_at(dataspace, in->offset, in->size, PD_ANYWHERE,
                            in->write ? PD_READ | PD_WRITE : PD_READ, &region->address_opt);
}

static void region_free(struct block_session *session, struct engine_region *region)
{
    struct block_device *device = session->engine.engine->device;

    if (device->ops->region_map)
        device->ops->region_unmap(device, &region->region);
    else
        memory_detach(region->region.address_opt);
    session->regions_ram -= block_attach_ram(region->region.size);
    *region = (struct engine_region){0};
}

static void session_free(struct block_session *session)
{
    signal_destroy(server_of(&session->engine)->entrypoint, &session->signal);
    queue_free(session);
    for (unsigned i = 0; i < BLOCK_REGIONS_MAX; i++)
        if (session->engine.regions[i].present)
            region_free(session, &session->engine.regions[i]);
    heap_free(session);
}

static void notify(struct engine_session *engine)
{
    notification_signal(session_of(engine)->client);
}

static void drained(struct engine_session *engine)
{
    struct block_session *session = session_of(engine);

    if (engine->closing)
        service_session_drained(&session->base);
    else
        notification_signal(session->client); /* who was told ERR_AGAIN by CONNECT */
}

/* ---- the contract's handlers ---- */

static enum status info(void *opaque, struct block_info *out)
{
    struct block_session *session = opaque;

    engine_session_info(&session->engine, out);
    return OK;
}

/* Everything that a queue needs, or nothing. */
static enum status queue_make(struct block_session *session, const struct block_connect *in,
                              uint32_t dataspace, uint32_t notification)
{
    struct engine_job *jobs = heap_alloc_array(in->depth, sizeof(*jobs));
    struct block_piece *pieces = heap_alloc_array(in->segments, sizeof(*pieces));
    uint32_t client = CAP_NONE;
    void *memory;
    enum status status = jobs && pieces ? cap_keep(notification, &client) : ERR_NO_RAM;

    if (status != OK)
        goto free_arrays;
    status =
        memory_attach_at(dataspace, 0, page_round_up(in->size), PD_ANYWHERE, PD_READ | PD_WRITE, &memory);
    if (status != OK)
        goto free_arrays;
    status = engine_queue_open(&session->engine, memory, in, jobs, pieces);
    if (status != OK)
        goto detach;
    session->memory_opt = memory;
    session->client = client;
    session->queue_ram = block_queue_ram(in->depth, in->segments, in->size);
    return OK;
detach:
    memory_detach(memory);
free_arrays:
    cap_free(client);
    heap_free(jobs);
    heap_free(pieces);
    return status;
}

/* The queue before ends in any case, unless the client has lent too little. */
static enum status connect(void *opaque, const struct block_connect *in, uint32_t dataspace,
                           uint32_t notification, struct message_cap *server_notification)
{
    struct block_session *session = opaque;
    uint64_t available, cost = block_queue_ram(in->depth, in->segments, in->size);
    enum status status = dataspace_size(dataspace, &available);

    if (status != OK)
        return status;
    if (in->size > available)
        return ERR_RANGE;
    if (session->base.ram < BLOCK_SESSION_RAM + session->regions_ram + cost)
        return ERR_NO_RAM;
    if (!engine_queue_close(&session->engine))
        return ERR_AGAIN;
    queue_free(session);
    status = queue_make(session, in, dataspace, notification);
    if (status != OK)
        return status;
    *server_notification = (struct message_cap){session->signal.slot, RIGHT_NOTIFICATION_SIGNAL};
    run(server_of(&session->engine)); /* it may hold requests already, and is asked to notify */
    return OK;
}

static enum status region_add(void *opaque, const struct block_region_add *in, uint32_t dataspace,
                              struct block_region_id *out)
{
    struct block_session *session = opaque;
    uint64_t available, cost = block_attach_ram(in->size);
    unsigned i = 0;
    enum status status = dataspace_size(dataspace, &available);

    if (status != OK)
        return status;
    if (!range_ok(in->offset, in->size, available))
        return ERR_RANGE;
    while (i < BLOCK_REGIONS_MAX && session->engine.regions[i].present)
        i++;
    if (i == BLOCK_REGIONS_MAX)
        return ERR_OVERFLOW;
    if (session->base.ram < BLOCK_SESSION_RAM + session->queue_ram + session->regions_ram + cost)
        return ERR_NO_RAM;

    struct engine_region region = {.region = {.size = in->size, .write = in->write}, .present = true};

    status = region_map(session->engine.engine->device, dataspace, in, &region.region);
    if (status != OK)
        return status;
    session->engine.regions[i] = region;
    session->regions_ram += cost;
    out->region = i;
    return OK;
}

static enum status region_remove(void *opaque, const struct block_region_id *in)
{
    struct block_session *session = opaque;
    struct engine_region *region = &session->engine.regions[in->region];

    if (!region->present)
        return ERR_NOT_FOUND;
    if (region->users != 0)
        return ERR_BUSY;
    region_free(session, region);
    return OK;
}

static enum status acknowledge(void *opaque, const struct block_verifier *in)
{
    struct block_session *session = opaque;

    return engine_session_acknowledge(&session->engine, in->verifier);
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct block_handlers handlers = {.info = info,
                                                   .connect = connect,
                                                   .region_add = region_add,
                                                   .region_remove = region_remove,
                                                   .acknowledge = acknowledge};

    return block_dispatch(&handlers, session, d);
}

/* ---- the service's table ---- */

/* "yes" or "no"; what is not there leaves *out as it is. */
static enum status argument_bool(const char *args, const char *name, bool *out)
{
    char text[4];
    enum status status = session_arg(args, name, text, sizeof(text));

    if (status == ERR_NOT_FOUND)
        return OK;
    if (status != OK || (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0))
        return ERR_INVALID;
    *out = text[0] == 'y';
    return OK;
}

static enum status argument_number(const char *args, const char *name, uint64_t *out)
{
    enum status status = session_arg_number(args, name, out);

    return status == ERR_NOT_FOUND ? OK : status;
}

static enum status view_wanted(const struct block_server *server, const struct parent_request *request,
                               struct block_view *view)
{
    enum status status;

    *view = (struct block_view){.offset = 0, .size = UINT64_MAX, .write = true};
    status = argument_number(request->args, "offset", &view->offset);
    if (status == OK)
        status = argument_number(request->args, "size", &view->size);
    if (status == OK)
        status = argument_bool(request->args, "write", &view->write);
    if (status == OK)
        status = argument_bool(request->args, "shared", &view->shared);
    if (status == OK && server->policy_opt)
        status = server->policy_opt(server->engine.device, request->label, view);
    return status;
}

/* A client sees the status only, which may also be one of the routing. */
static enum status refuse(const struct parent_request *request, enum status status)
{
    const char *reason = status_text(status);

    if (status == ERR_DENIED)
        reason = "no policy for this label";
    else if (status == ERR_BUSY)
        reason = "its range overlaps that of another session that may write, and they are not both shared";
    else if (status == ERR_RANGE)
        reason = "its range begins behind the end of the disk, or is not inside of what the policy gives";
    else if (status == ERR_INVALID)
        reason = "an argument is wrong, or its range is empty or not of whole blocks";
    log_error("session \"%s\" with the arguments \"%s\" is refused: %s", request->label, request->args,
              reason);
    return status;
}

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct block_server *server = (struct block_server *)service;
    struct block_session *session;
    struct block_view view;
    enum status status;

    if (request->ram < BLOCK_SESSION_RAM)
        return ERR_NO_RAM;
    if (request->caps < BLOCK_SESSION_CAPS)
        return ERR_NO_CAPS;
    status = view_wanted(server, request, &view);
    if (status != OK)
        return refuse(request, status);
    session = heap_alloc(sizeof(*session));
    if (!session)
        return ERR_NO_RAM;
    status = signal_create(server->entrypoint, &session->signal, received);
    if (status != OK)
        goto free_session;
    status = engine_session_open(&server->engine, &session->engine, &view);
    if (status != OK) {
        (void)refuse(request, status);
        goto destroy_signal;
    }
    *out = &session->base;
    return OK;
destroy_signal:
    signal_destroy(server->entrypoint, &session->signal);
free_session:
    heap_free(session);
    return status;
}

static bool drain(struct service *service, struct service_session *base)
{
    struct block_session *session = (struct block_session *)base;
    bool empty = engine_session_close(&session->engine);

    run((struct block_server *)service); /* others may have waited for its ranges */
    return empty;
}

static void close(struct service *service, struct service_session *base)
{
    struct block_session *session = (struct block_session *)base;

    (void)service;
    if (!session->engine.closing) /* it has never been delivered */
        (void)engine_session_close(&session->engine);
    session_free(session);
}

/* ---- for the device ---- */

/* What WRITE_ZEROES writes where the device has none of its own. */
static enum status zeroes_make(struct block_server *server, struct block_device *device)
{
    const struct block_region_add all = {.offset = 0, .size = ZEROES_SIZE};
    enum status status;

    if (device->limits.flags & BLOCK_HAS_WRITE_ZEROES) /* one that is read-only may become writeable */
        return OK;
    status = memory_alloc(ZEROES_SIZE, &server->zeroes);
    if (status != OK)
        return status;
    server->zeroes_region = (struct engine_region){.region = {.size = ZEROES_SIZE}, .present = true};
    status = region_map(device, server->zeroes.dataspace, &all, &server->zeroes_region.region);
    if (status != OK)
        memory_free(&server->zeroes);
    else
        server->engine.zeroes_opt = &server->zeroes_region;
    return status;
}

enum status block_server_start(struct block_device *device, struct entrypoint *entrypoint,
                               enum status (*policy_opt)(struct block_device *device, const char *label,
                                                         struct block_view *view))
{
    static const struct engine_hooks hooks = {.notify = notify, .drained = drained};
    struct block_server *server = heap_alloc(sizeof(*server));
    enum status status;

    if (!server)
        return ERR_NO_RAM;
    block_engine_init(&server->engine, device, &hooks);
    server->entrypoint = entrypoint;
    server->policy_opt = policy_opt;
    server->more.run = run_more;
    server->service = (struct service){
        .name = BLOCK_SERVICE, .create = create, .dispatch = dispatch, .drain = drain, .close = close};
    status = zeroes_make(server, device);
    if (status != OK)
        goto free_server;
    device->server = server;
    status = service_start(&server->service, entrypoint);
    if (status == OK)
        return OK;
    device->server = NULL;
    if (server->engine.zeroes_opt)
        memory_free(&server->zeroes);
free_server:
    heap_free(server);
    return status;
}

void block_server_settle(struct block_device *device)
{
    run(device->server);
}

void block_server_changed(struct block_device *device)
{
    block_engine_changed(&device->server->engine);
    run(device->server);
}

void block_server_check_memory(struct block_device *device)
{
    if (device->server)
        block_engine_check_memory(&device->server->engine);
}
