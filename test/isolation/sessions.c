/* SPDX-License-Identifier: MIT */
/*
 * Requests to parent and core that must not be granted: services without route, resources beyond the quota, pointers
 * into the kernel, objects of others, malformed messages.
 */
#include "test/isolation/isolation.h"

#include "contract/rom/client.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/kernel.h"
#include "lib/base/memory.h"
#include "lib/base/parent_session.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/fmt/fmt.h"

#define KERNEL_ADDRESS 0xffffffff80000000ull
#define OWN            ENV_SLOT_PD_SESSION

static void routes_try(void)
{
    static const struct session_options options[] = {
        {.service = "IO_PORT", .args_opt = "port=0x3f8, size=8"},
        {.service = "IRQ", .args_opt = "gsi=4"},
        {.service = "IO_MEM", .args_opt = "base=0xfee00000, size=4096"},
        {.service = "PD"},
        {.service = "VM"},
        {.service = "TERMINAL"},
        {.service = "NO_SUCH_SERVICE"},
        {.service = "ROM", .label_opt = "init"},
        {.service = "ROM", .label_opt = "config", .args_opt = "name=core", .ram = 1ull << 50},
    };
    struct connection connection;
    char what[96];

    attempts_of("services without route");
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        fmt_format(what, sizeof(what), "%s %s %s", options[i].service,
                   options[i].label_opt ? options[i].label_opt : "",
                   options[i].args_opt ? options[i].args_opt : "");
        attempt(what, session_open(&options[i], &connection));
    }
    attempt("announce a service that policy does not expect", parent_announce("LOG"));
    struct parent_returned returned;
    attempt("a session id of somebody else", parent_session_close(1000000, &returned));
    attempt(
        "deliver a session that nobody asked for",
        parent_request_deliver(&(struct parent_request){.id = 1, .kind = PARENT_REQUEST_CREATE}, OK, OWN));
}

static void quota_try(void)
{
    struct pd_info info;
    uint32_t slot;

    need(pd_info(OWN, &info), "quota");
    attempts_of("more than the quota");
    attempt("a dataspace larger than what is left",
            pd_dataspace_alloc(OWN, info.ram_limit - info.ram_used + 4096, 0, &slot));
    attempt("a dataspace of 2^63 bytes", pd_dataspace_alloc(OWN, 1ull << 63, 0, &slot));
    attempt("a dataspace of 2^64 - 1 bytes", pd_dataspace_alloc(OWN, UINT64_MAX, 0, &slot));
    attempt("kernel memory beyond the quota", pd_kmem_grow(OWN, 1ull << 40));
    attempt("kernel memory, wrapping", pd_kmem_grow(OWN, UINT64_MAX / 4096 + 2));
    attempt("give away more than there is", pd_transfer(OWN, OWN, info.ram_limit + 4096, 0));
    attempt("give away capabilities that are not there", pd_transfer(OWN, OWN, 0, UINT32_MAX));
}

static enum status attach(uint32_t dataspace, uint64_t offset, uint64_t size, uint64_t address,
                          unsigned rights)
{
    struct pd_attach in = {.offset = offset, .size = size, .address = address, .rights = rights};
    uint64_t out;

    return pd_attach(OWN, dataspace, &in, &out);
}

static void attach_try(void)
{
    uint32_t dataspace;

    need(dataspace_alloc(8192, 0, &dataspace), "dataspace");
    attempts_of("pointers into the kernel, and out of bounds");
    attempt("attach at a kernel address", attach(dataspace, 0, 0, KERNEL_ADDRESS, PD_READ));
    attempt("attach at the end of user addresses", attach(dataspace, 0, 0, USER_ADDRESS_END, PD_READ));
    attempt("attach across the end of user addresses",
            attach(dataspace, 0, 8192, USER_ADDRESS_END - 4096, PD_READ));
    attempt("attach over own code",
            attach(dataspace, 0, 4096, (uint64_t)sessions_try & ~4095ull, PD_READ | PD_WRITE));
    attempt("attach behind the dataspace's end", attach(dataspace, 4096, 8192, PD_ANYWHERE, PD_READ));
    attempt("attach with a size that wraps", attach(dataspace, 4096, ~4095ull, PD_ANYWHERE, PD_READ));
    attempt("attach writable and executable",
            attach(dataspace, 0, 0, PD_ANYWHERE, PD_READ | PD_WRITE | PD_EXECUTE));
    attempt("detach at a kernel address", pd_detach(OWN, KERNEL_ADDRESS));
    attempt("attach own PD session as if it were memory", attach(OWN, 0, 4096, PD_ANYWHERE, PD_READ));
    attempt("attach the parent's portal", attach(ENV_SLOT_PARENT, 0, 4096, PD_ANYWHERE, PD_READ));
    attempt("free the PD session as if it were memory", pd_dataspace_free(OWN, OWN));
    dataspace_free(dataspace);
}

static void rom_try(void)
{
    struct session_options options = {.service = "ROM", .label_opt = "isolation"};
    struct connection connection;
    struct rom_dataspace content;
    uint32_t dataspace;

    need(session_open(&options, &connection), "ROM session");
    need(rom_dataspace(connection.slot, &content, &dataspace), "ROM");
    attempts_of("what belongs to others");
    attempt("attach a ROM for writing", attach(dataspace, 0, 0, PD_ANYWHERE, PD_READ | PD_WRITE));
    attempt("free the dataspace of a ROM", pd_dataspace_free(OWN, dataspace));
    attempt("destroy its portal", kernel_destroy(dataspace));
    attempt("transfer quota to a ROM", pd_transfer(OWN, dataspace, 4096, 0));
    attempt("destroy a thread of somebody else", pd_thread_destroy(OWN, 1000));
    cap_free(dataspace);
    session_close(&connection);
}

static void thread_try(void)
{
    struct pd_thread_create create = {.name = "stray", .priority = 1000};
    struct pd_thread created;
    uint32_t slot;

    attempts_of("threads and messages");
    attempt("a thread with priority 1000", pd_thread_create(OWN, &create, &created, &slot));
    create.priority = 1;
    create.flags = 0x80;
    attempt("a thread with a flag that does not exist", pd_thread_create(OWN, &create, &created, &slot));
    attempt("an operation of core that does not exist",
            ipc_call(&(struct ipc){.portal = OWN, .opcode = 9999}));
    attempt("a request without its arguments", ipc_call(&(struct ipc){.portal = OWN, .opcode = PD_ATTACH}));
    attempt("an empty capability in place of a dataspace", attach(CAP_NONE, 0, 0, PD_ANYWHERE, PD_READ));
    struct pd_dataspace_alloc in = {.size = 4096, .flags = 0x40};
    attempt("a request with unknown flags", ipc_call(&(struct ipc){.portal = OWN,
                                                                   .opcode = PD_DATASPACE_ALLOC,
                                                                   .in = &in,
                                                                   .in_size = sizeof(in),
                                                                   .receive_count = 1}));
}

void sessions_try(void)
{
    routes_try();
    quota_try();
    attach_try();
    rom_try();
    thread_try();
}
