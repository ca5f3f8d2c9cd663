/* SPDX-License-Identifier: MIT */
/*
 * A driver dies while its device writes.
 *
 * The witness lends the driver a page, by a REPORT session (which is a way to send memory). The driver lets the device write
 * there: as `control` to the end, which shows that it can; as `canary` it dies as soon as the transfer, which takes 100 ms,
 * has been ordered. The page stays the witness's, so a device that goes on would be seen.
 */
#include "test/platform/platform_test.h"

#include "contract/report/client.h"
#include "contract/report/dispatch.h"
#include "lib/base/cap.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/service.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"
#include "test/platform/edu.h"

#define LIVES   3u
#define WAIT_MS 400u /* a transfer that was ordered is over by then */

/* ---- the driver ---- */

static struct edu edu;

struct loan {
    struct service_session base;
    struct device_mapping mapping;
    bool deadly;
};

static enum status connect(void *opaque, uint64_t size, uint32_t dataspace)
{
    struct loan *loan = opaque;

    return device_dma_map(&edu.device, dataspace, 0, page_round_up(size), true, &loan->mapping);
}

static enum status submit(void *opaque, uint64_t length)
{
    const struct loan *loan = opaque;
    uint64_t contiguous, bus = device_dma_address(&loan->mapping, 0, &contiguous);

    if (!loan->deadly)
        return edu_dma(&edu, bus, length, EDU_TO_MEMORY);
    edu_dma_begin(&edu, bus, length, EDU_TO_MEMORY);
    log_info("a transfer is under way, and its driver dies");
    __builtin_trap();
    return OK;
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct report_handlers handlers = {.connect = connect, .submit = submit};

    return report_dispatch(&handlers, session, d);
}

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct loan *loan = heap_alloc(sizeof(*loan));
    size_t length = strlen(request->label);

    (void)service;
    if (!loan)
        return ERR_NO_RAM;
    *loan = (struct loan){.deadly = length > 6 && strcmp(request->label + length - 6, "canary") == 0};
    *out = &loan->base;
    return OK;
}

static void close(struct service *service, struct service_session *base)
{
    struct loan *loan = (struct loan *)base;

    (void)service;
    if (loan->mapping.runs)
        device_dma_unmap(&edu.device, &loan->mapping);
    heap_free(loan);
}

int role_mortal(struct env *environment)
{
    static struct service service = {
        .name = REPORT_SERVICE, .create = create, .dispatch = dispatch, .close = close};
    struct device_memory garbage;

    must(edu_open(&edu, "edu"), "opening the device");
    must(device_dma_alloc(&edu.device, EDU_BUFFER_SIZE, &garbage), "memory for the device");
    memset(garbage.memory.address, 0xee, EDU_BUFFER_SIZE);
    must(device_bus_master(&edu.device, true), "bus mastering");
    must(edu_dma(&edu, garbage.bus, EDU_BUFFER_SIZE - 1, EDU_FROM_MEMORY), "filling the device's buffer");
    must(service_start(&service, &environment->entrypoint), "announcing");
    entrypoint_run(&environment->entrypoint);
    return 0;
}

/* ---- the witness ---- */

static void see_it_written(void)
{
    struct report loan;

    must(report_open("control", EDU_BUFFER_SIZE, &loan), "lending");
    canary_put(loan.text, EDU_BUFFER_SIZE);
    must(report_submit(&loan, EDU_BUFFER_SIZE - 1), "a transfer into lent memory");
    expect(canary_differs(loan.text, EDU_BUFFER_SIZE) > 3000, "the device can write there");
    /* The page stays: freed before the driver has unmapped it, it would have the device stopped by core. */
    session_close(&loan.connection);
}

static void see_it_untouched(void)
{
    struct report loan;

    must(report_open("canary", EDU_BUFFER_SIZE, &loan), "lending");
    canary_put(loan.text, EDU_BUFFER_SIZE);
    expect(report_submit(&loan, EDU_BUFFER_SIZE - 1) == ERR_PEER_GONE, "the driver dies");
    wait_ms(WAIT_MS);
    expect(canary_differs(loan.text, EDU_BUFFER_SIZE) == 0, "the device of a dead driver writes nothing");
    log_info("after the driver's death %zu bytes have changed", canary_differs(loan.text, EDU_BUFFER_SIZE));
    report_close(&loan);
}

int role_witness(struct env *environment)
{
    (void)environment;
    for (unsigned life = 1; life <= LIVES; life++) {
        see_it_written();
        see_it_untouched();
    }
    log_info("witness: %u failed", failures());
    return failures() ? 1 : 0;
}
