/* SPDX-License-Identifier: MIT */
/*
 * Random requests to the session of a domain that does not run: well-formed calls with random arguments, and random
 * words. Whatever happens, core lives on, and closing the session returns everything.
 */
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/string/string.h"
#include "test/core/core_test.h"

#define CAPS 24u

static uint64_t state = 11;
static uint32_t caps[CAPS]; /* what the requests carry; CAP_NONE is one of the values */

static uint32_t any(uint32_t limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(state >> 33) % limit;
}

static uint32_t any_cap(void)
{
    return caps[any(CAPS)];
}

/* Forgets an old one. */
static void keep(enum status status, uint32_t slot)
{
    uint32_t place = any(CAPS);

    if (status != OK)
        return;
    cap_free(caps[place]);
    caps[place] = slot;
}

static uint64_t any_size(void)
{
    static const uint64_t sizes[] = {0, 4096, 8192, 0x10000, 0x200000, 0x400000, 1ull << 40, UINT64_MAX};

    return sizes[any(8)] + (any(16) ? 0 : any(5000));
}

static struct pd_attach any_attach(void)
{
    return (struct pd_attach){
        .offset = any(4) * 4096,
        .size = any(3) ? 0 : any_size(),
        .address = any(2) ? PD_ANYWHERE : any(2048) * 4096ull,
        .rights = any(8),
    };
}

static void memory_call(uint32_t pd)
{
    struct pd_attach attach = any_attach();
    uint32_t slot = CAP_NONE;
    uint64_t address;

    switch (any(8)) {
    case 0: keep(pd_dataspace_alloc(pd, any_size(), any(4), &slot), slot); break;
    case 1: (void)pd_dataspace_free(pd, any_cap()); break;
    case 2: keep(pd_region_map_create(pd, any_size(), &slot), slot); break;
    case 3: (void)pd_region_map_destroy(pd, any_cap()); break;
    case 4: (void)pd_attach(pd, any_cap(), &attach, &address); break;
    case 5: (void)pd_region_map_attach(pd, any_cap(), any_cap(), &attach, &address); break;
    case 6: (void)pd_detach(pd, any(2048) * 4096ull); break;
    case 7: (void)pd_region_map_detach(pd, any_cap(), any(64) * 4096ull); break;
    }
}

static void other_call(uint32_t pd)
{
    struct pd_thread_create create = {
        .name = "fuzz", .flags = any(4), .priority = any(200), .own_slot = any(400)};
    struct pd_thread_start start = {.id = any(40), .ip = any(2) ? 0x1000 : ~0ull, .sp = 1ull << any(64)};
    struct pd_symbols symbols = {any_size(), any_size(), any_size()};
    struct pd_region_fault fault;
    struct pd_thread thread;
    uint32_t slot = CAP_NONE;

    switch (any(8)) {
    case 0: keep(pd_thread_create(pd, &create, &thread, &slot), slot); break;
    case 1: (void)pd_thread_destroy(pd, any(40)); break;
    case 2:
        if (any(20) == 0) /* each start ends in a crash report */
            (void)pd_thread_start(pd, &start);
        break;
    case 3: (void)pd_kmem_grow(pd, any(2) ? any(4) : any_size()); break;
    case 4: (void)pd_grant(pd, any_cap(), any(400), any(0x10000)); break;
    case 5: (void)pd_region_map_pager(pd, any_cap(), any_cap()); break;
    case 6: (void)pd_region_map_fault(pd, any_cap(), &fault); break;
    case 7: (void)pd_set_symbols(pd, &symbols); break;
    }
}

static void garbage(uint32_t pd)
{
    uint64_t words[80], reply[80];
    struct ipc ipc = {
        .portal = pd,
        .opcode = any(24),
        .in = words,
        .in_size = any(80) * 8,
        .out = reply,
        .out_size = any(10) * 8,
        .send = {any_cap(), any_cap()},
        .send_count = any(3),
    };

    for (unsigned i = 0; i < 80; i++)
        words[i] = any(3) ? any(9) * 4096ull : (uint64_t)any(1u << 31) << any(40);
    (void)ipc_call(&ipc);
}

void test_fuzz(void)
{
    struct session_options options = {.service = "PD", .label_opt = "fuzz", .ram = 8 << 20, .caps = 60};
    struct connection pd = {0};

    test_case("random requests break nothing, and all comes back");
    struct usage before = usage_now();
    for (unsigned round = 0; round < (env.page->cpus > 1 ? 1u : 6u); round++) {
        CHECK_EQ(session_open(&options, &pd), OK);
        for (unsigned step = 0; step < 3000; step++) {
            unsigned kind = any(10);

            if (kind < 6)
                memory_call(pd.slot);
            else if (kind < 9)
                other_call(pd.slot);
            else
                garbage(pd.slot);
        }
        session_close(&pd);
        for (unsigned i = 0; i < CAPS; i++)
            cap_free(caps[i]);
        memset(caps, 0, sizeof(caps));
    }
    CHECK_USAGE(before);
}
