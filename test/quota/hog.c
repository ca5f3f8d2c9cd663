/* SPDX-License-Identifier: MIT */
/*
 * A client that takes all it can get by one means, named by its own name, leaves it all behind and ends. What it may not
 * have must be refused with an error that says why; whether anything of it remains is for the judge to see.
 */
#include "contract/parent/wire.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/kernel.h"
#include "lib/base/kmem.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"
#include "test/quota/wire.h"

#define PD         ENV_SLOT_PD_SESSION
#define STEPS_MOST 100000u
#define NO_RAM     (1u << ERR_NO_RAM)
#define NO_CAPS    (1u << ERR_NO_CAPS)
#define NO_KMEM    (1u << ERR_NO_KMEM)
#define GIB        (1ull << 30)

static uint32_t shared; /* a dataspace or map for some of the means */

/* Repeats a step until it is refused. False: refused for a strange reason, or never. */
static bool exhaust(const char *what, enum status (*step)(unsigned n), unsigned reasons)
{
    enum status status = OK;
    unsigned n = 0;

    while (n < STEPS_MOST && (status = step(n)) == OK)
        n++;
    bool good = status != OK && (reasons >> status & 1);

    /* The log may be out of reach by now: it costs nothing more, but it was opened before. */
    log_info("%s%s: %u, then %s", good ? "" : "FAIL ", what, n, status_text(status));
    return good;
}

static enum status step_dataspace(unsigned n)
{
    uint32_t dataspace;

    (void)n;
    return dataspace_alloc(PAGE_SIZE, 0, &dataspace);
}

static enum status step_large(unsigned n)
{
    uint32_t dataspace;

    (void)n;
    return dataspace_alloc(1 << 20, 0, &dataspace);
}

/* Begins what it never fetches: a large dataspace is ready only after several calls. */
static enum status step_unfinished(unsigned n)
{
    struct pd_dataspace_alloc in = {.size = (2 << 20) + (n + 1) * 64 * PAGE_SIZE};
    struct ipc ipc = {
        .portal = PD, .opcode = PD_DATASPACE_ALLOC, .in = &in, .in_size = sizeof(in), .receive_count = 1};
    enum status status = ipc_call(&ipc);

    return status == ERR_AGAIN ? OK : status;
}

static enum status step_attach(unsigned n)
{
    void *address;

    (void)n;
    return memory_attach(shared, PD_READ, &address);
}

/* Each attachment needs page tables of its own. */
static enum status step_sparse(unsigned n)
{
    void *address;

    return memory_attach_at(shared, 0, PAGE_SIZE, (64 + n) * GIB, PD_READ, &address);
}

static enum status step_map(unsigned n)
{
    uint32_t map;

    (void)n;
    return pd_region_map_create(PD, 1ull << 40, &map);
}

static enum status step_map_page(unsigned n)
{
    static uint32_t map;
    struct pd_attach attach = {.address = PD_ANYWHERE, .rights = PD_READ};
    uint64_t address;
    enum status status = OK;

    if (n == 0)
        status = pd_region_map_create(PD, 1ull << 44, &map);
    if (n == 0 && status == OK)
        status = pd_attach(PD, map, &attach, &address);
    attach = (struct pd_attach){.address = n * GIB, .size = PAGE_SIZE, .rights = PD_READ};
    return status == OK ? pd_region_map_attach(PD, map, shared, &attach, &address) : status;
}

static enum status step_thread(unsigned n)
{
    struct pd_thread_create create = {.name = "hog", .priority = 1, .flags = PD_THREAD_FPU};
    struct pd_thread thread;
    uint32_t slot;

    create.cpu = n % env.page->cpus;
    return pd_thread_create(PD, &create, &thread, &slot);
}

static enum status step_portal(unsigned n)
{
    uint32_t slot;
    enum status status = cap_alloc(&slot);

    return status == OK ? kmem_create_portal(slot, ENV_SLOT_THREAD, n * 64) : status;
}

static enum status step_notification(unsigned n)
{
    uint32_t slot;

    (void)n;
    return notification_create(&slot);
}

/* Without asking core for more kernel memory. */
static enum status step_kernel(unsigned n)
{
    uint32_t slot;
    enum status status = cap_alloc(&slot);

    (void)n;
    return status == OK ? kernel_create_notification(ENV_SLOT_PD, slot) : status;
}

static enum status step_kmem(unsigned n)
{
    (void)n;
    return pd_kmem_grow(PD, 16);
}

static enum status step_copy(unsigned n)
{
    uint32_t slot;

    (void)n;
    return cap_copy(ENV_SLOT_PARENT, RIGHT_PORTAL_CALL, 0, &slot);
}

static enum status step_domain(unsigned n)
{
    struct session_options options = {.service = "PD", .ram = 128 << 10, .caps = 6};
    struct connection connection;

    (void)n;
    return session_open(&options, &connection);
}

static enum status step_session(unsigned n)
{
    struct session_options options = {.service = KEEPER_SERVICE, .ram = KEEPER_SESSION_RAM, .caps = 1};
    struct connection connection;

    (void)n;
    return session_open(&options, &connection);
}

static struct connection keeper;

static enum status keeper_open(uint64_t ram, uint32_t caps)
{
    struct session_options options = {.service = KEEPER_SERVICE, .ram = ram, .caps = caps};

    return session_open(&options, &keeper);
}

static enum status keeper_give(uint32_t opcode, uint32_t slot)
{
    return ipc_call(&(struct ipc){.portal = keeper.slot, .opcode = opcode, .send = {slot}, .send_count = 1});
}

static enum status step_keep_cap(unsigned n)
{
    (void)n;
    return keeper_give(KEEPER_KEEP_CAP, ENV_SLOT_PARENT);
}

static enum status step_keep_ram(unsigned n)
{
    struct keeper_size in = {.bytes = 8 << 10};

    (void)n;
    return ipc_call(
        &(struct ipc){.portal = keeper.slot, .opcode = KEEPER_KEEP_RAM, .in = &in, .in_size = sizeof(in)});
}

/* Capabilities that nobody asked for, to those who take some and to those who take none. */
static enum status step_stray(unsigned n)
{
    struct ipc ipc = {.portal = n % 2 ? PD : ENV_SLOT_PARENT,
                      .opcode = n % 40,
                      .send = {ENV_SLOT_PD, ENV_SLOT_THREAD, PD, shared},
                      .send_count = 4};
    enum status status = ipc_call(&ipc);

    if (n == 2000)
        return ERR_NO_CAPS;
    return status == OK ? ERR_IO : OK;
}

static bool hog_keeper(void)
{
    bool good = keeper_open(256 << 10, 40) == OK;

    good = exhaust("capabilities kept by a server", step_keep_cap, NO_CAPS) && good;
    keeper = (struct connection){0};
    good = keeper_open(256 << 10, 40) == OK && good;
    return exhaust("memory kept by a server", step_keep_ram, NO_RAM | NO_CAPS) && good;
}

/* A map instead of memory would let the server wait for us. */
static bool hog_lender(void)
{
    uint32_t map, dataspace;
    bool good = keeper_open(KEEPER_SESSION_RAM, 4) == OK && pd_region_map_create(PD, 1 << 20, &map) == OK &&
                keeper_give(KEEPER_LEND, map) == ERR_UNSUPPORTED &&
                dataspace_alloc(1 << 20, 0, &dataspace) == OK && keeper_give(KEEPER_LEND, dataspace) == OK;

    log_info("%smemory lent to a server, then death", good ? "" : "FAIL ");
    return good;
}

static const struct {
    const char *name;
    enum status (*step)(unsigned n);
    unsigned reasons;
} means[] = {
    {"dataspaces", step_dataspace, NO_CAPS | NO_RAM},
    {"large dataspaces", step_large, NO_RAM},
    {"unfinished dataspaces", step_unfinished, NO_RAM},
    {"attachments", step_attach, NO_RAM},
    {"page tables", step_sparse, NO_RAM},
    {"region maps", step_map, NO_CAPS | NO_RAM},
    {"pages in region maps", step_map_page, NO_RAM},
    {"threads", step_thread, NO_CAPS | NO_RAM},
    {"portals", step_portal, NO_CAPS | NO_RAM},
    {"notifications", step_notification, NO_CAPS | NO_RAM},
    {"kernel memory", step_kernel, NO_KMEM},
    {"kernel frames", step_kmem, NO_RAM},
    {"capability slots", step_copy, NO_CAPS},
    {"domains", step_domain, NO_CAPS | NO_RAM},
    {"sessions", step_session, NO_CAPS | NO_RAM},
    {"stray capabilities", step_stray, NO_CAPS},
};

#define MEANS (sizeof(means) / sizeof(means[0]))

static bool hog(const char *name)
{
    if (strcmp(name, "keeper") == 0)
        return hog_keeper();
    if (strcmp(name, "lender") == 0)
        return hog_lender();
    for (unsigned i = 0; i < MEANS; i++)
        if (strcmp(name, means[i].name) == 0)
            return exhaust(name, means[i].step, means[i].reasons);
    if (strcmp(name, "crash") == 0) {
        if (exhaust("dataspaces before a crash", step_dataspace, NO_CAPS | NO_RAM))
            __builtin_trap();
        return false;
    }
    /* "killed": on and on, until the judge ends it somewhere in the middle. */
    for (unsigned n = 0;; n++) {
        enum status status = means[n % MEANS].step(n / MEANS);

        (void)status;
    }
}

int component_main(struct env *environment)
{
    log_info("%s: begins", environment->name);
    if (dataspace_alloc(PAGE_SIZE, 0, &shared) != OK)
        return 1;
    return hog(environment->name) ? 0 : 1;
}
