/* SPDX-License-Identifier: MIT */
/*
 * IO_PORT: ranges of x86 ports, each port to one session at a time. The domain's threads use them directly after ENABLE;
 * a domain gets its port space with the first range.
 */
#include "contract/io_port/dispatch.h"
#include "core/core.h"
#include "core/core_log.h"
#include "core/pd.h"
#include "lib/base/session.h"
#include "lib/range/range.h"

#define PORTS 65536u

/* The kernel's console (kernel/arch/x86_64/console.c): it falls silent when a driver takes the device. */
#define CONSOLE_FIRST  0x3f8u
#define CONSOLE_NUMBER 8u

struct io_port_session {
    struct session session;
    uint32_t first, number;
    struct pd *pd_opt; /* where it is enabled */
};

static bool overlap(const struct io_port_session *ports, uint32_t first, uint32_t number)
{
    return ports->first < first + number && first < ports->first + ports->number;
}

static enum status io_port_open(struct session *session, const char *args)
{
    struct io_port_session *ports = (struct io_port_session *)session;
    struct session *other = NULL;
    uint64_t first, number;

    if (session_arg_number(args, "port", &first) != OK || session_arg_number(args, "size", &number) != OK)
        return ERR_INVALID;
    if (number == 0 || !range_ok(first, number, PORTS))
        return ERR_RANGE;
    ports->first = (uint32_t)first;
    ports->number = (uint32_t)number;
    while ((other = session_next(KIND_IO_PORT, other)))
        if (overlap((struct io_port_session *)other, ports->first, ports->number))
            return ERR_BUSY;
    return OK;
}

static enum status allow(struct io_port_session *ports, struct pd *pd, bool allowed)
{
    return kernel_port_update(pd->port_space, ports->first, ports->number, allowed);
}

static enum status io_port_close(struct session *session)
{
    struct io_port_session *ports = (struct io_port_session *)session;

    if (ports->pd_opt)
        (void)(allow(ports, ports->pd_opt, false) == OK);
    return OK;
}

void io_port_forget(const struct pd *pd)
{
    struct session *session = NULL;

    while ((session = session_next(KIND_IO_PORT, session))) {
        struct io_port_session *ports = (struct io_port_session *)session;

        if (ports->pd_opt == pd)
            ports->pd_opt = NULL;
    }
}

static enum status make_port_space(struct pd *pd)
{
    uint32_t slot;
    enum status status;

    if (pd->port_space != CAP_NONE)
        return OK;
    status = slot_take(&pd->session.account, &slot);
    if (status != OK)
        return status;
    status = WITH_KMEM(&pd->kmem, kernel_create_port_space(pd->kmem.pd_slot, slot));
    if (status != OK) {
        slot_give(&pd->session.account, slot);
        return status;
    }
    pd->port_space = slot;
    return OK;
}

static enum status handle_enable(void *session, uint32_t pd_session, struct io_port_range *out)
{
    struct io_port_session *ports = session;
    struct pd *pd;
    enum status status = pd_identify(pd_session, &pd);

    if (status == OK && ports->pd_opt && ports->pd_opt != pd)
        status = ERR_BUSY;
    if (status == OK)
        status = make_port_space(pd);
    if (status == OK)
        status = allow(ports, pd, true);
    if (status != OK)
        return status;
    ports->pd_opt = pd;
    if (overlap(ports, CONSOLE_FIRST, CONSOLE_NUMBER)) {
        core_log_console_off();
        (void)(kernel_machine_control(ROOT_SLOT_MACHINE, MACHINE_CONSOLE_OFF, 0) == OK);
    }
    *out = (struct io_port_range){.first = ports->first, .number = ports->number};
    return OK;
}

static const struct io_port_handlers handlers = {.enable = handle_enable};

static enum status io_port_session_dispatch(struct session *session, struct dispatch *d)
{
    return io_port_dispatch(&handlers, session, d);
}

const struct service io_port_service = {
    .name = IO_PORT_SERVICE,
    .kind = KIND_IO_PORT,
    .size = sizeof(struct io_port_session),
    .open = io_port_open,
    .close = io_port_close,
    .dispatch = io_port_session_dispatch,
};
