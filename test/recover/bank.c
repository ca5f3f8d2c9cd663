/* SPDX-License-Identifier: MIT */
/*
 * The servers of BANK: the ledger, and the bank in front of it, which dies with every request number `crash_every`: those
 * with an odd serial number before they are booked, the others after that and before their client learns of it.
 */
#include "test/recover/bank.h"

#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/service.h"
#include "lib/config/config.h"

static volatile int *volatile nowhere = (volatile int *)8; /* twice: the compiler is not to see through it */

static struct {
    uint64_t serial, total;
} accounts[BANK_ACCOUNTS];

static struct bank_client ledger; /* of the bank */
static uint64_t crash_every, additions;

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    (void)service;
    (void)request;
    *out = heap_alloc(sizeof(**out));
    return *out ? OK : ERR_NO_RAM;
}

static void close(struct service *service, struct service_session *session)
{
    (void)service;
    heap_free(session);
}

static enum status book(enum bank_opcode opcode, const struct bank_request *in, struct bank_total *out)
{
    if (opcode == BANK_ADD && in->serial == accounts[in->account].serial + 1) {
        accounts[in->account].serial++;
        accounts[in->account].total++;
    }
    out->total = accounts[in->account].total;
    return OK;
}

static enum status forward(enum bank_opcode opcode, const struct bank_request *in, struct bank_total *out)
{
    bool crash = opcode == BANK_ADD && crash_every && ++additions % crash_every == 0;

    if (crash && in->serial % 2 == 1)
        *nowhere = 0;
    enum status status = bank_sure(&ledger, opcode, in->account, in->serial, &out->total);

    if (crash)
        *nowhere = 0;
    return status;
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct dispatch_rule rules[BANK_OPCODE_COUNT] = {
        [BANK_ADD] = DISPATCH_RULE(struct bank_request, 0),
        [BANK_READ] = DISPATCH_RULE(struct bank_request, 0),
    };
    struct bank_request in;
    struct bank_total out;
    enum status status = dispatch_check(d, rules, BANK_OPCODE_COUNT);

    (void)session;
    if (status != OK)
        return status;
    dispatch_request(d, &in, sizeof(in));
    if (in.account >= BANK_ACCOUNTS)
        return ERR_RANGE;
    /* Calls of its own overwrite the message: what is needed of it has been copied. */
    status = (ledger.connection.id ? forward : book)((enum bank_opcode)d->opcode, &in, &out);
    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static struct service service = {.create = create, .close = close, .dispatch = dispatch};

static int serve(const char *name, struct entrypoint *entrypoint)
{
    service.name = name;
    if (service_start(&service, entrypoint) != OK)
        return 1;
    entrypoint_run(entrypoint);
    return 0;
}

int ledger_main(struct entrypoint *entrypoint)
{
    return serve("LEDGER", entrypoint);
}

int bank_main(struct entrypoint *entrypoint, struct xml_node config)
{
    (void)!xml_attribute_unsigned(config, "crash_every", &crash_every);
    return bank_open(&ledger, "LEDGER") == OK ? serve("BANK", entrypoint) : 1;
}
