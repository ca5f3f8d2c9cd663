/* SPDX-License-Identifier: MIT */
/*
 * The ranges of base address registers. Where the MSI-X table lies, the driver gets a region map in place of the I/O memory, in
 * which the table's pages can only be read: who could write there, could have any interrupt of the machine raised (S2).
 */
#include "contract/io_mem/client.h"
#include "driver/platform/session.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/memory.h"
#include "lib/base/pd_session.h"
#include "lib/fmt/fmt.h"

/* A region map with three attachments, on this component's account at core. */
#define MAP_RAM  8192u
#define MAP_CAPS 2u

static const struct session_options io_mem = {
    .service = IO_MEM_SERVICE, .label_opt = "bar", .ram = SESSION_RAM_DEFAULT, .caps = SESSION_CAPS_DEFAULT};

enum status window_open(struct platform_session *session, unsigned bar)
{
    const struct pci_bar *range = &session->function->bar[bar];
    struct window *window = &session->window[bar];
    struct session_options options = io_mem;
    struct io_mem_range got;
    char args[64];

    if (window->io_mem.id)
        return OK;
    if (range->size == 0 || range->ports || range->address == 0)
        return ERR_NOT_FOUND;
    fmt_format(args, sizeof(args), "base=0x%llx, size=0x%llx", (unsigned long long)range->address,
               (unsigned long long)range->size);
    options.args_opt = args;
    enum status status = session_resource_open(session, &options, &window->io_mem);

    if (status != OK)
        return status;
    status = io_mem_dataspace(window->io_mem.slot, &got, &window->dataspace);
    if (status != OK) {
        session_resource_close(session, &io_mem, &window->io_mem);
        return status;
    }
    window->page_offset = got.page_offset;
    return OK;
}

static enum status attach_part(const struct window *window, uint64_t start, uint64_t end, unsigned rights)
{
    struct pd_attach in = {.offset = start, .size = end - start, .address = start, .rights = rights};
    uint64_t at;

    if (start == end)
        return OK;
    return pd_region_map_attach(ENV_SLOT_PD_SESSION, window->map, window->dataspace, &in, &at);
}

static enum status fill_map(const struct platform_session *session, unsigned bar, uint64_t size)
{
    const struct pci_msix *msix = &session->function->msix;
    const struct window *window = &session->window[bar];
    uint64_t table = window->page_offset + msix->table_offset;
    uint64_t start = table & ~(PAGE_SIZE - 1);
    uint64_t end = page_round_up(table + (uint64_t)msix->count * PCI_MSIX_ENTRY_SIZE);
    enum status status = attach_part(window, 0, start, PD_READ | PD_WRITE);

    if (status == OK)
        status = attach_part(window, start, end, PD_READ);
    if (status == OK)
        status = attach_part(window, end, size, PD_READ | PD_WRITE);
    return status;
}

static void map_destroy(struct platform_session *session, struct window *window)
{
    if (window->map == CAP_NONE)
        return;
    (void)pd_region_map_destroy(ENV_SLOT_PD_SESSION, window->map);
    cap_free(window->map);
    window->map = CAP_NONE;
    session_refund(session, MAP_RAM, MAP_CAPS);
}

static enum status map_make(struct platform_session *session, unsigned bar)
{
    struct window *window = &session->window[bar];
    uint64_t size = page_round_up(window->page_offset + session->function->bar[bar].size);
    enum status status = session_pay(session, MAP_RAM, MAP_CAPS);

    if (status != OK)
        return status;
    status = pd_region_map_create(ENV_SLOT_PD_SESSION, size, &window->map);
    if (status != OK) {
        session_refund(session, MAP_RAM, MAP_CAPS);
        return status;
    }
    status = fill_map(session, bar, size);
    if (status != OK)
        map_destroy(session, window);
    return status;
}

enum status window_give(struct platform_session *session, unsigned bar, struct platform_bar_range *out,
                        struct message_cap *dataspace)
{
    const struct function *function = session->function;
    struct window *window = &session->window[bar];
    bool table = function->msix.offset && function->msix.table_bar == bar;
    enum status status = window_open(session, bar);

    if (status == OK && table && window->map == CAP_NONE)
        status = map_make(session, bar);
    if (status != OK)
        return status;
    *out = (struct platform_bar_range){.size = function->bar[bar].size, .page_offset = window->page_offset};
    *dataspace =
        (struct message_cap){.slot = table ? window->map : window->dataspace, .rights = RIGHT_PORTAL_CALL};
    return OK;
}

void windows_close(struct platform_session *session)
{
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        struct window *window = &session->window[bar];

        map_destroy(session, window);
        if (window->io_mem.id) {
            cap_free(window->dataspace);
            session_resource_close(session, &io_mem, &window->io_mem);
        }
    }
}
