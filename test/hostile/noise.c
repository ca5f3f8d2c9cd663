/* SPDX-License-Identifier: MIT */
/*
 * Random messages: half-right sizes and values, capabilities of every type in every place. What would only end the sender
 * itself is left out, or it would be over too soon.
 */
#include "contract/parent/wire.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "test/hostile/hostile.h"

#define ROUNDS  5000u
#define OPCODES 24u
#define CAPS    16u
#define PORTALS 10u
#define WORDS   64u

static uint32_t caps[CAPS], portals[PORTALS];
static unsigned cap_count = 10, portal_count = 5;
static uint32_t state = 7;
static volatile int *volatile nowhere = (volatile int *)0x20;

static uint32_t below(uint32_t limit)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % limit;
}

static uint64_t value(void)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      4096,
                                      8192,
                                      UINT64_MAX,
                                      UINT64_MAX - 4095,
                                      1ull << 47,
                                      0x00007fffffffe000ull,
                                      0xffff800000000000ull,
                                      1ull << 32,
                                      0x4755424544ull,
                                      0x52454d4954ull,
                                      0x7fffffffull << 32 | 4096};

    return values[below(sizeof(values) / sizeof(values[0]))];
}

static bool ends_me(uint32_t portal, uint32_t opcode)
{
    if (portal == ENV_SLOT_PARENT)
        return opcode == PARENT_EXIT;
    return portal == ENV_SLOT_PD_SESSION &&
           (opcode == PD_THREAD_DESTROY || opcode == PD_DETACH || opcode == PD_DATASPACE_FREE);
}

static uint32_t open_session(const char *service, const char *label)
{
    struct connection connection = {0};

    return session_open(&(struct session_options){.service = service, .label_opt = label}, &connection) == OK
               ? connection.slot
               : CAP_NONE;
}

static void prepare(void)
{
    uint32_t all[CAPS] = {ENV_SLOT_PARENT, ENV_SLOT_PD, ENV_SLOT_PD_SESSION, ENV_SLOT_THREAD};

    all[4] = open_session("TIMER", NULL);
    all[5] = open_session("LOG", NULL);
    all[6] = open_session("ROM", "hostile");
    (void)!dataspace_alloc(8192, 0, &all[7]);
    (void)!notification_create(&all[8]);
    (void)!pd_region_map_create(ENV_SLOT_PD_SESSION, 1 << 20, &all[9]);
    for (unsigned i = 0; i < cap_count; i++)
        caps[i] = all[i];
    portals[0] = ENV_SLOT_PARENT;
    portals[1] = ENV_SLOT_PD_SESSION;
    for (unsigned i = 2; i < portal_count; i++)
        portals[i] = all[i + 2];
}

static enum status shout(void)
{
    static const uint32_t sizes[] = {0, 8, 16, 24, 32, 48, 64, 464};
    uint64_t words[WORDS];
    struct ipc ipc = {.portal = portals[below(portal_count)],
                      .opcode = below(OPCODES),
                      .in = words,
                      .in_size = below(4) ? sizes[below(8)] : below(WORDS) * 8,
                      .send_count = below(3),
                      .receive_count = below(2)};

    if (ends_me(ipc.portal, ipc.opcode))
        return OK;
    for (unsigned i = 0; i < WORDS; i++)
        words[i] = value();
    for (unsigned i = 0; i < ipc.send_count; i++)
        ipc.send[i] = below(8) ? caps[below(cap_count)] : below(300);
    enum status status = ipc_call(&ipc);

    if (status == OK && ipc.receive_count)
        cap_free(ipc.received);
    return status;
}

/* Sessions at all servers there are. */
static void prepare_more(void)
{
    static const char *const services[] = {"TERMINAL", "REPORT", "VM", "IO_PORT", "IRQ"};
    struct connection connection;

    for (unsigned i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        struct session_options options = {.service = services[i],
                                          .label_opt = "noise",
                                          .ram = 131072,
                                          .caps = 12,
                                          .args_opt = i == 3   ? "port=0x80, size=1"
                                                      : i == 4 ? "gsi=10"
                                                               : NULL};

        if (session_open(&options, &connection) != OK) {
            log_info("no session %s", services[i]);
            continue;
        }
        portals[portal_count++] = connection.slot;
        caps[cap_count++] = connection.slot;
    }
}

int noise(bool all)
{
    unsigned accepted = 0;

    prepare();
    if (all)
        prepare_more();
    for (unsigned round = 0; round < ROUNDS; round++)
        accepted += shout() == OK;
    log_info("noise: %u messages, %u of them accepted", ROUNDS, accepted);
    (void)!pd_set_symbols(ENV_SLOT_PD_SESSION,
                          &(struct pd_symbols){.begin = 8, .end = UINT64_MAX - 7, .names_end = UINT64_MAX});
    *nowhere = 1;
    return 0;
}
