/* SPDX-License-Identifier: MIT */
/*
 * Random life of a BLOCK server: five clients whose views overlap, a device that does what it likes, sizes and verifiers that
 * change, clients that go and come. World.h says what is checked. At the end everything must come to rest by itself.
 *
 *     engine_random [FIRST COUNT STEPS]     a failure names the seed, which with the number of steps makes the run
 */
#include "lib/block/test/world.h"

#include "lib/base/panic.h"
#include "test/check.h"

#include <stdarg.h>

struct world *world;
static uint64_t random_state;

_Noreturn void component_panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printf("seed %u, step %u: ", world->seed, world->step);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    exit(1);
}

unsigned chance(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 20) % limit;
}

/* ---- the framework's part ---- */

static void notify(struct engine_session *session)
{
    ((struct fake_client *)session)->notified = true;
}

static void drained(struct engine_session *session)
{
    struct fake_client *client = (struct fake_client *)session;

    if (session->closing) {
        world->leaving--;
        client_free(client);
        return;
    }
    client->reconnects = true;
    client_queue_free(client);
}

/* A client's notification has arrived. */
static bool hear(void)
{
    for (unsigned i = 0; i < WORLD_CLIENTS; i++) {
        struct fake_client *client = world->clients[i];

        if (!client || !client->signalled)
            continue;
        client->signalled = false;
        engine_session_wake(&client->session);
        return true;
    }
    return false;
}

void world_run(void)
{
    (void)hear();
    do {
        world->running = true;
        world->more = block_engine_run(&world->engine);
        world->running = false;
        block_engine_check(&world->engine);
    } while (hear());
}

/* ---- the world ---- */

static const struct block_view views[WORLD_CLIENTS] = {
    {.offset = 0, .size = UINT64_MAX, .write = true, .shared = true},
    {.offset = 0, .size = 600 * WORLD_BLOCK, .write = true, .shared = true},
    {.offset = 0, .size = UINT64_MAX, .write = false},
    {.offset = 16 * WORLD_BLOCK, .size = 128 * WORLD_BLOCK, .write = true, .shared = true},
    {.offset = 500 * WORLD_BLOCK, .size = UINT64_MAX, .write = true, .shared = true},
};

void world_make(unsigned seed)
{
    static const struct engine_hooks hooks = {.notify = notify, .drained = drained};

    world = calloc(1, sizeof(*world));
    world->seed = seed;
    random_state = seed * 0x9e3779b97f4a7c15ull + 1;
    device_make(&world->device);
    world->zeroes =
        (struct engine_region){.region = {.size = 64 * WORLD_BLOCK, .address_opt = calloc(64, WORLD_BLOCK)}};
    block_engine_init(&world->engine, &world->device.device, &hooks);
    world->engine.zeroes_opt = &world->zeroes;
    for (unsigned i = 0; i < WORLD_CLIENTS; i++)
        world->clients[i] = client_make(&views[i]);
}

void world_free(void)
{
    for (unsigned i = 0; i < WORLD_CLIENTS; i++)
        client_close(world->clients[i]);
    MUST(world->leaving == 0 && list_empty(&world->engine.sessions));
    free(world->zeroes.region.address_opt);
    free(world);
}

static void device_works(void)
{
    device_complete_some(&world->device, 1 + chance(6));
    world->device.wants_retry = false;
    world_run(); /* block_server_settle() */
}

static void device_changes(void)
{
    struct fake_device *device = &world->device;

    if (chance(2))
        device->device.verifier++;
    else
        device->device.limits.size = (WORLD_BLOCKS - (chance(2) ? 0 : 300)) * (uint64_t)WORLD_BLOCK;
    block_engine_changed(&world->engine);
    world_run();
}

static void client_acts(unsigned i)
{
    struct fake_client *client = world->clients[i];

    if (!client->connected) {
        if (client->reconnects)
            client_connect(client);
    } else if (chance(3)) {
        client_submit_some(client, 1 + chance(chance(4) ? 3 : WORLD_DEPTH));
    } else if (client->notified) {
        client_listen(client);
    }
}

static void rare(unsigned i)
{
    struct fake_client *client = world->clients[i];

    switch (chance(4)) {
    case 0:
        if (client->connected)
            client_disconnect(client);
        break;
    case 1:
        world->clients[i] = NULL;
        client_close(client);
        world_run();
        world->clients[i] = client_make(&views[i]);
        break;
    case 2: device_changes(); break;
    default:
        client->acknowledged = world->device.device.verifier;
        MUST(engine_session_acknowledge(&client->session, client->acknowledged) == OK);
    }
}

static void step(void)
{
    unsigned what = chance(1000);

    world->step++;
    if (what < 15)
        rare(chance(WORLD_CLIENTS));
    else if (what < 400)
        device_works();
    else if (what < 450 && world->more)
        world_run();
    else
        client_acts(chance(WORLD_CLIENTS));
}

/* Only what is due; then nothing may be left. */
static void rest(void)
{
    bool busy = true;

    world->device.again = 0;
    while (busy) {
        busy = world->more || world->device.count || world->device.wants_retry;
        if (busy)
            device_works();
        for (unsigned i = 0; i < WORLD_CLIENTS; i++) {
            if (!world->clients[i]->connected || !world->clients[i]->notified)
                continue;
            client_listen(world->clients[i]);
            busy = true;
        }
    }
    for (unsigned i = 0; i < WORLD_CLIENTS; i++) {
        MUST(!world->clients[i]->connected || !client_busy(world->clients[i]));
        MUST(world->clients[i]->connected || world->clients[i]->reconnects);
    }
    MUST(world->engine.in_device == 0 && world->leaving == 0);
}

/* Worlds of so many steps each; false: nothing happened in them. */
static bool lives(unsigned first, unsigned count, unsigned steps)
{
    uint64_t submitted = 0;

    for (unsigned seed = first; seed < first + count; seed++) {
        world_make(seed);
        while (world->step < steps)
            step();
        rest();
        submitted += world->device.submitted;
        world_free();
    }
    return submitted > (uint64_t)count * steps / 20;
}

int main(int argc, char **argv)
{
    CASE("random clients and a random device: guarantees, contract of the device, invariants, rest");
    if (argc > 3) {
        CHECK(lives((unsigned)atoi(argv[1]), (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3])));
        return check_finish();
    }
    CHECK(lives(0, 250, 60)); /* short ones come to rest more often */
    CHECK(lives(1000, 15, 1500));
    return check_finish();
}
