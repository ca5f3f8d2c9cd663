/* SPDX-License-Identifier: MIT */
/*
 * BLOCK clients between parent, server and core: sessions, regions, rings' memory, notifications.
 *
 * One function, settle(), brings everything forward: it takes completions, publishes what came of them, and asks to be woken.
 * It is called after a signal of the server's, and after whatever else may have left something to do.
 */
#include "lib/block/client.h"

#include "contract/block/client.h"
#include "lib/base/cap.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/time.h"
#include "lib/block/quota.h"
#include "lib/fmt/status_text.h"

#define REGIONS_DEFAULT (64u << 20) /* bytes of regions that the default pays for */

/* From the entry point's loop. */
static void settle_soon(struct block_client *client)
{
    entrypoint_defer(client->options.entrypoint, &client->deferred);
}

/* What was published is told. */
static void notify(struct block_client *client)
{
    client->notifications_sent++;
    notification_signal(client->server);
}

/* ---- a session goes ---- */

static void session_drop(struct block_client *client)
{
    cap_free(client->session);
    cap_free(client->server);
    client->session = client->server = CAP_NONE;
    session_watch_end(&client->watch);
    if (client->queue.address)
        memory_free(&client->queue);
    client->queue = (struct memory){0};
}

static __attribute__((noinline)) void give_up(struct block_client *client, enum status status)
{
    client->failed = status;
    block_core_give_up(&client->core);
    client->core.info.flags |= BLOCK_GONE;
    session_drop(client);
    if (client->core.known) /* else block_client_open() answers, and `client` is nobody's afterwards */
        settle_soon(client);
}

static uint64_t session_ram(const struct block_client_options *options)
{
    struct block_core_settings settings = {.depth =
                                               options->depth ? options->depth : BLOCK_CLIENT_DEPTH_DEFAULT,
                                           .segments = BLOCK_CLIENT_SEGMENTS};
    struct block_connect layout;

    block_core_layout(&settings, &layout);
    return BLOCK_SESSION_RAM + 2 * BLOCK_MEDIATOR_RAM +
           block_queue_ram(layout.depth, layout.segments, layout.size) + block_attach_ram(options->bounce) +
           (options->ram ? options->ram : block_attach_ram(REGIONS_DEFAULT));
}

static void watch_changed(struct session_watch *watch);

static enum status session_start(struct block_client *client)
{
    const struct block_client_options *options = &client->options;

    return session_watch_begin(
        &client->watch, options->entrypoint, watch_changed,
        &(struct session_options){.service = BLOCK_SERVICE,
                                  .label_opt = options->label_opt,
                                  .args_opt = options->args_opt,
                                  .ram = session_ram(options),
                                  .caps = BLOCK_SESSION_CAPS + BLOCK_REGIONS_MAX + 2 * BLOCK_MEDIATOR_CAPS});
}

static void session_lost(struct block_client *client)
{
    bool opened = client->core.known;
    enum status status = ERR_PEER_GONE;

    block_core_detach(&client->core);
    session_drop(client);
    if (!opened || client->options.restart) {
        status = session_start(client);
        /* The parent is: this component is being taken apart, and will not run much longer. To let requests fail would tell
           those who live on, if it is a server, of errors that nobody has made. */
        if (status == ERR_PEER_GONE)
            return;
    }
    if (status != OK)
        give_up(client, status);
    else
        settle_soon(client);
}

/* ---- a session comes ---- */

static void submission_failed(struct block_core *core)
{
    struct block_client *client = (struct block_client *)((char *)core - offsetof(struct block_client, core));

    if (!client->settling) /* else it is about to be told */
        settle_soon(client);
}

/* What depends on the server's limits, once. */
static enum status core_prepare(struct block_client *client, const struct block_info *info)
{
    struct block_core_settings settings = {.depth = client->options.depth,
                                           .segments = BLOCK_CLIENT_SEGMENTS,
                                           .retain = client->options.retain,
                                           .for_others = client->options.for_others,
                                           .failed_opt = submission_failed};

    if (!settings.depth)
        for (settings.depth = 2;
             settings.depth < info->queue_depth && settings.depth < BLOCK_CLIENT_DEPTH_DEFAULT;)
            settings.depth *= 2;
    client->parts = heap_alloc_array(settings.depth, sizeof(*client->parts));
    if (!client->parts)
        return ERR_NO_RAM;
    block_core_init(&client->core, &settings, client->parts);
    if (!client->options.bounce)
        return OK;

    enum status status = memory_alloc(client->options.bounce, &client->bounce);
    uint32_t region;

    if (status != OK)
        return status;
    status = block_core_region_add(&client->core,
                                   &(struct block_core_region){.address_opt = client->bounce.address,
                                                               .size = client->bounce.size,
                                                               .write = true,
                                                               .registered = true},
                                   &region);
    if (status != OK)
        return status;
    client->dataspaces[region] = client->bounce.dataspace;
    block_core_bounce(&client->core, region);
    return OK;
}

static enum status region_register(struct block_client *client, uint32_t number)
{
    struct block_core_region *region = &client->core.regions[number];

    if (!region->registered)
        return OK;
    return block_region_add(client->session,
                            &(struct block_region_add){.offset = client->offsets[number],
                                                       .size = region->size,
                                                       .write = region->write},
                            client->dataspaces[number], &region->wire);
}

static enum status regions_register(struct block_client *client)
{
    for (uint32_t i = 0; i < BLOCK_REGIONS_MAX; i++) {
        enum status status = client->core.regions[i].used ? region_register(client, i) : OK;

        if (status != OK)
            return status;
    }
    return OK;
}

static enum status queue_connect(struct block_client *client)
{
    struct block_connect layout;
    enum status status;

    block_core_layout(&client->core.settings, &layout);
    status = memory_alloc(layout.size, &client->queue);
    if (status != OK)
        return status;
    return block_connect(client->session, &layout, client->queue.dataspace, client->signal.slot,
                         &client->server);
}

static enum status session_connect(struct block_client *client)
{
    struct block_info info;
    enum status status = session_watch_take(&client->watch, &client->session);

    if (status != OK)
        return status;
    status = block_info(client->session, &info);
    if (status == OK)
        status = block_info_check(&info);
    if (status == OK && !client->parts)
        status = core_prepare(client, &info);
    if (status == OK)
        status = regions_register(client);
    if (status == OK)
        status = queue_connect(client);
    if (status ==
        OK) /* this session has lost nothing yet; what an earlier one has lost is the core's business */
        status = block_acknowledge(client->session, info.verifier);
    /* ERR_LOST: it has another verifier by now, which will be heard of by its state line, as later on. */
    if (status == ERR_LOST)
        status = OK;
    if (status == OK)
        status = block_core_attach(&client->core, &info, client->queue.address, client->queue.size);
    return status;
}

static void settle(struct block_client *client);

static void watch_changed(struct session_watch *watch)
{
    struct block_client *client =
        (struct block_client *)((char *)watch - offsetof(struct block_client, watch));
    enum status status = session_watch_state(watch);

    if (status == ERR_AGAIN || (status == OK && client->session != CAP_NONE))
        return;
    if (status == OK)
        status = session_connect(client);
    if (status == OK) {
        settle(client);
        return;
    }
    if (status == ERR_PEER_GONE) {
        session_lost(client);
        return;
    }
    log_error("block: no session \"%s\": %s", client->options.label_opt ? client->options.label_opt : "",
              status_text(status));
    give_up(client, status);
}

/* ---- work ---- */

/* Asks for the limits. What the server did before it answered is in the ring, so that comes first. */
static __attribute__((noinline)) void info_refresh(struct block_client *client)
{
    struct block_info info;

    if (client->session == CAP_NONE || block_info(client->session, &info) != OK)
        return; /* if the server died, the watch tells */
    if (info.flags & BLOCK_QUEUE_ENDED) {
        log_error("block: the server ended the queue: %s", info.reason);
        client->core.broken = true;
        return;
    }
    block_core_poll(&client->core);
    if (block_core_update(&client->core, &info) != OK)
        client->core.broken = true;
}

static __attribute__((noinline)) void tell(struct block_client *client)
{
    struct block_core *core = &client->core;

    if (block_core_acknowledge_due(core)) {
        (void)block_acknowledge(client->session, core->verifier); /* if the server died, the watch tells */
        block_core_acknowledged(core);
    }
    if (core->changed) {
        core->changed = false;
        if (client->options.changed_opt)
            client->options.changed_opt(client);
    }
}

/* Whatever is to be told is told before the end of a turn: what `done` and `changed_opt` leave behind is deferred, or finished here. */
static void settle(struct block_client *client)
{
    struct block_core *core = &client->core;

    do {
        block_core_poll(core);
        if (block_core_info_stale(core))
            info_refresh(client);
        if (block_core_acknowledge_due(core) || core->changed)
            tell(client); /* of a loss before the FLUSH that fails for it */
        if (core->finished.first)
            block_core_finish(core);
        if (block_core_publish(core))
            notify(client);
        if (core->broken) {
            give_up(client, ERR_PEER_GONE);
            return;
        }
    } while (!block_core_may_sleep(core));
}

static void received(struct signal *signal)
{
    struct block_client *client =
        (struct block_client *)((char *)signal - offsetof(struct block_client, signal));

    client->notifications_received++;
    settle(client);
}

static void deferred_run(struct deferred *deferred)
{
    settle((struct block_client *)((char *)deferred - offsetof(struct block_client, deferred)));
}

void block_client_submit(struct block_client *client, struct block_request *request)
{
    block_core_submit(&client->core, request);
}

void block_client_kick(struct block_client *client)
{
    if (block_core_publish(&client->core))
        notify(client);
    if (client->core.waiting.first && client->core.free_tag != BLOCK_NONE && client->core.connected)
        settle_soon(client);
}

void block_client_cancel(struct block_client *client, struct block_request *request)
{
    block_core_cancel(&client->core, request);
    settle_soon(client);
}

void block_client_acknowledge(struct block_client *client)
{
    block_core_acknowledge(&client->core);
    settle_soon(client);
}

static void done_nothing(struct block_request *request)
{
    (void)request;
}

static bool pending(const struct block_request *request)
{
    return request->state == BLOCK_REQUEST_WAITING || request->state == BLOCK_REQUEST_ISSUED ||
           request->state == BLOCK_REQUEST_FINISHED;
}

enum status block_client_do(struct block_client *client, struct block_request *request)
{
    request->done = done_nothing;
    client->settling = true;
    block_core_submit(&client->core, request);
    client->settling = false;
    settle(client);
    while (pending(request)) {
        uint64_t bits = signal_bits(&client->signal) | session_watch_bits(&client->watch);
        enum status status = entrypoint_wait(client->options.entrypoint, bits, TIME_NEVER);

        if (status != OK)
            return status;
        settle(client);
    }
    return request->status;
}

/* ---- opening and closing ---- */

static void client_free(struct block_client *client)
{
    session_drop(client);
    signal_destroy(client->options.entrypoint, &client->signal);
    if (client->bounce.address)
        memory_free(&client->bounce);
    heap_free(client->parts);
}

enum status block_client_open(struct block_client *client, const struct block_client_options *options)
{
    enum status status;
    void *context = client->context;

    *client = (struct block_client){.context = context, .options = *options, .deferred.run = deferred_run};
    status = signal_create(options->entrypoint, &client->signal, received);
    if (status != OK)
        return status;
    status = session_start(client);
    while (status == OK && !client->core.connected && client->failed == OK)
        status = entrypoint_wait(options->entrypoint, session_watch_bits(&client->watch), TIME_NEVER);
    if (status == OK)
        status = client->failed;
    if (status != OK)
        client_free(client);
    return status;
}

/* Memory that is gone while a device can reach it makes core stop the device, unless an IOMMU confines it; and our session may
   end at the server later than we do. */
static void regions_withdraw(struct block_client *client)
{
    for (uint32_t i = 0; i < BLOCK_REGIONS_MAX && client->session != CAP_NONE; i++) {
        const struct block_core_region *region = &client->core.regions[i];

        if (region->used && region->registered)
            (void)block_region_remove(client->session, region->wire); /* or the server is gone */
    }
}

enum status block_client_close(struct block_client *client)
{
    if (!block_core_idle(&client->core) || client->deferred.queued)
        return ERR_BUSY;
    regions_withdraw(client);
    block_core_give_up(&client->core);
    client_free(client);
    return OK;
}

const struct block_info *block_client_info(const struct block_client *client)
{
    return &client->core.info;
}

bool block_client_connected(const struct block_client *client)
{
    return client->core.connected;
}

bool block_client_lost(const struct block_client *client)
{
    return client->core.lost;
}

uint64_t block_client_losses(const struct block_client *client)
{
    return client->core.losses;
}

/* ---- regions ---- */

enum status block_client_region_add(struct block_client *client, uint32_t dataspace, uint64_t offset,
                                    uint64_t size, bool write, uint32_t *region)
{
    struct block_core_region new = {
        .size = size, .write = write, .registered = !client->options.bounce_always};
    enum status status = OK;
    uint32_t number;
    void *address;

    if (client->options.bounce) {
        status = memory_attach_at(dataspace, offset, size, PD_ANYWHERE, PD_READ | (write ? PD_WRITE : 0),
                                  &address);
        if (status != OK)
            return status;
        new.address_opt = address;
    }
    status = block_core_region_add(&client->core, &new, &number);
    if (status != OK)
        goto detach;
    client->dataspaces[number] = dataspace;
    client->offsets[number] = offset;
    /* If the server has died, or dies now, it is registered with the next one. */
    status = client->session == CAP_NONE ? OK : region_register(client, number);
    if (status == OK || status == ERR_PEER_GONE) {
        *region = number;
        return OK;
    }
    (void)block_core_region_remove(&client->core, number);
detach:
    if (new.address_opt)
        memory_detach(new.address_opt);
    return status;
}

enum status block_client_region_remove(struct block_client *client, uint32_t region)
{
    enum status status = OK;
    struct block_core_region old;

    if (region >= BLOCK_REGIONS_MAX || region == client->core.bounce_region ||
        !client->core.regions[region].used)
        return ERR_NOT_FOUND;
    old = client->core.regions[region];
    if (block_core_region_busy(&client->core, region) ||
        (old.registered && client->session == CAP_NONE && !client->core.gone))
        return ERR_BUSY;
    if (old.registered && client->session != CAP_NONE)
        status = block_region_remove(client->session, old.wire);
    if (status != OK)
        return status == ERR_PEER_GONE ? ERR_BUSY : status;
    status = block_core_region_remove(&client->core, region);
    if (status == OK && old.address_opt)
        memory_detach(old.address_opt);
    return status;
}
