/* SPDX-License-Identifier: MIT */
/* PLATFORM sessions: whose function it is, what they pay, and how they end. See session.h. */
#include "driver/platform/session.h"

#include "contract/dma/client.h"
#include "driver/platform/settle.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/fmt/status_text.h"

/* The session's struct, its place in tables, and a share of this component's own page tables. */
#define OWN_RAM  8192u
#define OWN_CAPS 2u

static const struct policy *policies;

/* ---- quota ---- */

enum status session_pay(struct platform_session *session, uint64_t ram, uint32_t caps)
{
    if (session->base.ram - session->ram_spent < ram)
        return ERR_NO_RAM;
    if (session->base.caps - session->caps_spent < caps)
        return ERR_NO_CAPS;
    session->ram_spent += ram;
    session->caps_spent += caps;
    return OK;
}

void session_refund(struct platform_session *session, uint64_t ram, uint32_t caps)
{
    session->ram_spent -= ram;
    session->caps_spent -= caps;
}

/* One more capability than lent to core: for what the session gives, a dataspace or an interrupt. */
enum status session_resource_open(struct platform_session *session, const struct session_options *options,
                                  struct connection *out)
{
    enum status status = session_pay(session, options->ram, options->caps + 1);

    if (status != OK)
        return status;
    status = session_open(options, out);
    if (status != OK)
        session_refund(session, options->ram, options->caps + 1);
    return status;
}

void session_resource_close(struct platform_session *session, const struct session_options *options,
                            struct connection *connection)
{
    session_close(connection);
    session_refund(session, options->ram, options->caps + 1);
}

/* ---- the contract's handlers ---- */

static enum status handle_device(void *opaque, struct platform_device *out)
{
    const struct platform_session *session = opaque;
    const struct function *function = session->function;

    *out = (struct platform_device){
        .vendor = function->node->vendor,
        .device = function->node->device,
        .class_code = function->node->class_code,
        .segment = function->node->at.access->segment,
        .address = function->node->at.address,
        .interrupts = function_interrupts(function),
        .iommu = session->confined,
    };
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (!function->bar[i].ports && function->bar[i].address)
            out->bar[i].size = function->bar[i].size;
    return OK;
}

static enum status handle_bar(void *opaque, unsigned index, struct platform_bar_range *out,
                              struct message_cap *dataspace)
{
    return window_give(opaque, index, out, dataspace);
}

static enum status handle_interrupt(void *opaque, uint32_t index, uint32_t notification,
                                    struct platform_interrupt *out, struct message_cap *interrupt)
{
    return vector_bind(opaque, index, notification, out, interrupt);
}

static enum status handle_config_read(void *opaque, unsigned offset, unsigned width, uint64_t *value)
{
    struct pci_function at = ((struct platform_session *)opaque)->function->node->at;

    if (offset >= at.access->size)
        return ERR_RANGE;
    *value = pci_read(at, offset, width);
    return OK;
}

static enum status handle_bus_master(void *opaque, bool on)
{
    const struct function *function = ((struct platform_session *)opaque)->function;

    if (on && function->faults >= FUNCTION_FAULTS_MOST)
        return ERR_DENIED;
    pci_command_change(function->node->at, PCI_COMMAND_MASTER, on ? PCI_COMMAND_MASTER : 0);
    return OK;
}

static enum status handle_reset(void *opaque)
{
    struct platform_session *session = opaque;
    enum status status = function_reset(session->function);

    if (status != OK)
        return status;
    session->prepared = false;
    return OK;
}

static enum status handle_dma_map(void *opaque, const struct platform_dma_map *in, uint32_t dataspace,
                                  struct platform_dma_mapping *out)
{
    return space_map(opaque, in, dataspace, out);
}

static enum status handle_dma_run(void *opaque, const struct platform_dma_at *in,
                                  struct platform_dma_run *out)
{
    const struct platform_session *session = opaque;
    struct dma_run run;
    struct dma_at at = {.offset = in->offset, .id = in->id};
    enum status status = dma_run(session->dma.slot, &at, &run);

    if (status == OK)
        *out = (struct platform_dma_run){.address = run.address, .size = run.size};
    return status;
}

static enum status handle_dma_unmap(void *opaque, uint32_t id)
{
    return dma_unmap(((struct platform_session *)opaque)->dma.slot, id);
}

/* When the function can be used, for the first time or after a reset. */
static bool prepare(struct platform_session *session)
{
    if (session->prepared)
        return true;
    if (!function_ready(session->function))
        return false;
    pci_command_change(session->function->node->at, 0, PCI_COMMAND_MEMORY);
    vectors_restore(session);
    session->prepared = true;
    return true;
}

static enum status dispatch(struct service_session *base, struct dispatch *d)
{
    static const struct platform_handlers handlers = {
        .device = handle_device,
        .bar = handle_bar,
        .interrupt = handle_interrupt,
        .config_read = handle_config_read,
        .bus_master = handle_bus_master,
        .reset = handle_reset,
        .dma_map = handle_dma_map,
        .dma_run = handle_dma_run,
        .dma_unmap = handle_dma_unmap,
    };

    struct platform_session *session = (struct platform_session *)base;

    /* Nobody waits here: the stopping of another function must not be late. */
    return prepare(session) ? platform_dispatch(&handlers, session, d) : ERR_AGAIN;
}

/* ---- opening and closing ---- */

static enum status choose(const struct parent_request *request, struct function **out, const char **reason)
{
    const struct policy *policy = policy_find(policies, request->label);
    uint64_t index = 0;
    enum status status = session_arg_number(request->args, "index", &index);

    *reason = "no policy for this label";
    if (!policy)
        return ERR_DENIED;
    *reason = "its index is no number";
    if (status != OK && status != ERR_NOT_FOUND)
        return ERR_INVALID;
    *reason = index ? "the machine has not so many functions as its policy names"
                    : "the machine has no function as its policy names";
    status = function_choose(policy, index, out);
    if (status != OK)
        return status;
    *reason = "another session has the function";
    return (*out)->session_opt ? ERR_BUSY : OK;
}

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct platform_session *session;
    struct function *function;
    const char *reason;
    enum status status = choose(request, &function, &reason);

    (void)service;
    if (status != OK) {
        log_info("session \"%s\" is refused: %s", request->label, reason);
        return status;
    }
    session = heap_alloc(sizeof(*session));
    if (!session)
        return ERR_NO_RAM;
    *session =
        (struct platform_session){.base = {.ram = request->ram, .caps = request->caps}, .function = function};
    status = session_pay(session, OWN_RAM, OWN_CAPS);
    if (status == OK)
        status = space_open(session);
    if (status != OK) {
        log_info("session \"%s\" cannot have %s: %s", request->label, function->name, status_text(status));
        heap_free(session);
        return status;
    }
    function->session_opt = session;
    function->faults = 0;
    log_info("session \"%s\" has %s%s", request->label, function->name,
             session->confined ? "" : ", not confined");
    *out = &session->base;
    return OK;
}

static void close(struct service *service, struct service_session *base)
{
    struct platform_session *session = (struct platform_session *)base;
    struct function *function = session->function;

    (void)service;
    function_stop(function);
    vectors_close(session);
    windows_close(session);
    bool settled = function_settle(function);

    space_close(session);
    function->session_opt = NULL;
    log_info("session \"%s\" has ended, %s is stopped%s", base->label, function->name,
             function->resetting || settled ? " and reset" : "");
    heap_free(session);
}

enum status sessions_start(struct entrypoint *entrypoint, const struct policy *first)
{
    static struct service service = {
        .name = PLATFORM_SERVICE, .create = create, .dispatch = dispatch, .close = close};

    policies = first;
    return service_start(&service, entrypoint);
}
