/* SPDX-License-Identifier: MIT */
/*
 * client.c between core and framework: when the caller is told what. The framework and the server are played here; the test decides when
 * a signal comes.
 */
#include "contract/block/client.h"
#include "lib/base/cap.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/block/client.h"

#include "test/check.h"

#include <stdlib.h>

static struct block_client client;
static struct block_info info; /* the server's */
static struct block_state *state;
static struct ring_consumer submission;
static struct ring_producer completion;
static uint64_t acknowledged, verifier_after_info; /* 0: stays */
static unsigned changes, changes_when_done;
static enum status flush_status;

/* ---- the framework ---- */

enum status signal_create(struct entrypoint *entrypoint, struct signal *signal,
                          void (*received)(struct signal *signal))
{
    (void)entrypoint;
    *signal = (struct signal){.received = received, .slot = 1};
    return OK;
}

void signal_destroy(struct entrypoint *entrypoint, struct signal *signal)
{
    (void)entrypoint;
    (void)signal;
}

void entrypoint_defer(struct entrypoint *entrypoint, struct deferred *deferred)
{
    (void)entrypoint;
    deferred->queued = true;
}

enum status entrypoint_wait(struct entrypoint *entrypoint, uint64_t bits, uint64_t deadline)
{
    (void)entrypoint;
    (void)bits;
    (void)deadline;
    client.watch.changed(&client.watch);
    return OK;
}

enum status session_watch_begin(struct session_watch *watch, struct entrypoint *entrypoint,
                                void (*changed)(struct session_watch *watch),
                                const struct session_options *options)
{
    (void)options;
    *watch = (struct session_watch){.changed = changed, .entrypoint = entrypoint, .id = 1};
    return OK;
}

enum status session_watch_state(const struct session_watch *watch)
{
    (void)watch;
    return OK;
}

enum status session_watch_take(const struct session_watch *watch, uint32_t *slot)
{
    (void)watch;
    *slot = 2;
    return OK;
}

void session_watch_end(struct session_watch *watch)
{
    *watch = (struct session_watch){0};
}

uint64_t session_watch_bits(const struct session_watch *watch)
{
    (void)watch;
    return 0;
}

enum status memory_alloc(uint64_t size, struct memory *out)
{
    *out = (struct memory){.dataspace = 3, .size = page_round_up(size)};
    out->address = aligned_alloc(PAGE_SIZE, out->size);
    memset(out->address, 0, out->size);
    return OK;
}

void memory_free(struct memory *memory)
{
    free(memory->address);
}

enum status memory_attach_at(uint32_t dataspace, uint64_t offset, uint64_t size, uint64_t address,
                             unsigned rights, void **out)
{
    (void)dataspace;
    (void)offset;
    (void)size;
    (void)address;
    (void)rights;
    (void)out;
    return ERR_UNSUPPORTED;
}

void memory_detach(void *address)
{
    (void)address;
}

void *heap_alloc_array(size_t count, size_t size)
{
    return calloc(count, size);
}

void heap_free(void *block)
{
    free(block);
}

void cap_free(uint32_t slot)
{
    (void)slot;
}

void notification_signal(uint32_t slot)
{
    (void)slot;
}

void log_error(const char *format, ...)
{
    (void)format;
}

/* ---- the server ---- */

enum status block_info(uint32_t session, struct block_info *out)
{
    (void)session;
    *out = info;
    if (verifier_after_info) {
        info.verifier = verifier_after_info;
        info.generation++;
    }
    verifier_after_info = 0;
    return OK;
}

enum status block_connect(uint32_t session, const struct block_connect *layout, uint32_t dataspace,
                          uint32_t notification, uint32_t *server_notification)
{
    uint8_t *bytes = client.queue.address;

    (void)session;
    (void)dataspace;
    (void)notification;
    *server_notification = 4;
    state = client.queue.address;
    state->generation = info.generation;
    REQUIRE(ring_consumer_open(bytes + layout->submission_offset, layout->size - layout->submission_offset,
                               layout->depth, sizeof(struct block_element), &submission) == OK);
    REQUIRE(ring_producer_open(bytes + layout->completion_offset, layout->size - layout->completion_offset,
                               layout->depth, sizeof(struct block_completion), &completion) == OK);
    return OK;
}

enum status block_region_add(uint32_t session, const struct block_region_add *region, uint32_t dataspace,
                             uint32_t *id)
{
    (void)session;
    (void)region;
    (void)dataspace;
    *id = 0;
    return OK;
}

enum status block_region_remove(uint32_t session, uint32_t id)
{
    (void)session;
    (void)id;
    return OK;
}

enum status block_acknowledge(uint32_t session, uint64_t verifier)
{
    (void)session;
    if (verifier != info.verifier)
        return ERR_LOST;
    acknowledged = verifier;
    return OK;
}

/* Everything that has come completes with this status. */
static void serve(enum status status)
{
    struct block_element element;
    bool notify;

    while (ring_pop(&submission, &element, &notify) == OK) {
        const struct block_completion done = {
            .tag = element.tag, .status = status, .done = element.length, .verifier = info.verifier};

        REQUIRE(ring_push(&completion, &done, &notify) == OK);
    }
}

/* The limits or the verifier are other ones, from now on. */
static void change(void)
{
    info.generation++;
    __atomic_store_n(&state->generation, info.generation, __ATOMIC_RELEASE);
}

static void receive(void)
{
    client.signal.received(&client.signal);
}

/* ---- the caller ---- */

static void changed(struct block_client *of)
{
    (void)of;
    changes++;
}

static void done(struct block_request *request)
{
    changes_when_done = changes;
    flush_status = request->status;
}

static void start(const char *name)
{
    CASE(name);
    info = (struct block_info){.size = 1 << 20,
                               .block_size = 512,
                               .physical_block_size = 512,
                               .queue_depth = 8,
                               .transfer_max = 65536,
                               .segments_max = 8,
                               .alignment = 1,
                               .verifier = 100,
                               .generation = 1};
    acknowledged = 0;
}

static void open_client(void)
{
    CHECK_EQ(
        block_client_open(&client, &(struct block_client_options){.restart = true, .changed_opt = changed}),
        OK);
    changes = 0;
}

static void close_client(void)
{
    client.deferred.queued = false;
    CHECK_EQ(block_client_close(&client), OK);
}

static void test_resize(void)
{
    start("another size is told at once, also if nothing is in flight");
    open_client();
    info.size = 1 << 19;
    change();
    receive();
    CHECK_EQ(changes, 1);
    CHECK_EQ(block_client_info(&client)->size, 1 << 19);
    close_client();
}

static void test_loss(void)
{
    struct block_request zeroes = {.operation = BLOCK_WRITE_ZEROES, .length = 512, .done = done};
    struct block_request flush = {.operation = BLOCK_FLUSH, .done = done};

    start("a loss is told before the FLUSH that fails for it");
    open_client();
    block_client_submit(&client, &zeroes);
    block_client_kick(&client);
    serve(OK);
    receive();
    block_client_submit(&client, &flush);
    block_client_kick(&client);
    info.verifier = 101;
    serve(ERR_LOST);
    change();
    receive();
    CHECK_EQ(flush_status, ERR_LOST);
    CHECK_NE(changes_when_done, 0);
    CHECK(block_client_lost(&client));
    close_client();
}

static void test_beginning(void)
{
    start("a verifier that changes while the session begins is heard of like any other");
    verifier_after_info = 101;
    open_client();
    CHECK(block_client_connected(&client));
    CHECK_EQ(acknowledged, 101);
    CHECK_EQ(client.core.verifier, 101);
    close_client();
}

static void test_refused(void)
{
    start("an opening that fails leaves nothing behind that would run later");
    info.block_size = 3;
    changes = 0;
    CHECK_EQ(
        block_client_open(&client, &(struct block_client_options){.restart = true, .changed_opt = changed}),
        ERR_INVALID);
    CHECK(!client.deferred.queued);
    CHECK_EQ(changes, 0);
}

static void test_do(void)
{
    struct block_request wrong = {.operation = BLOCK_WRITE_ZEROES, .length = 1};

    start("who waits for a request that cannot be leaves nothing behind, who submits it hears of it later");
    open_client();
    CHECK_EQ(block_client_do(&client, &wrong), ERR_INVALID);
    CHECK(!client.deferred.queued);
    wrong.done = done;
    block_client_submit(&client, &wrong);
    CHECK(client.deferred.queued);
    client.deferred.run(&client.deferred);
    CHECK_EQ(wrong.status, ERR_INVALID);
    close_client();
}

int main(void)
{
    test_do();
    test_resize();
    test_loss();
    test_beginning();
    test_refused();
    return check_finish();
}
